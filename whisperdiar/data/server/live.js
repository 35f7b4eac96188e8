"use strict";
// Live captions: the microphone's sound goes to this server by WebSocket, words with speakers come back. All of it is put
// in as text; nothing is asked of any other machine.

const WORDS = {
  en: {
    title: "live", language: "Language of this page", token: "Token of this server", enter: "Enter", listen: "Listen",
    stop: "Stop", spoken: "Language spoken", loading: "Loading the models…", on: "Listening.", again: "Transcribing all of it again…",
    done: "Done.", download: "Download as", speaker: "Speaker", nobody: "", gone: "The server does not answer, or has no live session free.",
    wrongToken: "This is not a token of this server.", noMicrophone: "The browser gave no microphone: ",
  },
  ru: {
    title: "вживую", language: "Язык страницы", token: "Токен этого сервера", enter: "Войти", listen: "Слушать",
    stop: "Остановить", spoken: "Язык речи", loading: "Модели загружаются…", on: "Идёт прослушивание.",
    again: "Вся запись распознаётся ещё раз…", done: "Готово.", download: "Скачать как", speaker: "Говорящий", nobody: "",
    gone: "Сервер не отвечает или все сеансы заняты.", wrongToken: "Это не токен этого сервера.",
    noMicrophone: "Браузер не дал микрофон: ",
  },
};
const RATE = 16000;
const COLOURS = 6;

const $ = (id) => document.getElementById(id);
let words = WORDS.en;
let state = "";
let session = null;
let rows = [];
let names = new Map();

const stored = (store, key) => { try { return store.getItem(key); } catch { return null; } };
const keep = (store, key, value) => { try { store.setItem(key, value); } catch { /* a browser may have no storage */ } };
const token = () => stored(sessionStorage, "whisperdiar.token");

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fail(text) {
  $("failure").textContent = text;
  $("failure").hidden = !text;
}

function show(name) {
  state = name;
  $("state").textContent = name ? words[name] : "";
  document.documentElement.dataset.state = name;
}

function speak(language) {
  words = WORDS[language] ?? WORDS.en;
  document.documentElement.lang = language;
  $("ui").value = language;
  for (const item of document.querySelectorAll("[data-t]")) item.textContent = words[item.dataset.t];
  for (const row of rows) row.who.firstChild.textContent = nameOf(row.speaker);
  show(state);
}

const nameOf = (speaker) => (speaker === undefined ? words.nobody : names.get(speaker) ?? `${words.speaker} ${speaker + 1}`);

function clock(seconds) {
  const whole = Math.floor(seconds);
  const rest = String(whole % 60).padStart(2, "0");
  return whole < 3600 ? `${Math.floor(whole / 60)}:${rest}` : `${Math.floor(whole / 3600)}:${String(Math.floor(whole / 60) % 60).padStart(2, "0")}:${rest}`;
}

// What is said: rows of one speaker, to which words are only ever added

function add(speaker, start, text, joins) {
  let row = rows.at(-1);
  if (!joins || !row || row.speaker !== speaker || row.isFull) {
    row = { speaker, at: make("li"), who: make("div", `who speaker-${(speaker ?? 0) % COLOURS}`), text: make("div", "text", "") };
    row.text.dir = "auto";
    row.who.append(make("span", "", nameOf(speaker)), make("time", "", clock(start)));
    row.at.append(row.who, row.text);
    rows.push(row);
    $("said").append(row.at);
  }
  row.text.textContent = `${row.text.textContent} ${text}`.trim();
  row.at.scrollIntoView({ block: "nearest" });
  return row;
}

function hear(message) {
  const found = message.channel.alternatives[0];
  if (!message.is_final) {
    $("open").textContent = found.transcript;
    return;
  }
  let from = 0;
  for (let i = 1; i <= found.words.length; i += 1) {
    if (i < found.words.length && found.words[i].speaker === found.words[from].speaker) continue;
    const part = found.words.slice(from, i);
    add(part[0].speaker, part[0].start, part.map((word) => word.punctuated_word).join(" "), true);
    from = i;
  }
  if (message.speech_final && rows.length) rows.at(-1).isFull = true;
  $("open").textContent = "";
}

function rename(speaker, name) {
  names.set(speaker, name);
  for (const row of rows) if (row.speaker === speaker) row.who.firstChild.textContent = name;
}

// The transcript at the end takes the place of the captions

function finish(message) {
  const speakers = new Map(message.transcript.speakers.map((item) => [item.id, item.name]));
  rows = [];
  $("said").replaceChildren();
  for (const segment of message.transcript.segments) {
    const number = segment.speaker === null ? undefined : Number(segment.speaker.split("_").at(-1));
    const name = speakers.get(segment.speaker);
    if (number !== undefined && name !== segment.speaker) names.set(number, name);
    add(number, segment.start, segment.text, false);
  }
  $("end").replaceChildren($("end").firstElementChild);
  for (const [format, text] of Object.entries(message.formats)) {
    const link = make("a", "", format.toUpperCase());
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = `live.${format}`;
    $("end").append(link);
  }
  $("end").hidden = false;
}

// Sound: samples of the microphone at the server's rate, 16 bits

async function open() {
  const sound = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false } });
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule("/page/microphone.js");
  const source = context.createMediaStreamSource(sound);
  const taps = new AudioWorkletNode(context, "microphone");
  source.connect(taps);
  return { sound, context, taps };
}

function connect() {
  const query = new URLSearchParams({
    encoding: "linear16", sample_rate: RATE, interim_results: true, diarize: true, final_transcript: true,
  });
  if ($("spoken").value.trim()) query.set("language", $("spoken").value.trim());
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/listen?${query}`;
  const socket = token() ? new WebSocket(address, ["token", token()]) : new WebSocket(address);
  socket.binaryType = "arraybuffer";
  return socket;
}

function close() {
  if (!session || session.context.state === "closed") return;
  session.taps.port.onmessage = null;
  for (const track of session.sound.getTracks()) track.stop();
  session.context.close();
  $("level").hidden = true;
}

async function start() {
  fail("");
  rows = [];
  names = new Map();
  $("said").replaceChildren();
  $("open").textContent = "";
  $("end").hidden = true;
  $("listen").disabled = true;
  let source;
  try {
    source = await open();
  } catch (error) {
    $("listen").disabled = false;
    fail(words.noMicrophone + error.message);
    return;
  }
  show("loading");
  const socket = connect();
  session = { ...source, socket };
  let isOpen = false;
  socket.onopen = () => {
    isOpen = true;
    show("on");
    $("listen").hidden = true;
    $("stop").hidden = false;
    $("level").hidden = false;
    $("stop").focus();
    source.taps.port.onmessage = ({ data }) => {
      $("level").value = Math.min(1, 4 * data.level);
      if (socket.readyState === WebSocket.OPEN) socket.send(data.samples);
    };
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "Results") hear(message);
    else if (message.type === "SpeakerNamed") rename(message.speaker, message.name);
    else if (message.type === "Transcript") finish(message);
    else if (message.type === "Error") fail(explain({ code: message.variant, message: message.message }));
  };
  socket.onclose = () => {
    close();
    session = null;
    $("open").textContent = "";
    $("listen").hidden = $("listen").disabled = false;
    $("stop").hidden = true;
    show(isOpen ? "done" : "");
    if (!isOpen) refuse();
  };
}

// A browser does not tell why a WebSocket was refused: a request with the same token does
async function refuse() {
  try {
    const answer = await fetch("/jobs", { headers: token() ? { Authorization: `Bearer ${token()}` } : {} });
    if (answer.status !== 401) throw new Error();
    $("entry").hidden = false;
    $("ask").hidden = true;
    $("token").focus();
    if (token()) fail(words.wrongToken);
  } catch {
    fail(words.gone);
  }
}

$("ui").addEventListener("change", () => { keep(localStorage, "whisperdiar.ui", $("ui").value); speak($("ui").value); });
$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(sessionStorage, "whisperdiar.token", $("token").value.trim());
  fail("");
  $("entry").hidden = true;
  $("ask").hidden = false;
  start();
});
$("ask").addEventListener("submit", (event) => { event.preventDefault(); start(); });
$("stop").addEventListener("click", () => {
  close();
  $("stop").hidden = true;
  show("again");
  session.socket.send(JSON.stringify({ type: "CloseStream" }));
});

speak(stored(localStorage, "whisperdiar.ui") ?? (navigator.language.startsWith("ru") ? "ru" : "en"));
document.documentElement.dataset.ready = "1";

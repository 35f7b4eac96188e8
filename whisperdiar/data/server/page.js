"use strict";
// The page of the server: recordings go in, jobs are watched, results come out. All that comes from the server or from a
// file is put in as text; nothing is asked of any other machine.

const WORDS = {
  en: {
    language: "Language of this page", token: "Token of this server", enter: "Enter", drop: "Drop recordings here, or",
    choose: "choose files", live: "listen live", about: "If you know it", spoken: "Language spoken", speakers: "Speakers",
    keep: "keep the recording to listen to it while reading", jobs: "Recordings", none: "None yet.", uploading: "uploading",
    queued: "waiting", running: "working", done: "done", failed: "failed", cancelled: "cancelled", read: "Read and correct",
    download: "Download as", cancel: "Cancel", remove: "Remove", wrongToken: "This is not a token of this server.",
    gone: "The server does not answer; is it still running?", decode: "reading the sound", vad: "finding speech",
    asr: "recognising words", diarization: "telling speakers apart", minutes: "Minutes", transcript: "Transcript",
    record: "record with the microphone", stop: "stop and send", recording: "Recording", noMicrophone: "The microphone cannot be used: {cause}",
    spokenAt: "Recording of",
  },
  ru: {
    language: "Язык страницы", token: "Токен этого сервера", enter: "Войти", drop: "Перетащите записи сюда или",
    choose: "выберите файлы", live: "слушать вживую", about: "Если известно", spoken: "Язык речи", speakers: "Говорящих",
    keep: "сохранить запись, чтобы слушать при чтении", jobs: "Записи", none: "Пока нет.", uploading: "загружается",
    queued: "ждёт", running: "в работе", done: "готово", failed: "не удалось", cancelled: "отменено",
    read: "Читать и исправлять", download: "Скачать как", cancel: "Отменить", remove: "Удалить",
    wrongToken: "Это не токен этого сервера.", gone: "Сервер не отвечает; он ещё работает?", decode: "чтение звука",
    vad: "поиск речи", asr: "распознавание слов", diarization: "различение говорящих", minutes: "Протокол", transcript: "Расшифровка",
    record: "записать с микрофона", stop: "остановить и отправить", recording: "Идёт запись", noMicrophone: "Микрофон недоступен: {cause}",
    spokenAt: "Запись",
  },
};
const REFRESH_MS = 15000;
const STARTED = { queued: true, running: true };

const $ = (id) => document.getElementById(id);
const rows = new Map();
let words = WORDS.en;
let formats = { transcript: [], minutes: [] };

const stored = (store, key) => { try { return store.getItem(key); } catch { return null; } };
const keep = (store, key, value) => { try { store.setItem(key, value); } catch { /* a browser may have no storage */ } };
const token = () => stored(sessionStorage, "whisperdiar.token");
const headers = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

function make(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...inside);
  return made;
}

function fail(text) {
  $("failure").textContent = text;
  $("failure").hidden = !text;
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers() });
  } catch {
    throw new Error(words.gone);
  }
  if (answer.status === 401) enter();
  if (!answer.ok) throw new Error(explain((await answer.json()).error));
  return answer;
}

const tell = (work) => work.catch((error) => fail(error.message));

function enter() {
  $("entry").hidden = false;
  $("ask").hidden = true;
  $("token").focus();
}

function speak(language) {
  words = WORDS[language] ?? WORDS.en;
  document.documentElement.lang = language;
  $("ui").value = language;
  for (const item of document.querySelectorAll("[data-t]")) item.textContent = words[item.dataset.t];
  for (const row of rows.values()) draw(row);
  showRecorder();
}

// One recording: its row, and what is known of its job

function add(name) {
  const row = {
    job: { state: "uploading", name, fraction: 0, stage: "" }, said: "",
    at: make("li"), title: make("div", { class: "name", dir: "auto" }), state: make("div", { role: "status" }),
    bar: make("progress", { max: "1", value: "0" }), text: make("div", { class: "said", dir: "auto" }),
    acts: make("div", { class: "acts" }),
  };
  row.at.append(row.title, row.state, row.bar, row.text, row.acts);
  rows.set(row, row);
  draw(row);
  return row;
}

function draw(row) {
  const { job } = row;
  const working = job.state in STARTED || job.state === "uploading";
  const stage = job.stage && working ? `: ${words[job.stage] ?? job.stage}` : "";
  row.title.textContent = job.name;
  row.state.textContent = `${words[job.state]}${stage}`;
  row.bar.hidden = row.text.hidden = !working;
  row.bar.value = job.fraction;
  row.bar.setAttribute("aria-label", job.name);
  row.text.textContent = row.said;
  row.at.dataset.state = job.state;
  if (job.error) {
    const told = explain(job.error), more = told === job.error.message ? null : job.error.message;
    row.state.replaceChildren(make("span", { class: "error", title: more }, `${words[job.state]}: ${told}`));
  }
  const acts = [];
  if (job.state === "done") {
    const group = (kind) => make("optgroup", { label: words[kind] }, ...formats[kind].map((item) => make("option", { value: `${kind} ${item}` }, item)));
    const form = make("select", { "aria-label": `${words.download}: ${job.name}` }, group("transcript"), group("minutes"));
    if (row.form) form.value = row.form;
    form.addEventListener("change", () => { row.form = form.value; });
    acts.push(
      make("button", { type: "button", class: "read", onclick: () => tell(visit(row, "url")) }, words.read),
      make("button", { type: "button", class: "minutes", onclick: () => tell(visit(row, "minutes")) }, words.minutes),
      make("button", { type: "button", class: "get", onclick: () => tell(download(row, ...form.value.split(" "))) }, words.download),
      form,
    );
  }
  if (job.state in STARTED) acts.push(make("button", { type: "button", onclick: () => tell(ask(`/jobs/${job.id}/cancel`, { method: "POST" })) }, words.cancel));
  if (job.id && !working) acts.push(make("button", { type: "button", class: "remove", onclick: () => tell(remove(row)) }, words.remove));
  row.acts.replaceChildren(...acts);
  $("none").hidden = rows.size > 0;
}

async function visit(row, kind) {
  const answer = await ask(`/jobs/${row.job.id}/page`, { method: "POST" });
  location.assign((await answer.json())[kind]);
}

async function download(row, kind, form) {
  const answer = await ask(`/jobs/${row.job.id}/${kind === "minutes" ? "minutes" : "result"}?format=${form}`);
  const [, name] = /filename\*=UTF-8''(.*)$/.exec(answer.headers.get("Content-Disposition")) ?? [];
  const url = URL.createObjectURL(await answer.blob());
  make("a", { href: url, download: name ? decodeURIComponent(name) : `${row.job.name}.${form}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

async function remove(row) {
  await ask(`/jobs/${row.job.id}`, { method: "DELETE" });
  forget(row);
}

function forget(row) {
  rows.delete(row);
  row.at.remove();
  $("none").hidden = rows.size > 0;
}

// Events come by fetch and not by EventSource, which can send no token.
async function watch(row) {
  row.watched = true;
  try { await follow(row); } finally { row.watched = false; }
}

async function follow(row) {
  const answer = await ask(`/jobs/${row.job.id}/events`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (left + value).split("\n\n");
    left = blocks.pop();
    for (const block of blocks) {
      const [, kind] = /^event: (.*)$/m.exec(block) ?? [];
      if (!kind) continue;
      const data = JSON.parse(/^data: (.*)$/m.exec(block)[1]);
      if (kind === "heard") row.said = data.text;
      else Object.assign(row.job, data);
      draw(row);
    }
  }
}

function upload(file) {
  const row = add(file.name);
  $("jobs").prepend(row.at);
  const form = new FormData();
  if ($("spoken").value.trim()) form.append("language", $("spoken").value.trim());
  if ($("speakers").value) form.append("num_speakers", $("speakers").value);
  form.append("keep_recording", $("keep").checked);
  form.append("file", file);
  const request = new XMLHttpRequest(); // fetch tells nothing of how far an upload is
  request.open("POST", "/jobs");
  for (const [key, value] of Object.entries(headers())) request.setRequestHeader(key, value);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) row.job.fraction = event.loaded / event.total;
    draw(row);
  });
  const lose = (error) => {
    row.job = { ...row.job, state: "failed", error };
    draw(row);
  };
  request.addEventListener("error", () => lose({ code: "gone", message: words.gone }));
  request.addEventListener("load", () => {
    let data = null;
    try { data = JSON.parse(request.responseText); } catch { /* a proxy's own page */ }
    if (request.status === 401) enter();
    if (request.status !== 202) return lose(data?.error ?? { message: `HTTP ${request.status}` });
    Object.assign(row.job, data);
    draw(row);
    tell(watch(row));
  });
  request.send(form);
}

// What this page did not send itself: recordings from before, of other pages and of other programs.
async function list() {
  const { data } = await (await ask("/jobs")).json();
  if (!formats.transcript.length) formats = await (await ask("/page/formats")).json();
  $("entry").hidden = true;
  $("ask").hidden = false;
  const own = [...rows.values()].filter((row) => row.job.id), known = new Map(own.map((row) => [row.job.id, row]));
  const fresh = [];
  for (const job of data) {
    const row = known.get(job.id);
    known.delete(job.id);
    if (row?.watched) continue;
    const shown = row ?? add(job.name);
    if (!row) fresh.push(shown.at);
    if (row && JSON.stringify(row.job) === JSON.stringify(job)) continue;
    shown.job = job;
    draw(shown);
    if (job.state in STARTED) tell(watch(shown));
  }
  $("jobs").prepend(...fresh);
  for (const row of known.values()) if (!row.watched && data.length < 100) forget(row); // removed elsewhere
}

// ——— The microphone

let microphone = null; // while it records

async function record() {
  if (microphone) return microphone.recorder.stop();
  fail("");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
  } catch (error) {
    return fail(words.noMicrophone.replace("{cause}", error.message));
  }
  const recorder = new MediaRecorder(stream), parts = [], begun = Date.now();
  const show = () => {
    const seconds = Math.floor((Date.now() - begun) / 1000);
    $("recorded").textContent = `${words.recording} ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  microphone = { recorder, timer: setInterval(show, 500) };
  recorder.addEventListener("dataavailable", (event) => { if (event.data.size) parts.push(event.data); });
  recorder.addEventListener("stop", () => {
    clearInterval(microphone.timer);
    microphone = null;
    for (const track of stream.getTracks()) track.stop();
    showRecorder();
    const [kind] = recorder.mimeType.split(";"), at = new Date(begun).toLocaleString("sv").replaceAll(":", ".");
    if (parts.length) upload(new File(parts, `${words.spokenAt} ${at}.${kind.endsWith("mp4") ? "m4a" : "webm"}`, { type: kind }));
  });
  recorder.start(1000);
  show();
  showRecorder();
}

function showRecorder() {
  $("record").textContent = microphone ? words.stop : words.record;
  $("record").classList.toggle("on", Boolean(microphone));
  $("recorded").hidden = !microphone;
}

$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(sessionStorage, "whisperdiar.token", $("token").value.trim());
  fail("");
  list().catch(() => fail(words.wrongToken));
});
$("ask").addEventListener("submit", (event) => event.preventDefault());
$("file").addEventListener("change", () => {
  [...$("file").files].forEach(upload);
  $("file").value = "";
});
$("record").hidden = !navigator.mediaDevices || typeof MediaRecorder === "undefined"; // browsers want https, or this machine
$("record").addEventListener("click", record);
window.addEventListener("beforeunload", (event) => {
  if (microphone || [...rows.values()].some((row) => row.job.state === "uploading")) event.preventDefault();
});
setInterval(() => { if (!document.hidden && $("entry").hidden) list().catch(() => {}); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden && $("entry").hidden) list().catch(() => {}); });
$("ui").addEventListener("change", () => {
  keep(localStorage, "whisperdiar.ui", $("ui").value);
  speak($("ui").value);
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && !$("ask").hidden) [...event.dataTransfer.files].forEach(upload);
  });
}
speak(stored(localStorage, "whisperdiar.ui") ?? (navigator.language.startsWith("ru") ? "ru" : "en"));
list().catch((error) => { if ($("entry").hidden) fail(error.message); }).finally(() => { document.documentElement.dataset.ready = "1"; });

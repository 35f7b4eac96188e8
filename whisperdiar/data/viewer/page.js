// The page: player, search, names, downloads and keys around the transcript and the timeline.

const $ = (id) => document.getElementById(id);
const source = asFile(`<!doctype html>\n${document.documentElement.outerHTML}`); // as it was, before anything is changed
const data = JSON.parse($("data").textContent);
const COLOURS = data.colours;
const root = document.documentElement;
const store = new Store(data);
const { book, history } = begin();
const media = $("media");
let words = STRINGS.en;
let now = 0; // ms; the playhead also moves without a recording
let following = true;
let query = { hits: [], at: -1 };

const remember = (key, value) => { try { localStorage.setItem(`whisperdiar.${key}`, value); } catch { /* a page from a disk may have no storage */ } };
const recall = (key) => { try { return localStorage.getItem(`whisperdiar.${key}`); } catch { return null; } };
const say = (text) => { $("said").textContent = text; };
const server = openServer();

// The transcript with the corrections that this browser keeps of it; without those that cannot be run again.
function begin() {
  const kept = store.read(), book = new Transcript(data);
  if (kept !== null) {
    try { return { book, history: restoreHistory(book, kept) }; } catch { /* it is no history of this transcript */ }
  }
  const fresh = kept === null ? book : new Transcript(data);
  return { book: fresh, history: new History(fresh) };
}

const timeline = new Timeline(book, (ms) => go(ms));
const rows = new Rows(book, words);

// ——— Playing

function go(ms, { play = false, show = true } = {}) {
  now = Math.min(Math.max(0, ms), Math.max(book.duration, 0));
  if (media.readyState) media.currentTime = now / 1000;
  else media.dataset.wanted = now / 1000;
  if (play) start();
  following = following || play;
  tick(true);
  if (show && following) rows.reveal(rows.now);
}

function start() {
  if (media.src) media.play().catch(() => {});
}

function toggle() {
  if (!media.src) return $("file").click();
  if (!$("lost").hidden) return showPanels(true); // which say why, and let another file be chosen
  if (media.paused) start();
  else media.pause();
}

function tick(moved = false) {
  if (media.readyState && !media.seeking && !media.paused) now = media.currentTime * 1000;
  const word = book.wordAt(now + 1);
  const turned = word !== rows.now;
  rows.mark(word);
  timeline.at(now, moved || !media.paused);
  $("now").textContent = short(now);
  const row = rows.nowRow;
  const heard = row >= 0 && book.rowEnd[row] >= now - 400 ? book.speaker(row) : undefined;
  $("who").textContent = heard === undefined ? "" : book.name(heard) ?? words.nobody;
  if (heard !== undefined) paint($("who"), heard);
  const scrub = $("scrub");
  if (scrub.getAttribute("aria-valuenow") !== String(Math.floor(now / 1000))) {
    scrub.setAttribute("aria-valuenow", Math.floor(now / 1000));
    scrub.setAttribute("aria-valuetext", `${short(now)} ${$("who").textContent}`);
  }
  if (turned && following && !media.paused) rows.reveal(word);
}

function loop() {
  tick();
  if (!media.paused && !media.ended) requestAnimationFrame(loop);
}

function follow(on) {
  following = on;
  $("follow").setAttribute("aria-pressed", on);
  if (on) rows.reveal(rows.now);
}

function load(url, type) {
  $("lost").hidden = true;
  if (type) media.dataset.type = type;
  media.src = url;
  media.load();
}

function lose(text) {
  $("lost-text").textContent = text;
  $("lost").hidden = false;
  media.hidden = true;
}

function openMedia() {
  const given = data.media;
  if (!given) return lose(words.noMedia);
  if (!given.embedded) return load(given.src, given.type);
  setTimeout(() => { // after the text has been painted
    load(URL.createObjectURL(new Blob(decoded($("embedded").textContent), { type: given.type })), given.type);
  });
}

// The bytes of base64, in pieces; browsers that can do it themselves are many times faster.
function decoded(text) {
  const parts = [], size = 1 << 24;
  for (let i = 0; i < text.length; i += size) {
    const piece = text.slice(i, i + size);
    if (Uint8Array.fromBase64) { parts.push(Uint8Array.fromBase64(piece)); continue; }
    const bare = atob(piece), bytes = new Uint8Array(bare.length);
    for (let k = 0; k < bare.length; k++) bytes[k] = bare.charCodeAt(k);
    parts.push(bytes);
  }
  return parts;
}

media.addEventListener("loadedmetadata", () => {
  media.hidden = !media.videoWidth;
  if (Number.isFinite(media.duration) && media.duration * 1000 > book.duration) {
    book.duration = media.duration * 1000;
    timeline.show(0, book.duration);
    showTotal();
  }
  if (media.dataset.wanted) media.currentTime = Number(media.dataset.wanted);
  delete media.dataset.wanted;
  media.playbackRate = Number($("speed").value);
  rows.render();
});
media.addEventListener("error", () => lose(words.lostMedia));
media.addEventListener("play", () => { root.classList.add("playing"); loop(); });
media.addEventListener("pause", () => { root.classList.remove("playing"); tick(); });
media.addEventListener("seeked", () => { now = media.currentTime * 1000; tick(true); });
media.addEventListener("click", toggle);
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (file) load(URL.createObjectURL(file), file.type);
});
$("play").addEventListener("click", toggle);
$("back").addEventListener("click", () => go(now - 5000));
$("on").addEventListener("click", () => go(now + 5000));
$("follow").addEventListener("click", () => follow(!following));
$("speed").addEventListener("change", () => { media.playbackRate = Number($("speed").value); });
$("zoom-in").addEventListener("click", () => timeline.zoom(0.5));
$("zoom-out").addEventListener("click", () => timeline.zoom(2));
$("zoom-all").addEventListener("click", () => timeline.show(book.start, Math.max(1, book.duration - book.start)));

// Who scrolls wants to read elsewhere: the text stands still until it is asked to follow again.
for (const kind of ["wheel", "touchmove"]) {
  window.addEventListener(kind, (event) => {
    if (!media.paused && !event.target.closest(".dock, dialog, #side")) follow(false);
  }, { passive: true });
}
window.addEventListener("pointerdown", (event) => { if (!media.paused && event.clientX >= root.clientWidth) follow(false); });

rows.list.addEventListener("click", (event) => {
  const word = event.target.closest("[data-word]"), time = event.target.closest(".time"), menu = event.target.closest(".name, .more");
  if (menu) return editor.openMenu(Number(menu.closest(".row").dataset.row), menu, { whole: menu.matches(".name") });
  if (!getSelection().isCollapsed) return;
  if (word) go(book.starts[word.dataset.word], { play: true, show: false });
  else if (time) go(book.rowStart[time.closest(".row").dataset.row], { play: true, show: false });
});
rows.list.addEventListener("dblclick", (event) => {
  const word = event.target.closest("[data-word]");
  if (!word) return;
  getSelection().removeAllRanges();
  editor.editWord(Number(word.dataset.word));
});

// ——— Corrections

const editor = new Editor(book, rows, { change, pause: () => media.pause(), rename: edit });

// Run a correction and show what has become of it; `word` is where.
function change(action, { word, said, focus = false, reveal = true }) {
  if (!history.run(action)) return;
  refresh();
  if (reveal) show(word, focus);
  say(said);
}

function show(word, focus) {
  const near = Math.min(word, book.texts.length - 1);
  if (near < 0) return;
  rows.reveal(near);
  if (focus) rows.focus(book.rowOf[near]);
}

function step(back) {
  editor.close();
  const action = back ? history.undo() : history.redo();
  if (!action) return;
  refresh();
  const splice = action.find(isSplice);
  if (splice) show(book.segments[Math.min(splice.at, book.parts.length - 1)] ?? 0, false);
  say(back ? words.undone : words.redone);
}

function refresh() {
  index = null;
  rows.renew();
  timeline.build();
  timeline.label(words);
  timeline.draw();
  showSpeakers();
  showAnswers();
  showAbout();
  showDoubts();
  $("empty").hidden = book.count > 0;
  if (query.wanted) look($("query").value, { stay: true });
  showState();
  tick(true);
}

// Whether there is anything that only this browser has.
function showState() {
  const { unsaved } = history, kept = store.write(history);
  const waits = server ? words.unsavedHere : words.unsaved;
  $("state").hidden = !unsaved;
  $("state").textContent = !unsaved ? "" : server?.busy ? words.saving : server?.failure ? words[server.failure] : kept ? waits : words.notKept;
  $("keep").disabled = !unsaved || Boolean(server?.busy);
  $("history").hidden = !history.done.length && !history.undone.length;
  $("undo").disabled = !history.done.length;
  $("redo").disabled = !history.undone.length;
  $("undo-all").hidden = !history.done.length;
}

$("undo").addEventListener("click", () => step(true));
$("redo").addEventListener("click", () => step(false));
$("undo-all").addEventListener("click", () => {
  editor.close();
  while (history.undo()) { /* one after the other; each can be done again */ }
  refresh();
  $("save").open = false;
  say(words.undone);
});

// ——— Names

function edit(who) {
  showPanels(true);
  $("panel-speakers").open = true;
  const field = document.querySelector(`#speakers input[data-who="${who}"]`);
  field?.focus();
  field?.select();
}

// A name as the library cleans it; an empty one gives the label back.
function rename(who, text) {
  const name = text.trim().split(/\s+/u).join(" ") || book.labels[who];
  if (text.trim() === book.name(who) || name === book.names[who]) return;
  history.run([{ kind: "name", who, name, renamed: true }]);
  rows.again(false);
  timeline.label(words);
  showNames();
  showAnswers();
  showState();
  tick();
  say(`${words.renamed}: ${book.name(who)}`);
}

// The list stays while names change: somebody may be going through its fields.
function showNames() {
  for (const field of document.querySelectorAll("#speakers input")) field.value = book.name(Number(field.dataset.who));
  for (const offer of document.querySelectorAll("#speakers .offer")) offer.hidden = !isNameless(Number(offer.dataset.who));
}

const isNameless = (who) => book.names[who] === book.labels[who];

function showSpeakers() {
  const { people } = figuresOf(book);
  const most = Math.max(...people.map((item) => item.share), 1e-9);
  $("panel-speakers").hidden = !people.length;
  $("speakers").replaceChildren(...people.map((item) => {
    const { who } = item;
    const line = element("li"), field = element("input"), bar = element("div", "share"), filled = element("i");
    paint(line, who);
    field.value = book.name(who);
    field.dir = "auto";
    field.dataset.who = who;
    field.setAttribute("aria-label", `${words.nameOf} ${book.name(who)}`);
    field.addEventListener("change", () => { rename(who, field.value); field.value = book.name(who); });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") field.blur();
      if (event.key === "Escape") { field.value = book.name(who); field.blur(); }
    });
    filled.style.width = `${(100 * item.share) / most}%`;
    bar.append(filled);
    const talk = `${short(item.talk_time * 1000)} · ${percent(item.share)} ${words.talks}`;
    const counts = [[item.turns, words.turns], [item.interruptions, words.interruptions]].filter(([count]) => count);
    const rest = counts.map(([count, what]) => `${number(count)} ${plural(count, what)}`).join(" · ");
    line.append(badge(who), field, bar, element("span", "small", talk), element("span", "small", rest));
    const offered = data.suggestions.find((offer) => offer.who === who);
    if (offered) line.append(suggestion(offered));
    return line;
  }));
}

// What others call somebody who has no name yet, with the words that tell it: offered, never taken.
function suggestion({ who, name, said, start }) {
  const offer = element("div", "offer"), heard = element("button", "said", `“${said}”`), take = element("button", "button");
  offer.dataset.who = who;
  offer.hidden = !isNameless(who);
  heard.type = take.type = "button";
  heard.title = `${words.playFrom} ${short(start)}`;
  heard.dir = "auto";
  heard.addEventListener("click", () => { follow(true); go(start, { play: true }); });
  take.append(`${words.useName} `, element("bdi", "", name));
  take.addEventListener("click", () => {
    rename(who, name);
    document.querySelector(`#speakers input[data-who="${who}"]`)?.focus();
  });
  offer.append(heard, take);
  return offer;
}

function showAnswers() {
  const { answers } = figuresOf(book);  // of pairs that answer each other: who, whom, how often
  const counts = new Map(answers.map(([who, other, count]) => [`${who} ${other}`, count]));
  const people = [...new Set(answers.flatMap(([who, other]) => [who, other]))].sort((a, b) => a - b);
  $("panel-answers").hidden = people.length < 2;
  const most = answers.reduce((highest, [, , count]) => Math.max(highest, count), 1);
  const head = element("tr");
  head.append(element("td"), ...people.map((who) => {
    const cell = element("th");
    cell.scope = "col";
    cell.title = book.name(who);
    cell.append(badge(who), element("span", "unseen", book.name(who)));
    return cell;
  }));
  const body = people.map((who) => {
    const line = element("tr"), name = element("th", "", book.name(who));
    name.scope = "row";
    name.dir = "auto";
    paint(line, who);
    line.append(name, ...people.map((other) => {
      const count = counts.get(`${who} ${other}`) ?? 0;
      const cell = element("td", "", who === other ? "–" : count ? number(count) : "·");
      cell.style.setProperty("--much", `${Math.round((45 * count) / most)}%`);
      return cell;
    }));
    return line;
  });
  const top = element("thead"), rest = element("tbody");
  top.append(head);
  rest.append(...body);
  $("answers").replaceChildren(top, rest);
}

function showAbout() {
  const provenance = JSON.parse(data.provenance), { head } = data, figures = figuresOf(book);
  const dropped = [...data.dropped, ...deletedPassages(book)];
  const made = (stage) => [provenance[stage]?.backend, provenance[stage]?.model].filter((item) => typeof item === "string").join(", ");
  const facts = [
    [words.durationOf, short((head.duration - (head.start ?? 0)) * 1000)], [words.speechOf, short(figures.speech * 1000)],
    [words.overlapOf, short(figures.overlap * 1000)], [words.wordsOf, number(book.texts.length)], [words.languageOf, spoken()],
    [words.asr, made("asr")], [words.vad, made("vad")], [words.diarizer, made("diarizer")],
    ...dropped.map((item) => [words.dropped, `${short(item.start * 1000)} ${item.text.trim() && `“${item.text.trim()}” `}(${item.reason})`]),
  ];
  $("about").replaceChildren(...facts.filter(([, value]) => value).flatMap(([key, value]) => {
    const fact = element("dd", "", value);
    fact.dir = "auto";
    return [element("dt", "", key), fact];
  }));
  $("notes").replaceChildren(...data.notes.map((note) => element("p", "notice", note)));
}

const number = (value) => new Intl.NumberFormat(root.lang).format(value);
const plural = (value, forms) => forms[new Intl.PluralRules(root.lang).select(value)] ?? forms.other;
const percent = (value) => new Intl.NumberFormat(root.lang, { style: "percent" }).format(value);

function spoken() {
  try { return new Intl.DisplayNames([root.lang], { type: "language" }).of(data.head.language ?? "") ?? ""; } catch { return data.head.language ?? ""; }
}

// ——— Search

const plain = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase().replace(/\s+/gu, " ");
let index = null; // of every row its text and where its words begin

function look(text, { stay = false } = {}) {
  const wanted = plain(text.trim());
  const hits = [];
  index ??= Array.from({ length: book.count }, (_, row) => {
    const begins = [];
    let line = "";
    for (let i = book.first[row]; i < book.first[row + 1]; i++) { begins.push(line.length); line += plain(book.texts[i]); }
    return { line, begins };
  });
  if (wanted) {
    index.forEach(({ line, begins }, row) => {
      for (let place = line.indexOf(wanted); place >= 0; place = line.indexOf(wanted, place + wanted.length)) {
        const word = (spot) => { let k = begins.length - 1; while (begins[k] > spot) k--; return book.first[row] + k; };
        const skipped = line[place] === " " ? 1 : 0;
        hits.push([word(place + skipped), word(place + wanted.length - 1)]);
      }
    });
  }
  query = { hits, at: -1, wanted };
  timeline.marks = hits.map(([word]) => book.starts[word]);
  timeline.draw();
  if (hits.length && !stay) {
    const next = hits.findIndex(([word]) => word >= Math.max(0, rows.now));
    hit(next < 0 ? 0 : next);
  } else showHits();
}

function hit(at) {
  const { hits } = query;
  if (!hits.length) return;
  query.at = (at + hits.length) % hits.length;
  showHits();
  if (!media.paused) follow(false);
  rows.reveal(hits[query.at][0]);
}

function showHits() {
  const { hits, at: place, wanted } = query, marked = new Map();
  hits.forEach(([from, to], i) => { for (let word = from; word <= to; word++) marked.set(word, i === place || marked.get(word) === true); });
  rows.find(marked);
  document.querySelector(".find").classList.toggle("busy", hits.length > 0);
  $("hits").textContent = !wanted ? "" : hits.length ? `${number(place + 1)} ${words.of} ${number(hits.length)}` : words.noHits;
}

let typing = 0;
$("query").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => look($("query").value), 120);
});
$("query").addEventListener("keydown", (event) => {
  if (event.key === "Enter") { clearTimeout(typing); if (plain($("query").value.trim()) !== query.wanted) look($("query").value); else hit(query.at + (event.shiftKey ? -1 : 1)); }
  if (event.key === "Escape") { $("query").value = ""; look(""); $("query").blur(); }
});
$("hit-on").addEventListener("click", () => hit(query.at + 1));
$("hit-back").addEventListener("click", () => hit(query.at - 1));

// ——— Moving by words, rows and doubts

function toWord(step) {
  const place = rows.now < 0 ? -1 : book.order.indexOf(rows.now);
  const word = book.order[Math.min(Math.max(place + step, 0), book.order.length - 1)];
  if (word !== undefined) go(book.starts[word]);
}

function toRow(step) {
  if (!book.count) return;
  const row = Math.min(Math.max(rows.nowRow < 0 ? 0 : rows.nowRow + step, 0), book.count - 1);
  go(book.starts[book.first[row]]);
  rows.mark(book.first[row]);
}

function toDoubt(step) {
  if (!book.doubtful.length) return;
  const after = book.doubtful.findIndex((word) => word > rows.now);
  const before = book.doubtful.findLastIndex((word) => word < rows.now);
  const word = step > 0 ? book.doubtful[after < 0 ? 0 : after] : book.doubtful.at(before);
  go(book.starts[word], { show: false });
  rows.mark(word);
  rows.reveal(word);
  say(rows.remark(word));
}
$("doubt").addEventListener("click", () => toDoubt(1));

// ——— Downloads

const makers = { json: makeJson, srt: makeSrt, vtt: makeVtt, html: makePage, txt: makeTxt, docx: makeDocx };
const kinds = {
  json: "application/json", srt: "application/x-subrip", vtt: "text/vtt", html: "text/html", txt: "text/plain",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
};

// The page itself, with names and corrections in its data: the text between its first pair of tags with this id.
function makePage() {
  const changed = JSON.stringify(packed(book));
  const safe = changed.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  const tag = 'id="data">', from = source.indexOf(tag) + tag.length;
  return source.slice(0, from) + safe + source.slice(source.indexOf("</", from));
}

$("save").addEventListener("click", (event) => {
  const kind = event.target.closest("[data-save]")?.dataset.save;
  if (!kind) return;
  editor.close();
  const link = element("a");
  const stem = data.head.recording_id.replace(/[\s/\\:*?"<>|\u0000-\u001f]+/gu, "_") || "transcript";
  link.download = `${stem}.${kind}`;
  link.href = URL.createObjectURL(new Blob([makers[kind](book)], { type: kind === "docx" ? kinds[kind] : `${kinds[kind]};charset=utf-8` }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  if (!server && (kind === "json" || kind === "html")) { // which hold everything
    history.saved = history.done.length;
    showState();
  }
  $("save").open = false;
  say(`${words.saved}: ${link.download}`);
});
document.addEventListener("click", (event) => { if (!event.target.closest("#save")) $("save").open = false; });
$("copy").addEventListener("click", async () => {
  editor.close();
  const text = makeTxt(book);
  $("save").open = false;
  say(await copied(text) ? words.copied : words.notCopied);
});

// By the browser's clipboard, and where a page may not use it, by the old command.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", "unseen");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

window.addEventListener("beforeunload", (event) => { if (history.unsaved || editor.busy) event.preventDefault(); });

// ——— The server that the page came from, where it came from one

// A copy on a disk has none: what the server added goes, from these two tags alone. Scripts run only as they were written.
function asFile(text) {
  return text
    .replace(/<html [^>]*>/, (tag) => tag.replace(/ data-(?:server|version)="[^"]*"/g, ""))
    .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, (tag) => tag.replace("; connect-src 'self'", ""));
}

function openServer() {
  const { server: url, version } = document.documentElement.dataset;
  if (!url || !location.protocol.startsWith("http")) return null;
  return { url, base: Number(version), last: Number(version), busy: false, failure: "" };
}

// The corrections become the server's result, unless somebody else has saved some since.
async function saveThere() {
  if (!server || server.busy) return;
  editor.close();
  if (!history.unsaved) return;
  const { length } = history.done, last = history.done.at(-1);
  Object.assign(server, { busy: true, failure: "" });
  showState();
  try {
    const body = makeJson(book), headers = { "Content-Type": "application/json" };
    const answer = await fetch(`${server.url}&base=${server.base}&after=${server.last}`, { method: "PUT", headers, body });
    if (answer.ok) {
      server.last = (await answer.json()).version;
      history.saved = history.done[length - 1] === last ? length : -1; // meanwhile somebody may have gone on
    } else server.failure = { 403: "linkIsOld", 404: "resultIsGone", 409: "correctedMeanwhile" }[answer.status] ?? "notSaved";
  } catch {
    server.failure = "notSaved";
  }
  server.busy = false;
  showState();
  say(server.failure ? words[server.failure] : words.saved);
}
$("keep").addEventListener("click", saveThere);
$("keep").hidden = $("home").hidden = !server;

// ——— Looks and language

function dress(theme) {
  if (theme) root.dataset.theme = theme;
  timeline.draw();
}
$("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  dress(dark ? "light" : "dark");
  remember("theme", root.dataset.theme);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dress());

const KEYS = [
  ["space", "keyPlay"], ["←  →", "keySkip"], ["Shift ←  →", "keyWord"], ["↑  ↓", "keyRow"], ["/", "keySearch"], ["U  Shift U", "keyDoubt"],
  ["E", "keyEdit"], ["Ctrl Z  Ctrl Shift Z", "keyUndo"], ...(server ? [["Ctrl S", "keySave"]] : []), ["F", "keyFollow"], ["+  −  0", "keyZoom"], ["D", "keyDark"], ["?", "keyHelp"],
];

function speak(language) {
  words = STRINGS[language];
  rows.words = timeline.words = editor.words = words;
  book.speakerWord = words.speaker;
  root.lang = language;
  $("language").value = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = words[node.dataset.t];
  $("made").textContent = server ? words.madeHere : words.made;
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", words[node.dataset.label]);
    if (node.matches("button, a")) node.title = words[node.dataset.label];
  }
  $("query").placeholder = words.search;
  $("doubt").title = words.nextDoubt;
  $("keys").replaceChildren(...KEYS.flatMap(([keys, what]) => {
    const term = element("dt");
    for (const key of (words[keys] ?? keys).split("  ")) term.append(term.childNodes.length ? " " : "", element("kbd", "", key));
    return [term, element("dd", "", words[what])];
  }));
  if (!$("lost").hidden) $("lost-text").textContent = data.media ? words.lostMedia : words.noMedia;
  showSpeakers();
  showAnswers();
  showAbout();
  showState();
  timeline.label(words);
  timeline.draw();
  rows.again(false);
  tick();
}
function showDoubts() {
  $("doubt").hidden = !book.doubtful.length;
  $("doubt-count").textContent = number(book.doubtful.length);
}

// On a small screen the panels lie behind a button, over the text.
function showPanels(on) {
  root.classList.toggle("panels", on);
  $("panels").setAttribute("aria-expanded", on);
  if (on && $("panels").checkVisibility()) $("side").focus({ preventScroll: true });
}
$("panels").addEventListener("click", () => showPanels(!root.classList.contains("panels")));

$("language").addEventListener("change", () => { speak($("language").value); remember("language", root.lang); });
$("help-open").addEventListener("click", () => $("help").showModal());

function showTotal() {
  $("total").textContent = short(book.duration);
  $("scrub").setAttribute("aria-valuemax", Math.floor(book.duration / 1000));
}

// ——— Keys

const ACTIONS = {
  " ": toggle, ArrowLeft: (event) => (event.shiftKey ? toWord(-1) : go(now - 5000)),
  ArrowRight: (event) => (event.shiftKey ? toWord(1) : go(now + 5000)), ArrowUp: () => toRow(-1), ArrowDown: () => toRow(1),
  "/": () => { $("query").focus(); $("query").select(); }, "?": () => $("help").showModal(), u: (event) => toDoubt(event.shiftKey ? -1 : 1),
  e: () => { if (rows.now >= 0 || book.order.length) editor.editWord(rows.now >= 0 ? rows.now : book.order[0]); },
  f: () => follow(!following), d: () => $("theme").click(), "+": () => timeline.zoom(0.5), "=": () => timeline.zoom(0.5),
  "-": () => timeline.zoom(2), 0: () => timeline.show(book.start, Math.max(1, book.duration - book.start)),
};
// The same keys where the keyboard writes another script, by their place.
const PLACES = { KeyU: "u", KeyF: "f", KeyD: "d", KeyE: "e" };

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !target.closest("input, select, textarea, dialog")) {
    const undo = event.key.toLowerCase() === "z" || event.code === "KeyZ", redo = event.key.toLowerCase() === "y" || (undo && event.shiftKey);
    if (undo || redo) { event.preventDefault(); step(!redo); return; }
    if (server && (event.key.toLowerCase() === "s" || event.code === "KeyS")) { event.preventDefault(); saveThere(); return; }
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || $("help").open) return;
  if (event.key === "Escape" && $("save").open) { $("save").open = false; $("save").querySelector("summary").focus(); return; }
  if (event.key === "Escape" && root.classList.contains("panels") && !target.closest("input")) { showPanels(false); $("panels").focus(); return; }
  if (target.closest("input, select, textarea, dialog, #passage")) return;
  if (event.key === " " && target.closest("button, summary, label, a")) return;
  if (["PageUp", "PageDown", "Home", "End"].includes(event.key) && !media.paused) follow(false);
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? ACTIONS[PLACES[event.code]];
  if (!action) return;
  event.preventDefault();
  action(event);
});

// ——— Beginning

function fromAddress() {
  const wanted = /^#t=([0-9]+(?:\.[0-9]+)?)$/.exec(location.hash);
  if (wanted) { go(Number(wanted[1]) * 1000); rows.reveal(rows.now, { always: true }); }
}

root.dataset.theme = recall("theme") ?? "";
if (!root.dataset.theme) delete root.dataset.theme;
showTotal();
speak(Object.hasOwn(STRINGS, recall("language") ?? "") ? recall("language") : chooseLanguage(data.head.language));
showDoubts();
$("empty").hidden = book.count > 0;
const dock = document.querySelector(".dock");
new ResizeObserver(() => {
  root.style.setProperty("--dock", `${dock.offsetHeight}px`);
  timeline.draw();
}).observe(dock);
new ResizeObserver(() => root.style.setProperty("--top", `${document.querySelector(".top").offsetHeight}px`)).observe(document.querySelector(".top"));
openMedia();
fromAddress();
window.addEventListener("hashchange", fromAddress);
tick();
root.dataset.ready = "true";

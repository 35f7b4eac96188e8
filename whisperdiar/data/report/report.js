// The report of a score: tables, moments, a timeline of both sides, words with their errors. Times are milliseconds.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const { strings, measures, hypotheses, recordings } = data;
const COLOURS = data.colours;
const root = document.documentElement;
const media = $("media");
const pad = (number, digits = 2) => String(number).padStart(digits, "0");
const remember = (key, value) => { try { localStorage.setItem(`whisperdiar.${key}`, value); } catch { /* a page from a disk may have no storage */ } };
const recall = (key) => { try { return localStorage.getItem(`whisperdiar.${key}`); } catch { return null; } };
const ERRORS = ["missed", "false", "confused"];
const ERROR_TITLES = [strings.missed, strings.falseAlarm, strings.confused];
const MOMENTS = 12; // shown at first
const RIGHT = 0, SUBSTITUTED = 1, DELETED = 2;

let side = 0; // which hypothesis
let which = -1; // which recording
let now = 0;
let shownMoments = MOMENTS;
let sorting = { key: null, down: false };
const chosenFiles = new Map(); // recording → URL of a file that the reader chose

// ——— Numbers

const decimal = new Intl.NumberFormat(root.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const signed = new Intl.NumberFormat(root.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
const whole = new Intl.NumberFormat(root.lang);
const fourth = new Intl.NumberFormat(root.lang, { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const scaled = (measure, value) => (measure.percent ? 100 * value : value);
const shown = (measure, value, format = decimal) => (value === null || value === undefined ? "–" : format.format(scaled(measure, value)));
const unitOf = (measure) => (measure.percent ? "%" : measure.unit === "per cue" ? strings.perCue : strings.speakersUnit);
const named = (measure) => measures.find((own) => own.name === measure);

function cell(tag, content, name = "") {
  const made = element(tag, name);
  made.append(content);
  return made;
}

function bdi(text, name = "") {
  const made = element("bdi", name, text);
  made.title = text;
  return made;
}

function heading(cells) {
  const head = element("thead"), row = element("tr");
  row.append(...cells.map((own) => (own.tagName === "TH" ? own : cell("th", own))));
  for (const own of row.children) own.scope = "col";
  head.append(row);
  return head;
}

// ——— Summary

function showSummary() {
  const used = measures.filter((own) => hypotheses.some((side) => own.name in side.rates));
  $("cards").replaceChildren(...hypotheses.map(card));
  const body = element("tbody");
  for (const measure of used) {
    const row = element("tr"), first = cell("th", measure.title);
    const found = hypotheses.map((side) => side.rates[measure.name] ?? [null, null, null]);
    const known = found.map(([value]) => value).filter((value) => value !== null);
    const best = measure.higher ? Math.max(...known) : Math.min(...known);
    const most = Math.max(1e-9, ...found.flat().filter((value) => value !== null));
    first.scope = "row";
    first.title = `${measure.title}: ${measure.higher ? strings.higher : strings.lower}`;
    first.append(" ", element("span", "small", unitOf(measure)));
    row.append(first);
    for (const [value, low, high] of found) {
      const made = cell("td", element("span", known.length > 1 && value === best ? "best" : "", shown(measure, value)));
      if (low !== null) made.append(" ", element("span", "small", `${shown(measure, low)} – ${shown(measure, high)}`), whisker(value, low, high, most));
      row.append(made);
    }
    body.append(row);
  }
  $("rates").replaceChildren(heading([strings.measure, ...hypotheses.map((own) => bdi(own.name))]), body);
  $("how").textContent = data.how.join(", ");
  const notes = hypotheses.flatMap((own) => [
    ...(own.missing.length ? [`${strings.missingRecordings}: ${own.missing.join(", ")}`] : []),
    ...own.leftOut.map((text) => `${strings.leftOut}: ${text}`), ...own.notes.map((text) => `${strings.note}: ${text}`),
  ].map((text) => (hypotheses.length > 1 ? `${own.name}: ${text}` : text)));
  $("notes").replaceChildren(...notes.map((text) => element("p", "notice", text)));
}

function card(own) {
  const made = element("article", "card"), heads = element("div", "heads");
  made.append(cell("h3", bdi(own.name)));
  for (const name of ["DER", "WER", "cpWER"]) {
    if (!(name in own.rates)) continue;
    const head = element("div");
    head.append(element("b", "", `${shown(named(name), own.rates[name][0])}`), element("span", "small", `${name}, %`));
    heads.append(head);
  }
  made.append(heads);
  const parts = own.parts.DER;
  if (parts?.total) {
    const shares = ["missed detection", "false alarm", "confusion"].map((name) => parts[name] / parts.total);
    const bar = element("div", "stack"), all = Math.max(1, shares.reduce((a, b) => a + b, 0));
    bar.append(...shares.map((share, k) => {
      const piece = element("i", `of-${ERRORS[k]}`);
      piece.style.width = `${(100 * share) / all}%`;
      return piece;
    }));
    made.append(bar, keys(shares.map((share) => `${decimal.format(100 * share)} %`)));
  }
  const facts = [own.counted];
  if (own.normaliser) facts.push(`${strings.texts}: ${own.normaliser}`);
  made.append(element("p", "small", facts.join(" · ")));
  return made;
}

function keys(values) {
  const made = element("div", "keys-of");
  made.append(...values.map((value, k) => element("span", `dot of-${ERRORS[k]}`, `${ERROR_TITLES[k]} ${value}`)));
  return made;
}

function whisker(value, low, high, most) {
  const made = element("span", "whisker"), bar = element("i"), dot = element("b");
  bar.style.left = `${(100 * low) / most}%`;
  bar.style.width = `${(100 * (high - low)) / most}%`;
  dot.style.left = `${(100 * value) / most}%`;
  made.append(bar, dot);
  made.setAttribute("aria-hidden", "true");
  return made;
}

function showComparison() {
  if (!data.differences.length) return $("comparison").remove();
  const body = element("tbody");
  let pair = null;
  for (const own of data.differences) {
    const measure = named(own.measure), [first, second, difference, low, high] = own.values;
    const group = `${own.first} → ${own.second}`;
    if (group !== pair) {
      const head = cell("th", bdi(group));
      head.colSpan = 7;
      head.scope = "rowgroup";
      body.append(cell("tr", head, "group"));
      pair = group;
    }
    const sure = own.p !== null && own.p < data.significance, better = measure.higher ? difference > 0 : difference < 0;
    const row = element("tr"), name = cell("th", measure.title);
    name.scope = "row";
    row.append(name, cell("td", shown(measure, first), sure && !better ? "best" : ""), cell("td", shown(measure, second), sure && better ? "best" : ""));
    row.append(cell("td", shown(measure, difference, signed)));
    row.append(cell("td", own.p === null ? "–" : `${shown(measure, low, signed)} … ${shown(measure, high, signed)}`));
    row.append(cell("td", own.p === null ? "–" : fourth.format(own.p), sure ? "best" : ""), cell("td", whole.format(own.recordings)));
    if (sure) row.title = strings.significant;
    body.append(row);
  }
  $("differences").replaceChildren(heading([strings.measure, strings.first, strings.second, strings.difference, strings.interval, "p", strings.recordings]), body);
  $("too-few").textContent = data.differences.some((own) => own.recordings < data.fewest) ? strings.tooFew : "";
}

// ——— Choice of the hypothesis, moments, recordings

function showChoice() {
  if (hypotheses.length < 2) return $("choice").remove();
  $("choice").replaceChildren(...hypotheses.map((own, index) => {
    const made = element("button", "button", own.name);
    made.type = "button";
    made.setAttribute("aria-pressed", index === side);
    made.addEventListener("click", () => chooseSide(index));
    return made;
  }));
}

function chooseSide(index) {
  side = index;
  shownMoments = MOMENTS;
  showChoice();
  showMoments();
  showTable();
  showWords();
}

function showMoments() {
  const own = data.moments.filter(([hypothesis]) => hypothesis === side);
  $("more").hidden = own.length <= shownMoments;
  $("worst").replaceChildren(...own.slice(0, shownMoments).map(([, index, start, end, missed, falseAlarm, confused, wrong, given]) => {
    const made = element("li"), button = element("button"), place = element("span", "place"), facts = element("span", "keys-of");
    place.append(element("span", "", `${short(start)} – ${short(end)}`), bdi(recordings[index].name));
    for (const [k, value] of [missed, falseAlarm, confused].entries()) {
      if (value >= 0.05) facts.append(element("span", `dot of-${ERRORS[k]}`, `${ERROR_TITLES[k]} ${decimal.format(value)} s`));
    }
    if (wrong) facts.append(element("span", "", `${strings.wrongWords}: ${whole.format(wrong)}`));
    if (given) facts.append(element("span", "", `${strings.wrongSpeakers}: ${whole.format(given)}`));
    button.type = "button";
    button.append(place, facts);
    button.addEventListener("click", () => {
      choose(index);
      timeline.show(start - 10000, end - start + 20000);
      go(start, { play: true });
      $("recording").scrollIntoView({ block: "start" });
    });
    made.append(button);
    return made;
  }));
  if (!own.length) $("worst").replaceChildren(element("li", "small", strings.noErrors));
}

function columnsOf(own) {
  const found = [];
  for (const measure of measures) {
    if (!own.rows.some(([, rates]) => measure.name in rates)) continue;
    found.push({ key: measure.name, title: measure.title, measure, value: (row) => row[1][measure.name] });
    if (measure.name !== "DER") continue;
    for (const [k, title] of ERROR_TITLES.entries()) found.push({ key: ERRORS[k], title, measure, part: true, value: (row) => row[2][k] });
  }
  return found;
}

function showTable() {
  const own = hypotheses[side], columns = columnsOf(own), places = new Map(recordings.map((recording, index) => [recording.name, index]));
  const heads = [{ key: "name", title: strings.recording }, ...columns].map(({ key, title }) => {
    const made = element("th"), button = element("button", "", title);
    button.type = "button";
    button.addEventListener("click", () => {
      sorting = { key, down: sorting.key === key ? !sorting.down : key !== "name" };
      showTable();
    });
    made.append(button);
    if (sorting.key === key) made.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    return made;
  });
  const rows = [...own.rows], column = columns.find(({ key }) => key === sorting.key), sign = sorting.down ? -1 : 1;
  if (column) rows.sort((a, b) => sign * ((column.value(a) ?? -1) - (column.value(b) ?? -1)));
  else if (sorting.key === "name") rows.sort((a, b) => sign * a[0].localeCompare(b[0]));
  const body = element("tbody");
  for (const row of rows) {
    const made = element("tr"), head = element("th"), index = places.get(row[0]);
    head.scope = "row";
    if (index === undefined) head.append(bdi(row[0]));
    else {
      const jump = element("button", "jump");
      jump.type = "button";
      jump.append(bdi(row[0]));
      jump.addEventListener("click", () => { choose(index); $("recording").scrollIntoView({ block: "start" }); });
      head.append(jump);
      made.dataset.recording = index;
    }
    head.title = index === undefined && recordings.length ? `${row[0]}: ${strings.notShown}` : own.missing.includes(row[0]) ? `${row[0]}: ${strings.lacking}` : row[0];
    made.append(head, ...columns.map(({ measure, value }) => cell("td", shown(measure, value(row)))));
    body.append(made);
  }
  if (rows.length > 1) {
    const made = element("tr", "total"), parts = own.parts.DER ?? {};
    const shares = ["missed detection", "false alarm", "confusion"].map((name) => (parts.total ? parts[name] / parts.total : null));
    made.append(cell("th", strings.all), ...columns.map(({ key, measure, part }) => cell("td", shown(measure, part ? shares[ERRORS.indexOf(key)] : own.rates[key]?.[0]))));
    body.append(made);
  }
  $("table").replaceChildren(heading(heads), body);
  markRow();
}

function markRow() {
  for (const row of $("table").querySelectorAll("tr[data-recording]")) row.classList.toggle("chosen", Number(row.dataset.recording) === which);
}

// ——— Timeline

class ErrorTimeline {
  constructor() {
    this.canvas = $("canvas");
    this.scrub = $("scrub");
    this.lanes = [];
    this.duration = 1;
    this.view = [0, 1];
    this.listen();
  }

  load(recording) {
    this.duration = Math.max(1, recording.duration);
    this.view = [0, this.duration];
    const lanes = [{ title: strings.reference }];
    for (const [who, label] of recording.speakers.entries()) {
      const spans = recording.turns.filter((turn) => turn[2] === who).map(([start, end]) => [start, end]);
      if (spans.length) lanes.push({ who, label, spans: joined(spans), side: -1 });
    }
    recording.sides.forEach((own, index) => {
      lanes.push({ title: hypotheses.length > 1 ? hypotheses[index].name : strings.hypothesis });
      if (!own) return;
      own.labels.forEach(([label, who], place) => {
        const spans = own.turns.filter((turn) => turn[2] === place).map(([start, end]) => [start, end]);
        lanes.push({ who, label, spans: joined(spans), side: index });
      });
      ERRORS.forEach((kind, k) => {
        const spans = own.errors.filter((error) => error[2 + k]).map(([start, end]) => [start, end]);
        lanes.push({ kind, label: ERROR_TITLES[k], spans: joined(spans) });
      });
    });
    let top = 2;
    for (const lane of lanes) {
      lane.tall = lane.title ? 20 : lane.kind ? 13 : 16;
      lane.top = top;
      top += lane.tall + (lane.kind === "confused" ? 4 : 0);
    }
    this.lanes = lanes;
    this.height = top;
    $("lanes").replaceChildren(...lanes.map((lane) => {
      const made = element("div", lane.title ? "title" : lane.kind ? `kind of-${lane.kind}` : "", lane.title ?? lane.label);
      made.dir = "auto";
      made.title = lane.title ?? (lane.side >= 0 && lane.who !== null ? `${lane.label} → ${recording.speakers[lane.who]}` : lane.label);
      if (!lane.title && !lane.kind) paint(made, lane.who);
      made.style.setProperty("--tall", `${lane.tall}px`);
      if (lane.kind === "confused") made.style.marginBottom = "4px";
      return made;
    }));
    $("lanes").style.paddingTop = "2px";
    $("scrub").setAttribute("aria-valuemax", Math.floor(this.duration / 1000));
    this.draw();
  }

  listen() {
    const { scrub } = this;
    const time = (event) => {
      const box = scrub.getBoundingClientRect();
      return this.view[0] + ((event.clientX - box.left) / box.width) * (this.view[1] - this.view[0]);
    };
    let from = null;
    scrub.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      scrub.setPointerCapture(event.pointerId);
      from = { x: event.clientX, view: [...this.view], moved: false };
    });
    scrub.addEventListener("pointermove", (event) => {
      if (from && (from.moved || Math.abs(event.clientX - from.x) > 4)) {
        from.moved = true;
        scrub.classList.add("dragged");
        const span = from.view[1] - from.view[0];
        this.show(from.view[0] - ((event.clientX - from.x) / scrub.clientWidth) * span, span);
      } else if (event.pointerType === "mouse") this.point(time(event), event);
    });
    scrub.addEventListener("pointerup", (event) => {
      if (from && !from.moved) go(time(event), { play: true });
      from = null;
      scrub.classList.remove("dragged");
    });
    scrub.addEventListener("pointercancel", () => { from = null; });
    scrub.addEventListener("pointerleave", () => { $("tip").hidden = true; });
    scrub.addEventListener("wheel", (event) => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, time(event));
      else if (sideways) this.show(this.view[0] + (sideways / scrub.clientWidth) * (this.view[1] - this.view[0]), this.view[1] - this.view[0]);
      else return;
      event.preventDefault();
    }, { passive: false });
    const jumps = {
      ArrowLeft: () => go(now - 5000), ArrowRight: () => go(now + 5000), Home: () => go(0), End: () => go(this.duration),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.show(0, this.duration),
    };
    scrub.addEventListener("keydown", (event) => {
      if (!jumps[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      jumps[event.key]();
    });
  }

  point(ms, event) {
    const box = this.scrub.getBoundingClientRect(), x = event.clientX - box.left, tip = $("tip");
    const group = [...this.lanes].reverse().find((lane) => lane.top <= event.clientY - box.top);
    const own = group && !group.title ? this.lanes.filter((lane) => !lane.title && lane.side === group.side && !lane.kind === !group.kind) : [];
    const under = group?.kind ? [group] : own;
    const names = under.filter((lane) => covers(lane.spans, ms)).map((lane) => lane.label);
    tip.textContent = `${short(ms)}  ${names.join(" + ")}`;
    tip.hidden = false;
    const half = tip.offsetWidth / 2;
    tip.style.left = `${Math.min(Math.max(x, half), Math.max(half, this.scrub.clientWidth - half))}px`;
  }

  zoom(factor, around = now) {
    const [from, to] = this.view, span = Math.min(this.duration, Math.max(Math.min(this.duration, 2000), (to - from) * factor));
    const centre = around >= from && around <= to ? around : (from + to) / 2;
    this.show(centre - ((centre - from) / (to - from)) * span, span);
  }

  show(from, span) {
    const wide = Math.min(span, this.duration), start = Math.min(Math.max(0, from), this.duration - wide);
    this.view = [start, start + wide];
    this.draw();
  }

  at(ms, turn) {
    const span = this.view[1] - this.view[0];
    if (turn && (ms < this.view[0] || ms > this.view[0] + span * 0.98)) this.show(ms - span * 0.1, span);
    const x = (ms - this.view[0]) / (this.view[1] - this.view[0]);
    $("head").hidden = x < 0 || x > 1;
    $("head").style.left = `${x * 100}%`;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, { canvas } = this, width = this.scrub.clientWidth, height = this.height + AXIS + 4;
    if (!width || !this.height) return;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const scale = width / (this.view[1] - this.view[0]), soft = colour("--soft"), wash = colour("--wash");
    for (const lane of this.lanes) {
      if (lane.title) continue;
      const gap = lane.kind ? 2.5 : 2;
      pen.fillStyle = wash;
      round(pen, 0, lane.top + gap, width, lane.tall - 2 * gap);
      pen.fillStyle = colour(lane.kind ? `--${lane.kind}` : variable(lane.who));
      blocks(pen, lane.spans, this.view, scale, lane.top + gap, lane.tall - 2 * gap);
    }
    const step = 1000 * (STEPS.find((seconds) => seconds * 1000 * scale >= 76) ?? STEPS.at(-1));
    pen.fillStyle = soft;
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    pen.textBaseline = "bottom";
    for (let ms = Math.ceil(this.view[0] / step) * step; ms <= this.view[1]; ms += step) {
      const text = short(ms), x = (ms - this.view[0]) * scale, half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(Math.max(x - half, 0), width - 2 * half), height);
    }
    this.at(now, false);
  }
}

// ——— One recording

function choose(index) {
  if (index === which) return;
  which = index;
  const recording = recordings[which];
  $("which").value = String(which);
  $("playing").textContent = recording.name;
  $("total").textContent = short(recording.duration);
  media.pause();
  openMedia();
  now = 0;
  timeline.load(recording);
  showWords();
  markRow();
  tick();
}

function showLegend() {
  const samples = [["del", strings.deleted], ["ins", strings.inserted], ["pair", strings.substituted], ["given", strings.given]];
  $("legend").replaceChildren(...samples.map(([kind, text]) => {
    const made = element("span"), sample = kind === "del" || kind === "ins" ? element(kind, "", strings.sample) : element("span", kind, kind === "given" ? strings.sample : "");
    if (kind === "pair") sample.append(element("del", "", strings.sample), " ", element("ins", "", strings.sample));
    made.append(sample, ` ${text}`);
    return made;
  }));
}

function showWords() {
  if (which < 0) return;
  const recording = recordings[which], own = recording.sides[side], passages = own?.passages ?? [];
  $("rows").replaceChildren(...passages.map((passage) => showPassage(recording, passage)));
  $("empty").hidden = passages.length > 0;
  $("empty").textContent = hypotheses[side].missing.includes(recording.name) ? strings.lacking : strings.noWords;
  $("legend").hidden = $("only-box").hidden = !passages.length;
  showOnly();
  tick();
}

function showPassage(recording, [start, who, items]) {
  const made = element("li", "passage-of"), time = element("button", "time", short(start)), body = element("div", "body");
  let before = null;
  time.type = "button";
  made.dataset.start = start;
  const speaker = bdi(who === null ? "" : recording.speakers[who], "speaker");
  if (who !== null) paint(speaker, who);
  body.dir = "auto";
  for (const [kind, ms, text, heard, given = null] of items) {
    const word = element("span");
    word.dataset.at = ms;
    if (given !== null && given !== before) word.append(element("span", "to", `→ ${given === "nobody" ? strings.nobody : given}`));
    before = given;
    if (kind === RIGHT) word.append(text);
    else if (kind === DELETED) word.append(element("del", "", text));
    else if (kind === SUBSTITUTED) {
      const pair = element("span", "pair");
      pair.append(element("del", "", text), " ", element("ins", "", heard));
      word.append(pair);
    } else word.append(element("ins", "", text));
    if (given !== null) word.classList.add("given");
    if (kind !== RIGHT || given !== null) word.classList.add("wrong");
    body.append(word, " ");
  }
  if (!body.querySelector(".wrong")) made.classList.add("fine");
  made.append(time, speaker, body);
  return made;
}

function showOnly() {
  $("rows").classList.toggle("only", $("only").checked);
}

function passageNow() {
  const rows = [...$("rows").children].filter((row) => !row.checkVisibility || row.checkVisibility());
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Number(rows[middle].dataset.start) <= now + 1) low = middle + 1;
    else high = middle;
  }
  return rows[Math.max(0, low - 1)];
}

function openMedia() {
  const url = chosenFiles.get(which) ?? recordings[which].media;
  $("lost").hidden = true;
  $("pick").hidden = Boolean(url);
  $("play").hidden = $("back").hidden = $("on").hidden = !url;
  if (url) media.src = url;
  else media.removeAttribute("src");
}

function go(ms, { play = false } = {}) {
  now = Math.min(Math.max(0, ms), timeline.duration);
  if (media.readyState) media.currentTime = now / 1000;
  else media.dataset.wanted = now / 1000;
  if (play && media.src) media.play().catch(() => {});
  tick(true);
}

function toggle() {
  if (!media.src) return $("file").click();
  if (media.paused) media.play().catch(() => {});
  else media.pause();
}

function tick(moved = false) {
  if (media.readyState && !media.seeking && !media.paused) now = media.currentTime * 1000;
  timeline.at(now, moved || !media.paused);
  $("now").textContent = short(now);
  $("scrub").setAttribute("aria-valuenow", Math.floor(now / 1000));
  $("scrub").setAttribute("aria-valuetext", short(now));
  const row = now > 0 || !media.paused ? passageNow() : null;
  const last = $("rows").querySelector(".now");
  if (last !== row) {
    last?.classList.remove("now");
    row?.classList.add("now");
    if (row) showInList(row);
  }
}

function showInList(row) {
  const list = $("rows"), top = row.offsetTop - list.scrollTop;
  if (top < 0 || top + row.offsetHeight > list.clientHeight) list.scrollTop = row.offsetTop - list.clientHeight / 3;
}

function loop() {
  tick();
  if (!media.paused && !media.ended) requestAnimationFrame(loop);
}

// The next place that is wrong after the playhead: in the turns, or in the words.
function goToNextError() {
  const own = recordings[which]?.sides[side];
  if (!own) return;
  const words = own.passages.flatMap(([, , items]) => items.filter(([kind, , , , given]) => kind !== RIGHT || given).map(([, ms]) => ms));
  const times = [...own.errors.filter(([start, end]) => end - start >= 200).map(([start]) => start), ...words].sort((a, b) => a - b);
  const next = times.find((ms) => ms > now + 50) ?? times[0];
  if (next === undefined) return;
  const [from, to] = timeline.view;
  if (to - from > 60000) timeline.show(next - 15000, 60000);
  go(next, { play: true });
}

media.addEventListener("loadedmetadata", () => {
  if (media.dataset.wanted) media.currentTime = Number(media.dataset.wanted);
  delete media.dataset.wanted;
});
media.addEventListener("error", () => {
  if (!media.getAttribute("src")) return;
  $("lost").textContent = strings.lostMedia;
  $("lost").hidden = $("pick").hidden = false;
  $("play").hidden = $("back").hidden = $("on").hidden = true;
});
media.addEventListener("play", () => { root.classList.add("playing"); loop(); });
media.addEventListener("pause", () => { root.classList.remove("playing"); tick(); });
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (!file) return;
  chosenFiles.set(which, URL.createObjectURL(file));
  openMedia();
});
$("play").addEventListener("click", toggle);
$("back").addEventListener("click", () => go(now - 5000));
$("on").addEventListener("click", () => go(now + 5000));
$("next").addEventListener("click", goToNextError);
$("more").addEventListener("click", () => { shownMoments += 4 * MOMENTS; showMoments(); });
$("only").addEventListener("change", showOnly);
$("which").addEventListener("change", () => choose(Number($("which").value)));
$("rows").addEventListener("click", (event) => {
  const word = event.target.closest("[data-at]"), time = event.target.closest(".time");
  if (!getSelection().isCollapsed) return;
  if (word) go(Number(word.dataset.at), { play: true });
  else if (time) go(Number(time.closest(".passage-of").dataset.start), { play: true });
});
$("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
  timeline.draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => timeline.draw());
window.addEventListener("resize", () => timeline.draw());
window.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target.closest("button, input, select, a, .scroll")) return;
  event.preventDefault();
  toggle();
});

for (const node of document.querySelectorAll("[data-t]")) node.textContent = strings[node.dataset.t];
for (const node of document.querySelectorAll("[data-label]")) {
  node.setAttribute("aria-label", strings[node.dataset.label]);
  if (node.matches("button")) node.title = strings[node.dataset.label];
}
if (recall("theme")) root.dataset.theme = recall("theme");
$("title").textContent = data.title;
document.title = `${strings.heading}: ${data.title}`;
const timeline = new ErrorTimeline();
$("zoom-in").addEventListener("click", () => timeline.zoom(0.5));
$("zoom-out").addEventListener("click", () => timeline.zoom(2));
$("zoom-all").addEventListener("click", () => timeline.show(0, timeline.duration));
showSummary();
showComparison();
showChoice();
showLegend();
showTable();
if (recordings.length) {
  $("which").append(...recordings.map((recording, index) => {
    const made = element("option", "", recording.name);
    made.value = String(index);
    return made;
  }));
  showMoments();
  choose(0);
} else for (const id of ["moments", "recording", "dock"]) $(id)?.remove();
$("places").append(...["summary", "comparison", "moments", "recordings", "recording"].filter((id) => $(id)).map((id) => {
  const made = element("a", "", { recording: strings.timeline }[id] ?? strings[id]);
  made.href = `#${id}`;
  return made;
}));
root.dataset.ready = "1";

// Who talks when: a lane for every speaker, one for overlap, one for doubtful words; drawn for the part that is seen.

const MARKS = 7; // pixels above the lanes for matches of the search
const AXIS = 16; // pixels below them for times
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400]; // seconds

class Timeline {
  constructor(book, seek) {
    this.book = book;
    this.canvas = document.getElementById("canvas");
    this.scrub = document.getElementById("scrub");
    this.head = document.getElementById("head");
    this.tip = document.getElementById("tip");
    this.view = [Math.min(book.start, book.duration), Math.max(1, book.duration)];
    this.marks = []; // matches of the search, ms
    this.time = 0;
    this.build();
    this.listen(seek);
  }

  // Lanes of speech from the turns, and for a speaker without any from the rows; neighbours that touch are one.
  build() {
    const { book } = this;
    const found = book.labels.map(() => []);
    for (const turn of book.turns) found[turn.speaker].push([turn.start, turn.end]);
    const known = found.map((spans) => spans.length > 0);
    const nobody = [];
    for (let row = 0; row < book.count; row++) {
      const who = book.speaker(row);
      if (who === null) nobody.push([book.rowStart[row], book.rowEnd[row]]);
      else if (!known[who]) found[who].push([book.rowStart[row], book.rowEnd[row]]);
    }
    this.lanes = found.map((spans, who) => ({ who, spans: joined(spans) })).filter((lane) => lane.spans.length);
    const overlaps = overlapped(this.lanes);
    if (nobody.length) this.lanes.push({ who: null, spans: joined(nobody) });
    if (overlaps.length) this.lanes.push({ kind: "overlap", spans: overlaps });
    if (book.doubtful.length) {
      const spans = book.doubtful.map((word) => [book.starts[word], book.ends[word]]).sort((a, b) => a[0] - b[0]);
      this.lanes.push({ kind: "doubtLane", spans });
    }
  }

  label(words) {
    const room = this.lanes.length > 7 ? 0.875 : 1.0625;
    const list = document.getElementById("lanes");
    list.style.setProperty("--lane", `${room}rem`);
    list.replaceChildren(...this.lanes.map((lane) => {
      const line = element("div");
      const text = element("span", "", lane.kind ? words[lane.kind] : this.book.name(lane.who) ?? words.nobody);
      text.dir = "auto";
      if (!lane.kind) paint(line, lane.who);
      line.append(text, lane.kind ? element("i", "glyph", lane.kind === "overlap" ? "//" : "?") : badge(lane.who));
      return line;
    }));
    this.laneHeight = room * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  listen(seek) {
    const { scrub } = this;
    const time = (event) => {
      const box = scrub.getBoundingClientRect();
      const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return this.view[0] + part * (this.view[1] - this.view[0]);
    };
    scrub.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      scrub.setPointerCapture(event.pointerId);
      seek(time(event));
    });
    scrub.addEventListener("pointermove", (event) => {
      if (scrub.hasPointerCapture(event.pointerId)) seek(time(event));
      if (event.pointerType === "mouse") this.point(time(event), event.clientX - scrub.getBoundingClientRect().left);
    });
    const jumps = { Home: () => 0, End: () => this.book.duration, PageUp: () => this.time - 60000, PageDown: () => this.time + 60000 };
    scrub.addEventListener("keydown", (event) => {
      if (!jumps[event.key]) return;
      event.preventDefault();
      seek(jumps[event.key]());
    });
    scrub.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    scrub.addEventListener("wheel", (event) => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, time(event));
      else if (sideways) this.move((sideways / scrub.clientWidth) * (this.view[1] - this.view[0]));
      else return;
      event.preventDefault();
    }, { passive: false });
  }

  point(ms, x) {
    const names = this.lanes.filter((lane) => !lane.kind && covers(lane.spans, ms)).map((lane) => this.book.name(lane.who) ?? this.words.nobody);
    this.tip.textContent = `${short(ms)}  ${names.join(" + ") || this.words.nothing}`;
    this.tip.hidden = false;
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(Math.max(x, half), Math.max(half, this.scrub.clientWidth - half))}px`;
  }

  // Show a part that is `factor` times as long, with the time `around` where it was.
  zoom(factor, around = this.time) {
    const whole = Math.max(1, this.book.duration);
    const [from, to] = this.view;
    const span = Math.min(whole, Math.max(Math.min(whole, 5000), (to - from) * factor));
    const centre = around >= from && around <= to ? around : (from + to) / 2;
    this.show(centre - ((centre - from) / (to - from)) * span, span);
  }

  move(ms) {
    this.show(this.view[0] + ms, this.view[1] - this.view[0]);
  }

  show(from, span) {
    const whole = Math.max(1, this.book.duration);
    const start = Math.min(Math.max(0, from), Math.max(0, whole - span));
    this.view = [start, Math.min(whole, start + span)];
    this.draw();
  }

  // The playhead; a part that is seen turns its page when the playhead leaves it.
  at(ms, turn) {
    this.time = ms;
    const span = this.view[1] - this.view[0];
    if (turn && (ms < this.view[0] || ms > this.view[0] + span * 0.98)) this.show(ms - span * 0.1, span);
    const x = (ms - this.view[0]) / span;
    this.head.hidden = x < 0 || x > 1;
    this.head.style.left = `${x * 100}%`;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, { canvas, laneHeight } = this;
    const width = this.scrub.clientWidth, height = MARKS + Math.max(1, this.lanes.length) * laneHeight + AXIS;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const scale = width / (this.view[1] - this.view[0]);
    const soft = colour("--soft"), wash = colour("--wash"), ink = colour("--ink");
    this.lanes.forEach((lane, i) => {
      const y = MARKS + i * laneHeight, thin = lane.kind ? 0.36 : 0.16;
      const top = y + laneHeight * thin, tall = laneHeight * (1 - 2 * thin);
      pen.fillStyle = wash;
      round(pen, 0, top, width, tall);
      if (lane.kind === "overlap") pen.fillStyle = hatch(pen, ink, ratio);
      else pen.fillStyle = lane.kind ? soft : colour(variable(lane.who));
      if (lane.kind === "doubtLane") dots(pen, lane.spans, this.view, scale, y + laneHeight / 2, laneHeight);
      else blocks(pen, lane.spans, this.view, scale, top, tall);
    });
    this.axis(pen, scale, width, height, soft);
    pen.fillStyle = colour("--accent");
    for (const ms of this.marks) {
      if (ms >= this.view[0] && ms <= this.view[1]) pen.fillRect((ms - this.view[0]) * scale - 0.75, 0, 1.5, MARKS - 1);
    }
    this.at(this.time, false);
  }

  // Times that people count in, far enough apart to be read.
  axis(pen, scale, width, height, soft) {
    const step = 1000 * (STEPS.find((seconds) => seconds * 1000 * scale >= 76) ?? STEPS.at(-1));
    pen.fillStyle = soft;
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    pen.textBaseline = "bottom";
    for (let ms = Math.ceil(this.view[0] / step) * step; ms <= this.view[1]; ms += step) {
      const text = short(ms), x = (ms - this.view[0]) * scale, half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(Math.max(x - half, 0), width - 2 * half), height);
    }
  }
}

function joined(spans, gap = 0) {
  const made = [];
  for (const [start, end] of spans.sort((a, b) => a[0] - b[0])) {
    if (made.length && start <= made.at(-1)[1] + gap) made.at(-1)[1] = Math.max(made.at(-1)[1], end);
    else made.push([start, end]);
  }
  return made;
}

function overlapped(lanes) {
  const found = [];
  let until = -Infinity;
  for (const [start, end] of lanes.flatMap((lane) => lane.spans).sort((a, b) => a[0] - b[0])) {
    if (start < Math.min(until, end)) found.push([start, Math.min(until, end)]);
    until = Math.max(until, end);
  }
  return joined(found);
}

// The first span that ends after a time.
function firstAfter(spans, ms) {
  let low = 0, high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle][1] > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

function covers(spans, ms) {
  const span = spans[firstAfter(spans, ms)];
  return Boolean(span) && span[0] <= ms;
}

// What would lie on the same pixels is drawn once: a day of talk takes no longer than a minute.
function blocks(pen, spans, [from, to], scale, top, tall) {
  for (let i = firstAfter(spans, from); i < spans.length && spans[i][0] < to; i++) {
    const x = (spans[i][0] - from) * scale;
    let end = (spans[i][1] - from) * scale;
    while (i + 1 < spans.length && (spans[i + 1][0] - from) * scale - end < 0.5) end = Math.max(end, (spans[++i][1] - from) * scale);
    round(pen, x, top, Math.max(1, end - x), tall);
  }
}

function dots(pen, spans, [from, to], scale, y, size) {
  let last = -Infinity;
  for (let i = firstAfter(spans, from); i < spans.length && spans[i][0] < to; i++) {
    const x = ((spans[i][0] + spans[i][1]) / 2 - from) * scale;
    if (x - last < 2) continue;
    last = x;
    pen.beginPath();
    pen.arc(x, y, size * 0.14, 0, 2 * Math.PI);
    pen.fill();
  }
}

function round(pen, x, y, width, height) {
  pen.beginPath();
  pen.roundRect(x, y, width, height, Math.min(3, width / 2, height / 2));
  pen.fill();
}

function hatch(pen, ink, ratio) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 4 * ratio;
  const small = tile.getContext("2d");
  small.scale(ratio, ratio);
  small.strokeStyle = ink;
  small.lineWidth = 1.2;
  small.beginPath();
  for (const x of [-4, 0, 4]) { small.moveTo(x, 4); small.lineTo(x + 4, 0); }
  small.stroke();
  const pattern = pen.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}

// A canvas knows no variables: what one means in the theme of the moment, an element tells.
function colour(name) {
  const probe = document.getElementById("said");
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

const variable = (who) => (who === null ? "--speaker-none" : `--speaker-${who % COLOURS}`);
const paint = (node, who) => node.style.setProperty("--who", `var(${variable(who)})`);

function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

// The number of a speaker in a shape: two people of one colour differ in both.
function badge(who) {
  const made = element("span", `badge of-${who === null ? 0 : Math.floor(who / COLOURS) % 4}`, who === null ? "?" : String(who + 1));
  made.setAttribute("aria-hidden", "true");
  paint(made, who);
  return made;
}

function short(ms) {
  const whole = Math.floor(Math.max(0, ms) / 1000);
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`;
}

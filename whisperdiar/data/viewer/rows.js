// The transcript as a list of which only the rows in sight exist: a hundred thousand words scroll like a hundred.

const BEYOND = 700; // pixels above and below the window that are built as well
const NEW_PARAGRAPH_MS = 15000; // after such a pause a speaker is named again

// Heights of rows and the sums before them, both changed and found in log n steps (a Fenwick tree).
class Heights {
  constructor(values) {
    this.values = values;
    this.tree = new Float64Array(values.length + 1);
    for (let i = 1; i <= values.length; i++) {
      this.tree[i] += values[i - 1];
      const parent = i + (i & -i);
      if (parent <= values.length) this.tree[parent] += this.tree[i];
    }
    this.top = 1;
    while (this.top * 2 <= values.length) this.top *= 2;
  }

  set(i, value) {
    const change = value - this.values[i];
    this.values[i] = value;
    for (let k = i + 1; k < this.tree.length; k += k & -k) this.tree[k] += change;
    return change;
  }

  before(i) {
    let sum = 0;
    for (let k = i; k > 0; k -= k & -k) sum += this.tree[k];
    return sum;
  }

  // The row at this distance from the first one's top.
  find(distance) {
    let i = 0, rest = Math.max(0, distance);
    for (let step = this.top; step; step >>= 1) {
      if (i + step < this.tree.length && this.tree[i + step] <= rest) rest -= this.tree[i += step];
    }
    return Math.min(i, this.values.length - 1);
  }
}

class Rows {
  constructor(book, words) {
    this.book = book;
    this.words = words;
    this.list = document.getElementById("rows");
    this.built = new Map();
    this.now = -1;
    this.nowRow = -1;
    this.hits = new Map(); // word → true where it is the match that is looked at
    this.whole = false;
    this.leaving = () => {}; // told of a row that is about to go
    this.estimate();
    let asked = false;
    const soon = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; this.render(); });
    };
    window.addEventListener("scroll", soon, { passive: true });
    let width = this.list.clientWidth;
    new ResizeObserver(() => {
      if (this.list.clientWidth === width) return soon();
      width = this.list.clientWidth;
      this.again();
    }).observe(document.body);
    window.addEventListener("beforeprint", () => this.everything(true));
    window.addEventListener("afterprint", () => this.everything(false));
  }

  isFirst(row) {
    const { book } = this;
    return !row || book.speaker(row) !== book.speaker(row - 1) || book.rowStart[row] - book.rowEnd[row - 1] > NEW_PARAGRAPH_MS;
  }

  // Before a row has been seen its height is guessed from its length.
  estimate() {
    const { book } = this, perLine = Math.max(20, (this.list.clientWidth - 100) / 8.4);
    this.heights = new Heights(Float64Array.from({ length: book.count }, (_, row) => {
      let characters = 0;
      for (let i = book.first[row]; i < book.first[row + 1]; i++) characters += book.texts[i].length;
      return 4 + Math.max(1, Math.ceil(characters / perLine)) * 29 + (this.isFirst(row) ? 50 : 0);
    }));
  }

  // All anew, at the same place: the width, the language or a name has changed.
  again(widthOnly = true) {
    if (this.whole || !this.book.count) return;
    const place = this.place();
    if (widthOnly) this.estimate();
    this.list.replaceChildren();
    this.built.clear();
    this.back(place);
  }

  // Words or passages have changed: rows are others, and the reader stays at the same place.
  renew() {
    this.nowRow = -1;
    if (this.whole) return;
    const place = this.book.count ? this.place() : null;
    this.estimate();
    this.list.replaceChildren();
    this.built.clear();
    this.list.style.padding = "";
    if (place) this.back({ ...place, row: Math.min(place.row, this.book.count - 1) });
  }

  // A row has become higher or lower.
  resized(row) {
    const node = this.built.get(row);
    if (!node) return;
    this.heights.set(row, node.getBoundingClientRect().height);
    this.render();
  }

  // Where the keyboard goes on after a correction: the menu of this row.
  focus(row) {
    (this.built.get(row)?.querySelector(".more") ?? document.getElementById("transcript")).focus({ preventScroll: true });
  }

  top() {
    return this.list.getBoundingClientRect().top + window.scrollY;
  }

  // The first row in sight and how far its top is from the edge of the window.
  place() {
    const row = this.heights.find(window.scrollY + this.edge() - this.top());
    return { row, distance: this.top() + this.heights.before(row) - window.scrollY };
  }

  back({ row, distance }) {
    this.render();
    if (distance < this.edge()) window.scrollTo(0, this.top() + this.heights.before(row) - distance);
    this.render();
  }

  edge() {
    return document.querySelector(".top").offsetHeight;
  }

  render() {
    const { book, heights, list } = this;
    if (this.whole || !book.count) return;
    const from = window.scrollY - this.top();
    const first = heights.find(from - BEYOND), last = heights.find(from + window.innerHeight + BEYOND);
    for (const [row, node] of this.built) {
      if (row < first || row > last) {
        this.leaving(row);
        if (node.contains(document.activeElement)) document.getElementById("transcript").focus({ preventScroll: true });
        node.remove();
        this.built.delete(row);
      }
    }
    const fresh = [];
    let before = null;
    for (let row = last; row >= first; row--) {
      let node = this.built.get(row);
      if (!node) {
        node = this.row(row);
        this.built.set(row, node);
        list.insertBefore(node, before);
        fresh.push([row, node]);
      }
      before = node;
    }
    this.spacers(first, last);
    if (fresh.length) this.measure(fresh, first, last);
  }

  spacers(first, last) {
    this.list.style.paddingTop = `${this.heights.before(first)}px`;
    this.list.style.paddingBottom = `${this.heights.before(this.book.count) - this.heights.before(last + 1)}px`;
  }

  // Real heights in place of guesses; what grows above the window must not push the text in sight away.
  measure(fresh, first, last) {
    const sight = this.heights.find(window.scrollY + this.edge() - this.top());
    const tall = fresh.map(([, node]) => node.getBoundingClientRect().height);
    let above = 0;
    fresh.forEach(([row], i) => {
      const change = this.heights.set(row, tall[i]);
      if (row < sight) above += change;
    });
    this.spacers(first, last);
    if (Math.abs(above) > 0.5) window.scrollBy({ top: above, behavior: "instant" });
  }

  row(row) {
    const { book, words } = this, who = book.speaker(row), first = this.isFirst(row);
    const node = element("li", `row${first ? " first" : ""}${row === this.nowRow ? " now" : ""}`);
    node.setAttribute("aria-setsize", book.count);
    node.setAttribute("aria-posinset", row + 1);
    if (row === this.nowRow) node.setAttribute("aria-current", "true");
    node.dataset.row = row;
    paint(node, who);
    if (first) node.append(this.title(who));
    const time = element("button", "time", short(book.rowStart[row]));
    time.type = "button";
    time.setAttribute("aria-label", `${words.playFrom} ${short(book.rowStart[row])}, ${book.name(who) ?? words.nobody}`);
    const body = element("p", "body");
    body.dir = "auto";
    if (book.data.head.language) body.lang = book.data.head.language;
    if (book.simultaneous(row)) {
      body.append(element("span", "both", words.both));
    }
    const felt = book.emotion(row);
    if (felt !== null && felt !== "neutral") body.append(element("span", "both felt", words[felt] ?? felt));
    if (this.whole) body.append(strip(book.texts.slice(book.first[row], book.first[row + 1]).join("")));
    else for (let i = book.first[row]; i < book.first[row + 1]; i++) this.word(body, i);
    const more = element("button", "more");
    more.type = "button";
    more.title = words.correct;
    more.setAttribute("aria-label", `${words.correct} ${short(book.rowStart[row])}`);
    more.setAttribute("aria-haspopup", "dialog");
    node.append(time, body, more);
    return node;
  }

  title(who) {
    const { book, words } = this, name = book.name(who) ?? words.nobody;
    const title = element("button", "name");
    title.type = "button";
    title.dataset.who = who ?? "";
    title.setAttribute("aria-label", `${name}. ${words.changeSpeaker}`);
    title.setAttribute("aria-haspopup", "dialog");
    title.append(badge(who), element("bdi", "", name));
    return title;
  }

  word(body, i) {
    const { book } = this, text = book.texts[i];
    const bare = text.trimStart();
    const gap = text.slice(0, text.length - bare.length);
    if (gap && body.lastChild) body.append(gap);
    const node = element("span", this.classes(i), bare);
    node.dataset.word = i;
    const other = book.words.second[i];
    if (book.words.flags[i] & OVERLAP && other !== null) node.style.setProperty("--other", `var(${variable(other)})`);
    const remark = this.remark(i);
    if (remark) node.title = remark;
    body.append(node);
  }

  classes(i) {
    const overlap = this.book.words.flags[i] & OVERLAP;
    const hit = this.hits.get(i);
    const { flags, probability } = this.book.words, written = flags[i] & EDITED && probability[i] === SURE; // not one whose speaker alone was set
    return `w${written ? " e" : ""}${this.book.doubts.has(i) ? " u" : ""}${overlap ? " o" : ""}${hit === undefined ? "" : hit ? " hit at" : " hit"}${i === this.now ? " now" : ""}`;
  }

  // What is special about a word, in a sentence: who it may be, who talks too.
  remark(i) {
    const { book, words } = this;
    const name = (who) => (who === null || who === undefined ? null : book.name(who));
    const found = [];
    const doubt = book.doubts.get(i);
    if (doubt !== undefined) {
      const { speaker, second, confidence } = book.uncertain[doubt];
      const people = [name(speaker), name(second)].filter((item) => item !== null);
      found.push(`${words.doubt} (${Math.round(confidence / 10)} %): ${people.join(` ${words.or} `)}`);
    }
    const other = name(book.words.second[i]);
    if (book.words.flags[i] & OVERLAP) found.push(other === null ? words.both : `${words.also}: ${other}`);
    return found.join(". ");
  }

  // Mark the word and the row that are heard.
  mark(word) {
    const row = word < 0 ? -1 : this.book.rowOf[word];
    if (row !== this.nowRow) {
      for (const [item, on] of [[this.nowRow, false], [row, true]]) {
        const node = this.built.get(item);
        node?.classList.toggle("now", on);
        if (on) node?.setAttribute("aria-current", "true");
        else node?.removeAttribute("aria-current");
      }
      this.nowRow = row;
    }
    if (word === this.now) return;
    const before = this.now;
    this.now = word;
    this.repaint([before, word]);
  }

  repaint(changed) {
    for (const word of changed) {
      const node = word < 0 ? null : this.node(word);
      if (node) node.className = this.classes(word);
    }
  }

  node(word) {
    return this.built.get(this.book.rowOf[word])?.querySelector(`[data-word="${word}"]`) ?? null;
  }

  find(hits) {
    const changed = [...this.hits.keys(), ...hits.keys()];
    this.hits = hits;
    this.repaint(changed);
  }

  // Bring a word into sight, a third from the top; what is in sight already stays where it is.
  reveal(word, { always = false } = {}) {
    if (word < 0) return false;
    const row = this.book.rowOf[word];
    const high = this.edge() + 24, low = window.innerHeight - document.querySelector(".dock").offsetHeight - 48;
    const spot = () => {
      const node = this.node(word);
      if (node) return node.getBoundingClientRect();
      const top = this.top() + this.heights.before(row) - window.scrollY;
      return { top, bottom: top + 30 };
    };
    const box = spot();
    if (!always && box.top >= high && box.bottom <= low) return false;
    const aim = high + (low - high) / 3;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!calm && this.node(word) && Math.abs(box.top - aim) < window.innerHeight) {
      window.scrollBy({ top: box.top - aim, behavior: "smooth" });
      return true;
    }
    for (let tries = 0; tries < 4; tries++) { // each look replaces guesses by heights
      window.scrollBy({ top: spot().top - aim, behavior: "instant" });
      this.render();
      if (Math.abs(spot().top - aim) < 2) break;
    }
    return true;
  }

  // Printing needs all rows at once.
  everything(on) {
    if (on === this.whole) return;
    const place = on ? this.place() : this.kept;
    this.kept = place;
    this.whole = on;
    this.built.clear();
    this.list.style.padding = "";
    this.list.replaceChildren(...(on ? Array.from({ length: this.book.count }, (_, row) => this.row(row)) : []));
    if (!on) this.back(place);
  }
}

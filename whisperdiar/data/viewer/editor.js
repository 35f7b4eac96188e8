// Correcting in the page: a word in a field in its place, a passage as a text, and a menu of what can be done with it.
// What is to be done comes from `edits.js`; here is only how people say it.

class Editor {
  constructor(book, rows, { change, pause, rename }) {
    Object.assign(this, { book, rows, change, pause, rename });
    this.words = rows.words;
    this.open = null; // what is being written just now: { row, finish, cancel }
    this.menu = document.getElementById("passage");
    rows.leaving = (row) => { if (this.open?.row === row) this.open.away(); };
    this.menu.addEventListener("toggle", (event) => { if (event.newState === "closed") this.menu.replaceChildren(); });
  }

  get busy() {
    return this.open !== null;
  }

  close() {
    this.open?.finish();
  }

  // ——— A word

  editWord(i) {
    this.close();
    this.pause();
    this.rows.reveal(i);
    const { book, words } = this, node = this.rows.node(i), row = book.rowOf[i];
    if (!node) return;
    const text = strip(book.texts[i]), box = element("span", "writing"), field = this.field("input", text, `${words.editWord} “${text}”`);
    field.size = Math.max(3, [...text].length + 1);
    field.addEventListener("input", () => { field.size = Math.max(3, [...field.value].length + 1); });
    const tools = element("span", "tools-of-word");
    const split = this.button(words.splitHere, () => finish(() => splitBefore(book, i))), gone = this.button(words.deleteWord, () => finish(() => rewrite(book, i, i + 1, "")));
    split.disabled = i === book.segments[book.segmentOf[row]];
    tools.append(split, gone);
    box.append(field, tools);
    const leave = () => { this.open = null; if (box.isConnected) box.replaceWith(node); };
    const finish = (make = () => (strip(field.value) === text ? null : rewrite(book, i, i + 1, field.value)), reveal = true) => {
      if (this.open !== own) return;
      leave();
      this.change(make(), { word: i, said: words.corrected, reveal });
    };
    const away = () => setTimeout(() => finish(undefined, false)); // who has gone elsewhere stays there
    const own = { row, finish, cancel: leave, away };
    node.replaceWith(box);
    this.open = own;
    const beyond = tools.getBoundingClientRect().right - (root.clientWidth - 8);
    if (beyond > 0) tools.style.left = `${-beyond}px`;
    box.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") leave();
      else if (event.key === "Enter" && event.target === field) event.ctrlKey || event.metaKey ? split.click() : finish();
      else return;
      event.preventDefault();
      event.stopPropagation();
      document.getElementById("transcript").focus({ preventScroll: true });
    });
    box.addEventListener("focusout", (event) => { if (!box.contains(event.relatedTarget)) away(); });
    field.focus();
    field.select();
  }

  field(tag, text, named) {
    const made = element(tag);
    made.value = text;
    made.dir = "auto";
    made.spellcheck = true;
    if (this.book.data.head.language) made.lang = this.book.data.head.language;
    made.setAttribute("aria-label", named);
    return made;
  }

  button(text, act, name = "button") {
    const made = element("button", name, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  // ——— A passage as a text

  editPassage(row) {
    this.close();
    this.pause();
    const { book, words, rows } = this, from = book.first[row], to = book.first[row + 1];
    rows.reveal(from);
    const body = rows.built.get(row)?.querySelector(".body");
    if (!body) return;
    const text = strip(book.texts.slice(from, to).join("")).replace(/\s+/gu, " "), box = element("div", "body writing");
    const field = this.field("textarea", text, `${words.editPassage}, ${short(book.rowStart[row])}`);
    const lines = Math.max(2, Math.ceil(text.length / Math.max(20, body.clientWidth / 9)));
    field.rows = Math.min(14, lines + 1);
    const leave = () => {
      this.open = null;
      if (box.isConnected) { box.replaceWith(body); rows.resized(row); }
    };
    const finish = (reveal = true) => {
      if (this.open !== own) return;
      const written = field.value;
      leave();
      this.change(strip(written) === text ? null : rewrite(book, from, to, written), { word: from, said: words.corrected, focus: reveal, reveal });
    };
    const own = { row, finish, cancel: leave, away: () => setTimeout(() => finish(false)) };
    const tools = element("div", "tools-of-passage"), hint = element("span", "small", words.passageHint);
    tools.append(this.button(words.save, () => finish(), "button strong"), this.button(words.cancel, () => { leave(); rows.focus(row); }), hint);
    box.append(field, tools);
    box.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") { leave(); rows.focus(row); }
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) finish();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    body.replaceWith(box);
    this.open = own;
    rows.resized(row);
    field.focus();
  }

  // ——— The menu of a passage, or of all passages under a name

  openMenu(row, anchor, { whole }) {
    this.close();
    const { book, words, menu } = this, first = book.segmentOf[row];
    let last = row;
    if (whole) while (last + 1 < book.count && !this.rows.isFirst(last + 1)) last++;
    const end = book.segmentOf[last] + 1, who = book.parts[first].speaker, word = book.segments[first];
    const title = element("h2", "", end - first > 1 ? `${words.passagesFrom} ${short(book.rowStart[row])} – ${short(book.rowEnd[last])}` : `${words.passageAt} ${short(book.rowStart[row])}`);
    title.id = "passage-title";
    const act = (action, said, at = word) => { menu.hidePopover(); this.change(action, { word: at, said, focus: true }); };
    const choices = element("div", "choices");
    choices.setAttribute("role", "group");
    choices.setAttribute("aria-label", words.whoSpeaks);
    for (const person of [...this.people(), null]) {
      const choice = this.button("", () => act(changeSpeaker(book, first, end, person), `${words.nowSpeaks} ${book.name(person) ?? words.nobody}`), "choice");
      choice.setAttribute("aria-pressed", person === who);
      choice.append(badge(person), element("bdi", "", book.name(person) ?? words.nobody));
      choices.append(choice);
    }
    const fresh = element("div", "fresh"), name = element("input");
    name.placeholder = words.newSpeaker;
    name.setAttribute("aria-label", words.newSpeaker);
    name.dir = "auto";
    const add = () => { if (name.value.trim()) act(this.newPerson(name.value, first, end), `${words.nowSpeaks} ${name.value.trim()}`); };
    name.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); add(); } });
    fresh.append(name, this.button(words.add, add));
    const deeds = element("div", "deeds");
    if (who !== null) deeds.append(this.button(`${words.rename} ${book.name(who)}`, () => { menu.hidePopover(); this.rename(who); }, ""));
    deeds.append(this.button(words.editText, () => { menu.hidePopover(); this.editPassage(row); }, ""));
    const up = this.button(words.mergeBefore, () => act(mergeBefore(book, first), words.merged, book.segments[first - 1]), "");
    const down = this.button(words.mergeNext, () => act(mergeBefore(book, end), words.merged), "");
    up.disabled = first === 0;
    down.disabled = end >= book.parts.length;
    deeds.append(up, down);
    menu.replaceChildren(title, element("p", "small", words.whoSpeaks), choices, fresh, deeds);
    menu.showPopover();
    this.place(anchor.getBoundingClientRect());
    (choices.querySelector("[aria-pressed=true]") ?? choices.firstChild).focus({ preventScroll: true });
  }

  // Who may have said it: everybody whom the list of speakers shows.
  people() {
    return figuresOf(this.book).people.map((item) => item.who);
  }

  newPerson(text, first, end) {
    const { book } = this, name = text.trim().split(/\s+/u).join(" ");
    const known = book.labels.findIndex((_, who) => book.name(who) === name);
    if (known >= 0) return changeSpeaker(book, first, end, known);
    return [{ kind: "person", label: freeLabel(book), name }, ...changeSpeaker(book, first, end, book.labels.length)];
  }

  // Beside what it belongs to, inside the window; on a small screen at its bottom edge, as the style sheet has it.
  place(box) {
    const { menu } = this, { offsetWidth: width, offsetHeight: height } = menu;
    if (matchMedia("(max-width: 44rem)").matches) { menu.style.left = menu.style.top = ""; return; }
    menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    const below = box.bottom + 6;
    menu.style.top = `${Math.max(8, below + height <= innerHeight - 8 ? below : Math.min(box.top - height - 6, innerHeight - height - 8))}px`;
  }
}

// ——— Kept in the browser

const DIGESTS = [0x811c9dc5, 0x9747b28c]; // beginnings of two hashes of 32 bits (FNV-1a)

// What tells this transcript from another one of the same recording.
function digest(data) {
  const text = JSON.stringify([data.head, data.labels, data.segments, data.words, data.turns]);
  return DIGESTS.map((begin) => {
    let hash = begin;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, "0");
  }).join("");
}

const PREFIX = "whisperdiar.corrections.";

// Corrections of this transcript in the browser's store, which a page from a disk may lack.
class Store {
  constructor(data) {
    this.data = data;
  }

  get key() {
    this.made ??= `${PREFIX}${this.data.head.recording_id}.${digest(this.data)}`;
    return this.made;
  }

  read() {
    try {
      const any = Object.keys(localStorage).some((key) => key.startsWith(`${PREFIX}${this.data.head.recording_id}.`));
      return any ? localStorage.getItem(this.key) : null; // the digest of a long transcript is made only where it is needed
    } catch { return null; }
  }

  // Whether it could be kept.
  write(history) {
    try {
      if (history.done.length) localStorage.setItem(this.key, history.toJson());
      else if (this.made) localStorage.removeItem(this.made); // without a key there is nothing to remove
      return true;
    } catch { return false; }
  }
}

// Corrections: what a person changes in words, speakers and passages, how it is undone, and what follows from it for
// turns and deleted words. A correction is a list of commands, plain JSON: it is kept in the browser as it is.

const PER_CHARACTER_MS = 65; // how long an added word takes, where there is room
const JOINED_MS = 500; // words of one speaker that no turn covers share a new one up to so far apart
const SURE = 1000; // thousandths: what a person said is certain
const OVERLAP = 1, EDITED = 2, SIMULTANEOUS = 1; // flags of words and segments
const DELETED = "deleted by a person";
const MOST_CELLS = 4e6; // of the table that compares two texts

// ——— Commands

const COMMANDS = {
  // Segments in place of others: `at` is the first, `remove` how many go.
  splice(book, { at: first, remove, add }) {
    const from = book.segments[first], to = book.segments[first + remove];
    const before = { kind: "splice", at: first, remove: add.length, add: segmentsOf(book, first, first + remove) };
    const fresh = add.flatMap((part) => part.words);
    FIELDS.forEach((field, k) => {
      const column = book.words[field];
      book.words[field] = [...column.slice(0, from), ...fresh.map((word) => word[k]), ...column.slice(to)];
    });
    const made = add.map((part) => ({ speaker: part.speaker, flags: part.flags, words: part.words.length }));
    book.parts = [...book.parts.slice(0, first), ...made, ...book.parts.slice(first + remove)];
    book.segments = [0];
    for (const part of book.parts) book.segments.push(book.segments.at(-1) + part.words);
    return before;
  },

  name(book, { who, name, renamed }) {
    const before = { kind: "name", who, name: book.names[who], renamed: book.renamed.has(who) };
    book.names[who] = name;
    if (renamed) book.renamed.add(who);
    else book.renamed.delete(who);
    return before;
  },

  // A new person, behind all others; a label without a name takes the last one away.
  person(book, { label: added, name }) {
    if (added !== null) {
      for (const [list, value] of [[book.labels, added], [book.names, name], [book.given, name]]) list.push(value);
      book.renamed.add(book.labels.length - 1);
      return { kind: "person", label: null, name: null };
    }
    const who = book.labels.length - 1, before = { kind: "person", label: book.labels[who], name: book.names[who] };
    for (const list of [book.labels, book.names, book.given]) list.pop();
    book.renamed.delete(who);
    return before;
  },
};

const isSplice = (command) => command.kind === "splice";

class History {
  constructor(book) {
    this.book = book;
    this.done = []; // { action, inverse, corrections }
    this.undone = [];
    this.saved = 0; // how many corrections the last download held
  }

  // Run a correction; returns whether there was anything to do.
  run(action) {
    if (!action?.length) return false;
    if (this.saved > this.done.length) this.saved = -1; // what was downloaded can no longer be come back to
    this.undone = [];
    this.done.push(this.apply(action, 1));
    return true;
  }

  undo() {
    const last = this.done.pop();
    if (!last) return null;
    this.apply(last.inverse, -1);
    this.undone.push(last.action);
    return last.action;
  }

  redo() {
    const next = this.undone.pop();
    if (!next) return null;
    this.done.push(this.apply(next, 1));
    return next;
  }

  apply(action, step) {
    const { book } = this;
    const inverse = action.map((command) => COMMANDS[command.kind](book, command)).reverse();
    const corrections = action.some(isSplice) ? step : 0;
    this.corrections = (this.corrections ?? 0) + corrections;
    book.corrected = this.corrections > 0;
    book.lay();
    return { action, inverse };
  }

  get unsaved() {
    return this.done.length !== this.saved;
  }

  // As it is kept in the browser.
  toJson() {
    return JSON.stringify({ version: 1, saved: this.saved, actions: this.done.map((item) => item.action) });
  }
}

// The history that a browser kept, run again; throws where it cannot be one of this transcript.
function restoreHistory(book, text) {
  const kept = JSON.parse(text), history = new History(book);
  if (kept.version !== 1 || !Array.isArray(kept.actions)) throw new TypeError("no corrections of this page");
  for (const action of kept.actions) {
    let added = 0; // people whom the same action has brought in before
    for (const command of action) {
      checkCommand(book, command, added);
      added += command.kind === "person";
    }
    history.run(action);
  }
  history.saved = Number.isInteger(kept.saved) ? kept.saved : 0;
  return history;
}

function checkCommand(book, command, added) {
  const whole = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;
  const speaker = (who) => who === null || whole(who, 0, book.labels.length - 1 + added);
  const word = (item) => {
    if (!Array.isArray(item) || item.length !== FIELDS.length) return false;
    const [text, start, end, probability, confidence, who, second, flags, source, kept, replaced] = item;
    const last = book.homes.length - 1;
    return typeof text === "string" && whole(start, 0, 1e12) && whole(end, start, 1e12) && speaker(who) && speaker(second) && whole(flags, 0, 3)
      && [probability, confidence].every((value) => value === null || Number.isFinite(value)) && whole(source, -1, last)
      && typeof kept === "boolean" && (replaced === null || (Array.isArray(replaced) && replaced.every((place) => whole(place, 0, last))));
  };
  const segment = (item) => speaker(item.speaker) && whole(item.flags, 0, 3) && item.words.length > 0 && item.words.every(word);
  const good = {
    splice: () => whole(command.at, 0, book.parts.length) && whole(command.remove, 0, book.parts.length - command.at) && command.add.every(segment),
    name: () => whole(command.who, 0, book.labels.length - 1 + added) && typeof command.name === "string" && typeof command.renamed === "boolean",
    person: () => typeof command.label === "string" && typeof command.name === "string" && !book.labels.includes(command.label),
  };
  if (!Object.hasOwn(good, command.kind) || !good[command.kind]()) throw new TypeError("no correction of this transcript");
}

// ——— What people do

const wordOf = (book, i) => FIELDS.map((field) => book.words[field][i]);

function segmentsOf(book, from, to) {
  return book.parts.slice(from, to).map((part, k) => ({
    speaker: part.speaker, flags: part.flags,
    words: Array.from({ length: part.words }, (_, i) => wordOf(book, book.segments[from + k] + i)),
  }));
}

const FIELD = Object.fromEntries(FIELDS.map((name, k) => [name, k]));

// The words with another speaker, as a person set it; those that were theirs already stay.
function given(words, before, speaker) {
  return words.map((old) => {
    if (old[FIELD.speaker] === speaker && before === speaker) return old;
    const word = [...old];
    const overlap = Boolean(old[FIELD.flags] & OVERLAP);
    const second = old[FIELD.second] !== speaker ? old[FIELD.second] : before;
    word[FIELD.speaker] = speaker;
    word[FIELD.confidence] = speaker === null ? null : SURE;
    word[FIELD.second] = overlap ? second : null;
    word[FIELD.flags] = EDITED | (overlap && word[FIELD.second] !== null ? OVERLAP : 0);
    word[FIELD.kept] = false;
    return word;
  });
}

const marked = (part) => ({ ...part, flags: (part.flags & SIMULTANEOUS) | EDITED });

// Segments from one to another (not included) said by somebody else.
function changeSpeaker(book, from, to, speaker) {
  const parts = segmentsOf(book, from, to);
  if (parts.every((part) => part.speaker === speaker)) return null;
  const add = parts.map((part) => (part.speaker === speaker ? part : marked({ ...part, speaker, words: given(part.words, part.speaker, speaker) })));
  return [{ kind: "splice", at: from, remove: to - from, add }];
}

// Part a segment before a word.
function splitBefore(book, word) {
  const segment = book.segmentOf[book.rowOf[word]], place = word - book.segments[segment];
  const [part] = segmentsOf(book, segment, segment + 1);
  if (place <= 0) return null;
  const add = [part.words.slice(0, place), part.words.slice(place)].map((words) => marked({ ...part, words }));
  return [{ kind: "splice", at: segment, remove: 1, add }];
}

// Make one of a segment and the one before; who spoke first speaks.
function mergeBefore(book, segment) {
  if (segment <= 0 || segment >= book.parts.length) return null;
  const [left, right] = segmentsOf(book, segment - 1, segment + 1);
  const words = given(right.words, right.speaker, left.speaker);
  if (isSpaced(book) && !/^\s/u.test(words[0][FIELD.text]) && !/\s$/u.test(left.words.at(-1)[FIELD.text])) words[0] = spacedWord(words[0]);
  const flags = ((left.flags | right.flags) & SIMULTANEOUS) | EDITED;
  return [{ kind: "splice", at: segment - 1, remove: 2, add: [{ speaker: left.speaker, flags, words: [...left.words, ...words] }] }];
}

function spacedWord(word) {
  const made = [...word];
  made[FIELD.text] = ` ${word[FIELD.text]}`;
  return made;
}

// Whether words begin with their space, as in most scripts.
const isSpaced = (book) => 2 * book.texts.filter((text) => /^\s/u.test(text)).length > book.texts.length;

function freeLabel(book) {
  for (let number = 0; ; number++) {
    const made = `SPEAKER_${String(number).padStart(2, "0")}`;
    if (!book.labels.includes(made)) return made;
  }
}

// ——— Other words

// The words from one to another (not included) of one segment say this text. An empty one deletes them; a line break
// begins a new passage.
function rewrite(book, from, to, text) {
  const segment = book.segmentOf[book.rowOf[from]], first = book.segments[segment];
  const [part] = segmentsOf(book, segment, segment + 1);
  const before = part.words.slice(0, from - first), after = part.words.slice(to - first), old = part.words.slice(from - first, to - first);
  const tokens = text.split(/[\r\n\u2028\u2029]+/).map((line) => line.split(/\s+/u).filter(Boolean)).filter((line) => line.length)
    .flatMap((line, k) => line.map((token, i) => ({ text: token, opens: k > 0 && i === 0 })));
  const said = compared(units(old), tokens);
  if (said.length && before.length && !/^\s/u.test(old[0][FIELD.text])) said[0].spaced = false; // it goes on where no space is
  if (said.every(({ word, opens }) => word && !opens) && said.length === old.length) return null;
  const made = placed(book, said, { before, after, segment, part });
  const pieces = [[...before]];
  made.forEach((word, k) => { if (said[k].opens && pieces.at(-1).length) pieces.push([word]); else pieces.at(-1).push(word); });
  pieces.at(-1).push(...after);
  const add = pieces.filter((words) => words.length).map((words) => marked({ ...part, words }));
  return [{ kind: "splice", at: segment, remove: 1, add }];
}

// Words that no white space parts, such as those of Chinese, are one unit; what cannot be seen belongs to the one before.
function units(words) {
  const made = [];
  let apart = true, waiting = [];
  for (const word of words) {
    const text = word[FIELD.text];
    if (!text.trim()) {
      (made.at(-1)?.words ?? waiting).push(word);
      apart = apart || text !== "";
      continue;
    }
    if (apart || /^\s/u.test(text)) { made.push({ words: [...waiting, word], text }); waiting = []; }
    else { made.at(-1).words.push(word); made.at(-1).text += text; }
    apart = /\s$/u.test(text);
  }
  return made.map((unit) => ({ ...unit, tokens: unit.text.trim().split(/\s+/u) }));
}

// What becomes of the old words: of every word of the new text either { word } that stays, or { text, replaced }.
// `opens` says that a passage begins there, `spaced` that white space comes before it.
function compared(old, tokens) {
  const flat = old.flatMap((unit, k) => unit.tokens.map((text) => ({ text, unit: k })));
  const matches = new Map(common(flat.map((item) => item.text), tokens.map((token) => token.text)));
  const stays = []; // units all of whose tokens are there, one after the other
  let place = 0;
  old.forEach((unit, k) => {
    const right = matches.get(place);
    const whole = right !== undefined && unit.tokens.every((_, n) => matches.get(place + n) === right + n && !(n && tokens[right + n].opens));
    if (whole) stays.push([k, right, unit.tokens.length]);
    place += unit.tokens.length;
  });
  const said = [];
  let i = 0, j = 0;
  for (const [unit, right, length] of [...stays, [old.length, tokens.length, 0]]) {
    said.push(...changedRun(old.slice(i, unit), tokens.slice(j, right)));
    if (unit < old.length) old[unit].words.forEach((word, k) => said.push({ word, opens: k === 0 && tokens[right].opens, spaced: k === 0 }));
    [i, j] = [unit + 1, right + length];
  }
  return said;
}

// Pairs of equal texts, in order, as many as there can be; of texts too long to compare, those at both ends.
function common(left, right) {
  let start = 0, end = 0;
  while (start < Math.min(left.length, right.length) && left[start] === right[start]) start++;
  while (end < Math.min(left.length, right.length) - start && left.at(-1 - end) === right.at(-1 - end)) end++;
  const a = left.slice(start, left.length - end), b = right.slice(start, right.length - end);
  const pairs = Array.from({ length: start }, (_, k) => [k, k]);
  if (a.length * b.length <= MOST_CELLS) {
    const width = b.length + 1, most = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        most[i * width + j] = a[i] === b[j] ? most[(i + 1) * width + j + 1] + 1 : Math.max(most[(i + 1) * width + j], most[i * width + j + 1]);
      }
    }
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (a[i] === b[j]) pairs.push([start + i++, start + j++]);
      else if (most[(i + 1) * width + j] >= most[i * width + j + 1]) i++;
      else j++;
    }
  }
  for (let k = end; k > 0; k--) pairs.push([left.length - k, right.length - k]);
  return pairs;
}

// Between two places where nothing changed: as many units as before replace one each, others all together.
function changedRun(old, tokens) {
  if (old.length === tokens.length) return old.flatMap((unit, k) => changedUnit(unit, tokens[k]));
  const replaced = old.flatMap((unit) => unit.words);
  return tokens.map((token) => ({ text: token.text, opens: token.opens, spaced: true, replaced }));
}

// Of a unit of several words those at both ends that are still there stay.
function changedUnit(unit, token) {
  const texts = unit.words.map((word) => word[FIELD.text].trim());
  let rest = token.text, first = 0, last = texts.length;
  if (texts.length > 1) {
    while (first < last && rest.startsWith(texts[first])) rest = rest.slice(texts[first++].length);
    while (last > first && rest.endsWith(texts[last - 1])) rest = rest.slice(0, rest.length - texts[--last].length);
  }
  const made = [
    ...unit.words.slice(0, first).map((word) => ({ word })), ...(rest ? [{ text: rest, replaced: unit.words.slice(first, last) }] : []),
    ...unit.words.slice(last).map((word) => ({ word })),
  ];
  if (made.length) Object.assign(made[0], { opens: token.opens, spaced: true });
  return made;
}

// New words get a time: that of what they replace, shared by their length, or what room there is.
function placed(book, said, { before, after, segment, part }) {
  const spaced = isSpaced(book), made = [];
  const next = book.segments[segment + 1] < book.texts.length ? book.starts[book.segments[segment + 1]] : book.duration;
  for (let i = 0; i < said.length;) {
    const item = said[i];
    if (item.word) { made.push(item.spaced && needsSpace(made.at(-1) ?? before.at(-1), item, spaced) ? spacedWord(item.word) : item.word); i++; continue; }
    let end = i + 1;
    while (end < said.length && !said[end].word && said[end].replaced === item.replaced) end++;
    const run = said.slice(i, end), replaced = item.replaced;
    const left = made.at(-1) ?? before.at(-1), right = said.slice(end).find((other) => other.word)?.word ?? after[0];
    const spans = replaced.length ? sharedSpans(run, replaced) : insertedSpans(run, left, right, next);
    run.forEach((other, k) => made.push(newWord(other, spans[k], part.speaker, needsSpace(made.at(-1) ?? before.at(-1), other, spaced))));
    i = end;
  }
  return made;
}

// Whether a space goes before a word; the first word of a passage has one where words have it in this transcript.
function needsSpace(last, item, spaced) {
  if (!item.spaced) return false;
  const text = item.word ? item.word[FIELD.text] : item.text;
  if (/^\s/u.test(text)) return false;
  if (!item.word && item.replaced.length && (item.opens || !last)) return /^\s/u.test(item.replaced[0][FIELD.text]);
  if (item.opens || !last) return item.word ? false : spaced;
  return !/\s$/u.test(last[FIELD.text]);
}

function sharedSpans(run, replaced) {
  if (run.length === replaced.length) return replaced.map((word) => [word[FIELD.start], word[FIELD.end]]);
  const start = Math.min(...replaced.map((word) => word[FIELD.start])), end = Math.max(...replaced.map((word) => word[FIELD.end]));
  return shares(run, start, end);
}

function insertedSpans(run, left, right, next) {
  const wanted = PER_CHARACTER_MS * run.reduce((sum, item) => sum + [...item.text].length, 0);
  const following = right ? right[FIELD.start] : next;
  const start = left ? left[FIELD.end] : Math.max(0, following - wanted);
  const until = Math.max(start, following);
  return shares(run, start, Math.min(until, start + wanted));
}

function shares(run, start, end) {
  const lengths = run.map((item) => [...item.text].length), all = lengths.reduce((a, b) => a + b, 0);
  let sum = 0;
  const point = (part) => Math.round(start + ((end - start) * part) / all);
  return lengths.map((length) => [point(sum), point(sum += length)]);
}

function newWord(item, [start, end], speaker, space) {
  const { replaced } = item;
  const known = replaced.filter((word) => word[FIELD.speaker] === speaker && word[FIELD.confidence] !== null).map((word) => word[FIELD.confidence]);
  const over = replaced.find((word) => word[FIELD.flags] & OVERLAP && word[FIELD.second] !== null && word[FIELD.second] !== speaker);
  const places = replaced.flatMap((word) => (word[FIELD.source] >= 0 ? [word[FIELD.source]] : word[FIELD.replaced] ?? []));
  return [
    `${space ? " " : ""}${item.text}`, start, end, SURE, speaker === null ? null : known.length ? Math.min(...known) : SURE, speaker,
    over ? over[FIELD.second] : null, EDITED | (over ? OVERLAP : 0), -1, false, places.length ? places : null,
  ];
}

// ——— What follows

// Runs of words that are nowhere any more, nor anything in their place.
function deletedPassages(book) {
  if (!book.corrected) return [];
  const there = new Set([...book.words.source, ...book.words.replaced.flatMap((places) => places ?? [])]);
  const { text } = book.data.words, { starts, ends } = times(book.data.words, text.length);
  const found = [];
  let last = -2;
  for (let i = 0; i < text.length; i++) {
    if (there.has(i) || !text[i].trim()) continue;
    if (i !== last + 1) found.push({ start: Infinity, end: 0, text: "", reason: DELETED });
    const run = found.at(-1);
    Object.assign(run, { start: Math.min(run.start, starts[i]), end: Math.max(run.end, ends[i]), text: run.text + text[i] });
    last = i;
  }
  return found.map((run) => ({ ...run, start: run.start / 1000, end: run.end / 1000, text: strip(run.text) }));
}

// The diarizer's turns with every word in a turn of its speaker, as `apply` makes them. A turn all of whose words went to
// another speaker goes there; one that lost a part is cut in the pauses; words without a turn get one.
function correctTurns(book) {
  const { words, parts, segments, homes } = book, said = [];
  parts.forEach((part, k) => {
    for (let i = segments[k]; i < segments[k + 1]; i++) {
      const from = words.source[i] >= 0 ? words.source[i] : words.replaced[i]?.[0] ?? -1;
      const [start, end] = [words.start[i], words.end[i]];
      said.push({ start, end, middle: (start + end) / 2, before: from < 0 ? null : homes[from], after: part.speaker });
    }
  });
  said.sort((a, b) => a.middle - b.middle);
  const bySpeaker = Map.groupBy(said.filter((word) => word.before !== null), (word) => word.before);
  const made = book.diarized.flatMap((turn) => {
    const own = bySpeaker.get(turn.speaker) ?? [];
    return dividedTurn(turn, own.slice(firstFrom(own, turn.start), firstFrom(own, turn.end)));
  });
  made.push(...missingTurns(made, said));
  const by = (who) => book.labels[who];
  return made.sort((a, b) => a.start - b.start || a.end - b.end || (by(a.speaker) < by(b.speaker) ? -1 : by(a.speaker) > by(b.speaker) ? 1 : 0));
}

function firstFrom(said, ms) {
  let low = 0, high = said.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (said[middle].middle < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function dividedTurn(turn, said) {
  if (said.every((word) => word.after === turn.speaker)) return [turn];
  const runs = [];
  for (const word of said) {
    if (runs.length && runs.at(-1)[0].after === word.after) runs.at(-1).push(word);
    else runs.push([word]);
  }
  const cuts = [turn.start];
  for (let k = 1; k < runs.length; k++) {
    const cut = (runs[k - 1].reduce((most, word) => Math.max(most, word.end), 0) + runs[k][0].start) / 2;
    cuts.push(Math.min(Math.max(Math.round(cut), cuts.at(-1)), turn.end));
  }
  cuts.push(turn.end);
  return runs.map((run, k) => ({ ...turn, start: cuts[k], end: cuts[k + 1], speaker: run[0].after }))
    .filter((part) => part.speaker !== null && part.end > part.start)
    .map((part) => (part.speaker === turn.speaker || turn.confidence === null ? part : { ...part, confidence: SURE }));
}

function missingTurns(turns, said) {
  const own = Map.groupBy(turns, (turn) => turn.speaker), lonely = new Map();
  for (const { start, end, middle, before, after } of said) {
    if (after === null || after === before || start === end) continue;
    if ((own.get(after) ?? []).some((turn) => turn.start <= middle && middle < turn.end)) continue;
    if (!lonely.has(after)) lonely.set(after, []);
    lonely.get(after).push([start, end]);
  }
  return [...lonely].flatMap(([speaker, spans]) => joined(spans, JOINED_MS).map(([start, end]) => ({ start, end, speaker, channel: 1, confidence: null })));
}

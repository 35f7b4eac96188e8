// The transcript: columns from the page's data, who is called what, and the files that are made of it.

const at = (column, i) => (Array.isArray(column) ? column[i] : column);

function times(part, count) {
  const starts = new Float64Array(count), ends = new Float64Array(count);
  for (let i = 0, ms = 0; i < count; i++) {
    ms += at(part.step, i);
    starts[i] = ms;
    ends[i] = ms + at(part.length, i);
  }
  return { starts, ends };
}

const LONGEST_ROW = 150; // words; a longer segment is shown as several rows, so that no row is too much to build

// What is known of every word, in the order of the tuples that corrections are kept as. `source` is the place of the word
// in the transcript that the page was made with (-1: a person wrote it), `kept` whether it is untouched, `replaced` the
// words in whose place it stands.
const FIELDS = ["text", "start", "end", "probability", "confidence", "speaker", "second", "flags", "source", "kept", "replaced"];

class Transcript {
  constructor(data) {
    this.data = data;
    const { text } = data.words, { starts, ends } = times(data.words, text.length);
    const spread = (column) => (Array.isArray(column) ? [...column] : Array(text.length).fill(column));
    this.words = {
      text: [...text], start: Array.from(starts), end: Array.from(ends), probability: spread(data.words.probability),
      confidence: spread(data.words.confidence), speaker: spread(data.words.speaker), second: spread(data.words.second),
      flags: spread(data.words.flags), source: [...text.keys()], kept: Array(text.length).fill(true), replaced: Array(text.length).fill(null),
    };
    this.parts = []; // the segments: who speaks, flags, number of words
    for (let word = 0; word < text.length; word += this.parts.at(-1).words) {
      const part = this.parts.length, { segments } = data;
      this.parts.push({ speaker: at(segments.speaker, part) ?? null, flags: at(segments.flags, part), words: at(segments.words, part) });
    }
    this.homes = this.parts.flatMap((part) => Array(part.words).fill(part.speaker)); // who said a word at first
    const { uncertain } = data, spans = times(uncertain, uncertain.count);
    this.uncertain = Array.from({ length: uncertain.count }, (_, i) => ({
      word: at(uncertain.word, i), start: spans.starts[i], end: spans.ends[i], speaker: at(uncertain.speaker, i) ?? null,
      second: at(uncertain.second, i) ?? null, confidence: at(uncertain.confidence, i),
    }));
    this.diarized = turnsOf(data.turns);
    this.labels = [...data.labels];
    const given = new Map([...data.head.speakers].reverse().map((item) => [item.id, item.name]));
    this.given = data.labels.map((label) => given.get(label) ?? label);
    this.names = [...this.given];
    this.renamed = new Set();
    this.corrected = false; // whether words, speakers or passages are other than they were
    this.speakerWord = "Speaker";
    this.start = (data.head.start ?? 0) * 1000;  // of the part of the recording that was read
    this.duration = [...this.words.end, ...this.diarized.map((turn) => turn.end)].reduce((most, ms) => Math.max(most, ms), data.head.duration * 1000);
    this.lay();
  }

  // What follows from words and segments: where rows begin, when they are, in which order words are heard.
  lay() {
    const { words } = this, count = words.text.length;
    this.texts = words.text;
    this.starts = words.start;
    this.ends = words.end;
    this.segments = [0]; // of every segment the first word; one more for the end
    for (const part of this.parts) this.segments.push(this.segments.at(-1) + part.words);
    this.first = []; // the same of every row that is shown, and the segment that it is of
    this.segmentOf = [];
    for (let segment = 0; segment < this.parts.length; segment++) {
      const [from, to] = [this.segments[segment], this.segments[segment + 1]];
      const pieces = Math.ceil((to - from) / LONGEST_ROW);
      for (let piece = 0; piece < pieces; piece++) {
        this.first.push(from + Math.floor(((to - from) * piece) / pieces));
        this.segmentOf.push(segment);
      }
    }
    this.count = this.first.length;
    this.first.push(count);
    this.rowOf = new Int32Array(count);
    this.rowStart = new Float64Array(this.count);
    this.rowEnd = new Float64Array(this.count);
    for (let row = 0; row < this.count; row++) {
      const [from, to] = [this.first[row], this.first[row + 1]];
      this.rowOf.fill(row, from, to);
      [this.rowStart[row], this.rowEnd[row]] = this.span(from, to);
    }
    this.order = Int32Array.from(this.texts.keys()).sort((a, b) => this.starts[a] - this.starts[b] || a - b);
    this.doubts = new Map(); // word → its place in the list of doubtful words
    const places = this.corrected ? this.places() : null;
    this.uncertain.forEach((item, i) => {
      const word = places ? places.get(item.word) ?? -1 : item.word;
      if (word >= 0 && word < count) this.doubts.set(word, i);
    });
    this.doubtful = [...this.doubts.keys()].sort((a, b) => a - b);
    this.turns = this.corrected ? correctTurns(this) : this.diarized;
  }

  // Where words that nobody touched were at first → where they are.
  places() {
    const found = new Map(), { source, kept } = this.words;
    source.forEach((from, word) => { if (kept[word]) found.set(from, word); });
    return found;
  }

  // When words are spoken, from the first start to the last end.
  span(from, to) {
    let start = Infinity, end = -Infinity;
    for (let i = from; i < to; i++) { start = Math.min(start, this.starts[i]); end = Math.max(end, this.ends[i]); }
    return [start, end];
  }

  speaker(row) {
    return this.parts[this.segmentOf[row]].speaker;
  }

  simultaneous(row) {
    return Boolean(this.parts[this.segmentOf[row]].flags & 1);
  }

  // The emotion that is heard in most of a row; null where none was looked for.
  emotion(row) {
    const felt = new Map(), [start, end] = [this.rowStart[row] / 1000, this.rowEnd[row] / 1000];
    for (const item of this.data.head.emotions ?? []) {
      const length = Math.min(end, item.end) - Math.max(start, item.start);
      if (length > 0) felt.set(item.emotion, (felt.get(item.emotion) ?? 0) + length);
    }
    return [...felt].reduce((most, item) => (item[1] > most[1] ? item : most), [null, 0])[0];
  }

  // What a reader calls somebody: a label that the diarizer gave is a number to a reader.
  name(who) {
    if (who === null) return null;
    const named = this.names[who].trim() ? this.names[who] : this.labels[who];
    const number = named === this.labels[who] ? /^SPEAKER_([0-9]+)$/.exec(named) : null;
    return number ? `${this.speakerWord} ${Number(number[1]) + 1}` : named;
  }

  // As the library cleans a name; an empty one gives the label back.
  rename(who, text) {
    this.names[who] = text.trim().split(/\s+/u).join(" ") || this.labels[who];
    this.renamed.add(who);
  }

  // Subtitles as the command cut them; of a corrected transcript, as the page does.
  cues() {
    return this.corrected ? cutCues(this) : this.data.cues;
  }

  // The last word that has begun at this time, in the order of time; -1 before the first.
  wordAt(ms) {
    let low = 0, high = this.order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[this.order[middle]] <= ms) low = middle + 1;
      else high = middle;
    }
    return low ? this.order[low - 1] : -1;
  }
}

// The turns of a page's data as records; speakers are places in the list of labels.
function turnsOf(part) {
  const { starts, ends } = times(part, part.count);
  return Array.from(starts, (start, i) => ({
    start, end: ends[i], speaker: at(part.speaker, i), channel: at(part.channel, i), confidence: at(part.confidence, i) ?? null,
  }));
}

const label = (book, who) => (who === null || who === undefined ? null : book.labels[who]);
const share = (thousandths) => (thousandths === null || thousandths === undefined ? null : thousandths / 1000);

function wordRecord(book, i) {
  const { words } = book, second = words.second[i], flags = words.flags[i];
  return {
    text: words.text[i], start: words.start[i] / 1000, end: words.end[i] / 1000, probability: share(words.probability[i]),
    speaker: label(book, words.speaker[i]), speaker_confidence: share(words.confidence[i]),
    ...(second === null ? {} : { second_speaker: label(book, second) }), ...flagsOf(flags, "overlap"),
  };
}

const flagsOf = (flags, low) => ({ ...(flags & 1 ? { [low]: true } : {}), ...(flags & 2 ? { edited: true } : {}) });

// What Python takes for white space at the ends of a text: a segment's text must be its words, stripped there.
const strip = (text) => text.replace(/^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/gu, "");

// The JSON of whisperdiar, with the names and the corrections of the page: `whisperdiar convert` and `apply` read it.
function makeJson(book) {
  const { data } = book;
  const parts = Object.entries({ ...data.head, speakers: speakerList(book) }).map(([key, value]) =>
    `  ${JSON.stringify(key)}: ${key === "speakers" ? lines(value.map((item) => JSON.stringify(item)), "    ") : JSON.stringify(value)}`);
  const segments = book.parts.map((part, segment) => {
    const from = book.segments[segment], to = book.segments[segment + 1], [start, end] = book.span(from, to);
    const words = Array.from({ length: to - from }, (_, i) => JSON.stringify(wordRecord(book, from + i)));
    const head = {
      speaker: label(book, part.speaker), start: start / 1000, end: end / 1000,
      text: strip(book.texts.slice(from, to).join("")), ...flagsOf(part.flags, "simultaneous"),
    };
    return `${JSON.stringify(head).slice(0, -1)},"words":${lines(words, "      ")}}`;
  });
  const records = (items, make) => lines(items.map((item) => JSON.stringify(make(book, item))), "    ");
  parts.push(`  "segments": ${lines(segments, "    ")}`, `  "turns": ${records(book.turns, turnRecord)}`);
  parts.push(`  "dropped": ${lines([...data.dropped, ...deletedPassages(book)].map((item) => JSON.stringify(item)), "    ")}`);
  parts.push(`  "uncertain": ${records(doubtsNow(book), doubtRecord)}`);
  parts.push(`  "provenance": ${data.provenance}`);
  return `{\n${parts.join(",\n")}\n}\n`;
}

// The list of speakers: new people are added, those to whom a correction left nothing are gone.
function speakerList(book) {
  const { head } = book.data, listed = new Set(head.speakers.map((item) => item.id));
  const used = new Set([...book.parts, ...book.turns].map((item) => label(book, item.speaker)));
  const lost = new Set(book.corrected ? book.homes.map((who) => label(book, who)) : []);
  const kept = head.speakers.filter((item) => used.has(item.id) || !lost.has(item.id)).map((item) => ({ id: item.id, name: changed(book, item) }));
  for (const who of book.renamed) {
    const id = book.labels[who], added = who >= book.data.labels.length;
    if (!listed.has(id) && (used.has(id) || !added)) kept.push({ id, name: book.names[who] });
  }
  return kept;
}

// The page's data with the corrections in it, in the form of `page_data`.
function packed(book) {
  const { data, words, parts, turns } = book;
  const column = (values) => (values.length && values.every((value) => value === values[0]) ? values[0] : values);
  const of = (items, key) => column(items.map((item) => item[key]));
  const spans = (starts, ends) => ({
    step: column(starts.map((start, i) => start - (i ? starts[i - 1] : 0))), length: column(starts.map((start, i) => ends[i] - start)),
  });
  const spansOf = (items) => spans(items.map((item) => item.start), items.map((item) => item.end));
  const doubts = doubtsNow(book), { people, speech, overlap, answers } = figuresOf(book);
  return {
    ...data,
    head: { ...data.head, speakers: speakerList(book) },
    labels: book.labels,
    dropped: [...data.dropped, ...deletedPassages(book)],
    segments: { speaker: of(parts, "speaker"), words: of(parts, "words"), flags: of(parts, "flags") },
    words: {
      text: words.text, ...spans(words.start, words.end), probability: column(words.probability), confidence: column(words.confidence),
      speaker: column(words.speaker), second: column(words.second), flags: column(words.flags),
    },
    turns: {
      count: turns.length, ...spansOf(turns), speaker: of(turns, "speaker"), channel: of(turns, "channel"), confidence: of(turns, "confidence"),
    },
    uncertain: {
      count: doubts.length, ...spansOf(doubts), word: of(doubts, "word"), speaker: of(doubts, "speaker"), second: of(doubts, "second"),
      confidence: of(doubts, "confidence"),
    },
    cues: book.cues(),
    figures: { speech, overlap, speakers: people.map((item) => ({ ...item, speaker: book.labels[item.who] })), answers },
  };
}

const lines = (items, indent) => (items.length ? `[\n${indent}${items.join(`,\n${indent}`)}\n${indent.slice(2)}]` : "[]");

function changed(book, item) {
  const who = book.labels.indexOf(item.id);
  return who >= 0 && book.renamed.has(who) ? book.names[who] : item.name;
}

function turnRecord(book, { start, end, speaker, channel, confidence }) {
  const more = { ...(channel === 1 ? {} : { channel }), ...(confidence === null ? {} : { confidence: share(confidence) }) };
  return { start: start / 1000, end: end / 1000, speaker: label(book, speaker), ...more };
}

// Doubts about words that are as they were, at the places that these have now.
function doubtsNow(book) {
  if (!book.corrected) return book.uncertain;
  const places = book.places();
  return book.uncertain.filter((item) => places.has(item.word)).map((item) => ({ ...item, word: places.get(item.word) })).sort((a, b) => a.word - b.word);
}

function doubtRecord(book, item) {
  return {
    word_index: item.word, start: item.start / 1000, end: item.end / 1000, speaker: label(book, item.speaker),
    second_speaker: label(book, item.second), confidence: share(item.confidence),
  };
}

// Subtitles: the cues are cut already, with places for names; where a name needs the room it gets a line of its own.
const SPACED_TAG = /<(?= +[A-Za-z0-9_/])/g; // a tag where > follows, be it on the next line of the cue
const MARKUP = /<(?=[A-Za-z0-9_/!?>])|\\(?=[Nnh]|$)/g; // what players of SRT take for markup, and an invisible joiner prevents
const WIDE = { "{": "｛", "}": "｝" };

const MARK = "\u2060"; // not seen: tells a name from a text that looks like one, and a sign from what stands in its place

const literal = (text) =>
  text.replace(/-{2,}>/g, (arrow) => `${arrow.slice(0, -3)}→${MARK}`).replace(MARKUP, `$&${MARK}`).replace(/[{}]/g, (brace) => WIDE[brace] + MARK);

const perLine = (who, count) => (Array.isArray(who) ? who : Array(count).fill(who));

function makeSrt(book) {
  const { columns } = book.data;
  const blocks = book.cues().map(([start, end, who, text, before], i) => {
    const broken = text.split("\n"), speakers = perLine(who, broken.length);
    const shown = broken.flatMap((line, k) => {
      const code = Number(before[k]), marked = code > 2 ? MARK : "", kind = code % 3;
      if (!kind) return [marked + line];
      if (kind === 2) return [`>> ${marked}${line}`];
      const name = `${cueName(book, speakers[k]).replaceAll(MARK, "")}${marked}:`;
      const fits = (!book.corrected && !book.renamed.has(speakers[k])) || columnsOf(`${name} ${line}`) <= columns;
      return fits ? [`${name} ${line}`] : [name, line];
    });
    let written = shown.map(literal);
    if (written.some((line) => line.includes(">"))) written = written.map((line) => line.replace(SPACED_TAG, `<${MARK}`));
    return `${i + 1}\n${clock(start, ",")} --> ${clock(end, ",")}\n${unmistakable(written).join("\n")}\n\n`;
  });
  return blocks.join("");
}

function makeVtt(book) {
  const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const blocks = ["WEBVTT"];
  for (const [start, end, who, text, , rows, marked] of book.cues()) {
    const broken = text.split("\n"), speakers = perLine(who, broken.length);
    const alone = speakers.every((item) => item === speakers[0]);
    const shown = broken.map((line, k) => {
      const name = safe(cueName(book, speakers[k])).replace(/-$/, "&#45;"); // a dash and the tag's end look like an arrow
      const opens = name && (!k || speakers[k - 1] !== speakers[k]), ends = name && !alone && speakers[k + 1] !== speakers[k];
      return `${opens ? `<v ${name}>` : ""}${marked[k] === "1" ? MARK : ""}${safe(line)}${ends ? "</v>" : ""}`;
    });
    blocks.push(`${clock(start, ".")} --> ${clock(end, ".")}${rows ? ` line:-${rows}` : ""}\n${shown.join("\n")}`);
  }
  return `${blocks.join("\n\n")}\n`;
}

// A name on one line, as the library writes it: line breaks of any kind are spaces, other control characters nothing.
const BREAKS = / *[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029][ \t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]*/g;

function cueName(book, who) {
  const name = who === null ? "" : book.renamed.has(who) ? book.names[who] : book.given[who];
  return strip(name.replace(BREAKS, " ").replace(/[\x00-\x1f\x7f-\x9f]/g, "").toWellFormed());
}

const pad = (number, digits = 2) => String(number).padStart(digits, "0");

function clock(ms, point) {
  return `${pad(Math.floor(ms / 3600000))}:${pad(Math.floor(ms / 60000) % 60)}:${pad(Math.floor(ms / 1000) % 60)}${point}${pad(ms % 1000, 3)}`;
}

const columnsOf = (text) => [...text].reduce((sum, c) => sum + (/\p{M}|\p{Cf}/u.test(c) ? 0 : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(c) ? 2 : 1), 0);

// Two lines that look like the number and the time of the next cue would split this one.
function unmistakable(shown) {
  return shown.reduce((kept, line) => {
    if (kept.length && /^-?[0-9]+\.?[0-9]*\s*$/.test(kept.at(-1)) && /^[0-9]+[,.:][0-9]+[,.:][0-9]+/.test(line)) kept[kept.length - 1] += ` ${line}`;
    else kept.push(line);
    return kept;
  }, []);
}

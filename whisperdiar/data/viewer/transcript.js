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

class Transcript {
  constructor(data) {
    this.data = data;
    this.texts = data.words.text;
    const words = this.texts.length;
    Object.assign(this, times(data.words, words));
    this.segments = []; // of every segment the first word; one more for the end
    for (let word = 0; word < words; word += at(data.segments.words, this.segments.length - 1)) this.segments.push(word);
    this.segments.push(words);
    this.first = []; // the same of every row that is shown, and the segment that it is of
    this.segmentOf = [];
    for (let segment = 0; segment < this.segments.length - 1; segment++) {
      const [from, to] = [this.segments[segment], this.segments[segment + 1]];
      const parts = Math.ceil((to - from) / LONGEST_ROW);
      for (let part = 0; part < parts; part++) {
        this.first.push(from + Math.floor(((to - from) * part) / parts));
        this.segmentOf.push(segment);
      }
    }
    this.count = this.first.length;
    this.first.push(words);
    this.rowOf = new Int32Array(words);
    this.rowStart = new Float64Array(this.count);
    this.rowEnd = new Float64Array(this.count);
    for (let row = 0; row < this.count; row++) {
      const [from, to] = [this.first[row], this.first[row + 1]];
      this.rowOf.fill(row, from, to);
      [this.rowStart[row], this.rowEnd[row]] = this.span(from, to);
    }
    this.order = Int32Array.from(this.texts.keys()).sort((a, b) => this.starts[a] - this.starts[b] || a - b);
    this.doubts = new Map(); // word → its place in the list of doubtful words
    for (let i = 0; i < data.uncertain.count; i++) this.doubts.set(at(data.uncertain.word, i), i);
    this.doubtful = [...this.doubts.keys()].filter((word) => word >= 0 && word < words).sort((a, b) => a - b);
    const given = new Map([...data.head.speakers].reverse().map((item) => [item.id, item.name]));
    this.given = data.labels.map((label) => given.get(label) ?? label);
    this.names = [...this.given];
    this.renamed = new Set();
    const ends = [this.ends, times(data.turns, data.turns.count).ends];
    this.start = (data.head.start ?? 0) * 1000;  // of the part of the recording that was read
    this.duration = ends.flatMap((part) => [...part]).reduce((most, ms) => Math.max(most, ms), data.head.duration * 1000);
  }

  // When words are spoken, from the first start to the last end.
  span(from, to) {
    return [this.starts.subarray(from, to).reduce((a, b) => Math.min(a, b)), this.ends.subarray(from, to).reduce((a, b) => Math.max(a, b))];
  }

  speaker(row) {
    return at(this.data.segments.speaker, this.segmentOf[row]) ?? null;
  }

  simultaneous(row) {
    return Boolean(at(this.data.segments.flags, this.segmentOf[row]) & 1);
  }

  name(who) {
    return who === null ? null : this.names[who].trim() ? this.names[who] : this.data.labels[who];
  }

  // As the library cleans a name; an empty one gives the label back.
  rename(who, text) {
    this.names[who] = text.trim().split(/\s+/u).join(" ") || this.data.labels[who];
    this.renamed.add(who);
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

const label = (book, who) => (who === null || who === undefined ? null : book.data.labels[who]);
const share = (thousandths) => (thousandths === null || thousandths === undefined ? null : thousandths / 1000);

function wordRecord(book, i) {
  const { words } = book.data;
  const second = at(words.second, i) ?? null, flags = at(words.flags, i);
  return {
    text: book.texts[i], start: book.starts[i] / 1000, end: book.ends[i] / 1000, probability: share(at(words.probability, i)),
    speaker: label(book, at(words.speaker, i)), speaker_confidence: share(at(words.confidence, i)),
    ...(second === null ? {} : { second_speaker: label(book, second) }), ...flagsOf(flags, "overlap"),
  };
}

const flagsOf = (flags, low) => ({ ...(flags & 1 ? { [low]: true } : {}), ...(flags & 2 ? { edited: true } : {}) });

// What Python takes for white space at the ends of a text: a segment's text must be its words, stripped there.
const strip = (text) => text.replace(/^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/gu, "");

// The JSON of whisperdiar, with the names of the page: `whisperdiar convert` makes every other format of it.
function makeJson(book) {
  const { data } = book;
  const listed = new Set(data.head.speakers.map((item) => item.id));
  const speakers = data.head.speakers.map((item) => ({ id: item.id, name: changed(book, item) }));
  for (const who of book.renamed) {
    if (!listed.has(data.labels[who])) speakers.push({ id: data.labels[who], name: book.names[who] });
  }
  const parts = Object.entries({ ...data.head, speakers }).map(([key, value]) =>
    `  ${JSON.stringify(key)}: ${key === "speakers" ? lines(value.map((item) => JSON.stringify(item)), "    ") : JSON.stringify(value)}`);
  const segments = book.segments.slice(0, -1).map((from, segment) => {
    const to = book.segments[segment + 1], [start, end] = book.span(from, to);
    const words = Array.from({ length: to - from }, (_, i) => JSON.stringify(wordRecord(book, from + i)));
    const head = {
      speaker: label(book, at(data.segments.speaker, segment)), start: start / 1000, end: end / 1000,
      text: strip(book.texts.slice(from, to).join("")), ...flagsOf(at(data.segments.flags, segment), "simultaneous"),
    };
    return `${JSON.stringify(head).slice(0, -1)},"words":${lines(words, "      ")}}`;
  });
  parts.push(`  "segments": ${lines(segments, "    ")}`, `  "turns": ${lines(records(book, data.turns, turnRecord), "    ")}`);
  parts.push(`  "dropped": ${lines(data.dropped.map((item) => JSON.stringify(item)), "    ")}`);
  parts.push(`  "uncertain": ${lines(records(book, data.uncertain, doubtRecord), "    ")}`);
  parts.push(`  "provenance": ${data.provenance}`);
  return `{\n${parts.join(",\n")}\n}\n`;
}

const lines = (items, indent) => (items.length ? `[\n${indent}${items.join(`,\n${indent}`)}\n${indent.slice(2)}]` : "[]");

function changed(book, item) {
  const who = book.data.labels.indexOf(item.id);
  return who >= 0 && book.renamed.has(who) ? book.names[who] : item.name;
}

function records(book, part, make) {
  const { starts, ends } = times(part, part.count);
  return Array.from(starts, (start, i) => JSON.stringify(make(book, part, i, { start: start / 1000, end: ends[i] / 1000 })));
}

function turnRecord(book, part, i, span) {
  const channel = at(part.channel, i), confidence = share(at(part.confidence, i));
  return { ...span, speaker: label(book, at(part.speaker, i)), ...(channel === 1 ? {} : { channel }), ...(confidence === null ? {} : { confidence }) };
}

function doubtRecord(book, part, i, span) {
  return {
    word_index: at(part.word, i), ...span, speaker: label(book, at(part.speaker, i)),
    second_speaker: label(book, at(part.second, i)), confidence: share(at(part.confidence, i)),
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
  const blocks = book.data.cues.map(([start, end, who, text, before], i) => {
    const broken = text.split("\n"), speakers = perLine(who, broken.length);
    const shown = broken.flatMap((line, k) => {
      const code = Number(before[k]), marked = code > 2 ? MARK : "", kind = code % 3;
      if (!kind) return [marked + line];
      if (kind === 2) return [`>> ${marked}${line}`];
      const name = `${cueName(book, speakers[k]).replaceAll(MARK, "")}${marked}:`;
      const fits = !book.renamed.has(speakers[k]) || columnsOf(`${name} ${line}`) <= columns;
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
  for (const [start, end, who, text, , rows, marked] of book.data.cues) {
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

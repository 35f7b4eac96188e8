// Texts for readers: plain text and a Word document; subtitles of a corrected transcript, cut by simple rules.

// A text on one line, as the library writes it.
const oneLine = (text) => strip(text.replace(BREAKS, " ").replace(/[\x00-\x1f\x7f-\x9f]/g, "").toWellFormed());

// Neighbouring segments of one speaker, as many as fit into a paragraph: who, when, what.
function paragraphsOf(book) {
  const made = [];
  book.parts.forEach((part, k) => {
    const [from, to] = [book.segments[k], book.segments[k + 1]], [start, end] = book.span(from, to), last = made.at(-1);
    const text = book.texts.slice(from, to).join("");
    if (last && last.who === part.speaker && end - last.start <= book.data.rules.paragraph) last.text += text;
    else made.push({ who: part.speaker, start, text });
  });
  return made.map((item) => ({ ...item, text: oneLine(item.text), name: item.who === null ? "" : oneLine(book.name(item.who)) })).filter((item) => item.text);
}

const wholeClock = (ms) => clock(Math.max(0, ms), ".").slice(0, -4);

// Lines such as "[00:01:02] Anna: text", as the command writes them.
function makeTxt(book) {
  return paragraphsOf(book).map(({ who, start, name, text }) => `[${wholeClock(start)}] ${name ? `${name}: ` : ""}${text}\n`).join("");
}

// ——— Word

const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ps|sd|ug|ur|yi)\b/;

function makeDocx(book) {
  const { language, recording_id: title } = book.data.head;
  const turned = RIGHT_TO_LEFT.test(language ?? "");
  const run = (text, looks = "") => `<w:r><w:rPr>${looks}${turned ? "<w:rtl/>" : ""}</w:rPr><w:t xml:space="preserve">${xmlText(text)}</w:t></w:r>`;
  const paragraph = (runs, style = "") => `<w:p><w:pPr>${style && `<w:pStyle w:val="${style}"/>`}${turned ? "<w:bidi/>" : ""}</w:pPr>${runs}</w:p>`;
  const body = paragraphsOf(book).map(({ start, name, text }) =>
    paragraph(`${name ? run(`${name}  `, "<w:b/>") : ""}${run(`${wholeClock(start)}  `, '<w:color w:val="6B6B6B"/><w:sz w:val="18"/>')}${run(text)}`));
  const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n', office = "http://schemas.openxmlformats.org";
  const main = `xmlns:w="${office}/wordprocessingml/2006/main"`, kind = "application/vnd.openxmlformats-officedocument.wordprocessingml";
  const page = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1304" w:right="1304" w:bottom="1304" w:left="1304" w:header="708" w:footer="708" w:gutter="0"/></w:sectPr>';
  const spoken = /^[a-z]{2,3}$/.test(language ?? "") ? `<w:lang w:val="${language}"/>` : "";
  return zip({
    "[Content_Types].xml": `${head}<Types xmlns="${office}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="${kind}.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="${kind}.styles+xml"/></Types>`,
    "_rels/.rels": `${head}<Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="rId1" Type="${office}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
    "word/_rels/document.xml.rels": `${head}<Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="rId1" Type="${office}/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`,
    "word/styles.xml": `${head}<w:styles ${main}><w:docDefaults><w:rPrDefault><w:rPr><w:sz w:val="22"/>${spoken}</w:rPr></w:rPrDefault></w:docDefaults><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:pPr><w:spacing w:after="120" w:line="288" w:lineRule="auto"/></w:pPr></w:style><w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/><w:basedOn w:val="Normal"/><w:pPr><w:spacing w:after="240"/></w:pPr><w:rPr><w:b/><w:sz w:val="36"/></w:rPr></w:style></w:styles>`,
    "word/document.xml": `${head}<w:document ${main}><w:body>${paragraph(run(oneLine(title)), "Title")}${body.join("")}${page}</w:body></w:document>`,
  });
}

// Text in XML 1.0, which has no signs for what it does not allow.
const xmlText = (text) =>
  text.toWellFormed().replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// A zip file whose parts are stored as they are (PKWARE's APPNOTE 6.3, without compression): name → text.
function zip(files) {
  const encoder = new TextEncoder(), parts = [], directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const label = encoder.encode(name), bytes = encoder.encode(text);
    // version 2.0, names in UTF-8, stored, the first moment that the format knows, and twice the size
    const facts = fields([20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [label.length, 2], [0, 2]);
    parts.push(fields([0x04034b50, 4]), facts, label, bytes);
    directory.push(fields([0x02014b50, 4], [20, 2]), facts, fields([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), label);
    offset += 4 + facts.length + label.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0), count = Object.keys(files).length;
  const end = fields([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end]);
}

// Numbers as bytes, the lowest first.
const fields = (...items) => Uint8Array.from(items.flatMap(([value, size]) => Array.from({ length: size }, (_, k) => (value >>> (8 * k)) & 255)));

let crcTable = null;

function crc32(bytes) {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// ——— Subtitles of a corrected transcript

const SENTENCE_END = /[.!?…。！？]["'”’»)\]]*$/u;
const LABEL_AGAIN_MS = 5000; // after such a pause a speaker is named again

// Cues in the form of the page's data. `apply` and `convert` cut better ones: of these, lines are filled and sentences end cues.
function cutCues(book) {
  const { longest, shortest, lines: rows } = book.data.rules, { columns } = book.data, made = [];
  book.parts.forEach((part, k) => {
    let words = [];
    const close = () => { if (words.length) made.push({ who: part.speaker, words }); words = []; };
    const room = columns * rows - (columns >> 2); // lines are rarely full to the end
    for (let i = book.segments[k]; i < book.segments[k + 1]; i++) {
      const text = oneLine(words.map((word) => book.texts[word]).join("")), all = oneLine(text + book.texts[i]);
      if (words.length && (columnsOf(all) > room || book.ends[i] - book.starts[words[0]] > longest)) close();
      else if (SENTENCE_END.test(text) && columnsOf(text) > columns / 2) close();
      words.push(i);
    }
    close();
  });
  const cues = made.map(({ who, words }) => {
    const text = oneLine(words.map((word) => book.texts[word]).join("")), [start, end] = book.span(words[0], words.at(-1) + 1);
    return { who, text, start, end };
  }).filter((cue) => cue.text).sort((a, b) => a.start - b.start);
  return cues.map(({ who, text, start, end }, k) => {
    const last = cues[k - 1], next = cues[k + 1]?.start ?? Infinity;
    const until = Math.max(end, Math.min(start + shortest, next), start + 1), broken = brokenLines(text, columns, rows);
    const other = !last || last.who !== who || start < last.end || next < until || start - last.end > LABEL_AGAIN_MS;
    const code = !other ? 0 : who !== null ? 1 : last && last.who !== null ? 2 : 0;
    return [start, until, who, broken.join("\n"), `${code}${"0".repeat(broken.length - 1)}`, 0, "0".repeat(broken.length)];
  });
}

// At the space nearest to the middle where both lines fit; what has no spaces is left in one.
function brokenLines(text, columns, rows) {
  if (columnsOf(text) <= columns || rows < 2) return [text];
  const places = [...text.matchAll(/ /g)].map((found) => found.index);
  const worst = (place) => Math.max(columnsOf(text.slice(0, place)), columnsOf(text.slice(place + 1)));
  const best = places.reduce((found, place) => (found === null || worst(place) < worst(found) ? place : found), null);
  if (best === null) return [text];
  return [...brokenLines(text.slice(0, best), columns, rows - 1), ...brokenLines(text.slice(best + 1), columns, rows - 1)];
}

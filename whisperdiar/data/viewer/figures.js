// Who talks how much and who answers whom, after corrections: the rules of `whisperdiar.statistics`, in milliseconds.

// As the command counted them, or counted anew; `who` is the speaker's place in the list of labels.
function figuresOf(book) {
  const { figures } = book.data;
  return book.corrected ? talkFigures(book) : { ...figures, people: figures.speakers.map((item, i) => ({ ...item, who: item.who ?? i })) };
}

function talkFigures(book) {
  const { pause, silence, overlap } = book.data.rules;
  const speech = speechOf(book);
  const utterances = speech.flatMap((spans, who) => joined(spans.map((span) => [...span]), pause).map(([start, end]) => ({ who, start, end })));
  utterances.sort((a, b) => a.start - b.start || b.end - a.end);
  const taking = []; // those that take the floor; one wholly inside another is an interjection
  for (const item of utterances) if (!taking.length || item.end > taking.at(-1).end) taking.push(item);
  const floor = [];
  for (const item of taking) {
    const last = floor.at(-1);
    if (last?.who === item.who && item.start - last.end <= silence) last.end = item.end;
    else floor.push({ ...item });
  }
  const talked = speech.map((spans) => spans.reduce((sum, [start, end]) => sum + end - start, 0)), all = talked.reduce((a, b) => a + b, 0);
  const turns = counted(floor.map((item) => item.who));
  const interruptions = counted(taking.filter((item, k) => {
    const before = taking[k - 1];
    return before && before.who !== item.who && before.end > item.start && before.end - item.start >= overlap;
  }).map((item) => item.who));
  const answers = counted(floor.slice(1).flatMap((item, k) => (item.who !== floor[k].who && item.start - floor[k].end <= silence ? [`${item.who} ${floor[k].who}`] : [])));
  const seconds = (spans) => spans.reduce((sum, [start, end]) => sum + end - start, 0) / 1000;
  return {
    speech: seconds(joined(speech.flat().map((span) => [...span]))), overlap: seconds(overlapped(speech.map((spans) => ({ spans })))),
    people: speech.map((_, who) => ({
      who, talk_time: talked[who] / 1000, share: all ? talked[who] / all : 0, turns: turns.get(who) ?? 0, interruptions: interruptions.get(who) ?? 0,
    })).filter(({ who }) => talked[who] > 0),
    answers: [...answers].map(([pair, count]) => [...pair.split(" ").map(Number), count]).sort((a, b) => a[0] - b[0] || a[1] - b[1]),
  };
}

// Of every speaker when that one talks, from the turns, and without any from the segments; sorted, without overlap.
function speechOf(book) {
  const found = book.labels.map(() => []);
  for (const turn of book.turns) found[turn.speaker].push([turn.start, turn.end]);
  const known = found.map((spans) => spans.length > 0);
  book.parts.forEach((part, k) => {
    if (part.speaker !== null && !known[part.speaker]) found[part.speaker].push(book.span(book.segments[k], book.segments[k + 1]));
  });
  return found.map((spans) => joined(spans));
}

function counted(items) {
  const counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

"""What readers make of damaged files: read whole, refused with a line and a reason, or text lost (which must not be).

    python -m benchmarks.reading --count 10000

Files of every format that reads back are damaged by chance, and what arrives is held against an independent, simple
extraction of the text that a person sees in the file: the words of a list that stand outside of markup. Prints how
many inputs were read whole, refused, or lost text, by format, with the first losses; exit code 1 where there are any.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable

from whisperdiar.errors import FormatError
from whisperdiar.formats import FORMATS, by_name, read_cues
from whisperdiar.formats._reading.blocks import is_webvtt
from whisperdiar.options import SubtitleRules, WriteOptions
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

_WORDS = [
    a + b + c for a in ("ba", "ke", "mo", "ru", "ti") for b in ("lan", "dor", "vis", "qu") for c in ("a", "er", "o")
]
_NO_WORDS = frozenset({"rttm", "seg", "lbl", "audioseg", "uem", "emotions-rttm"})
_ODD = (
    "{w} --> {w}", "12 {w}", "{w} <i>{w}</i> {w}", "{w} & {w}", "{w} < {w}", "{w} > {w}", "{w} {{ {w}",
    "{w} <b and {w}> {w}", "<i><b>{w}</b> {w}</i>", "[{w}] {w}", "{w}: {w}", "- {w}", "{w} }} {w}", "♪ {w} ♪",
    "“{w}”, {w}…",
)  # fmt: skip
_LINES = (
    "", " ", "\t", "\u00a0", "42", "7", "-->", "00:00:0x,000 --> 00:00:09,000", "00:00:01,000 -> 00:00:09,000", "NOTE",
    "STYLE", "{w}", "42 {w}", "{w}: {w}", "00:00:07,000 – 00:00:09,000", "[Events]", "[{w}]", "WEBVTT", "<p>{w}</p>",
    "[xx:01.00]{w}", "Dialogue: {w}", "-00:00:01.000 --> 00:00:02.000", "00:00:01.000 --> 00:00:02.000 {w}",
    "0:00:01.000,0:00:02.000 {w}", "0:00:0x.000,0:00:02.000", "[br]{w}", ";; {w}",
    "; {w}",
)  # fmt: skip


def transcript(random_: random.Random) -> Transcript:
    """A talk of two people in invented words, each of which says what cannot be taken for anything else."""
    words = iter(random_.sample(_WORDS, len(_WORDS)))
    segments, start = [], 0.5
    for index in range(random_.randint(2, 5)):
        speaker = ("SPEAKER_00", "SPEAKER_01")[index % 2]
        said = []
        for _ in range(random_.randint(1, 4)):
            said.append(Word(Span(start, start + 0.4), f" {next(words)}", 0.9, speaker, 0.9))
            start = round(start + 0.5, 3)
        segments.append(Segment(tuple(said), speaker))
        start = round(start + random_.choice([0.0, 1.0, 3.0]), 3)
    return Transcript(
        "talk",
        start,
        "en",
        speakers=(Speaker("SPEAKER_00", "Anna"), Speaker("SPEAKER_01", "Ben")),
        segments=tuple(segments),
        turns=tuple(Turn(segment.span, str(segment.speaker)) for segment in segments),
    )


def damage(text: str, random_: random.Random) -> str:
    """The text with lines deleted, doubled, swapped, inserted or changed, other line ends, byte order marks."""
    lines = text.split("\n")
    new = iter(f"{word}x" for word in random_.sample(_WORDS, len(_WORDS)))

    def filled(pattern: str) -> str:
        return re.sub(r"\{w\}", lambda _: next(new), pattern).replace("{{", "{").replace("}}", "}")

    for _ in range(random_.randint(1, 4)):
        place = random_.randrange(len(lines))
        kind = random_.randrange(8)
        if kind == 0:
            del lines[place]
        elif kind == 1:
            lines.insert(place, lines[place])
        elif kind == 2:
            other = random_.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        elif kind == 3:
            lines.insert(place, filled(random_.choice(_LINES)))
        elif kind == 4:
            lines.insert(place, random_.choice(["", " ", "\t", ""]))
        elif kind == 5:
            lines[place] += filled(" " + random_.choice(_ODD))
        elif kind == 6 and lines[place]:
            at = random_.randrange(len(lines[place]))
            lines[place] = (
                lines[place][:at] + random_.choice("<>&{}[]:-0 \ufeff") + lines[place][at + random_.randrange(2) :]
            )
        elif kind == 7:
            lines[place] = "\ufeff" + lines[place]
        if not lines:
            lines = [""]
    ends = random_.choice([["\n"], ["\n"], ["\r\n"], ["\r"], ["\r\r\n"], ["\n", "\r\n", "\r"]])
    return "".join(line + random_.choice(ends) for line in lines)


def _known(text: str) -> list[str]:
    return [word for word in re.findall("[a-z]+", text) if word.removesuffix("x") in _VOCABULARY]


def _lines(text: str) -> list[str]:
    return re.split("\r+\n|\r|\n", text.lstrip("\ufeff"))


def _seen_vtt(text: str) -> list[str]:
    """Groups of lines between empty ones, without headers, comments, identifiers, settings and tags."""
    found: list[str] = []
    for group in re.split("\n{2,}", "\n".join(_lines(text))):
        lines = group.lstrip("\n").split("\n")
        if re.match("\ufeff?WEBVTT([ \t]|$)", lines[0]):
            del lines[0]
            while lines and re.match(r"WEBVTT([ \t]|$)|\s*[A-Za-z][\w-]*\s*[:=]|\s+$", lines[0]):
                del lines[0]
        timed = [i for i, line in enumerate(lines) if re.search(r"\d:\d.*--+>.*\d:\d", line)]
        comment = bool(lines) and re.match(r"(NOTE([ \t]|$)|(STYLE|REGION)[ \t]*$)", lines[0])
        if comment or timed[:1] == [1]:
            lines = lines[timed[0] :] if timed else []
        found += _known(re.sub(r"</?[cv]\b[^<>]*>|<[\d:.]+>", "", "\n".join(lines)))
    return found


def _seen_ass(text: str) -> list[str]:
    """Texts of events, without what stands in braces; lines that are neither fields, comments nor sections."""
    found: list[str] = []
    for line in (line.strip(" \t") for line in _lines(text)):
        if line.lower().startswith("dialogue"):
            found += _known(re.sub(r"\{[^}]*\}", "", ",".join(line.split(",")[9:])))
        elif not re.match(r"[;!]|\[[^\]]+\]$|[^:]*[^:\s][^:]*:", line):
            found += _known(line)
    return found


def _seen_lrc(text: str) -> list[str]:
    return [word for line in _lines(text) if not re.match(r"\s*\[[A-Za-z#_]+:.*\]\s*$", line) for word in _known(line)]


def _seen_ttml(text: str) -> list[str]:
    return _known(re.sub("<[^>]*>", "", re.sub("(?s)<head>.*?</head>|<!--.*?-->|<br/>", " ", text)))


def _seen_json(text: str) -> list[str]:
    """Texts of segments: where words disagree with them the text counts, and the text of the whole says them again."""
    text = re.sub(r'(?m)^ {0,2}"text":.*', "", "\n".join(_lines(text)))
    return _known(" ".join(re.findall(r'"(?:text|words)": ?"((?:[^"\\]|\\.)*)"', text)))


def _seen_own_json(text: str) -> list[str]:
    """The words: the text of a segment is only what they say joined."""
    return _known(" ".join(re.findall(r'\{"text": "((?:[^"\\]|\\.)*)"', text)))


def _seen_rows(text: str) -> list[str]:
    return [word for line in _lines(text) if not line.lstrip().startswith(";;") for word in _known(line)]


def _seen_textgrid(text: str) -> list[str]:
    return _known(" ".join(re.findall(r'text = "((?:[^"]|"")*)"', text)))


def _seen_eaf(text: str) -> list[str]:
    return _known(" ".join(re.findall(r"<ANNOTATION_VALUE>([^<]*)</ANNOTATION_VALUE>", text)))


_SEEN: dict[str, Callable[[str], list[str]]] = {
    "srt": _known,
    "vtt": _seen_vtt,
    "ass": _seen_ass,
    "lrc": _seen_lrc,
    "sbv": _known,
    "txt": _known,
    "ttml": _seen_ttml,
    "json": _seen_own_json,
    "stm": _seen_rows,
    "ctm": _seen_rows,
    "textgrid": _seen_textgrid,
    "eaf": _seen_eaf,
}
_VOCABULARY = frozenset(_WORDS)


def lost_words(name: str, text: str) -> list[str] | None:
    """Words that are seen in a file and do not arrive; None where the file is refused."""
    form = by_name(name)
    try:
        if form.read_cues is not None:
            cues = read_cues(name, text)
            said = [line for cue in cues for line in cue.lines]
            said += [who or "" for cue in cues for who in (cue.speaker, *cue.line_speakers)]
        read = form.read(text) if form.read is not None else None
    except FormatError as error:
        if not str(error).strip() or "\n" in str(error):
            raise
        return None
    assert read is not None
    words = [word.text for word in (*read.words, *read.dropped)] + [speaker.name for speaker in read.speakers]
    kind = "vtt" if name == "srt" and is_webvtt(text) else name
    seen = Counter(_SEEN.get(kind, _seen_json)(text))
    if form.read_cues is None:  # one word may stand in a text and beside its times
        return sorted(set(seen) - set(_known(" ".join(words))))
    arrived = Counter(_known(" ".join(said)))
    return sorted([*(seen - arrived).elements(), *(set(seen) - set(_known(" ".join(words))))])


def inputs(count: int, *, seed: int, names: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Name of a format and a damaged file of it."""
    random_ = random.Random(seed)
    known = tuple(names)
    for index in range(count):
        name = known[index % len(known)]
        options = WriteOptions(
            speaker_style=random_.choice(["auto", "label", "none"]),
            subtitles=SubtitleRules(word_times=random_.random() < 0.3),
        )
        yield name, damage(str(by_name(name).dumps(transcript(random_), options=options)), random_)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="damaged inputs, shared out evenly")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", action="append", help="only this one; may be given again")
    parser.add_argument("--show", type=int, default=3, help="how many losses of each format are printed whole")
    arguments = parser.parse_args()
    names = arguments.format or [name for name in FORMATS if by_name(name).read is not None and name not in _NO_WORDS]
    results: dict[str, Counter[str]] = {name: Counter() for name in names}
    for name, text in inputs(arguments.count, seed=arguments.seed, names=names):
        lost = lost_words(name, text)
        outcome = "refused" if lost is None else "lost" if lost else "whole"
        results[name][outcome] += 1
        if outcome == "lost" and results[name]["lost"] <= arguments.show:
            print(f"{name} lost {lost}:\n{text!r}\n", file=sys.stderr)
    for name, counts in [*results.items(), ("all", sum(results.values(), Counter()))]:
        print(f"{name:14} " + "  ".join(f"{counts[kind]:6} {kind}" for kind in ("whole", "refused", "lost")))
    return int(any(counts["lost"] for counts in results.values()))


if __name__ == "__main__":
    sys.exit(main())

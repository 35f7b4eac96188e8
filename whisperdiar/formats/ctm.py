"""Conversation time marks of NIST (SCTK, "CTM file format"): one word per line, without its speaker.

The fields of a line are recording, channel, start, duration, word and confidence; in files of the Rich Transcription
evaluations (RT-04F evaluation plan, section 5) the word's type and speaker follow, which are read.
"""

from __future__ import annotations

from operator import itemgetter

from whisperdiar.formats._reading.recordings import choose
from whisperdiar.formats._reading.segments import utterances_of
from whisperdiar.formats._reading.silence import SILENCE
from whisperdiar.formats._reading.utterances import ParsedWord, divide_by_length, transcript_of
from whisperdiar.formats._text import format_seconds, number_lines, parse_seconds, refuse_line, to_milliseconds
from whisperdiar.formats._writing.runs import prepare_segments
from whisperdiar.formats.stm import recording_field
from whisperdiar.options import WriteOptions
from whisperdiar.text.counts import count_fields
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "ctm"
suffix = ".ctm"
needs = "words"
several = True

_LEAST, _MOST = 5, 8
_NO_WORDS = frozenset({"non-lex", "misc"})
"""Types of what is no word: laughter, coughs, marks of the annotator."""
_TYPES = _NO_WORDS | {"lex", "frag", "fp", "un-lex", "for-lex", "noscore", "null", "<NA>"}
_NOBODY = frozenset({"null", "unknown", "<NA>"})
_ALTERNATIVES = ("<ALT_BEGIN>", "<ALT>", "<ALT_END>")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - CTM leaves no choice
    """Words in the order of time with the recogniser's probability; one with inner spaces becomes several."""
    recording = recording_field(transcript)
    rows = []
    for item in prepare_segments(transcript):
        for start_ms, end_ms, text, word in item.words:
            parts = text.split()
            for part, span in zip(parts, divide_by_length(parts, start_ms / 1000, end_ms / 1000), strict=True):
                first_ms, last_ms = to_milliseconds(span.start), to_milliseconds(span.end)
                times = f"{format_seconds(first_ms)} {format_seconds(last_ms - first_ms)}"
                rows.append((first_ms, f"{times} {part} {word.probability:.3f}"))
    return "".join(f"{recording} 1 {row}\n" for _, row in sorted(rows, key=itemgetter(0)))


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """One recording of a file, the words of a channel and speaker joined to segments at pauses.

    Left out are comments, marks of silence (`SILENCE`), what its type says is no word, and of alternatives all but the
    first.

    Args:
        recording_id: which one; None takes the only one that there is.

    Raises:
        FormatError: a line that cannot be read (with its number and text), several recordings (`SeveralRecordings`),
            or not the one asked for.
    """
    recordings: dict[str, dict[tuple[str, str | None], list[ParsedWord]]] = {}
    alternative = 0
    for number, line in number_lines(text):
        if line.startswith(";;"):
            continue
        fields = line.split()
        if not _LEAST <= len(fields) <= _MOST:
            refuse_line(
                number,
                line,
                _("{found}, where CTM has {least} to {most}").format(
                    found=count_fields(len(fields)), least=_LEAST, most=_MOST
                ),
            )
        if fields[4] in _ALTERNATIVES:
            alternative = (1, alternative + 1, 0)[_ALTERNATIVES.index(fields[4])]
            continue
        words = recordings.setdefault(fields[0], {})
        start, duration = parse_seconds(fields[2]), parse_seconds(fields[3])
        if start is None or duration is None:
            refuse_line(number, line, _("expected a start and a duration in seconds"))
        if len(fields) > _LEAST + 1 and fields[_LEAST + 1] not in _TYPES:
            refuse_line(number, line, _("no type of a word: {field!r}").format(field=fields[_LEAST + 1]))
        confidence = _confidence(number, line, fields)
        if alternative > 1 or fields[4] in SILENCE or (fields[6:7] and fields[6] in _NO_WORDS):
            continue
        who = None if len(fields) < _MOST or fields[7] in _NOBODY else fields[7]
        # Rounded like the text: 0.1 + 0.2 is 0.3 there.
        word = ParsedWord(fields[4], start, round(start + duration, 6), confidence)
        words.setdefault((fields[1], who), []).append(word)
    found = choose(recordings, recording_id)
    heard = []
    for (_channel, who), own in recordings.get(found, {}).items():
        heard += utterances_of(sorted(own, key=_start), who, "")
    return transcript_of(heard, recording_id=found)


def _start(word: ParsedWord) -> float:
    return word.start or 0.0


def _confidence(number: int, line: str, fields: list[str]) -> float:
    if len(fields) <= _LEAST or fields[_LEAST] in ("NA", "<NA>", "null"):
        return 1.0
    found = parse_seconds(fields[_LEAST])
    if found is None:
        refuse_line(number, line, _("no confidence: {field!r}").format(field=fields[_LEAST]))
    return min(1.0, found)

"""A transcript as the page's script reads it: columns of small numbers in place of a record for every word.

Times are whole milliseconds, probabilities thousandths, as the JSON rounds them; labels are indices into one list.
A column whose values are all the same is that value. The script makes the same JSON of it again, letter for letter
but for the layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

from whisperdiar.formats._reading.finished import strip_labels
from whisperdiar.formats._reading.labels import MARK, UNKNOWN
from whisperdiar.formats._text import speaker_names, to_milliseconds
from whisperdiar.formats._writing.cues import prepare_cues
from whisperdiar.formats._writing.notes import fallback_notes, remove_folders
from whisperdiar.formats._writing.render import subtitle_cues
from whisperdiar.formats._writing.speakers import clean_names, readable_prefixes
from whisperdiar.options import StatisticsOptions, WriteOptions
from whisperdiar.statistics import Statistics, talk_statistics
from whisperdiar.suggested_names import suggest_names
from whisperdiar.text.json import write_compact
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span

_HEAD = ("schema_version", "recording_id", "duration", "start", "language", "speakers", "emotions")

_ENDLESS = 1e9
"""Seconds in place of a paragraph without an end: JSON has no such number."""


def page_data(transcript: Transcript, *, options: WriteOptions) -> dict[str, Any]:
    """JSON values only: everything that the page shows and that its downloads hold."""
    transcript = replace(transcript, provenance=remove_folders(transcript.provenance))
    figures = talk_statistics(transcript)
    labels = _labels(transcript, figures)
    place: dict[str | None, int] = {label: i for i, label in enumerate(labels)}
    whole = replace(transcript, segments=(), turns=(), uncertain=()).to_dict()  # what is no column
    words = transcript.words
    turns, doubtful = transcript.turns, transcript.uncertain
    return {
        "head": {key: whole[key] for key in _HEAD if key in whole},
        "dropped": whole["dropped"],
        "provenance": write_compact(whole["provenance"]),  # as text: a browser has no large whole numbers
        "labels": labels,
        "segments": {
            "speaker": _column(place.get(item.speaker) for item in transcript.segments),
            "words": _column(len(item.words) for item in transcript.segments),
            "flags": _column(item.simultaneous + 2 * item.edited for item in transcript.segments),
        },
        "words": {
            "text": [word.text for word in words],
            **_times([word.span for word in words]),
            "probability": _column(_thousandths(word.probability) for word in words),
            "confidence": _column(_thousandths(word.speaker_confidence) for word in words),
            "speaker": _column(place.get(word.speaker) for word in words),
            "second": _column(place.get(word.second_speaker) for word in words),
            "flags": _column(word.overlap + 2 * word.edited for word in words),
        },
        "turns": {
            "count": len(turns),
            **_times([turn.span for turn in turns]),
            "speaker": _column(place[turn.speaker] for turn in turns),
            "channel": _column(turn.channel for turn in turns),
            "confidence": _column(_thousandths(turn.confidence) for turn in turns),
        },
        "uncertain": {
            "count": len(doubtful),
            **_times([item.span for item in doubtful]),
            "word": _column(item.word_index for item in doubtful),
            "speaker": _column(place.get(item.speaker) for item in doubtful),
            "second": _column(place.get(item.second_speaker) for item in doubtful),
            "confidence": _column(_thousandths(item.confidence) for item in doubtful),
        },
        "cues": _cues(transcript, place, options),
        "columns": options.rules(transcript.language).max_columns,
        "rules": _rules(transcript, options),
        "figures": _figures(figures),
        "suggestions": [
            {"who": place[item.speaker], "name": item.name, "said": item.said, "start": to_milliseconds(item.start)}
            for item in suggest_names(transcript)
        ],
        "notes": list(fallback_notes(transcript.provenance)),
    }


def _cues(transcript: Transcript, place: Mapping[str | None, int], options: WriteOptions) -> list[list[Any]]:
    """Cues as they go into SRT, with places for names: the script puts in those that speakers then have.

    Of each: start, end, who says it (a list where lines differ), its text, for each line what stands before it
    (0 nothing, 1 the name, 2 that somebody else speaks whom nobody knows; 3, 4, 5 these with the mark that is not seen,
    see `readable_prefixes`), the line of the screen for WebVTT, and the lines that have the mark there (1).
    """
    made = prepare_cues(strip_labels(subtitle_cues(transcript, style="label", options=options)))
    known = clean_names(made, speaker_names(transcript))
    in_srt, in_vtt = readable_prefixes(made, known, "label"), readable_prefixes(made, known, "voice", told="lines")
    return [
        [
            cue.start_ms,
            cue.end_ms,
            [place.get(who) for who in cue.line_speakers] if cue.line_speakers else place.get(cue.speaker),
            "\n".join(cue.lines),
            "".join(map(_prefix_code, before)),
            cue.rows_below + len(cue.lines) if cue.level else 0,
            "".join("01"[MARK in lead] for lead in voiced),
        ]
        for cue, before, voiced in zip(made, in_srt, in_vtt, strict=True)
    ]


def _rules(transcript: Transcript, options: WriteOptions) -> dict[str, int]:
    """What the script cuts and counts a corrected transcript by, in milliseconds."""
    talk, cues = StatisticsOptions(), options.rules(transcript.language)
    return {
        "pause": to_milliseconds(talk.max_pause),
        "silence": to_milliseconds(talk.max_silence),
        "overlap": to_milliseconds(talk.min_overlap),
        "paragraph": to_milliseconds(min(options.max_paragraph, _ENDLESS)),
        "lines": cues.max_lines,
        "longest": to_milliseconds(cues.max_duration),
        "shortest": to_milliseconds(cues.min_duration),
    }


def _prefix_code(lead: str) -> str:
    shown = lead.replace(MARK, "")
    return str((0 if not shown else 2 if shown == f"{UNKNOWN} " else 1) + 3 * (MARK in lead))


def _labels(transcript: Transcript, figures: Statistics) -> list[str]:
    """All labels, those of people who talk first, in their order; the place in this list chooses the colour."""
    found = [item.speaker for item in figures.speakers]
    others = [word.second_speaker for word in transcript.words]
    others += [label for item in transcript.uncertain for label in (item.speaker, item.second_speaker)]
    return list(dict.fromkeys([*found, *(label for label in others if label is not None)]))


def _figures(figures: Statistics) -> dict[str, Any]:
    people = []
    for item in figures.speakers:
        values = asdict(item)
        longest = item.longest_turn
        values["longest_turn"] = (
            None if longest is None else [to_milliseconds(longest.start), to_milliseconds(longest.end)]
        )
        people.append({key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()})
    return {"speech": figures.speech, "overlap": figures.overlap, "speakers": people, "answers": figures.answer_counts}


def _column(values: Iterable[int | None]) -> Any:
    made = list(values)
    return made[0] if made and len(set(made)) == 1 else made


def _times(spans: Sequence[Span]) -> dict[str, Any]:
    """Starts as steps from one to the next, which are small, and lengths."""
    starts = [to_milliseconds(span.start) for span in spans]
    steps = starts[:1] + [after - before for before, after in pairwise(starts)]
    return {
        "step": _column(steps),
        "length": _column(to_milliseconds(span.end) - to_milliseconds(span.start) for span in spans),
    }


def _thousandths(value: float | None) -> int | None:
    return None if value is None else to_milliseconds(value)

"""Scores as tables: text for a terminal, CSV for spreadsheets, JSON with the counts of every recording."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from whisperdiar.options import ScoreOptions
from whisperdiar.scoring.measures import MEASURES, Components, Difference, Measure, Score
from whisperdiar.text import json
from whisperdiar.text.counts import count_recordings
from whisperdiar.text.messages import _, mark

_TITLES = {
    "detection": mark("speech"),
    "speaker count": mark("count"),
    "boundary precision": mark("bound. P"),
    "boundary recall": mark("bound. R"),
    "subtitle rules": mark("rules"),
}
"""Heads of columns that are shorter than the name of their measure."""
_PARTS = {mark("missed"): "missed detection", mark("false"): "false alarm", mark("confused"): "confusion"}
"""Columns that divide DER."""
_NONE = "–"

Column = tuple[str, str, Callable[[Components], float]]
"""Head, measure, and the value that components of the measure give."""


def format_text(scores: Sequence[Score], differences: Sequence[Difference], options: ScoreOptions) -> str:
    """Tables of turns, words and emotions for each hypothesis, what is left out of them and why, and the comparison."""
    blocks = [_describe_score(score, options) for score in scores]
    if differences:
        blocks.append(_describe_differences(differences))
    return "\n".join(blocks)


def format_csv(scores: Sequence[Score]) -> str:
    """A line for each hypothesis and recording; that of all together names none. Rates as numbers, 1 for 100 %."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("hypothesis", "recording", *MEASURES))
    for score in scores:
        rows: list[tuple[str, Mapping[str, float]]] = [
            (own.recording, {name: own.rate(name) for name in own.components}) for own in score.recordings
        ]
        rows.append(("", {name: rate.value for name, rate in score.pooled.items()}))
        for recording, rates in rows:
            shown = [f"{rates[name]:.6f}" if name in rates else "" for name in MEASURES]
            writer.writerow((score.name, recording, *shown))
    return out.getvalue()


def format_json(scores: Sequence[Score], differences: Sequence[Difference], options: ScoreOptions) -> str:
    """Everything: rates with their intervals, counts of every recording, the comparison, and how it was scored."""
    return json.write(
        {
            "options": asdict(options),
            "scores": [score_to_dict(score) for score in scores],
            "differences": [{**asdict(own), "difference": own.difference} for own in differences],
        }
    )


def score_to_dict(found: Score) -> dict[str, Any]:
    """Everything as plain values, for JSON: rates and their components, 1 for 100 %."""
    plain = asdict(found)
    for own, values in zip(found.recordings, plain["recordings"], strict=True):
        values["rates"] = {name: own.rate(name) for name in own.components}
    return plain


def _describe_score(score: Score, options: ScoreOptions) -> str:
    lines = [f"{score.name}: {_count_recordings(score)}"]
    for about, how in (
        ("turns", _describe_turns(options)),
        ("words", _("texts: {normaliser}").format(normaliser=score.normaliser)),
        ("emotions", _("emotions; %")),
        ("subtitles", _("subtitles")),
    ):
        columns = [column for column in _list_columns(about) if column[1] in score.pooled]
        if columns:
            lines += ["", f"{how}", *_format_table(score, columns)]
    reasons: dict[str, list[str]] = {}
    for name, reason in score.left_out.items():
        reasons.setdefault(reason, []).append(name)
    left_out = [
        _("left out: {names}: {reason}").format(names=", ".join(names), reason=reason)
        for reason, names in reasons.items()
    ]
    notes = [
        _("note: {note}").format(note=note)
        for note in dict.fromkeys(note for own in score.recordings for note in own.notes)
    ]
    if left_out or notes:
        lines += ["", *left_out, *notes]
    return "\n".join(lines) + "\n"


def _count_recordings(score: Score) -> str:
    number = len(score.recordings)
    missing = _(", {number} of them missing").format(number=len(score.missing)) if score.missing else ""
    return count_recordings(number) + missing


def _describe_turns(options: ScoreOptions) -> str:
    collar = _("collar {collar:g} s on each side").format(collar=options.collar) if options.collar else _("no collar")
    return (
        _("turns: {collar}, overlap left out; %") if options.skip_overlap else _("turns: {collar}, overlap scored; %")
    ).format(collar=collar)


def _list_columns(about: str) -> Iterator[Column]:
    for name, measure in MEASURES.items():
        if measure.about != about:
            continue
        factor = 100.0 if measure.unit == "%" else 1.0
        yield _TITLES.get(name, name), name, lambda parts, own=measure, by=factor: by * own.rate(parts)  # type: ignore[misc]
        if name == "DER":
            for title, part in _PARTS.items():
                only = Measure(part, (part,), "total", "turns")
                yield title, name, lambda parts, own=only: 100.0 * own.rate(parts)  # type: ignore[misc]


def _format_table(score: Score, columns: Sequence[Column]) -> list[str]:
    rows: list[list[str]] = [[_("recording"), *(_(title) for title, _name, _compute in columns)]]
    for own in score.recordings:
        cells = [
            _show(compute(own.components[name])) if name in own.components else _NONE
            for _title, name, compute in columns
        ]
        rows.append([own.recording, *cells])
    if len(score.recordings) > 1:
        rows.append([_("all"), *(_show(compute(score.pooled[name].components)) for _title, name, compute in columns)])
        for title, end in ((_("95 % from"), 0), ("     " + _("to"), 1)):
            rows.append([title, *(_show_bound(score, title, name, end) for title, name, _compute in columns)])
    return _align(rows)


def _show_bound(score: Score, title: str, name: str, end: int) -> str:
    interval = score.pooled[name].interval
    if interval is None or title in _PARTS:
        return ""
    return _show(interval[end] * (100.0 if MEASURES[name].unit == "%" else 1.0))


def _describe_differences(differences: Sequence[Difference]) -> str:
    lines = [_("comparison: second less first, with a paired permutation test over recordings")]
    rows = [[_("measure"), _("first"), _("second"), _("difference"), _("95 % from"), _("to"), "p", _("recordings")]]
    pair = None
    for own in differences:
        if own.names != pair:
            pair = own.names
            rows.append([f"{own.names[0]} → {own.names[1]}", *[""] * 7])
        factor = 100.0 if MEASURES[own.measure].unit == "%" else 1.0
        values = [_show(factor * value) for value in (own.first, own.second, own.difference, *own.interval)]
        if own.n_recordings < 2:  # one recording tells nothing of others
            values[3:] = [_NONE, _NONE]
        p = f"{own.p:.4f}" if own.n_recordings > 1 else _NONE
        rows.append([f"  {own.measure}", *values, p, f"{own.n_recordings}"])
    return "\n".join([*lines, *_align(rows)]) + "\n"


def _show(value: float) -> str:
    return f"{value:.2f}"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right; a name alone in its row widens no column."""
    widths = [max(len(row[i]) for row in rows if i or any(row[1:])) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]

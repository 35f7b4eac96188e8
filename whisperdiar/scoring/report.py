"""The report of a score: one page of HTML that is complete in itself, in the look of a transcript's page.

It shows the rates with their intervals, the comparison of hypotheses, the worst moments, every recording, and for those
with most errors a timeline of both sides and the words that are wrong. What comes from files travels as JSON, and the
page's script puts it into the document as text (`whisperdiar.text.pages`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from whisperdiar.options import ScoreOptions
from whisperdiar.options.colours import SPEAKER_COLOURS, format_colours
from whisperdiar.scoring.documents import Document
from whisperdiar.scoring.inspection import (
    WORD_S,
    Inspection,
    Moment,
    ScoredPair,
    WordPair,
    find_worst_moments,
    inspect_recording,
)
from whisperdiar.scoring.measures import (
    FEWEST_TO_TELL,
    MEASURES,
    SIGNIFICANCE,
    Difference,
    Measure,
    RecordingScore,
    Score,
)
from whisperdiar.text import messages
from whisperdiar.text.counts import count_recordings
from whisperdiar.text.json import write_compact
from whisperdiar.text.messages import _
from whisperdiar.text.pages import escape_json, fill_page, join_scripts, read_part

_SCRIPTS = ("viewer/timeline.js", "report/report.js")
_MOST_ITEMS = 400_000
"""Turns, errors and words that a page holds, some 10 MB; recordings with fewer errors are left out of the timelines."""
_MOST_MOMENTS = 100
"""Of each hypothesis."""
_LONGEST_PASSAGE = 60
"""Words after which a passage of one speaker is divided."""
_PAUSE_S = 3.0
"""Pause after which it is."""
_KINDS = {"right": 0, "substituted": 1, "deleted": 2, "inserted": 3}


def format_html(
    scores: Sequence[Score],
    differences: Sequence[Difference],
    options: ScoreOptions,
    pairs: Sequence[Sequence[ScoredPair]] = (),
    *,
    title: str = "",
    language: str | None = None,
    media: Mapping[str, str] | None = None,
) -> str:
    """A page of HTML in the language of messages, with no request to anything but the linked recordings.

    Args:
        scores: of each hypothesis against the same reference.
        differences: of every two of them, as `compare_scores` finds them; may be empty.
        options: those that they were scored with.
        pairs: for each score both sides of its recordings, as `score` gives them to ``keep``; without them the page has
            tables alone.
        title: of the page, such as the name of the reference.
        language: of the texts, as it was given to `score`.
        media: recording → URL of its sound, relative to the page.
    """
    chosen = _choose_recordings(scores, pairs)
    inspected = [_inspect(score, own, chosen, options, language) for score, own in zip(scores, pairs, strict=False)]
    moments = [
        (number, moment)
        for number, own in enumerate(inspected)
        for moment in find_worst_moments(own.values(), limit=_MOST_MOMENTS)
    ]
    folders = _list_folders(pairs)
    order = {name: index for index, name in enumerate(chosen)}
    data = {
        "title": title,
        "language": messages.current(),
        "colours": len(SPEAKER_COLOURS),
        "strings": {key: _show_plain(text) for key, text in _list_strings().items()},
        "how": [_show_plain(text) for text in _describe_options(options)],
        "significance": SIGNIFICANCE,
        "fewest": FEWEST_TO_TELL,
        "measures": [_describe_measure(own) for own in MEASURES.values()],
        "hypotheses": [_describe_score(score, folders) for score in scores],
        "differences": [_describe_difference(own) for own in differences],
        "recordings": [_describe_recording(name, inspected, (media or {}).get(name)) for name in chosen],
        "moments": [_describe_moment(number, order[own.recording], own) for number, own in moments],
    }
    return fill_page(
        read_part("report/report.html"),
        style=format_colours() + read_part("viewer/viewer.css") + read_part("report/report.css"),
        script=join_scripts(_SCRIPTS),
        values={"data": escape_json(write_compact(data)), "language": messages.current()},
    )


def _choose_recordings(scores: Sequence[Score], pairs: Sequence[Sequence[ScoredPair]]) -> list[str]:
    """The recordings that the page shows in full, those with most errors first, up to `_MOST_ITEMS`."""
    weights: dict[str, float] = {}
    for own in (recording for score in scores for recording in score.recordings):
        weights[own.recording] = weights.get(own.recording, 0.0) + _weigh_errors(own)
    sizes: dict[str, int] = {}
    for pair in (pair for own in pairs for pair in own):
        for side in (pair.reference, pair.hypothesis):
            if side is not None:
                size = 2 * len(side.turns or ()) + sum(len(own.text.split()) for own in side.utterances or ())
                sizes[pair.reference.recording] = sizes.get(pair.reference.recording, 0) + size
    found: list[str] = []
    total = 0
    for name in sorted(sizes, key=lambda name: -weights.get(name, 0.0)):
        total += sizes[name]
        if found and total > _MOST_ITEMS:
            break
        found.append(name)
    return found


def _weigh_errors(own: RecordingScore) -> float:
    turns, words = own.components.get("DER", {}), own.components.get("WER", {})
    return sum(turns.get(part, 0.0) for part in MEASURES["DER"].errors) + WORD_S * sum(
        words.get(part, 0.0) for part in MEASURES["WER"].errors
    )


def _inspect(
    score: Score, pairs: Iterable[ScoredPair], chosen: Sequence[str], options: ScoreOptions, language: str | None
) -> dict[str, Inspection]:
    """Each chosen recording; what has no rate shows no errors."""
    rated = {own.recording: own.components for own in score.recordings}
    found = {}
    for pair in pairs:
        name = pair.reference.recording
        if name in chosen:
            own = inspect_recording(pair, options=options, language=language)
            found[name] = own.restrict(turns="DER" in rated[name], words="WER" in rated[name])
    return found


def _list_folders(pairs: Sequence[Sequence[ScoredPair]]) -> list[str]:
    """Folders of the files that were scored, each with its separator, the longest first."""
    sources = {
        part
        for pair in (pair for own in pairs for pair in own)
        for side in pair[:2]
        if isinstance(side, Document)
        for part in side.source.split(" and ")
    }
    found = {source[: len(source) - len(Path(source).name)] for source in sources}
    return sorted(filter(None, found), key=lambda folder: (-len(folder), folder))


def _describe_measure(own: Measure) -> dict[str, Any]:
    return {
        "name": own.name,
        "title": _show_plain(_title_of(own.name)),
        "unit": own.unit,
        "percent": own.unit == "%",
        "higher": own.higher_is_better,
    }


def _describe_difference(own: Difference) -> dict[str, Any]:
    return {
        "measure": own.measure,
        "first": own.names[0],
        "second": own.names[1],
        "values": [own.first, own.second, own.difference, *own.interval],
        "p": own.p if own.n_recordings > 1 else None,
        "recordings": own.n_recordings,
    }


def _describe_score(score: Score, folders: Collection[str]) -> dict[str, Any]:
    reasons: dict[str, list[str]] = {}
    for name, reason in score.left_out.items():
        for folder in folders:  # of the maker's machine, which say nothing to whom the page is sent
            reason = reason.replace(folder, "")
        reasons.setdefault(reason, []).append(_title_of(name))
    return {
        "name": score.name,
        "counted": count_recordings(len(score.recordings)),
        "normaliser": score.normaliser,
        "missing": list(score.missing),
        "rates": {name: [rate.value, *(rate.interval or (None, None))] for name, rate in score.pooled.items()},
        "parts": {name: dict(rate.components) for name, rate in score.pooled.items()},
        "leftOut": [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()],
        "notes": list(dict.fromkeys(_show_plain(note) for own in score.recordings for note in own.notes)),
        "rows": [
            [own.recording, {name: own.rate(name) for name in own.components}, _divide_errors(own)]
            for own in score.recordings
        ],
    }


def _divide_errors(own: RecordingScore) -> list[float]:
    """Missed speech, false alarm and confusion as shares of the speech."""
    parts = own.components.get("DER")
    if not parts or not parts["total"]:
        return []
    return [parts[name] / parts["total"] for name in MEASURES["DER"].errors]


def _describe_recording(name: str, inspected: Sequence[Mapping[str, Inspection]], media: str | None) -> dict[str, Any]:
    sides = [own.get(name) for own in inspected]
    known = [own for own in sides if own is not None]
    speakers = sorted({turn.speaker for turn in known[0].reference} | _list_speakers(known))
    places = {label: index for index, label in enumerate(speakers)}
    return {
        "name": name,
        "duration": max(_ms(own.duration) for own in known),
        "media": media,
        "speakers": speakers,
        "turns": [[_ms(turn.start), _ms(turn.end), places[turn.speaker]] for turn in known[0].reference],
        "uem": None if known[0].uem is None else [[_ms(span.start), _ms(span.end)] for span in known[0].uem],
        "sides": [None if own is None else _describe_side(own, places) for own in sides],
    }


def _list_speakers(known: Iterable[Inspection]) -> set[str]:
    return {word.speaker for own in known for word in own.words if word.speaker is not None}


def _describe_side(own: Inspection, places: Mapping[str, int]) -> dict[str, Any]:
    labels = sorted(
        {turn.speaker for turn in own.hypothesis},
        key=lambda label: (label not in own.mapping, own.mapping.get(label, ""), label),
    )
    rows = {label: index for index, label in enumerate(labels)}
    return {
        "labels": [[label, places.get(own.mapping.get(label, ""))] for label in labels],
        "turns": [[_ms(turn.start), _ms(turn.end), rows[turn.speaker]] for turn in own.hypothesis],
        "errors": [[_ms(start), _ms(end), *counts] for start, end, *counts in own.errors],
        "passages": [_describe_passage(words, places) for words in _divide_passages(own.words)],
    }


def _divide_passages(words: Sequence[WordPair]) -> list[list[WordPair]]:
    """Words of one speaker of the reference; those that were put in belong to the passage before."""
    found: list[list[WordPair]] = []
    speaker: str | None = None
    for word in words:
        new = not found or len(found[-1]) >= _LONGEST_PASSAGE or word.start - found[-1][-1].start > _PAUSE_S
        if word.said is not None and word.speaker != speaker:
            new, speaker = True, word.speaker
        if new:
            found.append([])
        found[-1].append(word)
    return found


def _describe_passage(words: Sequence[WordPair], places: Mapping[str, int]) -> list[Any]:
    """Start, the speaker's place, and words: kind, time, what was said, what was heard, whose it wrongly is."""
    who = next((word.speaker for word in words if word.speaker is not None), None)
    described = []
    for word in words:
        item: list[Any] = [_KINDS[word.kind], _ms(word.start), word.said if word.said is not None else word.heard]
        wrong = word.misattributed or (word.said is None and word.given != who)
        given = word.given if wrong else None
        if word.kind == "substituted" or given is not None:
            item.append(word.heard if word.kind == "substituted" else None)
        if given is not None:
            item.append(given)
        described.append(item)
    return [_ms(words[0].start), None if who is None else places[who], described]


def _describe_moment(hypothesis: int, recording: int, own: Moment) -> list[float]:
    parts = [round(value, 2) for value in (own.missed, own.false_alarm, own.confused)]
    return [hypothesis, recording, _ms(own.start), _ms(own.end), *parts, own.words, own.speakers, round(own.weight, 2)]


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _show_plain(text: str) -> str:
    """A text in the user's language that stays so in the page, unlike messages, whose English goes into files."""
    return str.__str__(text)


def _title_of(measure: str) -> str:
    return {
        "detection": _("speech detection"),
        "speaker count": _("speaker count"),
        "purity": _("purity"),
        "coverage": _("coverage"),
        "boundary precision": _("boundary precision"),
        "boundary recall": _("boundary recall"),
        "subtitle rules": _("subtitle rules"),
    }.get(measure, measure)


def _describe_options(options: ScoreOptions) -> list[str]:
    collar = _("collar {seconds} s on each side").format(seconds=f"{options.collar:g}")
    return [
        collar if options.collar else _("no collar"),
        _("overlap left out") if options.skip_overlap else _("overlap scored"),
    ]


def _list_strings() -> dict[str, str]:
    """What the page says, by the names that its script knows."""
    return {**_name_page(), **_name_rates(), **_name_recordings()}


def _name_page() -> dict[str, str]:
    """Of the page itself and its player."""
    return {
        "heading": _("Score"),
        "theme": _("Light or dark"),
        "more": _("Show more"),
        "play": _("Play or pause"),
        "back": _("Back 5 seconds"),
        "on": _("On 5 seconds"),
        "choose": _("Choose the recording…"),
        "lostMedia": _("The sound cannot be played from here; choose the file."),
        "made": _("Made by whisperdiar. This page sends nothing anywhere."),
        "position": _("Position in the recording"),
    }


def _name_rates() -> dict[str, str]:
    """Of the summary, the comparison and the worst moments."""
    return {
        "summary": _("Summary"),
        "measure": _("Measure"),
        "interval": _("95 % interval"),
        "lower": _("lower is better"),
        "higher": _("higher is better"),
        "perCue": _("per cue"),
        "speakersUnit": _("speakers"),
        "missed": _("missed"),
        "falseAlarm": _("false alarm"),
        "confused": _("confusion"),
        "texts": _("texts"),
        "missingRecordings": _("recordings that it lacks, counted as missed"),
        "leftOut": _("left out"),
        "note": _("note"),
        "intervalHint": _("Rates are of summed counts; intervals by a bootstrap over recordings."),
        "comparison": _("Comparison"),
        "comparisonHint": _("Second less first, with a paired permutation test over recordings."),
        "tooFew": _("Of fewer than {number} recordings nobody can tell whether a difference is by chance.").format(
            number=FEWEST_TO_TELL
        ),
        "first": _("First"),
        "second": _("Second"),
        "difference": _("Difference"),
        "significant": _("p below {limit}").format(limit=SIGNIFICANCE),
        "moments": _("Worst moments"),
        "momentsHint": _("Stretches of ten seconds with most errors. A click shows the place and plays it."),
        "wrongWords": _("wrong words"),
        "wrongSpeakers": _("words with a wrong speaker"),
    }


def _name_recordings() -> dict[str, str]:
    """Of each recording: its row, its timeline and its words."""
    return {
        "recordings": _("Recordings"),
        "recording": _("Recording"),
        "sortHint": _("A click on a heading sorts, one on a name shows the recording."),
        "all": _("all"),
        "timeline": _("Timeline"),
        "timelineHint": _("Drag to move, Ctrl and the wheel to zoom, click to go there."),
        "reference": _("Reference"),
        "hypothesis": _("Hypothesis"),
        "words": _("Words"),
        "substituted": _("heard as another word"),
        "deleted": _("left out"),
        "inserted": _("put in"),
        "given": _("given to another speaker"),
        "sample": _("word"),
        "onlyErrors": _("Only passages with errors"),
        "noWords": _("No words are compared in this recording."),
        "noErrors": _("There is no error here."),
        "lacking": _("The hypothesis lacks this recording."),
        "notShown": _("It has fewer errors and is left out of the timelines, to keep the page small."),
        "nobody": _("Nobody"),
        "zoomIn": _("Closer"),
        "zoomOut": _("Wider"),
        "zoomAll": _("The whole recording"),
        "worst": _("Next error"),
    }

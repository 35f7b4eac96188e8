"""Scoring: how good a transcript or a diarization is, held against a reference.

    >>> from whisperdiar.scoring import score
    >>> found = score("meeting.stm", "meeting.json")     # doctest: +SKIP
    >>> found.pooled["cpWER"].value                      # doctest: +SKIP

Turns need the core alone; words need jiwer and MeetEval (``pip install 'whisperdiar[score]'``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendMissing, FormatError, describe_error
from whisperdiar.formats import decode, read_cues
from whisperdiar.options import ScoreOptions, WriteOptions
from whisperdiar.scoring.documents import (
    Document,
    document_of,
    match_recordings,
    read_documents,
    read_uem,
)
from whisperdiar.scoring.emotions import emotion_errors
from whisperdiar.scoring.inspection import (
    Inspection,
    Moment,
    ScoredPair,
    WordPair,
    compare_words,
    find_worst_moments,
    inspect_recording,
)
from whisperdiar.scoring.manifests import is_manifest, read_audio_paths, read_reference, read_references
from whisperdiar.scoring.measures import (
    FEWEST_TO_TELL,
    MEASURES,
    SIGNIFICANCE,
    Difference,
    Measure,
    Rate,
    RecordingScore,
    Score,
    compare_scores,
    pool_scores,
)
from whisperdiar.scoring.normalisation import choose_normaliser, make_normaliser
from whisperdiar.scoring.report import format_html
from whisperdiar.scoring.tables import format_csv, format_json, format_text, score_to_dict
from whisperdiar.scoring.turns import TurnError, locate_errors, score_turns
from whisperdiar.scoring.words import (
    NOBODY,
    Errors,
    Utterance,
    WrongSpeakers,
    character_errors,
    check_packages,
    estimate_tcp_bytes,
    is_orc_exact,
    speaker_errors,
    word_errors,
    wrong_speakers,
)
from whisperdiar.subtitles.checking import check as check_cues
from whisperdiar.system.files import read_bytes
from whisperdiar.system.log import warn
from whisperdiar.system.machine import available_memory
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span

__all__ = [
    "FEWEST_TO_TELL",
    "MEASURES",
    "NOBODY",
    "SIGNIFICANCE",
    "Difference",
    "Document",
    "Errors",
    "Inspection",
    "Measure",
    "Moment",
    "Rate",
    "RecordingScore",
    "Score",
    "ScoredPair",
    "TurnError",
    "Utterance",
    "WordPair",
    "WrongSpeakers",
    "character_errors",
    "compare_scores",
    "compare_words",
    "document_of",
    "emotion_errors",
    "find_worst_moments",
    "format_csv",
    "format_html",
    "format_json",
    "format_text",
    "inspect_recording",
    "locate_errors",
    "make_normaliser",
    "match_recordings",
    "pool_scores",
    "read_audio_paths",
    "read_documents",
    "read_reference",
    "read_uem",
    "score",
    "score_document",
    "score_to_dict",
    "score_turns",
    "speaker_errors",
    "word_errors",
    "wrong_speakers",
]

Source = str | os.PathLike[str] | Transcript | Mapping[str, Document]
_TURNS = tuple(own.name for own in MEASURES.values() if own.about == "turns")
_WORDS = tuple(own.name for own in MEASURES.values() if own.about == "words")
_LARGE_TABLE = 10**9
"""Bytes from which on MeetEval's table for tcpWER is held against the memory that is free."""
_SPEAKERS = ("cpWER", "tcpWER", "DI-cpWER", "WDER")


def score(
    reference: Source,
    hypothesis: Source,
    *,
    options: ScoreOptions | None = None,
    uem: str | os.PathLike[str] | Mapping[str, Sequence[Span]] | None = None,
    language: str | None = None,
    name: str | None = None,
    progress: Progress = no_progress,
    notify: Callable[[str], None] = warn,
    keep: Callable[[ScoredPair], None] = lambda _pair: None,
) -> Score:
    """Every measure that both sides allow, per recording and pooled over all of them.

    Args:
        reference, hypothesis: files, folders, patterns (``refs/*.rttm``), transcripts, or documents by recording; the
            reference may be a manifest.
        uem: what is scored: a UEM file, a folder of them, or spans by recording; None for what a manifest says, or else
            all from the first boundary of either side to the last. Words are not cut by it.
        language: of the texts; None takes what the files say.
        name: of the hypothesis in the result; None takes that of its file or folder.
        progress: is told how far it is, as stages ``read`` and ``score``.
        notify: is told what could not be matched or looks wrong.
        keep: is given both sides of each recording as they are scored, for `format_html` and `inspect_recording`.

    A recording that the hypothesis lacks is told, and counts as missed from its beginning to its end: in every measure
    that another recording of the hypothesis has.

    Raises:
        InvalidOption: there is no such file, or an option cannot be meant.
        FormatError: a file cannot be read, no recording is in both, the reference is empty, or what the one side holds
            the other does not.
        BackendMissing: words are to be scored, and there are no turns, and jiwer or MeetEval is not installed.
    """
    options = options or ScoreOptions()
    given = _describe(reference), _describe(hypothesis)
    spans = read_uem(uem) if isinstance(uem, (str, os.PathLike)) else uem
    if isinstance(reference, (str, os.PathLike)) and is_manifest(reference):
        own_side, scored = read_references(reference)
        known: Mapping[str, Document] = own_side
    else:
        known, scored = _load(reference, language, notify, lambda part: progress("read", part / 2)), {}
    heard = _load(hypothesis, language, notify, lambda part: progress("read", 0.5 + part / 2))
    progress("read", 1.0)
    if not any(own.turns or own.utterances or own.emotions for own in known.values()):
        raise FormatError(_("{given}: the reference is empty; nothing can be held against it").format(given=given[0]))
    pairs, missing = match_recordings(known, heard, about=given)
    if missing:
        notify(
            _("{given}: it lacks {names} of the reference; they count as missed").format(
                given=given[1], names=_list_names(missing)
            )
        )
    if silent := [own.recording for own, other in pairs if not (other.turns or other.utterances or other.emotions)]:
        notify(
            _("{given}: it holds nothing of {names}; all that is said there counts as missed").format(
                given=given[1], names=_list_names(silent)
            )
        )
    if len(known) > 1 and (more := [other for other in heard if other not in known]):
        notify(
            _("{given}: the reference lacks {names}; they are not scored").format(
                given=given[1], names=_list_names(more)
            )
        )
    found: list[RecordingScore] = []
    both: list[tuple[Document, Document | None]] = [*pairs, *((known[name], None) for name in missing)]
    for number, (own, other) in enumerate(both):
        progress("score", number / len(both))
        parts = scored.get(own.recording) if spans is None else spans.get(own.recording)
        if spans is not None and parts is None:
            notify(_("--uem: it says nothing of {recording}; all of it is scored").format(recording=own.recording))
        how: dict[str, Any] = {"options": options, "uem": parts, "language": language, "notify": notify}
        if other is None:
            found.append(_score_missing(own, given[1], found, how))
        else:
            found.append(score_document(own, other, **how))
        keep(ScoredPair(own, other, None if parts is None else tuple(parts)))
    progress("score", 1.0)
    if not any(MEASURES[name].about != "subtitles" for own in found for name in own.components):
        reasons = "; ".join(dict.fromkeys(reason for own in found for reason in own.left_out.values()))
        raise FormatError(
            _("{given} cannot be held against {reference}: {reasons}").format(
                given=given[1], reference=given[0], reasons=reasons
            )
        )
    return pool_scores(
        name or Path(given[1]).name or given[1],
        found,
        missing=missing,
        resamples=options.resamples,
        seed=options.seed,
    )


def _score_missing(reference: Document, source: str, others: Sequence[RecordingScore], how: Any) -> RecordingScore:
    """A recording that the hypothesis lacks: as if nothing was heard in it, in the measures that others have."""
    nothing = Document(reference.recording, (), (), reference.language, source, emotions=())
    found = score_document(reference, nothing, **how)
    measured = {name for own in others for name in own.components}
    left_out = {name: reason for own in others for name, reason in own.left_out.items() if name not in measured}
    components = {name: parts for name, parts in found.components.items() if name in measured}
    return replace(found, components=components, left_out={**left_out, **found.left_out})


def _list_names(names: Sequence[str]) -> str:
    more = _(" and {number} more").format(number=len(names) - 3) if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def score_document(
    reference: Document,
    hypothesis: Document,
    *,
    options: ScoreOptions | None = None,
    uem: Sequence[Span] | None = None,
    language: str | None = None,
    notify: Callable[[str], None] = warn,
) -> RecordingScore:
    """One recording: the components of every measure that both sides allow, and why others are left out.

    Raises:
        BackendMissing: as of `score`.
    """
    options = options or ScoreOptions()
    components: dict[str, Mapping[str, float]] = {}
    left_out: dict[str, str] = {}
    notes: list[str] = []
    if uem is not None and (end := max((span.end for span in uem), default=0.0)) < hypothesis.end - 1.0:
        notify(
            _("{source}: {recording} ends at {end:.1f} s; only {scored:.1f} s are scored").format(
                source=hypothesis.source, recording=reference.recording, end=hypothesis.end, scored=end
            )
        )
    if reference.turns is None or (hypothesis.turns is None and hypothesis.utterances is not None):
        side = reference if reference.turns is None else hypothesis
        left_out.update(dict.fromkeys(_TURNS, _("{source} names no speakers").format(source=side.source)))
    else:
        components.update(
            score_turns(
                reference.turns,
                hypothesis.turns or (),
                uem=uem,
                collar=options.collar,
                skip_overlap=options.skip_overlap,
                boundary_tolerance=options.boundary_tolerance,
            )
        )
    if reference.emotions is not None and hypothesis.emotions is not None:
        end = max(reference.end, hypothesis.end) if uem is None else max((span.end for span in uem), default=0.0)
        components["EDER"] = emotion_errors(reference.emotions, hypothesis.emotions, end)
    elif reference.emotions is not None:
        left_out["EDER"] = _("{source} tells no emotions").format(source=hypothesis.source)
    normaliser = _score_words(reference, hypothesis, options, language, components, left_out, notes)
    if hypothesis.subtitles is not None:
        code = language or hypothesis.language
        components["subtitle rules"] = _check_subtitles(hypothesis.subtitles, code)
    return RecordingScore(reference.recording, components, left_out, normaliser, tuple(notes))


def _score_words(
    reference: Document,
    hypothesis: Document,
    options: ScoreOptions,
    language: str | None,
    components: dict[str, Mapping[str, float]],
    left_out: dict[str, str],
    notes: list[str],
) -> str:
    """Adds what words allow; returns the name of the normaliser."""
    if reference.utterances is None or (hypothesis.utterances is None and hypothesis.turns is not None):
        side = reference if reference.utterances is None else hypothesis
        left_out.update(dict.fromkeys(_WORDS, _("{source} holds no words").format(source=side.source)))
        return ""
    try:
        check_packages()
        code = language or reference.language or hypothesis.language
        chosen = choose_normaliser(options.normaliser, code)
        normalise = make_normaliser(chosen, code)
    except BackendMissing as error:
        if not components:
            raise
        left_out.update(dict.fromkeys(_WORDS, str(error)))
        return ""
    said, heard = (
        [own._replace(text=normalise(own.text)) for own in side.utterances or ()] for side in (reference, hypothesis)
    )
    texts = [" ".join(own.text for own in side if own.text) for side in (said, heard)]
    components["WER"] = asdict(word_errors(*texts))
    components["CER"] = asdict(character_errors(*texts))
    for measure in ("cpWER", "tcpWER", "ORC-WER", "DI-cpWER", "WDER"):
        reason = _why_not(measure, reference, hypothesis)
        if measure == "tcpWER" and not reason:
            reason = _explain_lack_of_memory(estimate_tcp_bytes(said, heard))
        if reason:
            left_out[measure] = reason
        elif measure == "WDER":
            wrong = wrong_speakers(said, heard)
            components[measure] = {"wrong": wrong.count, "length": wrong.length}
        else:
            collar = options.word_collar if measure == "tcpWER" else None
            try:
                components[measure] = asdict(speaker_errors(said, heard, collar=collar, measure=measure))  # type: ignore[arg-type]
            except (RuntimeError, ValueError) as error:  # too many speakers, times that MeetEval refuses
                left_out[measure] = _("MeetEval refuses {recording}: {cause}").format(
                    recording=reference.recording, cause=describe_error(error)
                )
    if "ORC-WER" in components and not is_orc_exact(said, heard):
        notes.append(_("ORC-WER by MeetEval's greedy algorithm, as the exact one would take too long"))
    return chosen


def _why_not(measure: str, reference: Document, hypothesis: Document) -> str:
    if measure in _SPEAKERS:
        for side in (reference, hypothesis):
            if side.utterances and not side.speakers:
                return _("the words of {source} have no speakers").format(source=side.source)
    if measure == "tcpWER" and not (reference.timed and hypothesis.timed):
        return _("the words of {source} have no times").format(
            source=(hypothesis if reference.timed else reference).source
        )
    if measure == "ORC-WER" and not reference.timed:
        return _("{source} has no utterances with times").format(source=reference.source)
    return ""


def _explain_lack_of_memory(needed: int) -> str:
    """Why a table of so many bytes is not made; nothing where there is room for it."""
    free = available_memory("cpu") if needed > _LARGE_TABLE else None
    if free is None or needed <= free / 2:
        return ""
    return _("it would take {needed:.1f} GB of memory, of which {free:.1f} GB are free").format(
        needed=needed / 1e9, free=free / 1e9
    )


def _check_subtitles(path: Path, language: str | None) -> dict[str, float]:
    text, _ = decode(read_bytes(path), None)
    cues = read_cues(path, text)
    shown = [cue.lines for cue in read_cues(path, text, labels=False)]
    found = check_cues(cues, WriteOptions().rules(language), shown=shown)
    return {"violations": float(len(found.violations)), "cues": float(found.cues)}


def _load(
    side: Source, language: str | None, notify: Callable[[str], None], progress: Callable[[float], None]
) -> Mapping[str, Document]:
    if isinstance(side, Transcript):
        return {side.recording_id: document_of(side)}
    if isinstance(side, (str, os.PathLike)):
        return read_documents(side, language=language, notify=notify, progress=progress)
    return side


def _describe(side: Source) -> str:
    if isinstance(side, Transcript):
        return side.recording_id
    return os.fspath(side) if isinstance(side, (str, os.PathLike)) else _("the documents")

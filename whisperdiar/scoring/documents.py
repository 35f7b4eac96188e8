"""What is scored: files and folders, in any format that reads back, become turns and utterances per recording."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.exchange import read
from whisperdiar.formats import SERVICES, SeveralRecordings, by_name, detect, rttm
from whisperdiar.media import recording_id
from whisperdiar.scoring.words import NOBODY, Utterance
from whisperdiar.system.files import read_text
from whisperdiar.system.log import warn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn

Notify = Callable[[str], None]

_RANK = ("json", "whisperx-json", "verbose-json", *SERVICES, "diarized-json", "seglst", "stm", "eaf", "textgrid", "ctm",
         "vtt", "srt", "ass", "ttml", "sbv", "lrc")  # fmt: skip
"""Formats from which words are taken, the first of those that a folder has of a recording."""
_TURNS = ("rttm", "seg", "lbl", "audioseg")
"""Formats of turns alone, the first of those that a folder has of a recording."""
EMOTIONS = "emotions-rttm"
_SUBTITLES = ("srt", "vtt", "ass", "ttml", "sbv", "lrc")
_LISTED = 3


@dataclass(frozen=True, slots=True)
class Document:
    """What one side says of one recording.

    Attributes:
        recording: its name.
        turns: who speaks when; None where nobody is named.
        utterances: what is said, in the order of time; None where there are no words.
        language: code, or None.
        source: the file or files it came from, for messages.
        subtitles: the file, where it holds subtitles.
        named: whether the file itself says which recording it is.
        timed: whether the times of the words are known.
        emotions: which emotion is heard when, as turns whose speakers are emotions; None where none is told.
    """

    recording: str
    turns: tuple[Turn, ...] | None = None
    utterances: tuple[Utterance, ...] | None = None
    language: str | None = None
    source: str = ""
    subtitles: Path | None = None
    named: bool = False
    timed: bool = True
    emotions: tuple[Turn, ...] | None = None

    @property
    def speakers(self) -> bool:
        """Whether its words have speakers."""
        return any(own.speaker != NOBODY for own in self.utterances or ())

    @property
    def end(self) -> float:
        """The last end of a turn or an utterance, seconds."""
        ends = [turn.end for turn in (*(self.turns or ()), *(self.emotions or ()))]
        ends += [own.end for own in self.utterances or ()]
        return max(ends, default=0.0)


def document_of(transcript: Transcript, *, source: str = "") -> Document:
    """A transcript as it is scored; without turns of its own, its segments that have a speaker are its turns."""
    turns = transcript.turns or tuple(
        Turn(segment.span, segment.speaker) for segment in transcript.segments if segment.speaker is not None
    )
    heard = tuple(
        Utterance(segment.speaker or NOBODY, segment.span.start, segment.span.end, segment.text.strip())
        for segment in sorted(transcript.segments, key=lambda segment: segment.span)
    )
    return Document(
        transcript.recording_id,
        turns or None,
        heard or None,
        transcript.language,
        source or transcript.recording_id,
        emotions=transcript.emotions or None,
    )


def read_documents(
    path: str | os.PathLike[str],
    *,
    language: str | None = None,
    notify: Notify = warn,
    progress: Callable[[float], None] = lambda _value: None,
) -> dict[str, Document]:
    """Documents of a file, of all files of a folder, or of a pattern such as ``refs/*.rttm``, by recording.

    A folder may hold several files of a recording: turns are taken from RTTM or another format of turns alone, words
    from the format that says most.

    Args:
        language: of the texts, for files that do not say it.
        notify: is told what was read with a tolerance.
        progress: is told which part of a folder's files is read, 0 to 1.

    Raises:
        InvalidOption: there is no such file, or none that can be read.
        FormatError: a file breaks its format's rules, or two files say the same of one recording.
    """
    path = Path(path)
    if os.path.isfile(path):
        return {document.recording: document for document in _read_file(path, language, notify)}
    if os.path.isdir(path):
        files = sorted(item for item in path.iterdir() if os.path.isfile(item) and not item.name.startswith("."))
    else:
        files = [Path(item) for item in sorted(glob.glob(str(path)))]
        if not files:
            raise InvalidOption(_("{path}: there is no such file or folder; check the name").format(path=path))
    readable = [item for item in files if _format_by_name(item) is not None]
    if not readable:
        raise InvalidOption(
            _("{path}: it holds no file that can be scored; give RTTM, STM, CTM, JSON or subtitles").format(path=path)
        )
    found: dict[str, list[tuple[str, Document]]] = {}
    for number, item in enumerate(readable):
        progress(number / len(readable))
        form = detect_format(item)
        for document in _read_file(item, language, notify) if form is not None else ():
            found.setdefault(document.recording, []).append((form or "", document))
    return {name: _combine(name, own) for name, own in found.items()}


def detect_format(path: Path) -> str | None:
    """The name of a file's format by its suffix, and of JSON by what it holds; None where it cannot be scored.

    Raises:
        FormatError: a JSON file is none.
    """
    form = _format_by_name(path)
    if form != "json":
        return form
    text = read_text(path)
    found = detect(text)
    if found is not None:
        return found[0]
    try:
        data = json.loads(text)
    except ValueError as error:
        raise FormatError(
            _("{path}: this is no JSON ({error}); is it the right file?").format(path=path, error=error)
        ) from error
    if isinstance(data, list):
        return "seglst"
    if not isinstance(data, dict) or "schema_version" in data:
        return "json"
    return "verbose-json" if "segments" in data or "text" in data else "json"


def read_uem(path: str | os.PathLike[str]) -> dict[str, tuple[Span, ...]]:
    """Scored stretches of each recording from UEM (NIST): recording, channel, start and end; a file or a folder.

    Raises:
        InvalidOption: there is no such file.
        FormatError: a line cannot be read.
    """
    path = Path(path)
    files = sorted(path.glob("*.uem")) if os.path.isdir(path) else [path]
    if not files or not os.path.isfile(files[0]):
        raise InvalidOption(_("--uem {path}: there is no such file; check the name").format(path=path))
    found: dict[str, list[Span]] = {}
    for item in files:
        for number, line in enumerate(read_text(item).splitlines(), 1):
            fields = line.split()
            if not fields or line.startswith((";;", "#")):
                continue
            try:
                found.setdefault(fields[0], []).append(Span(float(fields[2]), float(fields[3])))
            except (IndexError, ValueError) as error:
                raise FormatError(
                    _("{item}: line {number}: {line!r}: UEM has a recording, a channel, a start and an end").format(
                        item=item, number=number, line=line.strip()
                    )
                ) from error
    return {name: tuple(spans) for name, spans in found.items()}


def match_recordings(
    reference: Mapping[str, Document], hypothesis: Mapping[str, Document], *, about: tuple[str, str]
) -> tuple[list[tuple[Document, Document]], list[str]]:
    """Both sides of each recording of the reference, and the names of those that the hypothesis lacks.

    Names are equal, or each side is one recording, of which one file does not say the name.

    Raises:
        FormatError: no recording is in both.
    """
    pairs = [(own, hypothesis[name]) for name, own in reference.items() if name in hypothesis]
    if pairs:
        return pairs, [name for name in reference if name not in hypothesis]
    if len(reference) == len(hypothesis) == 1:
        (own,), (other,) = reference.values(), hypothesis.values()
        if not (own.named and other.named):
            return [(own, other)], []
    left, right = (_list_names(side) for side in (reference, hypothesis))
    raise FormatError(
        _(
            "{hypothesis} is of another recording than {reference}: it holds {right}, the reference {left}; "
            "give both the same name"
        ).format(hypothesis=about[1], reference=about[0], right=right, left=left)
    )


def _list_names(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_LISTED]) + (
        _(" and {number} more").format(number=len(every) - _LISTED) if len(every) > _LISTED else ""
    )


def _format_by_name(path: Path) -> str | None:
    suffix = path.suffix.lower()
    for form in ("seglst", "whisperx-json", "verbose-json", "diarized-json", "audioseg", EMOTIONS):
        if path.name.lower().endswith(by_name(form).suffix):
            return form
    if path.name.lower().endswith(by_name("pyannote-json").suffix):
        return None
    if suffix == ".txt":
        return "text"
    return _list_suffixes().get(suffix)


@lru_cache
def _list_suffixes() -> dict[str, str]:
    """File suffix → name of the format that is scored. All are our own, so that none is looked for."""
    formats = [by_name(name) for name in (*_TURNS, *_RANK)]
    return {
        suffix.lower(): item.name
        for item in formats
        for suffix in (item.suffix, *item.aliases)
        if suffix.count(".") == 1
    }


def _read_file(path: Path, language: str | None, notify: Notify) -> Iterator[Document]:
    """The documents of a file, one for each recording in it."""
    form = detect_format(path)
    if form is None:
        raise InvalidOption(
            _(
                "{path}: it cannot be scored; give RTTM, SEG, LBL, STM, CTM, SegLST, JSON, TextGrid, EAF or subtitles"
            ).format(path=path)
        )
    if form == "text":
        text = " ".join(read_text(path).split())
        said = (Utterance(NOBODY, 0.0, 0.0, text),) if text else None
        yield Document(recording_id(path), utterances=said, language=language, source=str(path), timed=False)
    elif form in ("rttm", EMOTIONS):
        for document in _read_turns(path):
            told = replace(document, turns=None, emotions=document.turns) if form == EMOTIONS else document
            yield told
    elif form in _TURNS:
        yield from _read_other_turns(path, form, notify)
    elif form in ("stm", "ctm", "seglst"):
        yield from _read_recordings(path, form, language)
    else:
        transcript = read(path, format_name=form, language=language, notify=notify, inform=lambda _event: None)
        own = document_of(transcript, source=str(path))
        name = _stem(path) if not transcript.recording_id or form != "json" else transcript.recording_id
        yield replace(own, recording=name, subtitles=path if form in _SUBTITLES else None)


def _read_turns(path: Path) -> Iterator[Document]:
    text = read_text(path)
    try:
        every = rttm.loads_all(text, tolerance=rttm.TOLERANT)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    if not every:
        yield Document(_stem(path), (), source=str(path))
    while every:  # each is let go when it is scored
        name = next(iter(every))
        yield Document(name, tuple(every.pop(name).turns), source=str(path), named=True)


def _read_other_turns(path: Path, form: str, notify: Notify) -> Iterator[Document]:
    """The turns of a format of older toolkits; LIUM's names the recordings, of which there may be several."""
    text = read_text(path)
    reads_one = by_name(form).read_recording
    try:
        recordings: tuple[str | None, ...] = (None,)
        if reads_one is not None:
            try:
                reads_one(text)
            except SeveralRecordings as error:
                recordings = error.recordings
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    for recording in recordings:
        transcript = read(path, format_name=form, recording=recording, notify=notify, inform=lambda _event: None)
        named = reads_one is not None and bool(transcript.turns)
        name = transcript.recording_id if named else _stem(path)
        yield Document(name, transcript.turns, source=str(path), named=named)


def _read_recordings(path: Path, form: str, language: str | None) -> Iterator[Document]:
    """Parts of a file that names the recording of each line, each read by itself."""
    text = read_text(path)
    parts: dict[str, list[object]] = {}
    if form == "seglst":
        data = json.loads(text)
        for item in data if isinstance(data, list) else ():
            parts.setdefault(str(item.get("session_id", "")) if isinstance(item, dict) else "", []).append(item)
    else:
        for line in text.splitlines(keepends=True):
            if line.strip() and not line.startswith(";;"):
                parts.setdefault(line.split(maxsplit=1)[0], []).append(line)
    if not parts:
        yield Document(_stem(path), source=str(path))
    found = []
    for name, own in parts.items():
        reader = by_name(form).read
        try:
            made = json.dumps(own) if form == "seglst" else "".join(map(str, own))
            transcript = reader(made if len(parts) > 1 else text) if reader else Transcript(name, 0.0)
        except FormatError as error:
            where = _("{path}, recording {name}").format(path=path, name=name) if len(parts) > 1 else str(path)
            raise FormatError(f"{where}: {error}") from error
        document = document_of(transcript, source=str(path))
        found.append(replace(document, recording=name, language=language, named=True))
    # Where words are said of some recordings, of another none are heard; that is no lack of words.
    worded = any(own.utterances for own in found)
    yield from (replace(own, utterances=()) if worded and own.utterances is None else own for own in found)


def _stem(path: Path) -> str:
    form = _format_by_name(path)
    suffix = by_name(form).suffix if form not in (None, "text") else path.suffix
    bare = path.name[: -len(suffix)] if path.name.lower().endswith(suffix.lower()) else path.stem
    return recording_id(Path(bare + ".x"))


def _combine(name: str, found: list[tuple[str, Document]]) -> Document:
    """Turns from RTTM where there is one, words from the best format, emotions from their own RTTM."""
    felt = _choose_file(name, [own for form, own in found if form == EMOTIONS], "emotions")
    others = [(form, own) for form, own in found if form != EMOTIONS]
    if felt is None or not others:
        return _combine_speech(name, found)
    made = _combine_speech(name, others)
    source = _("{source} and {other}").format(source=made.source, other=felt.source)
    return replace(made, emotions=felt.emotions, source=source, named=True)


def _combine_speech(name: str, found: list[tuple[str, Document]]) -> Document:
    """Turns from RTTM where there is one, words from the best format."""
    first = min((_TURNS.index(form) for form, _path in found if form in _TURNS), default=None)
    turns = _choose_file(name, [own for form, own in found if first is not None and form == _TURNS[first]], "turns")
    spoken = [(form, own) for form, own in found if form not in (*_TURNS, "text", EMOTIONS)]
    best = min((_RANK.index(form) for form, _path in spoken), default=None)
    words = _choose_file(name, [own for form, own in spoken if _RANK.index(form) == best], "words")
    if words is None:
        words = _choose_file(name, [own for form, own in found if form == "text"], "words")
    if turns is None or words is None:
        chosen = words or turns
        return chosen if chosen is not None else found[0][1]
    subtitles = next((own.subtitles for _path, own in found if own.subtitles), None)
    source = _("{source} and {other}").format(source=turns.source, other=words.source)
    return replace(words, turns=turns.turns, source=source, named=True, subtitles=subtitles)


def _choose_file(name: str, documents: list[Document], what: str) -> Document | None:
    """The only one, or the one whose file has exactly the recording's name."""
    if len(documents) > 1:
        exact = [own for own in documents if Path(own.source).name.partition(".")[2].count(".") == 0]
        if len(exact) != 1:
            listed = " and ".join(Path(own.source).name for own in documents[:_LISTED])
            raise FormatError(
                _("{listed} both hold {what} of {name}; leave one out").format(listed=listed, what=what, name=name)
            )
        return exact[0]
    return documents[0] if documents else None

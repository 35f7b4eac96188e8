"""Corpora: a local copy as it is distributed becomes recordings with references. Nothing is ever downloaded.

References in a form of the corpus's own are written beside the manifest as RTTM, STM and JSON (times of words).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whisperdiar.datasets import transcriptions
from whisperdiar.datasets.manifest import Recording
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import json as transcript_json
from whisperdiar.formats import rttm, stm
from whisperdiar.media import recording_id
from whisperdiar.options import WriteOptions
from whisperdiar.system.files import read_text, write_text
from whisperdiar.text.messages import _, mark
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Diarization, Turn

AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".sph", ".mp3", ".m4a", ".ogg", ".opus", ".aac", ".aif", ".aiff", ".wma"),
    *(".mp4", ".mkv", ".avi", ".mov", ".webm", ".rm", ".mpg", ".mpeg"),
)
_WORD_SUFFIXES = (".stm", ".ctm", ".seglst.json", ".txt")
_SPLITS = ("train", "dev", "test", "eval")
_CALLHOME_LANGUAGES = {"eng": "en", "deu": "de", "spa": "es", "jpn": "ja", "zho": "zh", "ara": "ar"}
_JOIN_S = 0.0
"""AMI's words follow each other without a gap inside an utterance: in only_words any pause ends a turn."""
MICROPHONES = {"headset-mix": ("Mix-Headset",), "distant": ("Array1-01",), "lapel-mix": ("Mix-Lapel",)}
REFERENCES = ("only_words", "words_and_vocal_sounds", "segments", "forced_aligned")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A data set that is known by name.

    Attributes:
        title: what it holds.
        source: where it is to be had.
        licence: under which it comes.
        layout: the files that are looked for below its folder.
    """

    title: str
    source: str
    licence: str
    layout: str


CORPORA = {
    "folder": Corpus(
        mark("any folder of recordings and RTTM"), mark("your own"), mark("your own"), "ID.wav, ID.rttm, ID.stm, ID.uem"
    ),
    "voxconverse": Corpus(
        mark("VoxConverse: debates and news from YouTube"),
        "https://www.robots.ox.ac.uk/~vgg/data/voxconverse/ and https://github.com/joonson/voxconverse",
        "CC BY 4.0 (annotations; the videos belong to their makers)",
        "dev/ID.rttm, test/ID.rttm, ID.wav anywhere",
    ),
    "ami": Corpus(
        mark("AMI: meetings of four, English"),
        "https://groups.inf.ed.ac.uk/ami/download/ (ami_public_manual_1.6.2.zip and the sound)",
        "CC BY 4.0",
        "words/MEETING.A.words.xml, segments/, corpusResources/meetings.xml, MEETING.Mix-Headset.wav",
    ),
    "dihard": Corpus(
        mark("DIHARD III: eleven domains that are hard to diarize"),
        "https://catalog.ldc.upenn.edu/LDC2022S12 and LDC2022S14",
        "LDC user agreement",
        "data/flac/ID.flac, data/rttm/ID.rttm, data/uem/ID.uem, docs/recordings.tbl",
    ),
    "callhome": Corpus(
        mark("CALLHOME: telephone calls in several languages"),
        "https://catalog.ldc.upenn.edu/LDC97S42 with LDC97T14, or LDC2001S97; https://ca.talkbank.org/access/CallHome/",
        "LDC user agreement; TalkBank's rules",
        "ID.sph or ID.wav, with ID.txt (LDC), ID.cha (CHAT) or one RTTM of all",
    ),
    "icsi": Corpus(
        mark("ICSI: meetings of a research group, English"),
        "https://groups.inf.ed.ac.uk/ami/icsi/download/ or https://catalog.ldc.upenn.edu/LDC2004S02 with LDC2004T04",
        "CC BY 4.0 (Edinburgh), LDC user agreement",
        "MEETING.mrt, or Words/ and Segments/ in NXT; MEETING.interaction.wav, or MEETING/chan6.sph",
    ),
    "notsofar": Corpus(
        mark("NOTSOFAR-1: office meetings heard by one device, English"),
        "https://huggingface.co/datasets/microsoft/NOTSOFAR",
        "CC BY 4.0",
        "MTG/MTG_ID/gt_transcription.json and MTG/MTG_ID/sc_DEVICE/ch0.wav",
    ),
}


def read_corpus(
    name: str,
    folder: Path,
    *,
    references: Path,
    microphone: str = "headset-mix",
    reference: str = "only_words",
) -> tuple[Recording, ...]:
    """The recordings of a local copy of a corpus, in the order of their ids.

    Args:
        name: one of `CORPORA`.
        references: folder for references that have to be converted; made where it is missing.
        microphone: of AMI, one of `MICROPHONES`.
        reference: of AMI, one of `REFERENCES`: words joined where no pause is between them, the same with laughter
            and coughs, the segments of the transcribers, or RTTM of a forced alignment in a folder ``forced_aligned``.

    Raises:
        InvalidOption: no such corpus, folder, microphone or reference.
        FormatError: an annotation cannot be read, or the folder holds no recording.
    """
    if name not in CORPORA:
        raise InvalidOption(_("corpus {name!r}: choose one of {corpora}").format(name=name, corpora=", ".join(CORPORA)))
    if microphone not in MICROPHONES:
        raise InvalidOption(
            _("microphone {microphone!r}: choose one of {microphones}").format(
                microphone=microphone, microphones=", ".join(MICROPHONES)
            )
        )
    if reference not in REFERENCES:
        raise InvalidOption(
            _("reference {reference!r}: choose one of {references}").format(
                reference=reference, references=", ".join(REFERENCES)
            )
        )
    if not os.path.isdir(folder):
        if name == "folder":
            raise InvalidOption(_("{path}: there is no such folder; check the name").format(path=folder))
        raise InvalidOption(
            _("{folder}: there is no such folder; {name} is to be had from {source}").format(
                folder=folder, name=name, source=CORPORA[name].source
            )
        )
    readers: dict[str, Callable[[], Iterable[Recording]]] = {
        "folder": lambda: _read_folder(folder, None),
        "voxconverse": lambda: (replace(item, language="en") for item in _read_folder(folder, "voxconverse")),
        "dihard": lambda: _read_dihard(folder),
        "ami": lambda: _read_ami(folder, references, microphone, reference),
        "callhome": lambda: _read_callhome(folder, references),
        "icsi": lambda: _read_icsi(folder, references),
        "notsofar": lambda: _read_notsofar(folder, references),
    }
    found = sorted(readers[name](), key=lambda item: item.id)
    if not found:
        raise FormatError(
            _("{folder}: no recording of {name} is there; expected {layout}").format(
                folder=folder, name=name, layout=CORPORA[name].layout
            )
        )
    return tuple(found)


def _read_folder(folder: Path, corpus: str | None) -> list[Recording]:
    """Recordings with the references of their names; an RTTM or UEM of several recordings serves all that it names."""
    every = [path for path in sorted(folder.rglob("*")) if os.path.isfile(path) and not path.name.startswith(".")]
    turns = _index(every, ".rttm")
    uems = _index(every, ".uem")
    words = {path.name[: -len(suffix)]: path for suffix in reversed(_WORD_SUFFIXES) for path in every
             if path.name.lower().endswith(suffix)}  # fmt: skip
    found: dict[str, Recording] = {}
    for path in every:
        own = recording_id(path)
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            continue
        if own in found:
            raise FormatError(
                _("{audio} and {path} have the same name; rename one of them").format(audio=found[own].audio, path=path)
            )
        found[own] = Recording(
            id=own,
            audio=path,
            turns=turns.get(own),
            words=words.get(path.stem),
            uem=uems.get(own),
            corpus=corpus,
            split=_split_of(turns.get(own, path).relative_to(folder)) if corpus else None,
        )
    return list(found.values())


def _index(every: Sequence[Path], suffix: str) -> dict[str, Path]:
    """Recording → its RTTM or UEM: the file of its name, or else one that names it in the text."""
    paths = [path for path in every if path.suffix.lower() == suffix]
    found: dict[str, Path] = {}
    for path in paths:
        for line in read_text(path).splitlines():
            fields = line.split()
            place = 1 if suffix == ".rttm" else 0
            if len(fields) > place and not line.startswith((";", "#")):
                found.setdefault(fields[place], path)
    return found | {recording_id(path): path for path in paths}


def _split_of(path: Path) -> str | None:
    parts = [part.lower() for part in path.parts[:-1]]
    return next((split for split in _SPLITS for part in parts if re.search(rf"(?<![a-z]){split}(?![a-z])", part)), None)


def _read_dihard(folder: Path) -> list[Recording]:
    """``recordings.tbl`` has a head and columns in white space: uri, in_core, lang, domain, source …"""
    known: dict[str, list[str]] = {}
    for table in folder.rglob("recordings.tbl"):
        for line in read_text(table).splitlines()[1:]:
            if len(line.split()) >= 4:
                known[line.split()[0]] = line.split()
    codes = {"eng": "en", "zho": "zh", "cmn": "zh"}
    found = []
    for item in _read_folder(folder, "dihard"):
        row = known.get(item.id)
        own = {"in_core": row[1] == "True"} if row else {}
        language = codes.get(row[2]) if row else None
        found.append(replace(item, kind=row[3] if row else None, language=language, extra=own))
    return found


def _read_ami(folder: Path, references: Path, microphone: str, reference: str) -> list[Recording]:
    names: dict[tuple[str, str], str] = {}
    for path in folder.rglob("meetings.xml"):
        names |= transcriptions.read_meetings(path)
    segments_of = {path.name: path for path in folder.rglob("*.segments.xml")}
    meetings: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*.words.xml")):
        meeting, agent = path.name.split(".")[:2]
        meetings.setdefault(meeting, {})[agent] = path
    aligned = {recording_id(path): path for path in folder.rglob("*.rttm") if "forced" in str(path).lower()}
    every = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
    found = []
    for meeting, agents in meetings.items():
        segments: list[Segment] = []
        turns: list[Turn] = []
        for agent, path in agents.items():
            speaker = names.get((meeting, agent), f"{meeting}_{agent}")
            elements = transcriptions.read_nxt(path)
            words = transcriptions.list_words(elements, vocal_sounds=reference == "words_and_vocal_sounds")
            beside = segments_of.get(path.name.replace(".words.", ".segments."))
            own = [] if beside is None else transcriptions.read_nxt_segments(beside, elements, speaker)
            stretches = transcriptions.merge_words(words, gap=_JOIN_S)
            if not own:  # nobody cut the words into segments: where somebody pauses, they are cut
                spoken = [word for word in words if word.text]
                cuts = transcriptions.merge_words(spoken, gap=0.5)
                own = [
                    Segment(tuple(word for word in spoken if cut.start <= word.start < cut.end), speaker)
                    for cut in cuts
                ]
            segments += own
            spans = [item.span for item in own] if reference == "segments" else stretches
            turns += [Turn(span, speaker) for span in spans if span.end > span.start]
        made = write_references(meeting, segments, references, turns=turns, label=reference)
        if reference == "forced_aligned":
            if meeting not in aligned:
                raise FormatError(
                    _(
                        "{folder}: no RTTM of a forced alignment of {meeting} is there; put {meeting}.rttm into a "
                        "folder forced_aligned, or take another --reference"
                    ).format(folder=folder, meeting=meeting)
                )
            made = replace(made, turns=aligned[meeting])
        sound = _find_audio(every, meeting, MICROPHONES[microphone])
        more = {**made.extra, "microphone": microphone, "reference": reference}
        found.append(replace(made, audio=sound or made.audio, corpus="ami", language="en", kind="meeting", extra=more))
    return found


def _find_audio(every: Iterable[Path], meeting: str, marks: Sequence[str]) -> Path | None:
    """The sound of a meeting from a microphone; else a file that bears the meeting's name alone, such as a video."""
    own = [path for path in every if path.name.startswith(f"{meeting}.")]
    for part in marks:
        chosen = [path for path in own if f".{part}." in path.name]
        if chosen:
            return chosen[0]
    return next((path for path in own if path.name.count(".") == 1), None)


def _read_callhome(folder: Path, references: Path) -> list[Recording]:
    found = []
    texts: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".cha", ".txt"):
            texts.setdefault(path.stem, []).append(path)
    for item in _read_folder(folder, "callhome"):
        segments: list[Segment] = []
        language = None
        for path in texts.get(item.audio.stem, ()):
            segments = (
                transcriptions.read_chat(path) if path.suffix.lower() == ".cha" else transcriptions.read_ldc(path)
            )
            if segments:
                code = transcriptions.read_chat_language(path) if path.suffix.lower() == ".cha" else None
                language = _CALLHOME_LANGUAGES.get(code or "")
                break
        own = replace(item, kind="telephone", words=None, language=language)
        if segments:
            made = write_references(item.id, segments, references)
            own = replace(own, turns=item.turns or made.turns, words=made.words, extra=made.extra)
        found.append(own)
    return found


def _read_icsi(folder: Path, references: Path) -> list[Recording]:
    meetings: dict[str, list[Segment]] = {}
    for path in sorted(folder.rglob("*.mrt")):
        if path.stem != "preambles":
            meetings[path.stem] = transcriptions.read_mrt(path)
    for path in sorted(folder.rglob("*.words.xml")):
        meeting, agent = path.name.split(".")[:2]
        elements = transcriptions.read_nxt(path)
        for beside in folder.rglob(f"{meeting}.{agent}.segs.xml"):
            own = transcriptions.read_nxt_segments(beside, elements, f"{meeting}_{agent}")
            meetings.setdefault(meeting, []).extend(own)
    every = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
    found = []
    for meeting, segments in meetings.items():
        whole = [path for path in every if path.name.lower().startswith(f"{meeting.lower()}.")]
        single = [path for path in every if path.parent.name.lower() == meeting.lower() and path.stem == "chan6"]
        made = write_references(meeting, segments, references)
        sound = next(iter([*whole, *single]), made.audio)
        found.append(replace(made, audio=sound, corpus="icsi", language="en", kind="meeting"))
    return found


def _read_notsofar(folder: Path, references: Path) -> list[Recording]:
    """One recording for each single-channel device, with the references of its meeting."""
    found = []
    for path in sorted(folder.rglob("gt_transcription.json")):
        meeting = path.parent.name
        made = write_references(meeting, transcriptions.read_notsofar(path), references)
        for sound in sorted(path.parent.glob("sc_*/ch0.wav")):
            device = sound.parent.name
            split = _split_of(Path(str(path.relative_to(folder)).replace("_set", "")))
            extra = {**made.extra, "meeting": meeting, "device": device}
            found.append(
                replace(made, id=f"{meeting}_{device}", audio=sound, corpus="notsofar", split=split, language="en",
                        kind="meeting", extra=extra)
            )  # fmt: skip
    return found


def write_references(
    own: str, segments: Sequence[Segment], folder: Path, *, turns: Sequence[Turn] | None = None, label: str = ""
) -> Recording:
    """RTTM, STM and times of words of a recording, written below `folder`; its sound is not known yet."""
    ordered = tuple(sorted((item for item in segments if item.words), key=lambda item: item.span))
    spoken = [Turn(item.span, item.speaker or "unknown") for item in ordered if item.span.end > item.span.start]
    said = sorted(turns if turns is not None else spoken, key=lambda turn: (turn.span, turn.speaker))
    names = sorted({item.speaker for item in ordered if item.speaker} | {turn.speaker for turn in said})
    end = max([item.span.end for item in ordered] + [turn.end for turn in said], default=0.0)
    speakers = tuple(Speaker(name, name) for name in names)
    transcript = Transcript(own, end, speakers=speakers, segments=ordered, turns=tuple(said))
    paths = {
        "turns": folder / f"{own}.{label + '.' if label else ''}rttm",
        "words": folder / f"{own}.stm",
        "word_times": folder / f"{own}.json",
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(paths["turns"], rttm.dumps_diarization(Diarization(own, tuple(said))))
    write_text(paths["words"], stm.dumps(transcript, options=WriteOptions()))
    write_text(paths["word_times"], transcript_json.dumps(transcript, options=WriteOptions()))
    missing = Path(f"{own}.wav")
    extra = {"word_times": f"{folder.name}/{paths['word_times'].name}"}
    return Recording(id=own, audio=folder.parent / missing, turns=paths["turns"], words=paths["words"], extra=extra)

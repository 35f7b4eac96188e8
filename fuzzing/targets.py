"""Targets of fuzzing: what reads bytes that others made, each called as users call it.

A target takes the path of a file and reads it. It may raise the project's own errors, which are one line each; anything
else is a fault: another exception, a hang, a crash, memory without bounds.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from whisperdiar import editing
from whisperdiar.cli.configuration_files import read_values
from whisperdiar.datasets.manifest import read_manifest
from whisperdiar.editing.json_form import apply_json
from whisperdiar.errors import WhisperdiarError
from whisperdiar.exchange import read
from whisperdiar.formats import SERVICES, by_name, read_cues, readable
from whisperdiar.given_text.reading import read_text
from whisperdiar.media import load, probe
from whisperdiar.media.shots import read_shots
from whisperdiar.minutes.template import template
from whisperdiar.options import WriteOptions
from whisperdiar.options.vocabulary import read_vocabulary
from whisperdiar.people.profiles import Profiles
from whisperdiar.scoring.documents import read_documents, read_uem
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

ROOT = Path(__file__).parents[1]
SEEDS = Path(__file__).parent / "seeds"
EXTERNAL = ROOT / "tests" / "data" / "external"
_LONGEST_SOUND = 600.0
"""Seconds that are decoded at most, as a header may promise days of silence."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is fuzzed.

    Attributes:
        name: of the target, and of the folder of its kept seeds.
        suffix: of the files that it is given.
        run: reads a file.
        seeds: files that it reads well, which inputs are made of.
    """

    name: str
    suffix: str
    run: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]

    def try_input(self, path: Path) -> str | None:
        """Reads a file; the message of the error that refused it, or None where it was read.

        Raises:
            AssertionError: the message is more than a line, or empty.
        """
        try:
            self.run(path)
        except WhisperdiarError as error:
            message = str(error)
            if len(message.splitlines()) != 1 or not message.strip():
                raise AssertionError(f"{type(error).__name__} says no line: {message!r}") from error
            return message
        return None


def _talk() -> Transcript:
    """Two people, four words: what the seeds of the written formats are made of."""
    words = (
        Word(Span(0.5, 0.9), " Hello,", 0.9, "SPEAKER_00", 0.9),
        Word(Span(0.9, 1.4), " Ben.", 0.8, "SPEAKER_00", 0.9),
        Word(Span(2.0, 2.4), " Привет,", 0.7, "SPEAKER_01", 0.8),
        Word(Span(2.4, 3.0), " Anna!", 0.9, "SPEAKER_01", 0.7),
    )
    return Transcript(
        "talk",
        4.0,
        "en",
        speakers=(Speaker("SPEAKER_00", "Anna"), Speaker("SPEAKER_01", "Ben")),
        segments=(Segment(words[:2], "SPEAKER_00"), Segment(words[2:], "SPEAKER_01")),
        turns=(Turn(Span(0.4, 1.5), "SPEAKER_00"), Turn(Span(1.9, 3.1), "SPEAKER_01")),
    )


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _quiet(_event: str) -> None:
    """Notes are not what is looked for."""


def _kept(name: str) -> list[bytes]:
    folder = SEEDS / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def _profile() -> list[bytes]:
    vector = base64.b64encode(struct.pack("<4f", 0.5, 0.5, 0.5, 0.5)).decode()
    sample = {"recording": "talk", "speaker": "SPEAKER_00", "seconds": 12.5, "date": "2026-11-25", "embedding": vector}
    model = {"encoder": "campplus", "source": "campplus.onnx", "dimension": 4, "probe": vector}
    known = {"format_version": 1, "name": "Anna", "consent": "2026-11-25", "model": model, "samples": [sample]}
    return [json.dumps(known).encode()]


def _word_document() -> list[bytes]:
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    text = "<w:p><w:r><w:t>Anna: Hello, Ben.</w:t></w:r></w:p><w:p><w:r><w:t>Ben: Hello.</w:t></w:r></w:p>"
    found = []
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", kind) as archive:
            name = zipfile.ZipInfo("word/document.xml")
            name.compress_type = kind
            archive.writestr(name, f"<w:document {space}><w:body>{text}</w:body></w:document>")
        found.append(made.getvalue())
    return found


def _of_format(name: str) -> Target:
    form = by_name(name)

    def run(path: Path) -> None:
        found = read(path, format_name=name, notify=_quiet, inform=_quiet)
        for other in ("json", "srt", "rttm"):  # what was read can be written, too
            by_name(other).dumps(found, options=WriteOptions())
        if form.read_cues is not None:
            read_cues(path, path.read_text(encoding="utf-8", errors="replace"))

    def seeds() -> list[bytes]:
        if name in SERVICES:
            return [path.read_bytes() for path in sorted(EXTERNAL.glob(f"{name}.*"))]
        return [_bytes(form.dumps(_talk(), options=WriteOptions()))]

    return Target(name, form.suffix, run, seeds)


def _others() -> list[Target]:
    def apply_text(path: Path) -> None:
        talk = _talk()
        editing.apply(editing.parse(path.read_text(encoding="utf-8", errors="replace"), talk), talk)

    def apply_page(path: Path) -> None:
        apply_json(path.read_text(encoding="utf-8", errors="replace"), _talk())

    def profile(path: Path) -> None:
        Profiles(path.parent).read_all()

    def given_text(path: Path) -> None:
        read_text(path, notify=_quiet, inform=_quiet)

    def sound(path: Path) -> None:
        probe(path)
        load(path, end=_LONGEST_SOUND)

    text = editing.write(_talk())
    page = by_name("json").dumps(_talk(), options=WriteOptions())
    return [
        Target("detected", ".json", lambda path: read(path, notify=_quiet, inform=_quiet), lambda: [_bytes(page)]),
        Target("edited-text", ".txt", apply_text, lambda: [_bytes(text)]),
        Target("edited-page", ".json", apply_page, lambda: [_bytes(page)]),
        Target(
            "vocabulary", ".txt", read_vocabulary, lambda: [b"kubectl\ncube control | cube cuttle => kubectl\n# a\n"]
        ),
        Target(
            "configuration",
            ".toml",
            lambda path: read_values(str(path)),
            lambda: [b'model = "base"\n[minutes]\na = 1\n'],
        ),
        Target("manifest", ".jsonl", read_manifest, lambda: [b'{"id": "a", "audio": "a.wav", "turns": "a.rttm"}\n']),
        Target(
            "shots", ".txt", read_shots, lambda: [b"# shots\n12.48\n00:00:20.000\n", b"Start Time (seconds)\n1.5\n"]
        ),
        Target(
            "template", ".json", lambda path: template(str(path), "en"), lambda: [b'{"title": "Minutes of {name}"}']
        ),
        Target("references", ".stm", read_documents_quietly, lambda: [b"talk 1 Anna 0.5 1.4 <o,f0> hello ben\n"]),
        Target("uem-regions", ".uem", read_uem, lambda: [b"talk 1 0.0 4.0\n"]),
        Target("profile", ".json", profile, _profile),
        Target(
            "given-text",
            ".txt",
            lambda path: read_text(path, notify=_quiet, inform=_quiet),
            lambda: [b"Anna: Hello.\n"],
        ),
        Target("given-docx", ".docx", lambda path: read_text(path, notify=_quiet, inform=_quiet), _word_document),
        Target("sound", ".bin", sound, list),
    ]


def read_documents_quietly(path: Path) -> object:
    """References of a score, without what was mended."""
    return read_documents(path, notify=_quiet)


def list_targets() -> Mapping[str, Target]:
    """Name → target."""
    return {item.name: item for item in (*map(_of_format, readable()), *_others())}


def list_seeds(target: Target) -> list[bytes]:
    """What inputs of a target are made of: files that it reads well, and kept ones that it once did not."""
    return [*target.seeds(), *_kept(target.name)]


def dictionary(target: Target) -> list[bytes]:
    """Pieces that the readers look for."""
    words = (
        "-->", "{", "}", "[", "]", "<", ">", "</", "&#0;", "\\u0000", "\ufeff", "\r", "\0", "1e999", "-1", "NaN",
        "99999999999999999999", "00:00:00,000", "WEBVTT", '"', "null", "Infinity", "\ud7ff", "é", "\u202e",
    )  # fmt: skip
    pieces = [word.encode() for word in words]
    for seed in list_seeds(target):
        try:
            keys = json.loads(seed)
        except ValueError:
            continue
        if isinstance(keys, dict):
            pieces += [json.dumps(key).encode() for key in keys]
    return pieces

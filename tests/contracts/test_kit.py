"""The conformance kit finds what breaks a contract; every format keeps its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from tests.formats_strategies import need_packages
from whisperdiar import Diarization, Span, Turn
from whisperdiar.errors import InvalidOption
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.options import Runtime, check_numbers
from whisperdiar.registry import settings_from_text
from whisperdiar.testing import ContractBroken, check_backend, check_format, example_transcript
from whisperdiar.types import BackendInfo, BackendRecord


@pytest.mark.parametrize("name", FORMATS)
def test_our_own_formats_keep_the_contract(name: str) -> None:
    need_packages(name)
    check_format(name)


@dataclass(frozen=True)
class Settings:
    people: int = 2


class Alternate:
    """Every stretch of speech to the next speaker in turn."""

    name = "alternate"
    info: Any = BackendInfo(summary="speakers take turns", licence="MIT")
    settings_type: Any = Settings

    def __init__(self, settings: Any = None, *, runtime: Any = None) -> None:
        self.settings, self.runtime = settings or self.settings_type(), runtime or Runtime()

    def prepare(self, *, progress: Any = None) -> None: ...

    def record(self) -> BackendRecord:
        return BackendRecord(self.name)

    def diarize(
        self, audio: Any, *, speech: Any, speakers: Any, progress: Any = lambda stage, fraction: None
    ) -> Diarization:
        spans = [
            Span(s.start + i * s.duration / 4, s.start + (i + 1) * s.duration / 4) for s in speech for i in range(4)
        ]
        count = speakers.exact or self.settings.people
        progress("diarization", 1.0)
        return Diarization(audio.recording_id, self.turns(spans, count))

    def turns(self, spans: list[Span], count: int) -> tuple[Turn, ...]:
        return tuple(Turn(span, f"SPEAKER_{i % count:02d}") for i, span in enumerate(spans))


def test_a_whole_backend_passes() -> None:
    check_backend(Alternate)
    check_backend(Alternate, Settings(people=3))


@dataclass(frozen=True)
class Unchecked:
    people: int = 2
    pause: float | None = 0.5


@dataclass(frozen=True)
class Checked(Unchecked):
    def __post_init__(self) -> None:
        check_numbers(self)


def test_settings_that_check_their_numbers_pass() -> None:
    check_backend(broken(settings_type=Checked))
    with pytest.raises(InvalidOption, match="pause -1"):
        Checked(pause=-1)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "1e999"])
def test_nobody_types_a_number_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(InvalidOption, match=f"pause='{text}' is not a value of type float"):
        settings_from_text(broken(settings_type=Unchecked), {"pause": text})


@dataclass
class Thawed:
    people: int = 2


@dataclass(frozen=True)
class Unset:
    people: int


def broken(**changed: Any) -> type[Alternate]:
    return type("Broken", (Alternate,), changed)


@pytest.mark.parametrize(
    ("made", "promise"),
    [
        (broken(name="Alternate"), "lower-case"),
        (broken(info=None), "BackendInfo"),
        (broken(settings_type=dict), "is a dataclass"),
        (broken(settings_type=Thawed), "frozen"),
        (broken(settings_type=Unchecked), "refuses pause=nan"),
        (broken(record=lambda self: BackendRecord("other")), "names the backend"),
        (broken(diarize=None), "one of the methods"),
        (broken(detect=lambda self, audio: ()), "one of the methods"),
        (broken(prepare=None), "has `prepare`"),
        (broken(prepare=lambda self: None), "takes `progress` by name"),
        (
            broken(prepare=lambda self, *, progress: progress("download", 1.0)),
            "costs nothing; this one reports download",
        ),
        (broken(record=lambda self: BackendRecord("alternate", details={"at": object()})), "written as JSON"),
        (broken(turns=lambda self, spans, count: (Turn(Span(0.0, 99.0), "A"),)), "inside the audio"),
        (broken(turns=lambda self, spans, count: Alternate.turns(self, spans, 3)), "are found, refused"),
        (broken(diarize=lambda self, audio, **_: Diarization("other")), "reports its progress"),
    ],
)
def test_what_breaks_the_contract_is_named(made: type[Alternate], promise: str) -> None:
    with pytest.raises(ContractBroken, match=promise):
        check_backend(made)


def test_settings_need_defaults() -> None:
    with pytest.raises(ContractBroken, match="has a default"):
        check_backend(broken(settings_type=Unset))


WHOLE = example_transcript()


def a_format(**changed: Any) -> SimpleNamespace:
    srt = by_name("srt")
    return SimpleNamespace(
        **{"name": "mine", "suffix": ".mine", "needs": "words", "dumps": srt.dumps, "read": srt.read, **changed}
    )


@pytest.mark.parametrize(
    ("changed", "promise"),
    [
        ({"suffix": "mine"}, "dot"),
        ({"needs": "everything"}, "needs"),
        ({"dumps": lambda transcript, *, options: 7}, "text or bytes"),
        ({"dumps": lambda transcript, *, options: transcript.turns[0].speaker}, "any transcript"),
        ({"read": lambda text: None}, "gives a Transcript"),
        (
            {
                "read": lambda text: dataclasses.replace(
                    example_transcript(), segments=example_transcript().segments[1:]
                )
            },
            "all words",
        ),
    ],
)
def test_a_format_that_breaks_its_contract_is_named(changed: dict[str, Any], promise: str) -> None:
    with pytest.raises(ContractBroken, match=promise):
        check_format(a_format(**changed))


def test_the_example_needs_care() -> None:
    assert [item.name for item in WHOLE.speakers] == ["Anna: <1>", 'Dr. "Б" & Co']
    assert "<b>" in WHOLE.words[1].text
    assert len(WHOLE.segments) == 3

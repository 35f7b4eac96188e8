"""How the CPU threads of a run are shared out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import tiny_whisper
from whisperdiar import selection
from whisperdiar.assembly import Request, build
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.diarization.none import Backend as Nobody
from whisperdiar.diarization.pyannote import Backend as Pyannote
from whisperdiar.diarization.rttm import Backend as Turns
from whisperdiar.errors import BackendError, InvalidOption, UnsupportedRequest
from whisperdiar.options import AUTO_ORDER, Runtime
from whisperdiar.selection import Choice, check, select, share_threads


@pytest.mark.parametrize(
    ("threads", "diarizer", "expected"),
    [
        pytest.param(16, Bic, (15, 1), id="one thread for what uses one"),
        pytest.param(8, Bic, (7, 1), id="enough left for the recogniser"),
        pytest.param(7, Bic, (7, 7), id="not enough left: in turn, with all"),
        pytest.param(1, Bic, (1, 1), id="a single one"),
        pytest.param(16, Pyannote, (8, 8), id="half for what uses many"),
        pytest.param(15, Pyannote, (8, 7), id="an odd half"),
        pytest.param(12, Pyannote, (12, 12), id="half is not enough"),
        pytest.param(16, Nobody, (16, 16), id="no work, no share"),
        pytest.param(16, Turns, (16, 16), id="a file, no share"),
    ],
)
def test_shares_never_exceed_the_threads_where_stages_run_side_by_side(
    threads: int, diarizer: Any, expected: tuple[int, int]
) -> None:
    found = share_threads(Runtime(threads=threads, offline=True), diarizer)
    assert tuple(part.threads for part in found) == expected
    assert all(part.offline for part in found)


def test_without_a_number_the_cores_are_shared_and_else_the_library_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "usable_cores", lambda: 12)
    assert [part.threads for part in share_threads(Runtime(), Bic)] == [11, 1]
    monkeypatch.setattr(selection, "usable_cores", lambda: 4)
    assert [part.threads for part in share_threads(Runtime(), Bic)] == [0, 0]


def request(threads: int, diarizer: str = "bic") -> Request:
    return Request(
        vad=Choice(name="none"),
        asr=Choice(name="pocketsphinx"),
        diarizer=Choice(name=diarizer),
        runtime=Runtime(threads=threads),
    )


@pytest.mark.parametrize(
    ("threads", "diarizer", "expected", "together"),
    [(8, "bic", (7, 1), True), (2, "bic", (2, 2), False), (8, "none", (8, 8), False)],
)
def test_every_stage_is_built_with_its_share(
    threads: int, diarizer: str, expected: tuple[int, int], *, together: bool
) -> None:
    pytest.importorskip("pocketsphinx")
    built: Any = build(request(threads, diarizer))
    assert (built.transcriber.runtime.threads, built.diarizer.runtime.threads) == expected
    assert built.side_by_side() is together
    assert build(request(threads, diarizer), words=False).diarizer.runtime.threads == threads  # type: ignore[union-attr]


def test_a_diarizer_that_is_chosen_for_its_user_gets_its_share_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUTO_ORDER, "diarization", ("bic",))
    found = select("diarization", Choice(), runtime=Runtime(threads=8), beside=True).backend
    assert found.runtime.threads == 1


def test_auto_finds_speech_by_silero_whatever_else_is_installed() -> None:
    found = select("vad", Choice(), runtime=Runtime(device="cpu", offline=True))
    assert (found.backend.name, found.fallback) == ("silero", None)


def test_a_model_of_ones_own_is_refused_for_a_detector_that_takes_none() -> None:
    choice = Choice(settings={"model": "./my-detector"})
    with pytest.raises(UnsupportedRequest, match="use --vad crdnn with it"):
        select("vad", choice, runtime=Runtime(device="cpu", offline=True))


def test_one_channel_is_none_for_a_diarizer_that_needs_them_all() -> None:
    request = Request(diarizer=Choice(name="channels"), media={"channel": 2})
    with pytest.raises(InvalidOption, match="channel 2: --diarizer channels needs every channel"):
        build(request)


def test_a_model_that_one_recogniser_alone_has_chooses_it() -> None:
    said: list[str] = []
    choice, runtime = Choice(settings={"model": "gigaam-v3"}), Runtime(device="cpu", offline=True)
    with pytest.raises(BackendError):  # it is not here, or onnx-asr is not
        select("asr", choice, runtime=runtime, inform=said.append)
    assert said == ["speech recognition by onnx: model gigaam-v3 is one of its own"]
    check("asr", choice, language="ru")
    with pytest.raises(UnsupportedRequest, match="language 'en': model gigaam-v3 knows ru"):
        check("asr", choice, language="en")


def test_auto_tells_where_others_measured_far_fewer_errors(tmp_path: Path) -> None:
    model = str(tiny_whisper.build(tmp_path / "model"))
    for language, expected in (
        ("ru", ["whisper is the default; others compared: whisperdiar models recommend --language ru"]),
        ("en", []),
        (None, []),
    ):
        said: list[str] = []
        found = select(
            "asr",
            Choice(settings={"model": model}),
            runtime=Runtime(device="cpu", offline=True, threads=1),
            language=language,
            inform=said.append,
        )
        assert found.backend.name == "whisper"
        assert said == expected

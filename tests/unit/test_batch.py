"""Many recordings with models that are loaded once: results, failures, files that are there already."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whisperdiar
from tests.sounds import SAMPLES
from tests.unit.test_api import SETTINGS, example
from whisperdiar import Cancelled, InvalidOption, MediaError, OpenPipeline, Part, RecordingResult, TruncatedMedia
from whisperdiar.errors import OutputError
from whisperdiar.outcome import format_report, report_rows
from whisperdiar.outputs import STDOUT, Target, check_outputs, name_outputs, write_outputs
from whisperdiar.recordings import read_source

PART = Part(end=8.0)
TALK, MEETING = SAMPLES / "standup.mp4", SAMPLES / "meeting.ogg"


@pytest.fixture(scope="module")
def pipeline() -> Iterator[OpenPipeline]:
    with whisperdiar.open_pipeline(**SETTINGS) as opened:
        yield opened


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF no sound at all")
    return path


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    path = tmp_path / "cut.flac"
    whole = (SAMPLES / "call.flac").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


@pytest.mark.model
def test_one_that_fails_stops_none_of_the_others(pipeline: OpenPipeline, broken: Path) -> None:
    begun: list[Any] = []
    lost: list[tuple[Any, Exception]] = []
    results = list(
        pipeline.transcribe_all(
            [broken, TALK, "missing.wav", MEETING],
            part=PART,
            on_begin=begun.append,
            on_error=lambda source, error: lost.append((source, error)),
        )
    )
    assert [item.source for item in results] == [broken, TALK, "missing.wav", MEETING]
    assert [item.ok for item in results] == [False, True, False, True]
    assert begun == [TALK, MEETING]
    assert [source for source, _ in lost] == [broken, "missing.wav"]
    assert all(isinstance(error, MediaError) for _, error in lost)
    assert results[1].transcript == pipeline(TALK, part=PART)
    assert results[1].audio is not None
    assert results[1].elapsed > 0
    assert "0:00:08 of sound" in results[1].summary()
    assert "missing.wav" in results[2].summary()


def test_nothing_is_loaded_where_nothing_can_be_read(broken: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes(b"{}")  # no model, which only loading shows
    settings = {**SETTINGS, "model": str(tmp_path)}
    with whisperdiar.open_pipeline(**settings, load_now=False) as opened:
        (result,) = opened.transcribe_all([broken])
        assert isinstance(result.errors[0], MediaError)
        with pytest.raises(whisperdiar.BackendError):
            list(opened.transcribe_all([broken, TALK]))


@pytest.mark.model
def test_a_recording_that_ends_early_has_transcript_and_error(pipeline: OpenPipeline, cut: Path) -> None:
    (result,) = pipeline.transcribe_all([cut])
    (error,) = result.errors
    assert isinstance(error, TruncatedMedia)
    assert result.transcript is not None
    assert result.transcript.words
    assert str(error) in result.transcript.provenance["warnings"]
    assert not result.ok


@pytest.mark.model
@pytest.mark.parametrize("stage", ["decode", "vad", "asr", "diarization"])
def test_what_the_caller_raises_ends_the_work_on_all(stage: str, pipeline: OpenPipeline) -> None:
    def progress(name: str, fraction: float) -> None:
        if name == stage:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        list(pipeline.transcribe_all([TALK, MEETING], part=PART, progress=progress))


@pytest.mark.model
def test_a_failure_inside_is_no_end(pipeline: OpenPipeline) -> None:
    results = list(pipeline.transcribe_all([TALK, TALK], part=Part(start=9000.0)))
    assert [type(item.errors[0]) for item in results] == [type(results[0].errors[0])] * 2
    assert not any(item.ok for item in results)


@pytest.mark.model
def test_many_are_cancelled_between_two_as_inside_one(pipeline: OpenPipeline) -> None:
    results = pipeline.transcribe_all([TALK, MEETING], part=PART)
    assert next(results).ok
    pipeline.cancel()
    with pytest.raises(Cancelled):
        next(results)

    def progress(name: str, fraction: float) -> None:
        pipeline.cancel()

    with pytest.raises(Cancelled):
        list(pipeline.transcribe_all([TALK, MEETING], part=PART, progress=progress))
    assert [item.ok for item in pipeline.transcribe_all([TALK], part=PART)] == [True], "the next call runs as usual"


@pytest.mark.model
def test_files_are_written_and_a_stopped_run_goes_on(pipeline: OpenPipeline, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    first = next(pipeline.transcribe_files([TALK, MEETING], folder, formats=("json", "srt"), part=PART))
    assert first.written == (folder / "standup.json", folder / "standup.srt")
    assert f"wrote {folder / 'standup.json'}" in first.summary()
    before = (folder / "standup.json").read_bytes()
    again = list(pipeline.transcribe_files([TALK, MEETING], folder, formats=("json", "srt"), part=PART))
    assert [item.source for item in again] == [MEETING], "what is there is not made again"
    assert (folder / "standup.json").read_bytes() == before
    (folder / "standup.srt").unlink()
    (third,) = pipeline.transcribe_files([TALK, MEETING], folder, formats=("json", "srt"), part=PART)
    assert third.written == (folder / "standup.srt",)
    every = pipeline.transcribe_files([TALK, MEETING], folder, formats=("json",), part=PART, overwrite=True)
    assert [len(item.written) for item in every] == [1, 1]
    assert first.transcript is not None
    written = whisperdiar.Transcript.load(folder / "standup.json")
    assert [word.text for word in written.words] == [word.text for word in first.transcript.words]


@pytest.mark.model
def test_a_page_plays_the_recording(pipeline: OpenPipeline, tmp_path: Path) -> None:
    list(pipeline.transcribe_files([TALK], tmp_path, formats=("html",), part=PART))
    assert "samples/standup.mp4" in (tmp_path / "standup.html").read_text("utf-8")


def test_a_page_is_written_with_its_recording(tmp_path: Path) -> None:
    whisperdiar.write(example(), tmp_path / "a.html", media=TALK)
    whisperdiar.write(example(), tmp_path / "b.html", media=TALK, inline_media=True)
    whisperdiar.write(example(), tmp_path / "c.eaf", media=TALK)
    whisperdiar.write(example(), tmp_path / "d.html")
    linked, inlined, elan, plain = (
        (tmp_path / name).read_text("utf-8") for name in ("a.html", "b.html", "c.eaf", "d.html")
    )
    assert "samples/standup.mp4" in linked
    assert len(inlined) > len(linked) + TALK.stat().st_size
    assert "samples/standup.mp4" in elan
    assert "standup.mp4" not in plain


names = st.lists(st.sampled_from(["a.wav", "a.mp4", "b.wav", "x/a.wav", "A.mp3", "c"]), max_size=5)


@given(names)
def test_no_two_recordings_get_one_file(recordings: list[str]) -> None:
    called = [Path(item).name.casefold() for item in recordings]
    with tempfile.TemporaryDirectory() as folder:
        if len(set(called)) < len(called):
            with pytest.raises(InvalidOption, match="run them separately"):
                name_outputs(recordings, folder, ("srt", "json"))
            return
        found = name_outputs(recordings, folder, ("srt", "json"))
    paths = [str(target.path).casefold() for targets in found for target in targets]
    assert len(paths) == len(set(paths)) == 2 * len(recordings)


def test_files_that_cannot_be_written_are_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with whisperdiar.open_pipeline(**SETTINGS, load_now=False) as opened:
        with pytest.raises(OutputError):
            list(opened.transcribe_files([TALK], tmp_path / "file"))
        with pytest.raises(InvalidOption, match="nobody"):
            list(opened.transcribe_files([TALK], tmp_path, formats=("nobody",)))


def test_an_output_that_fails_stops_none_of_the_others(tmp_path: Path) -> None:
    first, *_ = name_outputs(["talk.wav"], tmp_path, ("json", "rttm", "srt"))
    (tmp_path / "talk.rttm").mkdir()
    done = list(write_outputs(example(), [*first, Target(first[0].format, STDOUT)]))
    assert [item.error is None for item in done] == [True, False, True, False]
    assert isinstance(done[1].error, OutputError)
    assert str(done[1].content).startswith("SPEAKER talk")
    assert json.loads((tmp_path / "talk.json").read_text("utf-8"))["recording_id"] == "talk"
    taken: list[str | bytes] = []
    (streamed,) = write_outputs(example(), [Target(first[0].format, STDOUT)], write_stream=taken.append)
    assert taken == [streamed.content]


def test_what_is_said_of_outputs_names_no_option_of_the_command_line(tmp_path: Path) -> None:
    """In Python there is no -o."""
    first, *_ = name_outputs(["talk.wav"], tmp_path, ("json", "srt"))
    json_format, path = first[0].format, first[0].path
    streams = [Target(json_format, STDOUT), Target(first[1].format, STDOUT)]
    said = []
    for targets, read in (([*first, first[0]], []), (first, [path]), (streams, [])):
        with pytest.raises(InvalidOption) as refused:
            check_outputs(targets, read=read, overwrite=True)
        said.append(str(refused.value))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError) as failed:
        name_outputs(["talk.wav"], tmp_path / "file", ("json",))
    (unheard,) = write_outputs(example(), streams[:1])
    said += [str(failed.value), str(unheard.error)]
    assert said[0] == f"{path}: this output is given twice; name each one once"
    assert not [text for text in said if "-o " in text or text.endswith("-o")]


def test_a_result_says_whether_it_is_one() -> None:
    assert RecordingResult(source="talk.wav", transcript=example()).ok
    assert not RecordingResult(source="talk.wav", transcript=whisperdiar.join([], [])).ok
    assert not RecordingResult(source="talk.wav", transcript=example(), errors=(MediaError("it ends early"),)).ok
    lost = RecordingResult(source="talk.wav", errors=(MediaError("no sound"),))
    assert not lost.ok
    assert lost.summary() == "no sound"


def test_reports_are_tables_or_json() -> None:
    rows = [{"recording": "=1+1", "start": 1.0, "end": None, "kind": "note", "reason": "two\nlines", "text": ""}]
    assert format_report(rows, ".tsv").splitlines()[1] == "'=1+1\t1.0\t\tnote\ttwo lines\t"
    assert json.loads(format_report(rows, ".json")) == rows
    assert report_rows(example()) == []


@pytest.mark.parametrize("source", [b"RIFF", [0.0, 0.1], None, 7])
def test_what_is_no_recording_is_refused_as_such(source: Any) -> None:
    with pytest.raises(InvalidOption, match=f"cannot be a {type(source).__name__}: give a path"):
        read_source(source)


def test_a_file_opened_as_text_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"RIFF")
    with (tmp_path / "talk.wav").open(encoding="latin-1") as stream, pytest.raises(InvalidOption, match="mode 'rb'"):
        read_source(stream)  # type: ignore[arg-type]


def test_one_name_in_place_of_a_list_is_not_taken_apart(tmp_path: Path) -> None:
    pipeline = whisperdiar.open_pipeline(**SETTINGS, load_now=False)
    for made in (
        pipeline.transcribe_all("talk.wav"),
        pipeline.transcribe_files("talk.wav", tmp_path / "out"),
        pipeline.transcribe_files(Path("talk.wav"), tmp_path / "out"),  # type: ignore[arg-type]
        pipeline.transcribe_files(["talk.wav"], tmp_path / "out", formats="srt"),
    ):
        with pytest.raises(InvalidOption, match="give a list, such as"):
            next(made)
    assert not (tmp_path / "out").exists()

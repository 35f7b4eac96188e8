"""OpenAI's interface, by its own client: every form, streams, known speakers, errors."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from tests.real_models import recording, speaker_networks
from tests.serving.conftest import REQUEST, Running, cut_sample, running
from whisperdiar.formats import srt, vtt
from whisperdiar.people.embedding import cut_turn, find_clean_speech
from whisperdiar.selection import Choice

openai = pytest.importorskip("openai", reason="the client of OpenAI is not installed")


@pytest.fixture(scope="module")
def client(server: Running) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, 10 s."""
    return cut_sample("standup.mp4", tmp_path_factory.mktemp("dialogue") / "dialogue.wav", 10.0)


def test_every_form_says_the_same(client: Any, talk: Path) -> None:
    ask = client.audio.transcriptions.create
    plain = ask(file=talk, model="whisper-1", include=["logprobs"])
    assert "good morning" in plain.text.lower()
    assert plain.usage.type == "duration"
    assert plain.usage.seconds == pytest.approx(5.0, abs=0.1)
    assert "".join(item.token for item in plain.logprobs).split() == plain.text.split()
    assert ask(file=talk, model="whisper-1", response_format="text").strip() == plain.text
    for form, module in (("srt", srt), ("vtt", vtt)):
        cues = module.read_cues(ask(file=talk, model="whisper-1", response_format=form))
        assert " ".join(" ".join(cue.lines) for cue in cues) == plain.text
    verbose = ask(file=talk, model="whisper-nano", response_format="verbose_json", timestamp_granularities=["word"])
    assert (verbose.text, verbose.segments, verbose.language) == (plain.text, None, "english")
    assert [word.word for word in verbose.words] == plain.text.split()
    assert 0.0 < verbose.words[-1].end <= 5.0
    whole = ask(file=talk, model="whisper-1", response_format="verbose_json")
    assert whole.words is None
    assert " ".join(item.text for item in whole.segments) == plain.text


def test_a_diarized_answer_has_letters_and_a_line_for_each_turn(client: Any, dialogue: Path) -> None:
    found = client.audio.transcriptions.create(
        file=dialogue, model="gpt-4o-transcribe-diarize", response_format="diarized_json", chunking_strategy="auto"
    )
    assert type(found).__name__ == "TranscriptionDiarized"
    assert [item.speaker for item in found.segments] == ["A", "B"]
    assert [item.id for item in found.segments] == ["seg_001", "seg_002"]
    assert found.text == "\n".join(f"{item.speaker}: {item.text}" for item in found.segments)
    assert found.duration == found.usage.seconds == pytest.approx(10.0, abs=0.1)
    srt_text = client.audio.transcriptions.create(
        file=dialogue, model="gpt-4o-transcribe-diarize", response_format="srt"
    )
    assert "A:" in srt_text


def test_a_stream_ends_with_the_whole_text(client: Any, dialogue: Path) -> None:
    def events(form: str) -> list[Any]:
        with client.audio.transcriptions.create(
            file=dialogue,
            model="whisper-1",
            response_format=form,
            stream=True,
            chunking_strategy={"type": "server_vad", "threshold": 0.5},
        ) as stream:
            return list(stream)

    plain = events("json")
    assert [item.type for item in plain[-1:]] == ["transcript.text.done"]
    assert "".join(item.delta for item in plain[:-1]) == plain[-1].text
    diarized = events("diarized_json")
    segments = [item for item in diarized if item.type == "transcript.text.segment"]
    assert [item.speaker for item in segments] == ["A", "B"]
    deltas = [item for item in diarized if item.type == "transcript.text.delta"]
    assert [item.segment_id for item in deltas] == [item.id for item in segments]
    assert diarized[-1].text == "\n".join(f"{item.speaker}: {item.text}" for item in segments)


def test_the_async_client_and_several_at_once(server: Running, talk: Path) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            create = client.audio.transcriptions.create
            stream = await create(file=talk, model="whisper-1", stream=True)
            last = [item async for item in stream][-1]
            texts = await asyncio.gather(*(create(file=talk, model="whisper-1") for _n in range(3)))
            return [last.text, *(item.text for item in texts)]

    assert len(set(asyncio.run(ask()))) == 1


def test_models_are_listed_with_their_other_names(client: Any) -> None:
    names = [item.id for item in client.models.list()]
    assert names[0] == "whisper-nano"
    assert {"whisper-1", "gpt-4o-transcribe-diarize"} <= set(names)
    assert client.models.retrieve("whisper-1").object == "model"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-5")
    assert refused.value.code == "model_not_found"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_translations_are_english(client: Any, talk: Path) -> None:
    found = client.audio.translations.create(file=talk, model="whisper-1", response_format="verbose_json")
    assert found.language == "english"
    assert found.text


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "xml"}, "response_format"),
        ({"temperature": 3}, "temperature"),
        ({"language": "klingon"}, "language"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"known_speaker_names": ["Anna"]}, "known_speaker_references"),
        ({"known_speaker_names": ["A"], "known_speaker_references": ["file:///etc"]}, "known_speaker_references"),
        ({"known_speaker_names": ["A"], "known_speaker_references": ["http://[::1]/a"]}, "known_speaker_references"),
        ({"known_speaker_names": list("ABCDE"), "known_speaker_references": list("ABCDE")}, "known_speaker_names"),
        ({"extra_body": {"chunking_strategy": "manual"}}, "chunking_strategy"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_parameter_that_cannot_be_meant_is_named(client: Any, talk: Path, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(file=talk, model="whisper-1", **fields)
    assert (refused.value.param, refused.value.code) == (param, "invalid_value")
    assert refused.value.type == "invalid_request_error"
    assert "\n" not in refused.value.body["message"]


def test_a_stream_that_fails_is_an_error_of_the_client(client: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no sound at all" * 100)
    with pytest.raises(openai.APIError) as failed:
        list(client.audio.transcriptions.create(file=broken, model="whisper-1", stream=True))
    assert "broken" not in str(failed.value) or "/" not in str(failed.value)


# Known speakers, with CAM++ as trained


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A recording of three people for 6 s each, and a server that knows their turns: the test is about names alone."""
    network = speaker_networks()["embedding_model"]
    folder = tmp_path_factory.mktemp("voices")
    people = ("LJ", "p226", "p225")
    wavfile.write(folder / "three.wav", 16_000, np.concatenate([cut_voice("sim2", person, 6.0) for person in people]))
    rows = (f"SPEAKER three 1 {6 * n}.0 6.0 <NA> <NA> {person} <NA> <NA>\n" for n, person in enumerate(people))
    (folder / "three.rttm").write_text("".join(rows), "utf-8")
    request = replace(REQUEST, diarizer=Choice(name="rttm", settings={"path": str(folder / "three.rttm")}))
    with running(folder / "server", request=request, voice_model=network) as made:
        yield made, folder / "three.wav"


def cut_voice(name: str, person: str, seconds: float) -> Any:
    """float32 (n_samples,): a person's clean speech."""
    source = recording(name)
    turns = find_clean_speech(source.turns)[person]
    return np.concatenate([cut_turn(source.audio, turn) for turn in turns])[: round(seconds * 16_000)]


def as_data_url(sound: Any) -> str:
    file = io.BytesIO()
    wavfile.write(file, 16_000, sound)
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()


def test_known_speakers_are_named_and_a_stranger_keeps_a_letter(voices: tuple[Running, Path]) -> None:
    server, three = voices
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)

    def ask(**known: Any) -> Any:
        form = {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"}
        return client.audio.transcriptions.create(file=three, **form, **known)

    found = ask(
        known_speaker_names=["Linda", "<b>Paul</b>"],
        known_speaker_references=[as_data_url(cut_voice("sim1", person, 4.0)) for person in ("LJ", "p226")],
    )
    assert list(dict.fromkeys(item.speaker for item in found.segments)) == ["Linda", "<b>Paul</b>", "A"]
    with pytest.raises(openai.BadRequestError, match=r"lasts 1\.0 s"):
        ask(known_speaker_names=["Linda"], known_speaker_references=[as_data_url(cut_voice("sim1", "LJ", 1.0))])

"""The interfaces of whisper-asr-webservice and LocalAI, asked as their clients ask."""

from __future__ import annotations

import json
from pathlib import Path

from scipy.io import wavfile

from tests.serving.conftest import Running, cut_sample
from tests.sounds import silence
from whisperdiar.formats import rttm, srt


def test_subtitles_as_bazarr_asks_for_them(server: Running, talk: Path) -> None:
    """The recording as samples alone, and as a WAV file that is called samples."""
    rate, samples = wavfile.read(talk)
    assert rate == 16_000
    query = {"task": "transcribe", "language": "en", "output": "srt", "encode": "false"}
    texts = []
    for data in (samples.astype("<i2").tobytes(), talk.read_bytes()):
        answer = server.post("/asr", params=query, files={"audio_file": data})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].endswith('.srt"')
        texts.append([" ".join(cue.lines) for cue in srt.read_cues(answer.text)])
    assert texts[0] == texts[1]
    assert "good morning" in texts[0][0].lower()


def test_the_other_outputs_and_speakers(server: Running, tmp_path: Path) -> None:
    dialogue = cut_sample("standup.mp4", tmp_path / "a b.wav", 10.0)

    def ask(**query: object) -> str:
        with dialogue.open("rb") as file:
            answer = server.post("/asr", params=query, files={"audio_file": ("a b.wav", file)})
        assert answer.status_code == 200, answer.text
        assert "a%20b.wav" in answer.headers["content-disposition"]
        return str(answer.text)

    data = json.loads(ask(output="json", word_timestamps="true"))
    assert set(data) == {"text", "segments", "language"}
    said = [word["word"] for segment in data["segments"] for word in segment["words"]]
    assert "".join(said).split() == data["text"].split()
    assert ask().split() == data["text"].split()
    speakers = {row["speaker"] for row in json.loads(ask(output="json", diarize="true", max_speakers=2))["segments"]}
    assert len(speakers) == 2
    assert server.send("/asr?output=docx", dialogue, field="audio_file").status_code == 400
    assert server.send("/asr", dialogue).json()["error"]["param"] == "audio_file"


def test_the_language_is_detected_and_none_where_nobody_speaks(server: Running, talk: Path, tmp_path: Path) -> None:
    found = server.send("/detect-language?encode=true", talk, field="audio_file").json()
    assert (found["detected_language"], found["language_code"]) == ("english", "en")
    assert 0.0 <= found["confidence"] <= 1.0
    wavfile.write(tmp_path / "none.wav", 16_000, silence(2.0).mono)
    refused = server.send("/detect-language", tmp_path / "none.wav", field="audio_file")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "no_speech")


def test_turns_as_localai_and_speaches_write_them(server: Running, tmp_path: Path) -> None:
    dialogue = cut_sample("standup.mp4", tmp_path / "my talk.wav", 10.0)
    plain = server.send("/v1/audio/diarization", dialogue, model="any", num_speakers="2").json()
    assert (plain["task"], plain["num_speakers"]) == ("diarize", 2)
    assert {"id", "speaker", "label", "start", "end"} == set(plain["segments"][0])
    text = server.send("/v1/audio/diarization", dialogue, num_speakers="2", response_format="rttm").text
    turns = rttm.loads(text).turns
    assert [(turn.speaker, round(turn.span.start, 3)) for turn in turns] == [
        (row["speaker"], row["start"]) for row in plain["segments"]
    ]
    verbose = server.send(
        "/v1/audio/diarization", dialogue, num_speakers="2", response_format="verbose_json", include_text="true"
    ).json()
    rows = [(row["segment_count"], row["total_speech_duration"]) for row in verbose["speakers"]]
    assert sum(count for count, _seconds in rows) == len(verbose["segments"])
    spoken = sum(row["end"] - row["start"] for row in verbose["segments"])
    assert abs(sum(seconds for _count, seconds in rows) - spoken) < 0.01
    assert "good morning" in verbose["segments"][0]["text"].lower()
    refused = server.send("/v1/audio/diarization", dialogue, min_speakers="3", max_speakers="2")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "max_speakers")

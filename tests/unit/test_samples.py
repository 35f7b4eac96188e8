"""The sample recordings: they decode, and what their references say is where it says."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import correlate

from samples import espeak, flite, make_samples
from samples.performance import LEAD_IN_S, SPEECH_DB, TURN_BREAK_S, perform
from samples.script import ScriptError, ScriptTurn, load_script, script_names
from samples.synthesis import SAMPLE_RATE_HZ, SpokenWord, SynthesisError, Utterance, Voice, synthesize
from samples.video import FRAMES_PER_SECOND, HEIGHT, WIDTH

FOLDER = Path(make_samples.__file__).parent
MADE_WITH_ESPEAK = "1.51"
NAMES = script_names()

each_sample = pytest.mark.parametrize("name", NAMES)


class Word(NamedTuple):
    start: float
    end: float
    speaker: str
    text: str


@cache
def read_words(name: str) -> tuple[Word, ...]:
    header, *rows = (FOLDER / "reference" / f"{name}.words.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "start\tend\tspeaker\tword"
    return tuple(Word(float(start), float(end), *rest) for start, end, *rest in (row.split("\t") for row in rows))


def read_lines(name: str, suffix: str) -> list[list[str]]:
    text = (FOLDER / "reference" / f"{name}{suffix}").read_text(encoding="utf-8")
    return [line.split() for line in text.splitlines()]


@cache
def decode(name: str) -> NDArray[np.float32]:
    """Shape (n_channels, n_samples), 16 kHz: what PyAV decodes, from the first sample on."""
    with av.open(str(FOLDER / load_script(name).file)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", layout=stream.layout.name, rate=SAMPLE_RATE_HZ)
        frames = [part for frame in [*container.decode(stream), None] for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def words_by_speaker(name: str) -> dict[str, list[Word]]:
    return {
        speaker.name: [word for word in read_words(name) if word.speaker == speaker.name]
        for speaker in load_script(name).speakers
    }


def turns_of(words: list[Word]) -> list[tuple[float, float]]:
    turns: list[tuple[float, float]] = []
    for word in words:
        if turns and word.start - turns[-1][1] < TURN_BREAK_S - 0.0005:
            turns[-1] = (turns[-1][0], word.end)
        else:
            turns.append((word.start, word.end))
    return turns


def speech_mask(spans: list[tuple[float, float]], n_samples: int) -> NDArray[np.bool_]:
    mask = np.zeros(n_samples, dtype=bool)
    for start, end in spans:
        mask[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)] = True
    return mask


def level_db(samples: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def needs(engine: str) -> None:
    if engine == "flite" and not flite.available():
        pytest.skip("flite is not installed")
    if engine == "espeak-ng":
        if not espeak.available():
            pytest.skip("espeak-ng is not installed")
        if espeak.version() != MADE_WITH_ESPEAK:
            pytest.skip(
                f"espeak-ng {espeak.version()} speaks otherwise than {MADE_WITH_ESPEAK}, which made the samples"
            )


# --- the files


@each_sample
def test_recording_decodes_to_its_end(name: str) -> None:
    script, words = load_script(name), read_words(name)
    samples = decode(name)
    assert samples.shape[0] == script.n_channels
    assert words[-1].end < samples.shape[1] / SAMPLE_RATE_HZ < words[-1].end + 2.0
    assert np.abs(samples).max() < 1.0


def test_samples_stay_small() -> None:
    assert sum((FOLDER / load_script(name).file).stat().st_size for name in NAMES) < 5_000_000


def test_standup_shows_who_is_speaking() -> None:
    with av.open(str(FOLDER / "standup.mp4")) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert images[0].shape == (HEIGHT, WIDTH, 3)
    words = words_by_speaker("standup")
    centre = {speaker: (2 * index + 1) * WIDTH // 6 for index, speaker in enumerate(words)}

    def brightness(speaker: str, seconds: float) -> float:
        tile = images[int(seconds * FRAMES_PER_SECOND)][30:60, centre[speaker] - 20 : centre[speaker] + 20]
        return float(tile.mean())

    for speaker, own in words.items():
        longest = max(own, key=lambda word: word.end - word.start)
        assert brightness(speaker, (longest.start + longest.end) / 2) > 1.8 * brightness(speaker, LEAD_IN_S / 2)


@pytest.mark.parametrize(
    ("name", "speakers", "shortest", "longest"),
    [("standup", 3, 80, 110), ("call", 2, 50, 75), ("meeting", 4, 180, 300), ("dialogue_ru", 2, 45, 75),
     ("dialogue_de", 2, 20, 40), ("dialogue_fr", 2, 20, 40)],
)  # fmt: skip
def test_size_of_each_conversation(name: str, speakers: int, shortest: float, longest: float) -> None:
    words = words_by_speaker(name)
    assert len(words) == speakers
    assert shortest <= decode(name).shape[1] / SAMPLE_RATE_HZ <= longest
    assert min(len(own) for own in words.values()) >= 25


def test_every_speaker_of_the_standup_has_twenty_seconds_and_some_overlap() -> None:
    words = words_by_speaker("standup")
    assert min(sum(word.end - word.start for word in own) for own in words.values()) >= 20.0
    n_samples = decode("standup").shape[1]
    speaking = sum(speech_mask(turns_of(own), n_samples).astype(int) for own in words.values())
    assert 0.01 < np.mean(speaking > 1) < 0.10


# --- the references


@each_sample
def test_words_are_the_scripts_words_inside_the_recording(name: str) -> None:
    words = read_words(name)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[0].start >= 0
    assert max(word.end for word in words) <= decode(name).shape[1] / SAMPLE_RATE_HZ
    for speaker, own in words_by_speaker(name).items():
        assert all(word.start < word.end for word in own)
        assert all(first.end <= second.start for first, second in pairwise(own))
        said = [text for turn in load_script(name).turns if turn.speaker == speaker for text in turn.sentences]
        assert [word.text for word in own] == " ".join(said).split()


@each_sample
def test_rttm_agrees_with_the_words(name: str) -> None:
    lines = read_lines(name, ".rttm")
    assert all(line[:2] == ["SPEAKER", name] and len(line) == 10 for line in lines)
    assert [float(line[3]) for line in lines] == sorted(float(line[3]) for line in lines)
    for speaker in load_script(name).speakers:
        own = [line for line in lines if line[7] == speaker.name]
        assert {line[2] for line in own} == {str(speaker.channel)}
        found = [(float(line[3]), float(line[3]) + float(line[4])) for line in own]
        expected = turns_of(words_by_speaker(name)[speaker.name])
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.0011)


@each_sample
def test_stm_agrees_with_the_words(name: str) -> None:
    lines = read_lines(name, ".stm")
    script, words = load_script(name), words_by_speaker(name)
    channels = {speaker.name: str(speaker.channel) for speaker in script.speakers}
    texts = Counter((turn.speaker, " ".join(turn.sentences)) for turn in script.turns)
    assert Counter((line[2], " ".join(line[6:])) for line in lines) == texts
    for recording, channel, speaker, start, end, label, *text in lines:
        assert (recording, channel, label) == (name, channels[speaker], "<o>")
        inside = [word for word in words[speaker] if float(start) <= word.start and word.end <= float(end)]
        assert [word.text for word in inside] == text
        assert (inside[0].start, inside[-1].end) == (float(start), float(end))


@each_sample
def test_energy_is_where_the_references_say(name: str) -> None:
    samples = decode(name)
    for speaker in load_script(name).speakers:
        channel = samples[speaker.channel - 1]
        own = speech_mask([(word.start, word.end) for word in words_by_speaker(name)[speaker.name]], len(channel))
        anyone = speech_mask([(word.start - 0.05, word.end + 0.1) for word in read_words(name)], len(channel))
        assert level_db(channel[own]) > level_db(channel[~anyone]) + 25
        assert level_db(channel[~anyone]) > -80  # quiet, but a room


@each_sample
def test_first_word_starts_on_time(name: str) -> None:
    first = read_words(name)[0]
    assert first.start == LEAD_IN_S
    channel = decode(name)[0]
    frames = np.square(channel[: SAMPLE_RATE_HZ * 2], dtype=np.float64).reshape(-1, SAMPLE_RATE_HZ // 100).mean(axis=1)
    quiet = frames[:50].max()
    assert first.start - 0.02 <= np.flatnonzero(frames > 10 * quiet)[0] / 100 <= first.start + 0.05


def test_call_keeps_the_speakers_apart() -> None:
    samples = decode("call")
    for speaker in load_script("call").speakers:
        own = [(word.start, word.end) for word in read_words("call") if word.speaker == speaker.name]
        others = [(word.start, word.end) for word in read_words("call") if word.speaker != speaker.name]
        alone = speech_mask(own, samples.shape[1]) & ~speech_mask(others, samples.shape[1])
        levels = [level_db(channel[alone]) for channel in samples]
        assert np.argmax(levels) == speaker.channel - 1
        assert levels[0] - levels[1] == pytest.approx(speaker.levels_db[0] - speaker.levels_db[1], abs=2)


# --- making them again


@each_sample
def test_speaking_a_sentence_again_gives_what_is_in_the_recording(name: str) -> None:
    """Also shows that the codec's delay is accounted for: its own is 21 to 48 ms."""
    sentence = load_script(name).sentences[0]
    needs(sentence.voice.engine)
    spoken = synthesize(sentence.text, sentence.voice)
    reference = read_words(name)[: len(spoken.words)]
    assert [word.text for word in spoken.words] == [word.text for word in reference]
    offset = reference[0].start - spoken.words[0].start
    for word, expected in zip(spoken.words, reference, strict=True):
        assert (word.start + offset, word.end + offset) == pytest.approx((expected.start, expected.end), abs=0.001)

    margin = SAMPLE_RATE_HZ // 20
    first = round(offset * SAMPLE_RATE_HZ)
    recorded = decode(name)[0, first - margin : first + len(spoken.samples) + margin]
    match = correlate(recorded, spoken.samples, mode="valid")
    lag = int(np.argmax(match)) - margin
    assert abs(lag) < 0.01 * SAMPLE_RATE_HZ
    inside = recorded[margin + lag : margin + lag + len(spoken.samples)]
    assert np.corrcoef(inside, spoken.samples)[0, 1] > 0.9


def test_make_samples_makes_the_same_again(tmp_path: Path) -> None:
    needs("espeak-ng")
    command = [sys.executable, str(FOLDER / "make_samples.py"), "dialogue_fr", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "dialogue_fr.wav" in done.stdout
    for suffix in (".rttm", ".stm", ".words.tsv"):
        made = (tmp_path / "reference" / f"dialogue_fr{suffix}").read_text(encoding="utf-8")
        assert made == (FOLDER / "reference" / f"dialogue_fr{suffix}").read_text(encoding="utf-8")
    assert (tmp_path / "dialogue_fr.wav").stat().st_size == (FOLDER / "dialogue_fr.wav").stat().st_size
    assert not list(tmp_path.glob(".partial*"))


@pytest.fixture
def without_libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(name: str, *_: object, **__: object) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    for cached in (flite._library, flite._voice):
        cached.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    yield
    monkeypatch.undo()
    for cached in (flite._library, flite._voice):
        cached.cache_clear()


@pytest.mark.usefixtures("without_libraries")
def test_missing_flite_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_samples.main(["standup", "--out", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "flite is not installed" in message
    assert "apt install flite" in message
    assert message.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_missing_espeak_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(espeak._WORKER.read_text().replace("libespeak-ng.so.1", "libespeak-ng-that-is-not-there.so"))
    monkeypatch.setattr(espeak, "_WORKER", worker)
    assert make_samples.main(["dialogue_fr", "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert "espeak-ng is not installed" in message
    assert message.count("\n") == 1


def test_unknown_sample_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_samples.main(["breakfast"]) == 1
    assert "'breakfast'" in (message := capsys.readouterr().err)
    assert "standup" in message


# --- performing a script, with a voice that needs no synthesizer


def hum(text: str, voice: Voice) -> Utterance:
    """A tone of 0.4 s per word, with 0.1 s of silence after each."""
    words, length = text.split(), SAMPLE_RATE_HZ // 2
    tone = 0.3 * np.sin(2 * np.pi * 200 * voice.pitch * np.arange(len(words) * length) / SAMPLE_RATE_HZ)
    tone.reshape(len(words), length)[:, round(0.4 * SAMPLE_RATE_HZ) :] = 0
    spoken = tuple(SpokenWord(word, 0.5 * index, 0.5 * index + 0.4) for index, word in enumerate(words))
    return Utterance(tone.astype(np.float32), spoken)


def test_performance_follows_the_script_and_the_seed() -> None:
    script = load_script("standup")
    first, again, other = (perform(script, seed=seed, speak=hum) for seed in (7, 7, 8))
    assert np.array_equal(first.samples, again.samples)
    assert first.utterances == again.utterances
    assert first.samples.shape != other.samples.shape
    assert [turn.text for turn in first.turns()] != []
    assert sorted(turn.text for turn in first.utterances) == sorted(" ".join(turn.sentences) for turn in script.turns)


def test_gap_and_backchannel_fall_where_the_script_puts_them() -> None:
    script = load_script("meeting")
    turns = (
        ScriptTurn("Anna", ("One two three four.",), None, None),
        ScriptTurn("Boris", ("Yes.",), None, 0.5),
        ScriptTurn("Carl", ("Five six.",), -0.25, None),
    )
    anna, boris, carl = perform(replace(script, turns=turns, points=()), seed=1, speak=hum).utterances
    assert (anna.start, anna.end) == pytest.approx((LEAD_IN_S, LEAD_IN_S + 1.9))
    assert boris.start == pytest.approx(anna.start + 0.95, abs=0.001)
    assert carl.start == pytest.approx(anna.end - 0.25, abs=0.001)  # the backchannel did not take the floor


def test_speech_has_its_level_in_its_channel() -> None:
    script = replace(load_script("call"), band_hz=None)
    turns = (ScriptTurn("Boris", ("One two three four.",), None, None),)
    performance = perform(replace(script, turns=turns, points=()), seed=1, speak=hum)
    mask = speech_mask([(word.start, word.end) for word in performance.words], performance.samples.shape[1])
    assert level_db(performance.samples[0, mask]) == pytest.approx(SPEECH_DB, abs=3)
    assert level_db(performance.samples[1, mask]) == pytest.approx(SPEECH_DB - 35, abs=3)
    assert level_db(performance.samples[:, ~mask]) == pytest.approx(script.noise_db, abs=1)


def test_nobody_talks_over_themselves() -> None:
    turns = (
        ScriptTurn("Anna", ("One two three.",), None, None),
        ScriptTurn("Anna", ("Four.",), -0.5, None),
    )
    with pytest.raises(ScriptError, match=r"Anna starts 'Four\.' at 1\.50 s but speaks until 2\.00 s"):
        perform(replace(load_script("standup"), turns=turns, points=()), seed=1, speak=hum)


# --- the synthesizers


@pytest.mark.parametrize(
    "voice",
    [Voice("flite", "slt"), Voice("flite", "kal16", rate=0.8, pitch=1.2), Voice("flite", "rms", pitch=1.1, tract=1.1),
     Voice("espeak-ng", "en-us+f2"), Voice("espeak-ng", "en-us+klatt4", rate=0.9, pitch=0.9)],
)  # fmt: skip
def test_speech_depends_on_nothing_said_before(voice: Voice) -> None:
    needs(voice.engine)
    text = "One of the tests failed."
    first = synthesize(text, voice)
    synthesize("Something else entirely, with another pitch.", replace(voice, rate=1.2, tract=voice.tract))
    second = synthesize(text, voice)
    assert np.array_equal(first.samples, second.samples)
    assert first.words == second.words
    assert [word.text for word in first.words] == text.split()
    ends = [0.0, *(word.end for word in first.words)]
    assert all(end <= word.start + 1e-9 < word.end for end, word in zip(ends, first.words, strict=False))
    assert first.words[-1].end <= first.duration


@pytest.mark.parametrize("voice", [Voice("flite", "slt"), Voice("espeak-ng", "en-us")])
def test_rate_and_tract_do_what_they_say(voice: Voice) -> None:
    needs(voice.engine)
    text = "We could move the tests to the new machine."

    def length(changed: Voice) -> float:
        words = synthesize(text, changed).words
        return words[-1].end - words[0].start

    def centroid_hz(changed: Voice) -> float:
        power = np.square(np.abs(np.fft.rfft(synthesize(text, changed).samples)))
        return float(np.average(np.arange(len(power)), weights=power) * SAMPLE_RATE_HZ / (2 * (len(power) - 1)))

    assert length(replace(voice, rate=0.8)) == pytest.approx(length(voice) / 0.8, rel=0.1)
    assert length(replace(voice, tract=1.2)) == pytest.approx(length(voice), rel=0.1)
    assert centroid_hz(replace(voice, tract=1.2)) > 1.1 * centroid_hz(voice)


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [
        ("Hello.", Voice("harp", "slt"), "no engine 'harp'"),
        ("  ", Voice("flite", "slt"), "has no words"),
        ("Yes - no.", Voice("flite", "slt"), "'-' in 'Yes - no.' is not a word"),
    ],
)
def test_what_cannot_be_said(text: str, voice: Voice, message: str) -> None:
    with pytest.raises(SynthesisError, match=message):
        synthesize(text, voice)


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [
        ("Grüße.", Voice("flite", "slt"), "ASCII only"),
        ("Hello.", Voice("flite", "nobody"), "no voice 'nobody'"),
        ("Hello.", Voice("flite", "rms", pitch=1.3), "cannot change its pitch"),
        ("Hello.", Voice("espeak-ng", "nowhere"), "no voice 'nowhere'"),
    ],
)
def test_what_an_engine_refuses(text: str, voice: Voice, message: str) -> None:
    needs(voice.engine)
    with pytest.raises(SynthesisError, match=message):
        synthesize(text, voice)

"""Each channel recognised by itself: what goes to the recogniser, and where its words come back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.media_files import write_wav
from tests.sounds import NANO, RATE_HZ, VOICES, silence, voice
from whisperdiar import Audio, Pipeline, Span, Transcription, Turn, Word, load, transcribe
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization.channels import Backend as Channels
from whisperdiar.errors import MediaError, UnsupportedRequest
from whisperdiar.per_channel import find_own_speech, lay_out, put_back, remove_crosstalk
from whisperdiar.segmentation import interleave
from whisperdiar.types import BackendRecord, Dropped, merge_spans
from whisperdiar.vad.energy import Backend as Energy

MS = 1e-3
CALL = [(1, 1.0, 4.0), (2, 5.0, 8.0), (1, 7.0, 10.0), (2, 25.0, 27.0)]
"""Channel, start and end: from 7 to 8 s both talk."""


def call(leak: float = 0.0) -> Audio:
    """Two people on a telephone, each microphone hearing a part of the other."""
    sound = np.zeros((2, 28 * RATE_HZ), np.float32)
    for seed, (channel, start, end) in enumerate(CALL):
        pitch, formants = VOICES["AB"[channel - 1]]
        spoken = voice(end - start, pitch_hz=pitch, formants_hz=formants, seed=seed)
        sound[channel - 1, round(start * RATE_HZ) : round(start * RATE_HZ) + len(spoken)] += spoken
    heard = np.array([[1, leak], [leak, 1]], np.float32) @ sound
    hiss = 3e-4 * np.random.default_rng(0).standard_normal(sound.shape)
    return Audio((heard + hiss).astype(np.float32), RATE_HZ, "call", start=100.0)


@dataclass
class Echo:
    """A recogniser whose one word for each stretch of speech says how loud that is, in thousandths; for times alone."""

    heard: list[tuple[Audio, tuple[Span, ...]]] = field(default_factory=list)

    def prepare(self, *, progress: Progress = no_progress) -> None: ...

    def record(self) -> BackendRecord:
        return BackendRecord("echo")

    def transcribe(self, audio: Audio, *, speech: Sequence[Span], **_: Any) -> Transcription:
        self.heard.append((audio, tuple(speech)))
        words = [Word(span, f" {1000 * np.sqrt(np.mean(audio.crop(span).mono ** 2)):.0f}") for span in speech]
        dropped = tuple(Dropped(span, "bye", "not spoken") for span in speech[:1])
        return Transcription("en", 0.9, tuple(words), dropped, (), ("once",))


@pytest.mark.parametrize("leak", [0.0, 0.18])
def test_both_who_talk_at_once_are_recognised_and_nobody_twice(leak: float) -> None:
    echo = Echo()
    transcript = Pipeline(detector=Energy(), transcriber=echo, diarizer=Channels()).run(call(leak))
    said = [(segment.speaker, segment.span) for segment in transcript.segments]
    assert [speaker for speaker, _ in said] == [f"SPEAKER_{channel - 1:02d}" for channel, _, _ in CALL]
    for (_, span), (_, start, end) in zip(said, CALL, strict=True):
        assert span.start == pytest.approx(100 + start, abs=0.25)
        assert span.end == pytest.approx(100 + end, abs=0.25)
    assert [segment.simultaneous for segment in transcript.segments] == [False, True, True, False]
    assert all(word.speaker_confidence > 0.9 for word in transcript.words)
    assert all(int(word.text) > 30 for word in transcript.words)  # nobody's pause
    ((audio, _),) = echo.heard  # one run: one language, and every notice once
    assert audio.n_channels == 1
    assert transcript.provenance["notes"] == ["once"]
    assert transcript.dropped[0].span.start == pytest.approx(101, abs=0.25)


def test_a_recording_of_one_channel_has_words_without_speakers() -> None:
    one = Audio(call().samples[:1], RATE_HZ, "call")
    with pytest.raises(Exception, match="has 1 channel") as caught:
        Pipeline(detector=Energy(), transcriber=Echo(), diarizer=Channels()).run(one)
    assert isinstance(caught.value.__cause__, UnsupportedRequest)
    assert caught.value.transcript.words


def test_silence_on_all_channels_is_no_speech() -> None:
    transcript = Pipeline(detector=Energy(), transcriber=Echo(), diarizer=Channels()).run(silence(5, n_channels=2))
    assert transcript.words == ()
    assert any(item.startswith("no speech was found in this recording") for item in transcript.provenance["warnings"])


def test_channels_of_ones_own_audio_do_not_cancel_either() -> None:
    spoken = call().samples.sum(axis=0)
    echo = Echo()
    audio = Audio(np.stack([spoken, -0.95 * spoken]), RATE_HZ, "call")
    transcript = Pipeline(detector=Energy(), transcriber=echo).run(audio)
    assert "opposite in phase" in transcript.provenance["warnings"][0]
    assert len(transcript.words) >= 3
    assert all(int(word.text) > 30 for word in transcript.words)


def test_progress_of_all_channels_is_one_rise() -> None:
    seen: list[float] = []
    Pipeline(detector=Energy(), transcriber=Echo(), diarizer=Channels()).run(
        call(), progress=lambda stage, fraction: seen.append(fraction) if stage == "vad" else None
    )
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert all(a <= b for a, b in pairwise(seen))


times = st.floats(0.0, 60.0).map(lambda value: round(value, 3))
span_lists = st.lists(st.tuples(times, st.floats(0.05, 20.0)), max_size=6).map(
    lambda items: merge_spans(s for a, d in items if (s := Span(a, a + d).clip(0.0, 60.0)))
)


@settings(max_examples=examples(60), deadline=None)
@given(speech=st.lists(span_lists, min_size=2, max_size=3))
def test_every_moment_of_speech_comes_back_to_its_channel_and_time(speech: list[tuple[Span, ...]]) -> None:
    rate = 1000
    samples = np.arange(len(speech) * 60 * rate, dtype=np.float32).reshape(len(speech), -1)
    layout = lay_out(Audio(samples, rate), speech)
    words = tuple(Word(span, f" {i}") for i, span in enumerate(layout.speech))
    dropped = tuple(Dropped(span, "x", "y") for span in layout.speech)
    named, back = put_back(Transcription("en", 1.0, words, dropped), layout, (), n_channels=len(speech))
    assert len(words) == sum(map(len, speech))
    for channel, (spans, spoken) in enumerate(zip(speech, named, strict=True)):
        assert [word.start for word in spoken] == pytest.approx([span.start for span in spans], abs=1.1 * MS)
        assert [word.end for word in spoken] == pytest.approx([span.end for span in spans], abs=1.1 * MS)
        for word in spoken:
            place = layout.speech[int(word.text)]
            heard = layout.audio.samples[0, round(place.start * rate) : round(place.end * rate)]
            first = channel * 60 * rate + round(word.start * rate)
            assert heard[0] == pytest.approx(first, abs=2)
    assert len(back) == len(dropped)
    for one, other in pairwise(layout.stretches):
        assert other.at - (one.at + one.span.duration) >= 10.0  # no recogniser takes that for a pause


@settings(max_examples=examples(60), deadline=None)
@given(detected=st.lists(span_lists, min_size=2, max_size=2), turns=st.lists(span_lists, min_size=2, max_size=2))
def test_no_speech_is_left_out_and_nobody_is_heard_in_anothers_turn(
    detected: list[tuple[Span, ...]], turns: list[tuple[Span, ...]]
) -> None:
    audio = Audio(np.random.default_rng(0).standard_normal((2, 60_000)).astype(np.float32), 1000)
    given_turns = [Turn(span, f"S{c}", c + 1) for c, spans in enumerate(turns) for span in spans]
    if not given_turns:
        return
    found = find_own_speech(audio, detected, given_turns)
    for time in np.arange(0.005, 60.0, 0.05):
        inside = [any(s.start <= time < s.end for s in spans) for spans in (*detected, *turns, *found)]
        heard, talks, taken = inside[:2], inside[2:4], inside[4:]
        for channel in (0, 1):
            if heard[channel] and talks[channel]:
                assert taken[channel]
            near = any(s.start - 0.15 <= time < s.end + 0.15 for s in turns[channel])
            if talks[1 - channel] and not near:
                assert not taken[channel]
        assert not any(taken) or any(heard)


def test_speech_in_nobodys_turn_goes_to_the_loudest_channel() -> None:
    samples = np.zeros((3, 10_000), np.float32)
    samples[0, 2000:4000], samples[1, 2000:4000], samples[2, 2000:4000] = 0.1, 0.2, 0.9
    turns = [Turn(Span(6, 8), "A", 1), Turn(Span(8, 9), "B", 2)]
    found = find_own_speech(Audio(samples, 1000), [(Span(2, 4),), (), ()], turns)
    assert found == [(), (Span(2, 4),), ()]  # the third has no person


# ---------------------------------------------------------------- the words of several people


def spoken(text: str, start: float, speaker: str | None = None, each: float = 0.3) -> list[Word]:
    return [
        Word(Span(start + i * each, start + (i + 1) * each), f" {word}", speaker=speaker)
        for i, word in enumerate(text.split())
    ]


def test_the_same_words_in_a_row_are_kept_where_they_are_louder() -> None:
    samples = np.zeros((2, 10_000), np.float32)
    samples[0], samples[1] = 0.5, 0.1
    sentence = "we are glad to welcome his gospel"
    words = [spoken(sentence, 1.0, "A"), [*spoken(sentence.upper(), 1.1, "B"), *spoken("indeed it is so", 6.0, "B")]]
    kept, dropped = remove_crosstalk(words, Audio(samples, 1000))
    assert kept[0] == words[0]
    assert [word.text for word in kept[1]] == [" indeed", " it", " is", " so"]
    assert [(item.text, item.reason) for item in dropped] == [
        (sentence.upper(), "channel 1 has the same words at the same time, louder")
    ]


@pytest.mark.parametrize(("one", "other", "at"), [("yes yes", "yes yes", 1.0), ("I do so", "I do so", 4.0)])
def test_what_two_people_may_well_say_stays(one: str, other: str, at: float) -> None:
    words = [spoken(one, 1.0, "A"), spoken(other, at, "B")]
    assert remove_crosstalk(words, Audio(np.ones((2, 10_000), np.float32), 1000)) == (words, ())


def test_a_word_in_anothers_turn_is_overlapping_and_keeps_its_speaker() -> None:
    audio = Audio(np.ones((2, 10_000), np.float32), 1000)
    turns = [Turn(Span(0, 5), "A", 1), Turn(Span(3, 6), "B", 2)]
    layout = lay_out(audio, [(Span(0, 5),), (Span(3, 8),)])
    at = layout.stretches[1].at
    words = (
        Word(Span(1, 2), " a"),
        Word(Span(4, 5), " b"),
        Word(Span(at, at + 1), " c"),
        Word(Span(at + 4, at + 5), " d"),
    )
    named, _ = put_back(Transcription("en", 1.0, words), layout, turns, n_channels=2)
    found = [(w.text, w.speaker, w.second_speaker, w.overlap, w.speaker_confidence) for w in (*named[0], *named[1])]
    assert found == [
        (" a", "A", None, False, 1.0),
        (" b", "A", "B", True, 1.0),
        (" c", "B", "A", True, 1.0),
        (" d", "B", None, False, 0.5),  # outside of B's turn
    ]


def test_a_reply_in_a_pause_ends_the_segment_and_talk_at_the_same_time_does_not() -> None:
    asks = [*spoken("are you there", 0.0, "A"), *spoken("good to hear", 1.5, "A")]
    assert [s.text for s in interleave([asks, spoken("yes", 1.0, "B")])] == ["are you there", "yes", "good to hear"]
    found = interleave([spoken("one two three four five six", 0.0, "A"), spoken("seven eight nine", 0.5, "B")])
    assert [(s.text, s.simultaneous) for s in found] == [
        ("one two three four five six", True),
        ("seven eight nine", True),
    ]


word_streams = st.lists(
    st.lists(st.tuples(st.floats(0.0, 1.5), st.floats(0.0, 0.8)), max_size=15), min_size=1, max_size=3
)


@settings(max_examples=examples(80), deadline=None)
@given(shapes=word_streams)
def test_no_word_is_lost_or_moved_among_its_speakers(shapes: list[list[tuple[float, float]]]) -> None:
    streams = []
    for i, shape in enumerate(shapes):
        at, words = 0.0, []
        for j, (pause, length) in enumerate(shape):
            words.append(Word(Span(at + pause, at + pause + length), f" {j}", speaker=f"S{i}"))
            at += pause + length
        streams.append(words)
    found = interleave(streams)
    for i, words in enumerate(streams):
        assert [word for segment in found if segment.speaker == f"S{i}" for word in segment.words] == words
    assert all(a.span <= b.span for a, b in pairwise(found))
    assert all(word.speaker == segment.speaker for segment in found for word in segment.words)


def test_the_library_reads_one_channel_in_one_call(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "call.wav", call().samples.astype(np.float64))
    found = [
        transcribe(path, channel=channel, model=NANO[1], vad="energy", diarizer="none", language="en", offline=True)
        for channel in (1, 2)
    ]
    assert [item.provenance["options"]["channel"] for item in found] == [1, 2]
    audio = load(path, channel=2)
    np.testing.assert_array_equal(audio.samples, load(path, channels="all").channel(2).samples)
    with pytest.raises(MediaError, match="has no channel 3"):
        transcribe(path, channel=3, model=NANO[1], vad="energy", diarizer="none", offline=True)

"""A track per person: which files they are, one clock for all, and nobody's words on another's track."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import whisperdiar.formats
from tests.examples import examples
from tests.media_files import Track, signal, write_media, write_wav
from tests.sounds import RATE_HZ, VOICES, silence, voice
from whisperdiar import Audio, Pipeline, Span, load
from whisperdiar.contracts import Progress
from whisperdiar.diarization.channels import Backend as Channels
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.media.levels import measure_levels
from whisperdiar.media.store import ChannelStore
from whisperdiar.per_channel import detect_audible
from whisperdiar.tracks import Tracks, TrackSource, read_tracks, write_mix
from whisperdiar.tracks.clocks import Clock, fit_line, match_clocks
from whisperdiar.tracks.reading import resample
from whisperdiar.vad.energy import Backend as Energy

SECONDS = 48.0
TALK = [(0, 4.0, 10.0), (1, 10.5, 17.0), (0, 16.0, 22.0), (1, 24.0, 29.0), (0, 30.0, 36.0), (1, 36.5, 43.0)]
"""Person, start and end: from 16 to 17 s both talk."""


def hear(*, bleed: float = 0.05, ways: tuple[float, float] = (0.004, 0.007), seed: int = 0) -> list[Audio]:
    """What the microphones of two people hear: the owner, the other one fainter and later by the way, and hiss."""
    own = np.zeros((2, round(SECONDS * RATE_HZ)), np.float32)
    for number, (person, start, end) in enumerate(TALK):
        pitch, formants = VOICES["AB"[person]]
        spoken = voice(end - start, pitch_hz=pitch, formants_hz=formants, seed=number)
        own[person, round(start * RATE_HZ) : round(start * RATE_HZ) + len(spoken)] += spoken
    chance = np.random.default_rng(seed)
    heard = own + 2e-4 * chance.standard_normal(own.shape, dtype=np.float32)
    for listener in (0, 1):
        late = round(ways[listener] * RATE_HZ)
        heard[listener, late:] += np.float32(bleed) * own[1 - listener, : own.shape[1] - late]
    return [Audio(row[None], RATE_HZ) for row in heard]


@pytest.fixture(scope="module")
def heard() -> list[Audio]:
    return hear()


def record(audio: Audio, start: float, drift: float) -> Audio:
    """The sound as a recorder has it that starts late and whose clock drifts: t lies at start + (1 + drift) t."""
    n_samples = int((audio.duration - max(0.0, start)) / (1 + drift) * RATE_HZ)
    places = start * RATE_HZ + (1 + drift) * np.arange(n_samples)
    row = np.interp(places, np.arange(audio.samples.shape[1]), audio.samples[0], left=0.0, right=0.0)
    return replace(audio, samples=row[None].astype(np.float32))


def read(tracks: Sequence[Audio], folder: Path, *, one_clock: bool = False) -> Audio:
    """The recording of these tracks, by way of files."""
    names = [f"p{number}" for number in range(len(tracks))]
    sources = tuple(
        TrackSource(write_wav(folder / f"{name}.wav", track.samples.astype(np.float64)), name)
        for name, track in zip(names, tracks, strict=True)
    )
    return read_tracks(Tracks(sources, "talk", one_clock), read=lambda source, _progress: load(source.path))


def span_levels(audio: Audio, channel: int) -> list[float]:
    """How loud a channel is while each of `TALK` is said by one person alone."""
    alone = [Span(start + 0.5, min(end, 15.5) if start == 10.5 else end - 0.5) for _, start, end in TALK]
    parts = [audio.crop(Span(max(17.5, item.start), item.end) if item.start == 16.5 else item) for item in alone]
    return [float(10 * np.log10(np.mean(part.samples[channel] ** 2) + 1e-12)) for part in parts]


@settings(max_examples=examples(10), deadline=None)
@given(start=st.floats(-3.0, 3.0), drift=st.floats(-1e-4, 1e-4))
def test_a_clock_is_found_by_what_microphones_hear_of_each_other(
    heard: list[Audio], start: float, drift: float
) -> None:
    tracks = [heard[0], record(heard[1], start, drift)]
    first, found = match_clocks(tracks, [measure_levels(track) for track in tracks])
    assert first == Clock()
    assert found is not None
    assert found.by == 0
    middle = SECONDS / 2
    assert found.start + found.drift * middle == pytest.approx(start + drift * middle, abs=0.004)  # the ways differ
    assert found.drift == pytest.approx(drift, abs=5e-6)


def test_tracks_that_hear_nothing_of_each_other_keep_their_starts(tmp_path: Path) -> None:
    tracks = hear(bleed=0.0)
    recording = read([tracks[0], record(tracks[1], 1.5, 0.0)], tmp_path)
    assert [track["matched"] for track in recording.provenance["tracks"]] == [True, False]
    assert [track["start"] for track in recording.provenance["tracks"]] == [0.0, 0.0]
    (told,) = recording.notes
    assert "p1" in told
    assert "do not hear each other" in told
    assert not any(track["crosstalk"] for track in recording.provenance["tracks"])


@pytest.mark.parametrize("ways", [(0.004, 0.007), (0.25, 0.31)], ids=["room", "connection"])
def test_where_a_track_carries_the_other_alone_it_is_silent(ways: tuple[float, float], tmp_path: Path) -> None:
    tracks = hear(bleed=0.1, ways=ways)
    recording = read(tracks, tmp_path, one_clock=True)
    for listener in (0, 1):
        noise = measure_levels(tracks[listener]).noise
        levels = span_levels(recording, listener)
        own = span_levels(Audio(tracks[listener].samples, RATE_HZ), 0)
        for (person, _, _), level, before in zip(TALK, levels, own, strict=True):
            if person == listener:
                assert level == pytest.approx(before, abs=0.2)  # not a word of one's own is lost
            else:
                assert before > noise + 15
                assert level < noise + 4
    # Where both talk, both stay.
    both = recording.crop(Span(16.1, 16.9)).samples
    assert (np.mean(both**2, axis=1) > 1e-4).all()


def test_copies_of_one_track_do_not_take_each_other_for_crosstalk(heard: list[Audio], tmp_path: Path) -> None:
    recording = read([heard[0], heard[0]], tmp_path, one_clock=True)
    assert not any(track["crosstalk"] for track in recording.provenance["tracks"])
    assert np.allclose(recording.samples[0], heard[0].samples[0], atol=1e-4)


@pytest.mark.parametrize("gain", [1.0, 10.0])
def test_who_only_listens_says_nothing_however_sensitive_the_microphone(gain: float, tmp_path: Path) -> None:
    first, second = hear(bleed=0.05)
    hiss = 1e-4 * np.random.default_rng(5).standard_normal(first.samples.shape, dtype=np.float32)
    listener = replace(first, samples=np.float32(gain) * (0.05 * first.samples + 0.06 * second.samples + hiss))
    recording = read([first, second, listener], tmp_path, one_clock=True)
    turns = Pipeline(detector=Energy(), diarizer=Channels()).run(recording).turns
    assert {turn.channel for turn in turns if turn.span.duration > 0.5} == {1, 2}


def test_the_echo_of_a_connection_does_not_shift_clocks(tmp_path: Path) -> None:
    """It comes back late both ways: the middle of the two is where the clocks are."""
    recording = read(hear(bleed=0.1, ways=(0.28, 0.28)), tmp_path)
    for track in recording.provenance["tracks"]:
        assert track["start"] == pytest.approx(0.0, abs=0.02)


@given(
    start=st.floats(-5, 5),
    drift=st.floats(-5e-4, 5e-4),
    wrong=st.lists(st.tuples(st.floats(0, 3600), st.floats(-12, 12)), max_size=12),
    seed=st.integers(0, 99),
)
def test_a_line_is_found_though_half_of_the_points_are_wrong(
    start: float, drift: float, wrong: list[tuple[float, float]], seed: int
) -> None:
    chance = np.random.default_rng(seed)
    times = np.sort(chance.uniform(0, 3600, 20))
    right = list(zip(times.tolist(), (start + drift * times + chance.uniform(-1e-3, 1e-3, 20)).tolist(), strict=True))
    line = fit_line(right + wrong, tolerance=0.002)
    assert line is not None
    assert line.at(1800.0) == pytest.approx(start + drift * 1800, abs=2e-3)
    assert line.drift == pytest.approx(drift, abs=3e-6)


@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(-12, 12)), max_size=12, unique_by=lambda point: point[0]))
def test_a_line_is_one_of_at_least_four_points(points: list[tuple[float, float]]) -> None:
    line = fit_line(points, tolerance=0.02)
    assert line is None or line.n_points >= max(4, 0.3 * len(points))


@settings(max_examples=examples(30), deadline=None)
@given(
    start=st.floats(-0.5, 0.5),
    drift=st.sampled_from([0.0, -3e-4, 1e-4]),
    cuts=st.lists(st.integers(0, 40_000), max_size=3),
)
def test_a_track_is_laid_on_the_time_line_sample_by_sample(start: float, drift: float, cuts: list[int]) -> None:
    sound = Audio(signal(2.0).astype(np.float32), RATE_HZ)
    whole = resample(sound, Clock(start, drift), 0, 40_000)
    edges = sorted({0, *cuts, 40_000})
    pieces = [resample(sound, Clock(start, drift), low, high) for low, high in pairwise(edges)]
    assert np.allclose(np.concatenate(pieces), whole, atol=2e-4)
    # The same sound, said by a formula, where the track has it; a start alone is rounded to a sample.
    inside = np.arange(round((max(start, 0.0) + 0.01) * RATE_HZ), round((start + 1.98) * RATE_HZ))
    moved = start if drift else round(start * RATE_HZ) / RATE_HZ
    fine = signal(2.0, rate=16 * RATE_HZ)[0]
    there = fine[np.round((inside / RATE_HZ - moved) / (1 + drift) * 16 * RATE_HZ).astype(int)]
    jumps = np.abs(whole[inside] - there) > 0.02  # where the chirp begins anew
    assert jumps.mean() < 0.02


@settings(max_examples=examples(20), deadline=None)
@given(lengths=st.lists(st.integers(0, 30_000), min_size=2, max_size=5))
def test_tracks_of_any_length_are_joined_whole(lengths: list[int]) -> None:
    chance = np.random.default_rng(1)
    made = iter([Audio(0.1 * chance.standard_normal((1, max(1, n)), dtype=np.float32), RATE_HZ) for n in lengths])
    kept: list[Audio] = []

    def take(_source: TrackSource, _progress: Progress) -> Audio:
        kept.append(next(made))
        return kept[-1]

    here = Path(__file__).parents[2] / "samples" / "call.flac"
    sources = tuple(TrackSource(here, str(number)) for number in range(len(lengths)))
    recording = read_tracks(Tracks(sources, one_clock=True), read=take)
    assert recording.samples.shape == (len(lengths), max(1, *lengths))
    assert recording.speakers == tuple(map(str, range(len(lengths))))
    for row, track in zip(recording.samples, kept, strict=True):
        assert np.array_equal(row[: track.samples.shape[1]], track.samples[0])
        assert not row[track.samples.shape[1] :].any()


@pytest.mark.parametrize(
    ("files", "names", "one_clock"),
    [
        (["2-boris#1234.flac", "1-anna_0001.flac", "10-eva.flac", "info.txt", "raw.dat"], "anna boris eva", True),
        (["audio1234567890_Anna.m4a", "audio1234567890_Boris.m4a"], "Anna Boris", True),
        (["audioAnna11234567890.m4a", "audioBoris21234567890.m4a"], "Anna Boris", True),
        (["talk-2024 anna.wav", "talk-2024 boris.wav"], "anna boris", False),
        (["anna_mic.wav", "boris_mic.wav", "notes.txt"], "anna boris", False),
        (["annika.wav", "anna.wav"], "anna annika", False),
        (["1-anna.wav", "2-anna.wav"], "anna,1 anna,2", False),
    ],
)
def test_people_are_called_as_the_files_are(files: list[str], names: str, one_clock: bool, tmp_path: Path) -> None:
    for file in files:
        (tmp_path / file).touch()
    found = Tracks.find(tmp_path)
    assert found.names == tuple(name.replace(",", " ") for name in names.split())
    assert found.one_clock is one_clock
    assert found.recording_id == tmp_path.name
    given = [file for file in files if file != "notes.txt"]  # as a shell names them
    assert sorted(Tracks.find(tmp_path / file for file in given).names) == sorted(found.names)


def test_a_recording_of_files_is_called_by_what_their_names_share() -> None:
    assert Tracks.find(["a/talk-anna.wav", "a/talk-boris.wav"]).recording_id == "talk"
    assert Tracks.find(["anna.wav", "boris.wav"]).recording_id == "anna+boris"
    assert Tracks.find([f"folder/{name}.wav" for name in "abcd"]).recording_id == "folder"


def test_what_is_no_recording_of_tracks_is_refused(tmp_path: Path) -> None:
    one = write_wav(tmp_path / "anna.wav", signal(0.5))
    with pytest.raises(InvalidOption, match="one track"):
        Tracks.find([one])
    with pytest.raises(InvalidOption, match=r"^tracks: holds no track"):
        Tracks.find([])
    with pytest.raises(InvalidOption, match="twice"):
        Tracks.find([one, tmp_path / ".." / tmp_path.name / "anna.wav"])
    with pytest.raises(InvalidOption, match=r"names Anna: .*anna\.wav, b\.wav"):
        Tracks.find([one, tmp_path / "b.wav"], names=["Anna"])
    with pytest.raises(InvalidOption, match="several audio tracks"):
        Tracks.of_file(one)
    assert Tracks.find([one, tmp_path / "b.wav"], names=["Anna", " Anna "]).names == ("Anna 1", "Anna 2")


def test_tracks_without_sound_are_told_and_the_others_read(tmp_path: Path) -> None:
    tracks = Tracks.find([write_wav(tmp_path / "anna.wav", signal(1.0)), tmp_path / "boris.wav", tmp_path / "eva.wav"])
    (tmp_path / "boris.wav").touch()
    write_wav(tmp_path / "eva.wav", np.zeros((1, 8_000)))
    recording = read_tracks(tracks, read=lambda source, _progress: load(source.path))
    assert recording.n_channels == 3
    broken, silent = recording.warnings
    assert broken.startswith("boris: ")
    assert "boris, eva" in silent
    assert not recording.samples[1:].any()
    (tmp_path / "eva.wav").write_text("no sound at all")
    with pytest.raises(MediaError, match=r"eva\.wav"):
        read_tracks(tracks, read=lambda source, _progress: load(source.path))


def test_the_audio_tracks_of_one_file_are_people(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "obs.mkv", Track(samples=signal(1.0), title="Anna"), Track(samples=0.5 * signal(1.0)), video=1.0
    )
    tracks = Tracks.of_file(path)
    assert tracks.names == ("Anna", "Track 2")
    assert tracks.one_clock
    recording = read_tracks(tracks, read=lambda source, _progress: load(source.path, track=source.track))
    assert recording.frame_rate == 10
    assert recording.notes == ()
    levels = np.sqrt(np.mean(recording.samples**2, axis=1))
    assert levels[1] == pytest.approx(levels[0] / 2, rel=0.02)


def test_who_says_nothing_for_hours_is_not_listened_to(heard: list[Audio]) -> None:
    """Six tracks of ten minutes; two people talk for less than one."""
    at, listened = 300.0, []
    store = ChannelStore(6, 600 * RATE_HZ)
    for channel, track in zip((1, 4), heard, strict=True):
        store.write(channel, round(at * RATE_HZ), track.samples[0])
    audio = Audio(store.finish(), RATE_HZ, "talk", speakers=tuple("ABCDEF"))

    class Listening(Energy):
        def detect(self, audio: Audio, **others: Progress) -> tuple[Span, ...]:
            listened.append(audio.duration)
            return super().detect(audio, **others)

    transcript = Pipeline(detector=Listening(), diarizer=Channels()).run(audio)
    assert sum(listened) < 4 * SECONDS
    assert {transcript.name(turn.speaker) for turn in transcript.turns} == {"B", "E"}
    for person, start, end in TALK:
        assert any(
            turn.start == pytest.approx(at + start, abs=0.3) and turn.end == pytest.approx(at + end, abs=0.5)
            for turn in transcript.turns
            if turn.channel == (2, 5)[person]
        )


@settings(max_examples=examples(20), deadline=None)
@given(quiet=st.lists(st.integers(0, 40), min_size=1, max_size=4), every=st.booleans())
def test_speech_lies_where_it_is_in_spite_of_what_is_left_out(quiet: list[int], every: bool) -> None:
    burst = voice(1.0, pitch_hz=120, formants_hz=(500.0, 1500.0))
    parts, said, at = [], [], 0.0
    for seconds in quiet:
        parts += [np.zeros(seconds * RATE_HZ, np.float32), burst]
        said.append(Span(at + seconds, at + seconds + 1))
        at += seconds + 1
    audio = Audio(np.concatenate(parts)[None], RATE_HZ)
    found = detect_audible(audio, 1, lambda part: [Span(0.0, part.duration)] if every else Energy().detect(part))
    for span in said:
        assert any(span.start - 0.1 <= item.end and item.start <= span.end - 0.9 for item in found)
    assert all(item.end <= audio.duration + 1e-6 for item in found)
    assert every or all(
        any(item.start < span.end + 0.5 and item.end > span.start - 0.5 for span in said) for item in found
    )


def test_a_channel_that_is_silent_has_no_speech_and_is_not_listened_to() -> None:
    def refuse(_audio: Audio) -> tuple[Span, ...]:
        raise AssertionError("listened to silence")

    assert detect_audible(silence(30.0, n_channels=2), 2, refuse) == ()


@pytest.mark.parametrize("limit_bytes", [0, 1 << 20])
def test_channels_are_stored_in_memory_or_on_the_disk(limit_bytes: int) -> None:
    store = ChannelStore(2, 1000, limit_bytes=limit_bytes)
    store.write(1, 300, np.arange(1, 101, dtype=np.float32))
    samples = store.finish()
    store.close()
    assert isinstance(samples, np.memmap) is (limit_bytes == 0)
    assert samples.sum() == 5050
    assert samples[1, 300:400].tolist() == list(range(1, 101))


def test_the_mix_has_everybody_at_the_time_of_the_transcript(tmp_path: Path) -> None:
    sound = signal(3.0, channels=2).astype(np.float32)
    path = write_mix(Audio(sound, RATE_HZ, start=1.0), tmp_path / "talk.mix.m4a")
    mixed = load(path)
    assert mixed.duration == pytest.approx(4.0, abs=0.1)
    inside = mixed.crop(Span(1.5, 3.5)).mono
    expected = sound.sum(axis=0)[RATE_HZ // 2 : RATE_HZ // 2 + len(inside)]
    assert np.corrcoef(inside, expected)[0, 1] > 0.95
    assert np.abs(mixed.samples).max() <= 1.0


def test_the_transcript_has_its_tracks(heard: list[Audio], tmp_path: Path) -> None:
    recording = read([heard[0], record(heard[1], 0.7, 5e-5)], tmp_path)
    made = Pipeline(detector=Energy(), diarizer=Channels()).run(recording).to_dict()
    schema = Path(whisperdiar.formats.__file__).with_name("transcript.schema.json")
    jsonschema.validate(made, json.loads(schema.read_text("utf-8")))
    assert [speaker["name"] for speaker in made["speakers"]] == ["p0", "p1"]
    first, second = made["provenance"]["tracks"]
    assert (first["file"], first["start"], second["file"]) == ("p0.wav", 0.0, "p1.wav")
    assert second["start"] == pytest.approx(0.7, abs=0.005)
    assert second["drift_ppm"] == pytest.approx(50, abs=5)

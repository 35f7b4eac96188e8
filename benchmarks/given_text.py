"""Measures how well a given text is laid on its recording, on recordings whose words have times.

    python benchmarks/given_text.py CORPUS [--model base] [--recordings 'ami_*'] [--share 0.1]
    python benchmarks/given_text.py --built POOL --minutes 30 [--model base]

CORPUS is a folder as for benchmarks/end_to_end.py; used are the recordings whose references have ``words_tsv``, a table
of start, end, speaker and word. The reference's own words are the text. First as they are: how far starts and ends are
off outside overlapped speech, in the median, at 90 %, and with their sign (above zero: late), and how many words are
said not to be spoken. Then with a share of the words left out, of others put in, and of words in place of others, each
by itself: how many of these places are marked (found), and how many marks are elsewhere (false).

POOL is a folder of utterances as `conversations.py` makes it. With --built they follow each other, in any order and
with pauses of 0.2 to 1 s, for so many minutes; each is said once. Where each begins and ends is known, and so how far
off its first word starts and its last word ends; printed are also the seconds of the processor that recognition and
text take, and the memory of the process.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from asr_recordings import Stretched, reference_words
from conversation_voices import RATE_HZ, read_pool
from word_times import recordings

from whisperdiar import load
from whisperdiar.asr._shared.refinement import recognise
from whisperdiar.asr.whisper import Backend
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.given_text.placement import NOT_IN_TEXT, NOT_SPOKEN
from whisperdiar.given_text.reading import GivenText, GivenWord
from whisperdiar.given_text.transcriber import TextTranscriber
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, ScoredTime, Span, Transcription
from whisperdiar.vad.silero import Backend as Silero

SEED = 20261129


class Heard:
    """A recogniser that hears a recording once, and answers the same when it is asked again."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[str, Transcription] = {}
        self.does_itself = backend.does_itself

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        if audio.recording_id not in self._known:
            found = self._backend.transcribe(audio, speech=speech, language=language, progress=progress)
            self._known[audio.recording_id] = found
        return self._known[audio.recording_id]

    def force_words(self, sound: Any, words: Sequence[str], *, language: str | None) -> Sequence[ScoredTime | None]:
        return self._backend.force_words(sound, words, language=language)


@dataclass
class Marks:
    """Places that were changed, those of them that are marked, words marked in all, and words that were right."""

    changed: int = 0
    found: int = 0
    false: int = 0
    kept: int = 0

    def line(self, name: str) -> str:
        return (
            f"{name:<12}{self.changed:8d}{100 * self.found / max(1, self.changed):9.0f} %"
            f"{100 * self.false / max(1, self.kept):9.1f} %"
        )


def describe(name: str, errors: Sequence[float]) -> str:
    off = np.abs(errors)
    return f"{name:<12}{np.median(off):9.3f}{np.quantile(off, 0.9):9.3f}{np.median(errors):+9.3f}"


def change(words: Sequence[str], kind: str, share: float, others: Sequence[str]) -> tuple[list[str], list[int]]:
    """The text with a share of its words changed, and the places in it (dropped: in the words) that were."""
    draw = random.Random(f"{SEED}{kind}{len(words)}")
    chosen = set(draw.sample(range(len(words)), max(1, round(share * len(words)))))
    text: list[str] = []
    places: list[int] = []
    for index, word in enumerate(words):
        if index in chosen and kind == "dropped":
            places.append(index)
            continue
        if index in chosen and kind == "added":
            places.append(len(text))
            text.append(draw.choice(others))
        if index in chosen and kind == "swapped":
            places.append(len(text))
            word = draw.choice([other for other in others if other.lower() != word.lower()])
        text.append(word)
    return text, places


@dataclass(frozen=True)
class Built:
    """A recording of utterances, the words of all, and of each utterance the places of its words and its times."""

    audio: Audio
    words: tuple[str, ...]
    utterances: tuple[tuple[int, int, Span], ...]


def build(pool: Path, minutes: float) -> Built:
    """Utterances of all voices of a pool, one after another, for so long."""
    draw = random.Random(SEED)
    clips = [
        clip
        for voice in sorted(path.name for path in pool.iterdir() if path.is_dir())
        for clip in read_pool(pool, voice, 10_000)
    ]
    draw.shuffle(clips)
    sounds: list[Any] = []
    words: list[str] = []
    found: list[tuple[int, int, Span]] = []
    at = 0.0
    noise = np.random.default_rng(SEED)
    for clip in clips:
        if at >= 60.0 * minutes:
            break
        pause = np.zeros(round(draw.uniform(0.2, 1.0) * RATE_HZ), np.float32)
        at += len(pause) / RATE_HZ
        sounds += [pause, clip.samples]
        texts = clip.text.split()
        found.append((len(words), len(words) + len(texts), Span(at, at + clip.duration)))
        words += texts
        at += clip.duration
    sound = np.concatenate(sounds)
    sound += noise.normal(0.0, 3e-4, sound.size).astype(np.float32)
    return Built(Audio(sound[None], RATE_HZ, "built"), tuple(words), tuple(found))


def measure_built(built: Built, backend: Backend, detector: Silero) -> None:
    """Prints how far off the edges of utterances are, and what the text costs."""
    speech = detector.detect(built.audio)
    begun = time.process_time()
    heard = recognise(backend, built.audio, speech=speech, language="en")
    recognised = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = GivenText(tuple(GivenWord(f" {word}", str(i)) for i, word in enumerate(built.words)))
    laid = TextTranscriber(backend, text, word_times="dtw").write_text(heard, built.audio, speech=speech)
    done = time.process_time()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    words = {int(word.speaker or 0): word for word in laid.words}
    starts = [words[first].start - span.start for first, _last, span in built.utterances if first in words]
    ends = [words[last - 1].end - span.end for _first, last, span in built.utterances if last - 1 in words]
    print(
        f"{built.audio.duration / 60:.1f} min, {len(built.words)} words in {len(built.utterances)} utterances; "
        f"{len(built.words) - len(words)} words said not to be spoken"
    )
    print(f"recognition {recognised - begun:.0f} s, text {done - recognised:.0f} s of the processor; at most")
    print(f"{before / 1024:.0f} MiB until the words are heard, {after / 1024:.0f} MiB with the text")
    print(f"{'s':<12}{'median':>9}{'90 %':>9}{'sign':>9}{'within 0.2 s':>15}")
    for name, errors in (("starts", starts), ("ends", ends)):
        near = 100 * np.mean(np.abs(errors) <= 0.2)
        print(f"{describe(name, errors)}{near:13.0f} %")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--built", type=Path, metavar="POOL", help="utterances of which a recording is made")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the recording that is made")
    parser.add_argument("--recordings", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--model", default="base", help="name, repository or folder of a Whisper model")
    parser.add_argument("--share", type=float, default=0.1, help="of the words that are changed")
    parser.add_argument("--fewest", type=int, default=20, help="words of a recording that counts")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    if (chosen.corpus is None) == (chosen.built is None):
        parser.error("give CORPUS or --built POOL")
    runtime = Runtime(device="cpu", threads=chosen.threads)
    detector, backend = Silero(runtime=runtime), Backend(WhisperSettings(model=chosen.model), runtime=runtime)
    if chosen.built is not None:
        measure_built(build(chosen.built, chosen.minutes), backend, detector)
        return 0
    heard = Heard(backend)
    starts: list[float] = []
    ends: list[float] = []
    n_words = n_unspoken = 0
    marks = {kind: Marks() for kind in ("dropped", "added", "swapped")}
    tables = [(sound, table) for sound, table in recordings(chosen.corpus, chosen.recordings)]
    every = sorted(
        {line.split("\t")[3] for _sound, table in tables for line in table.read_text("utf-8").splitlines()[1:]}
    )
    for sound, table in tables:
        audio = load(sound, channels="mono")
        said, overlapped = reference_words(table, Stretched(audio, (), ()))
        if len(said) < chosen.fewest:
            continue
        speech = detector.detect(audio)

        def lay(texts: Sequence[str]) -> Transcription:
            text = GivenText(tuple(GivenWord(f" {word}", str(i)) for i, word in enumerate(texts)))
            return TextTranscriber(heard, text, word_times="dtw").transcribe(audio, speech=speech, language="en")  # noqa: B023

        plain = [word.text for word in said]
        found = {int(word.speaker or 0): word for word in lay(plain).words}
        n_words, n_unspoken = n_words + len(said), n_unspoken + len(said) - len(found)
        for index, word in found.items():
            own = said[index]
            if not any(own.start < end and own.end > start for start, end in overlapped):
                starts.append(word.start - own.start)
                ends.append(word.end - own.end)
        for kind, counted in marks.items():
            texts, places = change(plain, kind, chosen.share, every)
            result = lay(texts)
            spoken = {int(word.speaker or 0) for word in result.words}
            marked = set(range(len(texts))) - spoken
            counted.changed += len(places)
            counted.kept += len(texts) - (0 if kind == "dropped" else len(places))
            if kind == "dropped":
                extra = [item.span for item in result.dropped if item.reason == NOT_IN_TEXT]
                hit = [any(s.start < said[p].end and said[p].start < s.end for s in extra) for p in places]
                counted.found += sum(hit)
                counted.false += len(marked - spoken)
            else:
                counted.found += len(marked & set(places))
                counted.false += len(marked - set(places))
    print(f"{len(starts)} words outside overlap; {n_unspoken} of {n_words} said not to be spoken ({NOT_SPOKEN})")
    print(f"{'s':<12}{'median':>9}{'90 %':>9}{'sign':>9}")
    print(describe("starts", starts))
    print(describe("ends", ends))
    print(f"{'text':<12}{'places':>8}{'found':>11}{'false':>11}")
    for kind, counted in marks.items():
        print(counted.line(kind))
    return 0


if __name__ == "__main__":
    sys.exit(main())

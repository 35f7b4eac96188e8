"""Words of two people who talk at once, with `--separate-overlap` and without it.

    python -m benchmarks.separation --voices POOL --separator FOLDER [--model base] [--count 20] [--seed 0]
                                    [--voice-model campplus.onnx] [--recording SOUND STM RTTM]... [--oracle]

POOL is the pool of voices of benchmarks/conversation_voices.py, of which the ones that training/separation holds back
speak here. Each of `--count` recordings has two people, who each say something alone and then talk at once: the weaker
one is 0 to 5 dB fainter than the other, and at least half of what that one says is said over the other. Turns are those
of the reference, so that nothing but the separation differs. Prints for every recording, and pooled, the words of the
part in which both talk:

    errors    substitutions, deletions and insertions of each speaker's words per words (cpWER; labels are known)
    weaker    words of the weaker voice that are found under that speaker
    kept      what the stage kept: separated, one voice, mixture

`--recording` adds recordings with a reference, of which all words count, and of the weaker voice none. `--oracle` has a
further column, with the true voices in place of a network's streams: the most that the stage can give.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from benchmarks.conversation_voices import RATE_HZ, read_pool
from benchmarks.references import utterances
from training.separation.mixtures import HELD_BACK
from whisperdiar import Pipeline, Transcript, load
from whisperdiar.assembly import Request, build
from whisperdiar.contracts import BaseBackend
from whisperdiar.formats import rttm
from whisperdiar.options import NoSettings, Runtime, SeparationSettings
from whisperdiar.scoring.normalisation import make_normaliser
from whisperdiar.selection import Choice
from whisperdiar.separation import OverlapSeparator
from whisperdiar.types import Audio, BackendInfo, Diarization, Samples, Span, Turn

_LEAST_WORDS = 5
_MOST_S = 9.0
_CLIPS = 40


@dataclass(frozen=True, eq=False)
class Item:
    """A recording with what is said in the scored part, by speaker.

    Attributes:
        sources: each voice alone, float32 (2, n_samples); None where nobody has them.
        weaker: label of the fainter voice; None where there is none.
    """

    audio: Audio
    turns: tuple[Turn, ...]
    scored: Span
    said: dict[str, str]
    sources: Samples | None = None
    weaker: str | None = None


class Given(BaseBackend[NoSettings]):
    """Turns of the reference as a diarizer."""

    name = "given"
    info = BackendInfo(summary="turns of the reference", licence="MIT")
    settings_type = NoSettings
    turns: tuple[Turn, ...] = ()

    def diarize(self, audio: Audio, **_: Any) -> Diarization:
        return Diarization(audio.recording_id, self.turns)


class Remembering:
    """A recogniser that hears the same sound once: what comes before the separation is the same in every way."""

    def __init__(self, recogniser: Any) -> None:
        self._recogniser, self._heard = recogniser, {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_recogniser"], name)

    def transcribe(self, audio: Audio, *, speech: Sequence[Span], **options: Any) -> Any:
        options.pop("progress", None)
        key = (audio.samples.tobytes(), tuple(speech), tuple(sorted(options.items())))
        if key not in self._heard:
            self._heard = {key: self._recogniser.transcribe(audio, speech=speech, **options), **self._heard}
        return self._heard[key]


class Oracle:
    """In place of a network: the true voices of the recording that is worked on."""

    sample_rate = RATE_HZ

    def __init__(self) -> None:
        self.item: Item | None = None

    def prepare(self, **_: Any) -> None: ...

    def record(self) -> Any:
        from whisperdiar.types import BackendRecord

        return BackendRecord("oracle")

    def limit_band(self, samples: Samples, rate: int) -> Samples:  # noqa: ARG002
        return samples

    def separate(self, samples: Samples, rate: int) -> Samples:  # noqa: ARG002
        assert self.item is not None
        assert self.item.sources is not None
        whole = self.item.audio.mono
        starts = np.flatnonzero(whole[: len(whole) - len(samples) + 1] == samples[0])
        at = next(int(i) for i in starts if np.array_equal(whole[i : i + len(samples)], samples))
        return self.item.sources[:, at : at + len(samples)]


def build_mixture(pool: Path, number: int, seed: int) -> Item:
    """Two people who each say something alone, and then talk at once."""
    rng = np.random.default_rng([seed, number])
    names = [str(name) for name in rng.choice(HELD_BACK, 2, replace=False)]
    clips = [
        [
            clip
            for clip in read_pool(pool, name, _CLIPS)
            if clip.text.count(" ") + 1 >= _LEAST_WORDS and clip.duration <= _MOST_S
        ]
        for name in names
    ]
    alone = [own[int(rng.integers(len(own)))] for own in clips]
    first, second = (own[int(rng.integers(len(own)))] for own in clips)
    faint = rng.uniform(0.0, 5.0)
    overlap = min(second.duration, first.duration) * rng.uniform(0.5, 1.0)
    places, at = [], 0.5
    for speaker, clip in ((0, alone[0]), (1, alone[1])):
        places.append((speaker, clip, at))
        at += clip.duration + 0.5
    pair = at
    places += [(0, first, pair), (1, second, pair + first.duration - overlap)]
    end = max(start + clip.duration for _speaker, clip, start in places) + 0.5
    sources = np.zeros((2, round(end * RATE_HZ)), np.float32)
    for speaker, clip, start in places:
        level = float(np.sqrt(np.mean(clip.samples**2))) + 1e-9
        wanted = 0.05 * 10 ** (-faint * speaker / 20)
        sources[speaker, round(start * RATE_HZ) :][: clip.samples.size] += clip.samples * np.float32(wanted / level)
    hiss = rng.normal(0.0, 3e-4, sources.shape[1]).astype(np.float32)
    labels = ("SPEAKER_00", "SPEAKER_01")
    turns = tuple(sorted((Turn(Span(s, s + c.duration), labels[k]) for k, c, s in places), key=lambda turn: turn.span))
    audio = Audio((sources.sum(axis=0) + hiss)[None], RATE_HZ, f"mixture_{number:02d}")
    said = {labels[0]: first.text, labels[1]: second.text}
    return Item(audio, turns, Span(pair - 0.25, end), said, sources, labels[1])


def read_recording(sound: str, stm: str, turns: str) -> Item:
    """A recording with the text of each speaker and turns."""
    audio = load(sound)
    said: dict[str, list[str]] = {}
    for utterance in utterances(Path(stm).read_text("utf-8")):
        said.setdefault(utterance.speaker, []).append(utterance.text)
    found = rttm.loads(Path(turns).read_text("utf-8"), recording_id=audio.recording_id)
    joined = {speaker: " ".join(texts) for speaker, texts in said.items()}
    return Item(audio, found.turns, Span(0.0, audio.duration), joined)


def count(item: Item, transcript: Transcript) -> dict[str, int]:
    """Errors, words, words of the weaker voice and how many of them are found."""
    normalise = make_normaliser("whisper-english")
    result = {"errors": 0, "words": 0, "weaker": 0, "found": 0}
    said = dict.fromkeys((word.speaker for word in transcript.words if word.speaker not in item.said), "")
    for speaker, text in (*item.said.items(), *said.items()):
        inside = [
            word.text
            for word in transcript.words
            if word.speaker == speaker and item.scored.start <= (word.start + word.end) / 2 < item.scored.end
        ]
        expected, found = normalise(text).split(), normalise("".join(inside)).split()
        steps = Levenshtein.editops(expected, found)
        result["errors"] += len(steps)
        result["words"] += len(expected)
        if speaker == item.weaker:
            result["weaker"] += len(expected)
            result["found"] += len(expected) - sum(step.tag != "insert" for step in steps)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, help="pool of benchmarks/conversation_voices.py")
    parser.add_argument("--separator", default=SeparationSettings().model)
    parser.add_argument("--voice-model")
    parser.add_argument("--model", default="base")
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recording", nargs=3, action="append", default=[], metavar=("SOUND", "STM", "RTTM"))
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the words")
    given = parser.parse_args()
    items = [read_recording(*files) for files in given.recording]
    items += [build_mixture(given.voices, i, given.seed) for i in range(given.count)] if given.voices else []
    runtime = Runtime(device="cpu", threads=given.threads, offline=True)
    request = Request(
        vad=Choice(name=given.vad),
        asr=Choice(name="whisper", settings={"model": given.model}),
        diarizer=Choice(name="none"),
        language="en",
        runtime=runtime,
    )
    pipeline = replace(build(request), diarizer=Given())
    settings = SeparationSettings(model=given.separator, voice_model=given.voice_model)
    separator, ideal = OverlapSeparator(settings, runtime), OverlapSeparator(settings, runtime)
    oracle = Oracle()
    ideal.network = oracle  # type: ignore[assignment]
    ways = {"without": None, "separated": separator} | ({"oracle": ideal} if given.oracle else {})
    pooled: dict[str, dict[str, int]] = {}
    for item in items:
        oracle.item = item
        own = {name: way for name, way in ways.items() if name != "oracle" or item.sources is not None}
        for name, counts in compare(item, pipeline, own, show=given.show).items():
            if item.weaker:
                before = pooled.setdefault(name, dict.fromkeys(counts, 0))
                pooled[name] = {key: before[key] + value for key, value in counts.items()}
    if pooled:
        print(describe("all mixtures", pooled))


def compare(
    item: Item, pipeline: Pipeline, ways: Mapping[str, OverlapSeparator | None], *, show: bool
) -> dict[str, dict[str, int]]:
    """Counts of each way; prints them."""
    diarizer = Given()
    diarizer.turns = item.turns
    recogniser = Remembering(pipeline.transcriber)
    found, kept = {}, []
    for name, separator in ways.items():
        way = replace(pipeline, diarizer=diarizer, transcriber=recogniser, separator=separator)
        found[name] = way.run(item.audio)
        kept += [own["kept"] for own in found[name].provenance.get("separation", {}).get("stretches", ())]
    counts = {name: count(item, transcript) for name, transcript in found.items()}
    print(describe(item.audio.recording_id, counts), "; ".join(kept), flush=True)
    for name, transcript in found.items() if show else ():
        for segment in transcript.segments:
            print(f"    {name:<9} {segment.span.start:6.2f} {segment.speaker} {segment.text}", flush=True)
    for speaker, text in item.said.items() if show else ():
        print(f"    said             {speaker} {text}", flush=True)
    return counts


def describe(name: str, counts: Mapping[str, dict[str, int]]) -> str:
    """One line of the table."""
    first = next(iter(counts.values()))
    rates = " → ".join(f"{100 * own['errors'] / max(1, own['words']):5.1f}" for own in counts.values())
    found = " → ".join(f"{own['found']:3d}" for own in counts.values())
    weaker = f"weaker {found} of {first['weaker']:4d}  " if first["weaker"] else ""
    return f"{name:<16}{first['words']:5d} words  cpWER {rates} %  {weaker}"


if __name__ == "__main__":
    main()

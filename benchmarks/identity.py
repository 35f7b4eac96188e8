"""Measures identification over recordings with references: false names, missed names, questions.

    python benchmarks/identity.py FOLDER… --voice-model campplus.onnx [--tune FOLDER…] [--telephone] [--without-calls]
                                  [--cache DIR]

A FOLDER holds recordings NAME.flac with their turns NAME.rttm, in which a speaker has the same label everywhere
(`benchmarks/conversations.py` builds such). For each case one recording is drawn, every person of the folder is known
with a chance of one half, from one to three other recordings with at least ten seconds of clean speech, and of each
speaker of the recording 5, 10, 20 or up to 60 seconds are heard. Turns are those of the reference; voices are compared
as `--identify` compares them, by telephone where one of two is known by telephone alone. With --telephone
every recording is there a second time, through a telephone band, mu-law and noise of 8 to 20 dB; nobody is known from
the other copy of the recording that is asked about.

Prints the shares, in per cent, of known people who are named rightly, named falsely, asked for rightly and falsely, and
missed, and of strangers who are named and asked for; the same by seconds of speech. With --tune the logistic regression
is fitted to those folders first, as the constants of `whisperdiar.people.matching` were.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from whisperdiar import Audio, load
from whisperdiar.formats import rttm
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.people.bandwidth import is_narrowband, to_narrowband
from whisperdiar.people.embedding import (
    Voice,
    VoiceEncoder,
    VoiceModel,
    cut_turn,
    find_clean_speech,
    merge_chunks,
    open_voice_encoder,
)
from whisperdiar.people.matching import (
    CALIBRATIONS,
    MOST_MARGIN,
    Calibration,
    decide,
    find_margins,
    find_matched_distances,
)
from whisperdiar.people.profiles import Profile, make_sample

HEARD_CHUNKS = (1, 2, 4, 12)
"""Of 5 seconds each."""
MOST_S = 60.0
CALLS = 3
"""Every third recording of `conversations.py --telephone` is a call; their names tell the place."""
KNOWN_SHARE = 0.5
KINDS = {
    "named": ("known", "name", True),
    "named falsely": ("known", "name", False),
    "asked": ("known", "ask", True),
    "asked falsely": ("known", "ask", False),
    "missed": ("known", "unknown", False),
    "stranger named": ("stranger", "name", False),
    "stranger asked": ("stranger", "ask", False),
}


@dataclass(frozen=True, eq=False)
class Heard:
    """A speaker in one recording: embeddings (n_chunks, d), the same by telephone, and seconds of clean speech."""

    chunks: NDArray[np.float32]
    narrowband: NDArray[np.float32]
    seconds: float
    is_narrowband: bool

    def voice(self, n_chunks: int | None = None) -> Voice | None:
        """The voice in so many chunks, or in all of them."""
        seconds = self.seconds if n_chunks is None else min(self.seconds, 5.0 * n_chunks)
        made = merge_chunks(self.chunks[:n_chunks], seconds)
        heard = merge_chunks(self.narrowband[:n_chunks], seconds)
        if made is None or heard is None:
            return None
        return replace(made, narrowband=heard.vector, is_narrowband=self.is_narrowband)


@dataclass(frozen=True, eq=False)
class Case:
    """A recording and those who are known: distances (n_speakers, n_people)."""

    speakers: list[str]
    names: list[str]
    distances: NDArray[np.float64]
    seconds: list[float]


Recordings = Mapping[tuple[str, str], Mapping[str, Heard]]
"""Name and variant of a recording → speaker → what was heard."""


def add_telephone(audio: Audio) -> Audio:
    """The recording through 300 to 3400 Hz, mu-law of 8 bits, and white noise of 8 to 20 dB."""
    from scipy.signal import butter, sosfilt

    rng = np.random.default_rng(audio.samples.shape[1] % 1000)
    sound = sosfilt(butter(4, [300, 3400], "band", fs=audio.sample_rate, output="sos"), audio.mono.astype(np.float64))
    sound /= np.abs(sound).max() + 1e-9
    packed = np.round(np.sign(sound) * np.log1p(255 * np.abs(sound)) / np.log1p(255) * 127) / 127
    sound = np.sign(packed) * (256.0 ** np.abs(packed) - 1) / 255
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-rng.uniform(8, 20) / 20)
    sound += rng.normal(size=len(sound)) * level
    return replace(audio, samples=(0.7 * sound / np.abs(sound).max()).astype(np.float32)[None], weights=())


def hear(folder: Path, encoder: VoiceEncoder, *, telephone: bool, cache: Path | None) -> Recordings:
    """The speakers of every recording of a folder."""
    found: dict[tuple[str, str], Mapping[str, Heard]] = {}
    for reference in sorted(folder.glob("*.rttm")):
        sound = reference.with_suffix(".flac")
        if not sound.is_file():
            continue
        for variant in ("plain", "telephone") if telephone else ("plain",):
            kept = None if cache is None else cache / f"{folder.name}.{reference.stem}.{variant}.npz"
            if kept is not None and kept.is_file():
                data = np.load(kept)
                found[reference.stem, variant] = {
                    label: Heard(
                        data[f"chunks {label}"],
                        data[f"narrowband {label}"],
                        float(data[f"seconds {label}"]),
                        bool(data[f"is_narrowband {label}"]),
                    )
                    for label in sorted(key.removeprefix("chunks ") for key in data if key.startswith("chunks "))
                }
                continue
            audio = load(sound, channels="mono")
            audio = add_telephone(audio) if variant == "telephone" else audio
            voices = _hear_speakers(audio, reference, encoder)
            found[reference.stem, variant] = voices
            if kept is not None:
                cache_arrays: dict[str, Any] = {f"chunks {label}": item.chunks for label, item in voices.items()}
                cache_arrays |= {f"narrowband {label}": item.narrowband for label, item in voices.items()}
                cache_arrays |= {f"seconds {label}": np.float64(item.seconds) for label, item in voices.items()}
                cache_arrays |= {f"is_narrowband {label}": item.is_narrowband for label, item in voices.items()}
                kept.parent.mkdir(parents=True, exist_ok=True)
                np.savez(kept, **cache_arrays)
    return found


def _hear_speakers(audio: Audio, reference: Path, encoder: VoiceEncoder) -> dict[str, Heard]:
    turns = rttm.loads(reference.read_text("utf-8"), tolerance=rttm.TOLERANT).turns
    found = {}
    for label, own in find_clean_speech(turns).items():
        sound = np.concatenate([np.zeros(0, np.float32), *(cut_turn(audio, turn) for turn in own)])
        heard = sound[: round(MOST_S * SAMPLE_RATE_HZ)]
        chunks, narrow = encoder.embed_chunks(heard), is_narrowband(heard)
        by_telephone = chunks if narrow else encoder.embed_chunks(to_narrowband(heard))
        found[label] = Heard(chunks, by_telephone, len(sound) / SAMPLE_RATE_HZ, narrow)
    return found


def draw_cases(recordings: Recordings, number: int, seed: int, *, scale: float) -> list[Case]:
    """Recordings with known people and strangers, by the module's text; `scale` is that of `find_matched_distances`."""
    rng = np.random.default_rng(seed)
    keys = sorted(recordings)
    people = sorted({label for heard in recordings.values() for label in heard})
    cases = []
    for _number in range(number):
        asked = keys[rng.integers(len(keys))]
        known: dict[str, Profile] = {}
        for person in people:
            if rng.random() >= KNOWN_SHARE:
                continue
            others = [recordings[key][person] for key in keys if key[0] != asked[0] and person in recordings[key]]
            others = [item for item in others if item.seconds >= 10.0 and len(item.chunks) >= 2]
            if others:
                chosen = rng.permutation(len(others))[: rng.integers(1, 4)]
                own = [voice for i in chosen if (voice := others[i].voice()) is not None]
                samples = tuple(make_sample(voice, str(i), None) for i, voice in enumerate(own))
                model = VoiceModel("", "", own[0].vector)
                known[person] = Profile(name=person, consent="", model=model, samples=samples)
        speakers, voices = [], []
        for label, heard in recordings[asked].items():
            n_chunks = int(rng.choice(HEARD_CHUNKS))
            voice = heard.voice(n_chunks)
            if voice is not None:
                speakers.append(label)
                voices.append(voice)
        if known and speakers:
            distances = find_matched_distances(voices, list(known.values()), scale=scale)
            cases.append(Case(speakers, list(known), distances, [voice.seconds for voice in voices]))
    return cases


def fit(cases: Sequence[Case], base: Calibration) -> Calibration:
    """The logistic regression of the nearest person's being the right one, by maximum likelihood."""
    from scipy.optimize import minimize

    rows, right = [], []
    for case in cases:
        margins = find_margins(case.distances)
        for row, label in enumerate(case.speakers):
            column = int(case.distances[row].argmin())
            margin = margins[row, column]
            ahead = min(max(margin, 0.0), MOST_MARGIN) if np.isfinite(margin) else 0.0
            rows.append([1.0, case.distances[row, column], np.log(min(max(case.seconds[row], 0.1), 60.0)), ahead])
            right.append(case.names[column] == label)
    features, target = np.array(rows), np.array(right, dtype=float)

    def cost(weights: NDArray[np.float64]) -> float:
        logits = features @ weights
        return float(np.mean(np.logaddexp(0.0, logits) - target * logits)) + 1e-5 * float(weights[1:] @ weights[1:])

    signs = [(None, None), (None, 0.0), (0.0, None), (0.0, None)]
    bias, distance, seconds, margin = minimize(cost, [5.0, -20.0, 0.3, 5.0], bounds=signs).x
    return replace(base, bias=bias, per_distance=distance, per_log_second=seconds, per_margin=margin)


def report(title: str, cases: Sequence[Case], calibration: Calibration) -> None:
    """Prints the shares of each kind, over all and by seconds of speech."""
    counts: dict[str, Counter[tuple[str, str, bool]]] = {}
    for case in cases:
        for item in decide(case.speakers, case.names, case.distances, case.seconds, calibration):
            who = "known" if item.speaker in case.names else "stranger"
            long = "< 5 s" if item.seconds < 5.0 else "5 to 10 s" if item.seconds <= 10.0 else "> 10 s"
            for group in ("all", long):
                counts.setdefault(group, Counter())[who, item.kind, item.name == item.speaker] += 1
    print(f"{title}: {len(cases)} cases\n{'':12}" + "".join(f"{kind:>16}" for kind in KINDS))
    for group in sorted(counts, key=["all", "< 5 s", "5 to 10 s", "> 10 s"].index):
        totals = Counter[str]()
        for (who, _kind, _right), n_cases in counts[group].items():
            totals[who] += n_cases
        shares = [100.0 * counts[group][key] / max(1, totals[key[0]]) for key in KINDS.values()]
        print(f"{group:12}" + "".join(f"{share:16.2f}" for share in shares), dict(totals))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--voice-model", required=True)
    parser.add_argument("--tune", nargs="*", type=Path, default=[])
    parser.add_argument("--telephone", action="store_true")
    parser.add_argument("--without-calls", action="store_true", help="leave out every third recording")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    encoder = open_voice_encoder(given.voice_model, runtime=Runtime(device="cpu", threads=given.threads, offline=True))
    calibration = CALIBRATIONS[encoder.model.encoder]
    scale = calibration.narrowband_scale

    def hear_all(folders: Sequence[Path]) -> Recordings:
        found: dict[tuple[str, str], Mapping[str, Heard]] = {}
        for folder in folders:
            found |= hear(folder, encoder, telephone=given.telephone, cache=given.cache)
        return found

    if given.tune:
        tuning = draw_cases(hear_all(given.tune), given.cases, 1, scale=scale)
        fitted = fit(tuning, calibration)
        print(f"fitted: {fitted}")
        report("tuning", tuning, calibration)
    every = hear_all(given.folders)
    if given.without_calls:
        every = {key: heard for key, heard in every.items() if int(key[0].split("_")[1]) % CALLS}
    plain = {key: heard for key, heard in every.items() if key[1] == "plain"}
    report("plain alone", draw_cases(plain, given.cases, 2, scale=scale), calibration)
    if given.telephone:
        report("plain and telephone", draw_cases(every, given.cases, 3, scale=scale), calibration)


if __name__ == "__main__":
    main()

"""Voices that a request brings along: how far 2, 5 and 10 s of a person are from the same person elsewhere, and others.

    python benchmarks/known_speakers.py NETWORK.onnx RECORDING.wav RECORDING.rttm RECORDING.wav RECORDING.rttm …

People are called the same in every RTTM. Prints cosine distances, from which `REFERENCE_DISTANCE` of the server comes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from whisperdiar import Audio, Span, Turn, load
from whisperdiar.formats import rttm
from whisperdiar.people import open_voice_encoder
from whisperdiar.people.embedding import cut_turn, find_clean_speech

SECONDS = (2, 5, 10)
SKIPPED_S = (0, 10, 20)


def cut_references(audio: Audio, turns: tuple[Turn, ...], seconds: int) -> Iterator[Audio]:
    """Pieces of one person's clean speech, each that long."""
    sound = np.concatenate([cut_turn(audio, turn) for turn in turns] or [np.zeros(0, np.float32)])
    for skipped in SKIPPED_S:
        first, last = skipped * audio.sample_rate, (skipped + seconds) * audio.sample_rate
        if last <= len(sound):
            yield Audio(sound[None, first:last], audio.sample_rate, "reference")


def main(network: str, files: list[str]) -> None:
    encoder = open_voice_encoder(network)
    recordings = [
        (load(sound, channels="mono"), rttm.loads(Path(turns).read_text("utf-8"), tolerance=rttm.TOLERANT).turns)
        for sound, turns in zip(files[::2], files[1::2], strict=True)
    ]
    voices = [encoder.embed_speakers(audio, turns) for audio, turns in recordings]
    print(
        "| reference | same person: median, largest (pairs) | other people: smallest, median (pairs) |\n|--:|--:|--:|"
    )
    for seconds in SECONDS:
        same, others = [], []
        for number, (audio, turns) in enumerate(recordings):
            for person, own in find_clean_speech(turns).items():
                for piece in cut_references(audio, own, seconds):
                    voice = encoder.embed(piece, [Turn(Span(0.0, piece.duration), person)])
                    for other, found in enumerate(voices):
                        for name, heard in found.items() if voice is not None and other != number else ():
                            distance = 1.0 - float(voice.vector @ heard.vector)
                            (same if name == person else others).append(distance)
        print(
            f"| {seconds} s | {np.median(same):.3f}, {max(same):.3f} ({len(same)}) "
            f"| {min(others):.3f}, {np.median(others):.3f} ({len(others)}) |"
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

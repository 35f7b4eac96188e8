"""Sound marks by sound classes: music and loud noises in which nobody speaks, for the deaf and hard of hearing."""

from __future__ import annotations

import math

import numpy as np

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.options import SoundClassOptions
from whisperdiar.sound_classes import MUSIC, NOISE, classify, features
from whisperdiar.sound_marks import MUSIC as MARKED_MUSIC
from whisperdiar.sound_marks import NOISE as MARKED_NOISE
from whisperdiar.sound_marks import SoundMark, with_sound_marks
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, Span, merge_spans, remove_spans

_FRAME_S = 0.01


def mark_sounds(
    transcript: Transcript,
    audio: Audio,
    *,
    options: SoundClassOptions | None = None,
    threads: int = 1,
    progress: Progress = no_progress,
) -> Transcript:
    """The transcript with marks of its music and loud noises, which subtitles in the style ``sdh`` show.

    A mark lasts at least `SoundClassOptions.marked_sound`, and holds no word. The hum of a room is no noise: one counts
    that comes within `SoundClassOptions.noise_db` of the loud parts of the recording.

    Args:
        audio: the recording, of which the transcript is.
    """
    settings = options or SoundClassOptions()
    found = classify(audio, options=settings, threads=threads, progress=progress)
    energy = features.energies(audio, threads=threads)
    border = features.measure_level(energy) - settings.noise_db * math.log(10) / 10
    spoken = merge_spans(word.span.shift(-audio.start) for word in transcript.words)
    marks = []
    for item in found:
        if item.label not in (MUSIC, NOISE):
            continue
        for span in remove_spans([item.span], spoken):
            part = energy[round(span.start / _FRAME_S) : round(span.end / _FRAME_S)]
            is_loud = len(part) > 0 and float(np.log(np.mean(np.exp(part)) + 1e-30)) > border
            if span.duration >= settings.marked_sound and (item.label == MUSIC or is_loud):
                sound = MARKED_MUSIC if item.label == MUSIC else MARKED_NOISE
                marks.append(SoundMark(Span(span.start + audio.start, span.end + audio.start), sound))
    return with_sound_marks(transcript, marks)

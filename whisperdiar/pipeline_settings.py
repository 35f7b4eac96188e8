"""Settings of a pipeline in the forms in which a Python user gives them, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypedDict

from whisperdiar.given_text.reading import GivenText
from whisperdiar.options import (
    AlignmentOptions,
    CacheOptions,
    EmotionSettings,
    SegmentationOptions,
    SeparationSettings,
    Vocabulary,
)
from whisperdiar.selection import Notify
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount


class PipelineSettings(TypedDict, total=False):
    """Settings of `open_pipeline`, which says what they are."""

    model: str | None
    language: str | None
    vocabulary: Vocabulary | str | os.PathLike[str] | None
    speakers: SpeakerCount | int | str | None
    asr: str
    vad: str
    diarizer: str
    asr_options: Mapping[str, Any] | None
    vad_options: Mapping[str, Any] | None
    diarizer_options: Mapping[str, Any] | None
    speech_file: str | os.PathLike[str] | None
    turns_file: str | os.PathLike[str] | None
    device: str | None
    threads: int | None
    offline: bool
    alignment: AlignmentOptions | None
    segmentation: SegmentationOptions | None
    save_activity: str | os.PathLike[str] | None
    skip_music: bool
    cache: CacheOptions | str | os.PathLike[str] | bool | None
    separate_overlap: SeparationSettings | str | bool
    emotions: EmotionSettings | str | bool
    text: GivenText | str | os.PathLike[str] | None
    notify: Notify
    inform: Notify


def make_separation(value: SeparationSettings | str | bool) -> SeparationSettings | None:
    """None for no separation of voices; a text names the model."""
    if isinstance(value, SeparationSettings):
        return value
    return SeparationSettings(model=value) if isinstance(value, str) else SeparationSettings() if value else None


def make_emotions(value: EmotionSettings | str | bool) -> EmotionSettings | None:
    """None for no emotions; a text names the model."""
    if isinstance(value, EmotionSettings):
        return value
    return EmotionSettings(model=value) if isinstance(value, str) else EmotionSettings() if value else None


def format_settings(options: Mapping[str, Any] | None) -> dict[str, str]:
    """Settings as users type them: `registry.settings_from_text` checks names and types of both in one place."""
    return {key: "none" if value is None else str(value) for key, value in (options or {}).items()}


def make_cache_options(value: CacheOptions | str | os.PathLike[str] | bool | None) -> CacheOptions | None:
    """None for no cache; a text or path names its folder."""
    if value is None or value is False:
        return None
    if isinstance(value, CacheOptions):
        return value
    return CacheOptions() if value is True else CacheOptions(folder=os.fspath(value))


def make_speaker_count(value: SpeakerCount | int | str | None) -> SpeakerCount:
    """A number is a number: as text, -3 would be a range without a beginning."""
    if value is None:
        return ANY_SPEAKERS
    if isinstance(value, SpeakerCount):
        return value
    return SpeakerCount.parse(value) if isinstance(value, str) else SpeakerCount(value, value)

"""Emotion diarization: which emotion is heard when."""

from whisperdiar.emotions.wavlm import EmotionDiarizer, check_model

__all__ = ["EmotionDiarizer", "check_model"]

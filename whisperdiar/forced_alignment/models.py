"""Default models: which wav2vec 2.0 model aligns the words of which language."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class DefaultModel:
    """A model for one language.

    Attributes:
        repository: on the Hugging Face hub.
        licence: of the weights, as the repository's page states it; None where it states none, or was not to be seen.
    """

    repository: str
    licence: str | None = "Apache-2.0"


_XLSR = "jonatasgrosman/wav2vec2-large-xlsr-53"

# The choice is whisperX's, but for the languages that it serves from torchaudio (English, French, German, Spanish,
# Italian), and for Vietnamese, where it names a model that was only pre-trained.
DEFAULT_MODELS = MappingProxyType(
    {
        "ar": DefaultModel(f"{_XLSR}-arabic"),
        "ca": DefaultModel("softcatala/wav2vec2-large-xlsr-catala"),
        "cs": DefaultModel("comodoro/wav2vec2-xls-r-300m-cs-250"),
        "da": DefaultModel("saattrupdan/wav2vec2-xls-r-300m-ftspeech", "other"),
        "de": DefaultModel(f"{_XLSR}-german"),
        "el": DefaultModel(f"{_XLSR}-greek"),
        "en": DefaultModel("facebook/wav2vec2-base-960h"),
        "es": DefaultModel(f"{_XLSR}-spanish"),
        "eu": DefaultModel("stefan-it/wav2vec2-large-xlsr-53-basque", None),
        "fa": DefaultModel(f"{_XLSR}-persian", None),
        "fi": DefaultModel(f"{_XLSR}-finnish", None),
        "fr": DefaultModel(f"{_XLSR}-french"),
        "gl": DefaultModel("ifrz/wav2vec2-large-xlsr-galician", None),
        "he": DefaultModel("imvladikon/wav2vec2-xls-r-300m-hebrew", None),
        "hi": DefaultModel("theainerd/Wav2Vec2-large-xlsr-hindi", None),
        "hr": DefaultModel("classla/wav2vec2-xls-r-parlaspeech-hr", None),
        "hu": DefaultModel(f"{_XLSR}-hungarian"),
        "it": DefaultModel(f"{_XLSR}-italian"),
        "ja": DefaultModel(f"{_XLSR}-japanese"),
        "ka": DefaultModel("xsway/wav2vec2-large-xlsr-georgian"),
        "ko": DefaultModel("kresnik/wav2vec2-large-xlsr-korean"),
        "lv": DefaultModel("jimregan/wav2vec2-large-xlsr-latvian-cv"),
        "ml": DefaultModel("gvs/wav2vec2-large-xlsr-malayalam"),
        "nl": DefaultModel(f"{_XLSR}-dutch"),
        "nn": DefaultModel("NbAiLab/nb-wav2vec2-1b-nynorsk"),
        "no": DefaultModel("NbAiLab/nb-wav2vec2-1b-bokmaal-v2"),
        "pl": DefaultModel(f"{_XLSR}-polish"),
        "pt": DefaultModel(f"{_XLSR}-portuguese"),
        "ro": DefaultModel("gigant/romanian-wav2vec2"),
        "ru": DefaultModel(f"{_XLSR}-russian"),
        "sk": DefaultModel("comodoro/wav2vec2-xls-r-300m-sk-cv8"),
        "sl": DefaultModel("anton-l/wav2vec2-large-xlsr-53-slovenian"),
        "sv": DefaultModel("KBLab/wav2vec2-large-voxrex-swedish", "CC0-1.0"),
        "te": DefaultModel("anuragshas/wav2vec2-large-xlsr-53-telugu"),
        "tl": DefaultModel("Khalsuu/filipino-wav2vec2-l-xls-r-300m-official", None),
        "tr": DefaultModel("mpoyraz/wav2vec2-xls-r-300m-cv7-turkish", "CC-BY-4.0"),
        "uk": DefaultModel("Yehor/wav2vec2-xls-r-300m-uk-with-small-lm"),
        "ur": DefaultModel("kingabzpro/wav2vec2-large-xls-r-300m-Urdu"),
        "vi": DefaultModel("nguyenvulebinh/wav2vec2-base-vietnamese-250h", "CC-BY-NC-4.0"),
        "zh": DefaultModel(f"{_XLSR}-chinese-zh-cn"),
    }
)
"""Whisper's code of a language → the model for it."""

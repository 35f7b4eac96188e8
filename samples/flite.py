"""Flite (CMU, 2.x) through its C library: speech and the times of its words.

The library is asked which token every phone belongs to, so word times are those of the phones that were rendered.
Flite's own command line prints phone times too, but not whose they are.
"""

from __future__ import annotations

import ctypes
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from samples.synthesis import RawSpeech, SynthesisError

_VOICES = ("awb", "kal", "kal16", "rms", "slt")
_FIXED_PITCH = ("rms",)  # its intonation model reads no f0_shift
_OWN_STRETCH = {"kal": 1.1, "kal16": 1.1}  # what these voices' definitions set; the others set none

# The library keeps the pointers to feature names that it is given, so the names have to outlive every call.
_STRETCH = b"duration_stretch"
_SHIFT = b"f0_shift"
_INDEX = b"whisperdiar_token"
_INDEX_OF_PHONE = b"R:SylStructure.parent.parent.R:Token.parent." + _INDEX

_lock = Lock()  # voice features and rand() belong to the process
_INSTALL = "install flite with its voices (Debian and Ubuntu: apt install flite)"


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _VoiceHead(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


def available() -> bool:
    """Whether the library and its English voices can be loaded here."""
    try:
        return all(_voice(name) for name in _VOICES)
    except SynthesisError:
        return False


def speak(words: list[str], voice: str, *, rate: float, pitch: float) -> RawSpeech:
    """Say English `words` (ASCII) with one of the built-in voices; `rate` and `pitch` are factors on its own."""
    if voice not in _VOICES:
        raise SynthesisError(f"flite has no voice {voice!r}: use one of {', '.join(_VOICES)}")
    if voice in _FIXED_PITCH and abs(pitch - 1.0) > 0.02:
        raise SynthesisError(
            f"flite's voice {voice} cannot change its pitch (asked for {pitch:.2f}): give tract the same factor"
        )
    text = " ".join(words)
    if not text.isascii():
        raise SynthesisError(f"flite reads English in ASCII only, not {text!r}: use espeak-ng for it")
    library, handle = _library(), _voice(voice)
    with _lock:
        features = ctypes.cast(handle, ctypes.POINTER(_VoiceHead)).contents.features
        library.flite_feat_set_float(features, _STRETCH, _OWN_STRETCH.get(voice, 1.0) / rate)
        library.flite_feat_set_float(features, _SHIFT, pitch)
        # The excitation is random: started anew, or it depends on what was said before.
        ctypes.CDLL(None).srand(1)
        utterance = library.flite_synth_text(text.encode("ascii"), handle)
        if not utterance:
            raise SynthesisError(f"flite could not say {text!r}: shorten or reword it")
        try:
            wave = library.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.int16, copy=True)
            return RawSpeech(samples, wave.sample_rate, _word_times(library, utterance, words))
        finally:
            library.delete_utterance(utterance)


def _word_times(library: ctypes.CDLL, utterance: ctypes.c_void_p, words: list[str]) -> tuple[tuple[float, float], ...]:
    # A token is numbered from 1: a phone of no token (a pause) answers 0.
    tokens = _items(library, utterance, b"Token")
    for index, token in enumerate(tokens, start=1):
        library.item_set_int(token, _INDEX, index)
    times: dict[int, tuple[float, float]] = {}
    start = 0.0
    for phone in _items(library, utterance, b"Segment"):
        end = float(library.flite_ffeature_float(phone, b"end"))
        index = library.flite_ffeature_int(phone, _INDEX_OF_PHONE)
        if index:
            times[index] = (times.get(index, (start, end))[0], end)
        start = end
    if len(tokens) != len(words) or len(times) != len(words):
        text = " ".join(words)
        raise SynthesisError(f"flite read {len(times)} words in {text!r}, not {len(words)}: spell out what it skipped")
    return tuple(times[index] for index in range(1, len(words) + 1))


def _items(library: ctypes.CDLL, utterance: ctypes.c_void_p, relation: bytes) -> list[int]:
    items = []
    item = library.relation_head(library.utt_relation(utterance, relation))
    while item:
        items.append(item)
        item = library.item_next(item)
    return items


@cache
def _voice(name: str) -> int:
    _library()  # a voice's library resolves its names in this one
    register = _load(f"libflite_cmu_us_{name}.so.1")[f"register_cmu_us_{name}"]
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    handle: int = register(None)
    return handle


@cache
def _library() -> ctypes.CDLL:
    library = _load("libflite.so.1")
    for helper in ("libflite_usenglish.so.1", "libflite_cmulex.so.1"):
        _load(helper)
    pointer, text, number, real = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_float
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "flite_init": (number, []),
        "flite_synth_text": (pointer, [text, pointer]),
        "flite_feat_set_float": (None, [pointer, text, real]),
        "flite_ffeature_float": (real, [pointer, text]),
        "flite_ffeature_int": (number, [pointer, text]),
        "utt_wave": (ctypes.POINTER(_Wave), [pointer]),
        "utt_relation": (pointer, [pointer, text]),
        "relation_head": (pointer, [pointer]),
        "item_next": (pointer, [pointer]),
        "item_set_int": (None, [pointer, text, number]),
        "delete_utterance": (None, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = library[name]
        setattr(library, name, function)  # indexing makes a new function object each time; keep this one
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


def _load(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise SynthesisError(f"flite is not installed ({error}): {_INSTALL}") from error

"""One utterance of espeak-ng: a JSON request on stdin, a JSON line and raw int16 samples on stdout.

Started by `espeak.py` in a process of its own; needs the standard library only, so that starting it stays cheap.
Exit status 2: the library is missing. 1: anything else, with the reason on stderr.
"""

import ctypes
import json
import sys

SYNCHRONOUS = 2
PHONEME_EVENTS = 1
RATE, PITCH = 1, 3
POSITION_IN_CHARACTERS = 1
TEXT_IS_UTF8 = 1
WORD, PHONEME = 1, 7


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


def load():
    try:
        return ctypes.CDLL("libespeak-ng.so.1")
    except OSError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


def main():
    request = json.load(sys.stdin)
    library = load()
    sample_rate_hz = library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS)
    if sample_rate_hz <= 0:
        raise SystemExit("its voice data cannot be read")
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise SystemExit(f"no voice {request['voice']!r}")
    library.espeak_SetParameter(RATE, request["words_per_minute"], 0)
    library.espeak_SetParameter(PITCH, request["pitch"], 0)

    pcm, marks, phonemes = [], [], []

    def receive(samples, count, events):
        if samples and count > 0:
            pcm.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == WORD and event.length:  # clause ends come as words of no length
                marks.append((event.text_position, event.sample))
            elif event.type == PHONEME:
                phonemes.append((event.sample, event.id.decode("utf-8", "replace")))
            index += 1
        return 0

    callback = Callback(receive)  # kept in a name: the library calls it while it speaks
    library.espeak_SetSynthCallback(callback)
    text = " ".join(request["words"]).encode()
    library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, POSITION_IN_CHARACTERS, 0, TEXT_IS_UTF8, None, None)

    library.espeak_Info.restype = ctypes.c_char_p
    header = {
        "version": library.espeak_Info(None).decode().split()[0],
        "sample_rate_hz": sample_rate_hz,
        "marks": marks,
        "phonemes": phonemes,
        "phoneme_counts": [phoneme_count(library, word) for word in request["words"]],
    }
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + b"".join(pcm))


def phoneme_count(library, word):
    """How many phonemes the word has when it stands alone."""
    translate = library.espeak_TextToPhonemes
    translate.restype = ctypes.c_char_p
    translate.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
    text = ctypes.create_string_buffer(word.encode())
    position = ctypes.c_void_p(ctypes.addressof(text))
    separator = ord("_") << 8
    phonemes = translate(ctypes.byref(position), TEXT_IS_UTF8, separator) or b""
    return sum(1 for name in phonemes.split(b"_") if name.strip())


if __name__ == "__main__":
    main()

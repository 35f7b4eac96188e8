"""PocketSphinx decoding: one utterance → words with frames, in this process or in a pool of others.

PocketSphinx holds Python's global lock while it decodes, so that threads gain nothing (and Ctrl-C has to wait).
Each further process is ``python -m whisperdiar.asr.pocketsphinx.engine``, which reads utterances on its input and
answers on its output: unlike `multiprocessing`, that neither imports the caller's script again nor forks a process
with threads.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from whisperdiar.errors import BackendBroken, BackendError, BackendMissing, describe_error
from whisperdiar.text.messages import _

FRAME_S = 0.01
_CONFIG = {"samprate": 16000, "loglevel": "FATAL"}
_VARIANT = re.compile(r"\(\d+\)$")
"""Marks a word's second pronunciation, as in ``read(2)``."""


class SphinxWord(NamedTuple):
    """A recognised word: frames of 10 ms from the start of the utterance, the end not included; probability 0 to 1."""

    text: str
    first_frame: int
    end_frame: int
    probability: float


class LocalDecoder:
    """Decodes in this process.

    Raises:
        BackendMissing: the package is not installed.
        BackendBroken: it cannot be imported, or has lost its English model.
    """

    def __init__(self) -> None:
        try:
            import pocketsphinx

            # Without arguments for a model it takes the English one that its package brings.
            self._decoder: Any = pocketsphinx.Decoder(**_CONFIG)
            self.version = importlib.metadata.version("pocketsphinx")
        except ModuleNotFoundError as error:
            raise BackendMissing(_("pocketsphinx is not installed: pip install pocketsphinx")) from error
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise BackendBroken(
                _("pocketsphinx cannot start ({error}): pip install --force-reinstall pocketsphinx").format(
                    error=describe_error(error)
                )
            ) from error

    def decode(self, pcm: bytes) -> list[SphinxWord]:
        """Words of one utterance, 16-bit samples at 16 kHz; what was decoded before has no influence."""
        decoder = self._decoder
        decoder.reinit_feat()  # forgets the noise and the means of the utterance before
        decoder.start_utt()
        # As a whole utterance its features are normalised by their own mean, not by a running one.
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        return [
            # `prob` comes back from integer logarithms and can exceed 1 by rounding; the last frame counts in.
            SphinxWord(_VARIANT.sub("", item.word), item.start_frame, item.end_frame + 1, min(1.0, item.prob))
            for item in decoder.seg()
            if item.word[0] not in "<[+"  # <s>, </s>, <sil>, [NOISE], ++UH++: no words
        ]


class _RemoteDecoder:
    """Decodes in a process of its own."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parents[3])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )

    def decode(self, pcm: bytes) -> list[SphinxWord]:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise BackendError(_("a PocketSphinx process has no pipes: start again with one thread"))
        try:
            process.stdin.write(f"{len(pcm)}\n".encode() + pcm)
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError as error:
            raise BackendError(
                _("a PocketSphinx process ended ({error}): start again with one thread").format(
                    error=describe_error(error)
                )
            ) from error
        if not answer.endswith(b"\n"):
            raise BackendError(
                _("a PocketSphinx process ended (code {code}): start again with one thread").format(code=process.wait())
            )
        return [SphinxWord(*item) for item in json.loads(answer)]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def decode_all(
    utterances: Sequence[Callable[[], bytes]], *, n_processes: int, local: LocalDecoder
) -> Generator[list[SphinxWord], None, None]:
    """The words of each utterance, in the order given.

    Args:
        utterances: functions without arguments that give the samples, so that only few are in memory at once.
        n_processes: processes to use; 1 decodes with `local`.
        local: for one process.
    """
    # In a frozen application the executable is that application, and no Python.
    if n_processes <= 1 or not sys.executable or getattr(sys, "frozen", False):
        for utterance in utterances:
            yield local.decode(utterance())
        return
    # The processes end first, also after an error or Ctrl-C: then no thread waits for an answer any more.
    with ThreadPoolExecutor(n_processes) as threads, _pool(n_processes) as idle:

        def decode(utterance: Callable[[], bytes]) -> list[SphinxWord]:
            decoder = idle.get()
            try:
                return decoder.decode(utterance())
            finally:
                idle.put(decoder)

        yield from threads.map(decode, utterances)


@contextmanager
def _pool(size: int) -> Iterator[SimpleQueue[_RemoteDecoder]]:
    idle: SimpleQueue[_RemoteDecoder] = SimpleQueue()
    decoders: list[_RemoteDecoder] = []
    try:
        for _each in range(size):
            decoders.append(_RemoteDecoder())
            idle.put(decoders[-1])
        yield idle
    finally:
        for decoder in decoders:
            decoder.close()


def _serve() -> None:
    decoder = LocalDecoder()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while header := source.readline():
        sink.write(json.dumps(decoder.decode(source.read(int(header)))).encode() + b"\n")
        sink.flush()


if __name__ == "__main__":
    _serve()

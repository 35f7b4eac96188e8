"""The PocketSphinx backend with the real decoder and the model of its package."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.kept_parts import check_kills
from whisperdiar import Pipeline, load
from whisperdiar.asr._shared.refinement import NO_WORDS
from whisperdiar.asr.pocketsphinx import Backend
from whisperdiar.asr.pocketsphinx.engine import LocalDecoder, decode_all
from whisperdiar.contracts import Transcriber
from whisperdiar.errors import BackendError, InvalidOption, UnsupportedRequest
from whisperdiar.options import PocketSphinxSettings, Runtime
from whisperdiar.types import Audio, Span, merge_spans
from whisperdiar.vad.none import Backend as Everything

pytestmark = pytest.mark.model
SAMPLES = Path(__file__).parents[2] / "samples"
RATE = 16_000
END_S = 9.0
WER_BOUND = 0.2
"""Measured: 0.19 on the whole recording."""
ONE = Runtime(threads=1)


@pytest.fixture(scope="module")
def reference():
    """The words of the beginning, with their times."""
    lines = (SAMPLES / "reference" / "standup.words.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(Span(float(start), float(end)), word) for start, end, _, word in rows if float(end) < END_S]


@pytest.fixture(scope="module")
def audio():
    return load(SAMPLES / "standup.mp4", sample_rate=RATE, end=END_S)


@pytest.fixture(scope="module")
def speech(reference):
    spans = merge_spans((span for span, _ in reference), gap=0.3)
    return [Span(max(0.0, span.start - 0.1), span.end + 0.1) for span in spans]


@pytest.fixture(scope="module")
def backend():
    """One for all tests, since it takes longer to load than to hear a sentence; a test below shows that it may be."""
    return Backend(runtime=ONE)


@pytest.fixture(scope="module")
def result(audio, speech, backend):
    return backend.transcribe(audio, speech=speech)


def plain(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(reference: list[str], hypothesis: list[str]) -> int:
    """Substitutions, deletions and insertions (Levenshtein)."""
    row = list(range(len(hypothesis) + 1))
    for i, one in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, two in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != two))
    return row[-1]


def test_a_killed_run_goes_on_with_its_pieces(audio, backend, tmp_path):
    part, small = audio.crop(Span(0.0, 5.0)), backend.reconfigure(PocketSphinxSettings(max_chunk=2.5))
    assert check_kills(lambda: small.transcribe(part, speech=[Span(0.0, 5.0)]), tmp_path, most=1) == 1


def test_words_of_the_sample_are_found(result, reference):
    spoken = plain(" ".join(word for _, word in reference))
    heard = plain("".join(word.text for word in result.words))
    assert errors(spoken, heard) / len(spoken) < WER_BOUND
    assert (result.language, result.language_probability) == ("en", None)


def test_times_are_those_of_the_words(result, reference):
    distances = [
        min(abs(word.start - span.start) for span, text in reference if plain(text) == [word.text.strip()])
        for word in result.words
        if [word.text.strip()] in [plain(text) for _, text in reference]
    ]
    assert len(distances) > 15
    assert np.median(distances) < 0.06


def test_words_are_well_formed(result, speech):
    pieces = merge_spans(speech, gap=0.3)
    for word in result.words:
        assert re.fullmatch(r" [a-z'.]+(-[a-z'.]+)*", word.text)
        assert 0 < word.probability <= 1
        assert any(piece.start <= word.start <= word.end <= piece.end for piece in pieces)
    assert all(before.end <= after.start for before, after in pairwise(result.words))


def test_what_was_heard_before_has_no_influence(audio, speech, backend):
    assert isinstance(backend, Transcriber)
    part = [span for span in speech if 4 < span.start < 8]
    fresh = Backend(runtime=ONE).transcribe(audio, speech=part)
    backend.transcribe(audio, speech=[span for span in speech if span.start < 4])
    assert backend.transcribe(audio, speech=part) == fresh
    assert fresh.words


def test_loudness_has_no_influence(audio, speech, backend):
    part = [span for span in speech if span.start < 4]
    words = backend.transcribe(audio, speech=part).words
    quiet = Audio(audio.samples / 64, RATE)
    same = backend.transcribe(quiet, speech=part).words
    assert [word.text for word in same] == [word.text for word in words]
    assert [word.start for word in same] == pytest.approx([word.start for word in words], abs=0.05)
    assert len(words) > 3


def test_several_processes_give_what_one_gives(audio, speech, result):
    heard = []
    both = Backend(runtime=Runtime(threads=2))
    assert both.transcribe(audio, speech=speech, progress=lambda *step: heard.append(step)) == result
    assert heard == sorted(heard)
    assert heard[-1] == ("asr", 1.0)


def test_silence_has_no_words(backend):
    silence = Audio(np.zeros((1, 5 * RATE), np.float32), RATE)
    hum = Audio(np.full((1, 5 * RATE), 5e-4, np.float32), RATE)
    for audio in (silence, hum):
        assert backend.transcribe(audio, speech=[Span(0, 5)]).words == ()


def test_slivers_and_nothing_have_no_words(audio, backend):
    for spans in ([], [Span(1, 1.04)], [Span(3, 3)], [Span(100, 101)]):
        result = backend.transcribe(audio, speech=spans)
        assert (result.words, result.language) == ((), "en")


def test_speech_without_words_is_told_by_the_stage_behind_it(audio, backend):
    part = audio.samples[:, : 4 * RATE]
    paused = Audio(np.concatenate([part, np.zeros_like(part), part[:, : 2 * RATE]], axis=1), RATE)
    pipeline = Pipeline(detector=Everything(), transcriber=backend)
    found = pipeline.words(paused, speech=[Span(0, paused.duration)])
    (gap,) = found.dropped
    assert (gap.text, gap.reason) == ("", NO_WORDS)
    assert 3.5 < gap.span.start < 4.5
    assert 7.5 < gap.span.end < 8.5
    assert len(found.words) > 5
    assert any("have no words" in warning for warning in found.warnings)


def test_only_english_is_known(audio):
    with pytest.raises(UnsupportedRequest, match=r"'de'.*English only"):
        Backend().transcribe(audio, speech=[], language="de")
    assert Backend().transcribe(audio, speech=[], language="en-GB").language == "en"
    with pytest.raises(UnsupportedRequest, match="8000 Hz"):
        Backend().transcribe(Audio(np.zeros((1, 8000), np.float32), 8000), speech=[Span(0, 1)])
    with pytest.raises(InvalidOption):
        PocketSphinxSettings(max_chunk=0.0)


def test_it_says_nothing_on_the_terminal(tmp_path):
    script = tmp_path / "quiet.py"
    script.write_text(
        "import numpy as np\n"
        "from whisperdiar.asr.pocketsphinx import Backend\n"
        "from whisperdiar.types import Audio, Span\n"
        "noise = np.random.default_rng(0).normal(0, 0.1, (1, 16000)).astype(np.float32)\n"
        "backend = Backend()\n"
        "backend.transcribe(Audio(noise, 16000), speech=[Span(0, 1)])\n"
        "assert backend.record().details['version']\n",
        encoding="utf-8",
    )
    environment = {"PYTHONPATH": str(SAMPLES.parent)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_processes_answer_in_order(audio, backend):
    pcm = [(audio.crop(span).mono * 32767).astype("<i2").tobytes() for span in (Span(0, 2), Span(5, 6), Span(8, 10))]
    decoder = backend._require()
    expected = [decoder.decode(data) for data in pcm]
    found = decode_all([lambda data=data: data for data in pcm], n_processes=2, local=decoder)
    assert list(found) == expected


def test_process_that_ends_is_reported(monkeypatch):
    monkeypatch.setattr("whisperdiar.asr.pocketsphinx.engine.sys.executable", "/bin/true")
    with pytest.raises(BackendError, match="a PocketSphinx process ended"):
        list(decode_all([lambda: b"\0" * 64000] * 4, n_processes=2, local=LocalDecoder()))

"""The Whisper backend with the real faster-whisper and a tiny model of random weights."""

from __future__ import annotations

import shutil
import sys
from itertools import pairwise

import ctranslate2
import numpy as np
import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES
from huggingface_hub import constants

from tests import tiny_whisper
from whisperdiar.asr._shared.refinement import KEPT_PAUSE_S
from whisperdiar.asr.whisper import Backend
from whisperdiar.asr.whisper.language import WHISPER_LANGUAGES
from whisperdiar.contracts import Transcriber, listen
from whisperdiar.errors import BackendBroken, BackendError, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.ctranslate2 import choose_placement
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span

pytestmark = pytest.mark.model
RATE = 16_000
CPU = Runtime(device="cpu", offline=True)
SPEECH = (Span(1, 4.2), Span(5, 9), Span(15, 15.03), Span(20, 31.5), Span(32, 58.7), Span(66, 69.95))


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return tiny_whisper.build(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def english_model(tmp_path_factory):
    return tiny_whisper.build(tmp_path_factory.mktemp("tiny") / "english", multilingual=False)


@pytest.fixture(scope="session")
def audio():
    """70 s: silence, a buzz that swells like syllables, noise."""
    time = np.arange(70 * RATE) / RATE
    buzz = np.sign(np.sin(2 * np.pi * 120 * time)) * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1) * 0.2
    noise = np.random.default_rng(1).normal(0, 0.05, time.size)
    samples = np.where(time < 10, 0.0, np.where(time < 40, buzz, noise + buzz * (time > 55)))
    return Audio(samples.astype(np.float32)[None], RATE)


def backend(model, runtime=CPU, **settings) -> Backend:
    """Without guards: a model of random weights repeats itself and is sure of nothing."""
    unguarded = {"temperature_fallback": False, "cut_loops": False, "drop_unspoken": False, "fill_gaps": False}
    return Backend(WhisperSettings(model=str(model), **{**unguarded, **settings}), runtime=runtime)


class Listener:
    """Passes on to the real pipeline, and remembers what went in and what came out."""

    def __init__(self, backend, largest_batch=None):
        backend.prepare()
        pipeline = backend._loaded.pipeline
        self._real, self._largest = pipeline.transcribe, largest_batch
        self.sounds, self.texts, self.batches, self.hotwords = [], [], [], []
        pipeline.transcribe = self

    def __call__(self, sound, **options):
        if self._largest is not None and options["batch_size"] > self._largest:
            raise RuntimeError("CUDA failed with error out of memory")
        self.batches.append(options["batch_size"])
        self.hotwords.append(options["hotwords"])
        for clip in options["clip_timestamps"]:
            self.sounds.append(sound[int(clip["start"] * RATE) : int(clip["end"] * RATE)])
        segments, info = self._real(sound, **options)
        segments = list(segments)
        self.texts += [segment.text for segment in segments]
        return segments, info


def test_progress_is_told_inside_a_batch_and_text_as_it_comes(model, audio):
    class Heard:
        def __init__(self):
            self.texts = []

        def heard(self, start, text):
            self.texts.append((start, text))

    steps, heard = [], Heard()
    transcriber = backend(model, batch_size=8, max_chunk=10.0)
    with listen(heard):
        result = transcriber.transcribe(
            audio, speech=SPEECH, language="en", progress=lambda stage, share: steps.append((stage, share))
        )
    assert {stage for stage, _ in steps} == {"asr"}
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert len({share for share in shares if 0 < share < 0.99}) >= 8  # a batch alone would tell of one or two
    said = "".join(word.text for word in result.words)
    assert "".join("".join(text for _, text in heard.texts).split()) == "".join(said.split())
    assert [start for start, _ in heard.texts] == sorted(start for start, _ in heard.texts)


def test_pieces_that_are_encoded_one_by_one_have_the_same_text(model, audio):
    def texts(batch_size):
        transcriber = backend(model, batch_size=batch_size, max_chunk=10.0)
        return [word.text for word in transcriber.transcribe(audio, speech=SPEECH, language="en").words]

    assert texts(8) == texts(1)


def test_words_lie_in_order_inside_the_speech(model, audio):
    heard = []
    transcriber = backend(model, batch_size=2, max_chunk=10.0)
    assert isinstance(transcriber, Transcriber)
    result = transcriber.transcribe(audio, speech=SPEECH, language="en", progress=lambda *step: heard.append(step))
    assert len(result.words) > 5
    assert all(before.end <= after.start for before, after in pairwise(result.words))
    half = KEPT_PAUSE_S / 2
    for word in result.words:
        assert any(span.start - half <= word.start < word.end <= span.end + half for span in SPEECH)
        assert 0 <= word.probability <= 1
        assert word.text.startswith(" ")
        assert word.text.strip()
    assert heard == sorted(heard)
    assert heard[-1] == ("asr", 1.0)
    assert len(heard) > 3


def test_all_text_of_the_model_is_kept(model, audio):
    transcriber = backend(model)
    listener = Listener(transcriber)
    result = transcriber.transcribe(audio, speech=[Span(20, 30), Span(41, 60)], language="en")
    assert all("s of speech" in warning for warning in result.warnings)  # random words leave much of it without any
    assert "".join(word.text for word in result.words).split() == " ".join(listener.texts).split()
    assert len(listener.texts) == 2


def test_long_speech_without_a_pause_is_decoded_completely(model):
    samples = np.random.default_rng(2).normal(0, 0.1, 95 * RATE).astype(np.float32)
    transcriber = backend(model)
    listener = Listener(transcriber)
    result = transcriber.transcribe(Audio(samples[None], RATE), speech=[Span(0, 95)], language="en")
    assert all("s of speech" in warning for warning in result.warnings)  # random words leave much of it without any
    assert np.array_equal(np.concatenate(listener.sounds)[: samples.size], samples)
    assert all(sound.size <= 29 * RATE for sound in listener.sounds)
    assert "".join(word.text for word in result.words).split() == " ".join(listener.texts).split()


def test_batch_sizes_agree_and_runs_are_identical(model, audio):
    results = [backend(model, batch_size=size).transcribe(audio, speech=SPEECH) for size in (1, 1, 2, 16)]
    assert results[0] == results[1]
    for other in results[2:]:
        assert other.language == results[0].language
        assert [word.text for word in other.words] == [word.text for word in results[0].words]
        for one, two in zip(results[0].words, other.words, strict=True):
            assert (one.start, one.end) == pytest.approx((two.start, two.end), abs=0.03)


def test_times_do_not_depend_on_what_comes_before(model, audio):
    alone = backend(model).transcribe(audio, speech=[Span(41, 58)], language="en")
    among = backend(model).transcribe(audio, speech=[Span(20, 30), Span(41, 58)], language="en")
    later = [word for word in among.words if word.start >= 41]
    assert [word.text for word in later] == [word.text for word in alone.words]
    for one, two in zip(alone.words, later, strict=True):
        assert (one.start, one.end) == pytest.approx((two.start, two.end), abs=0.021)


def test_language_is_the_mean_over_windows(model, audio):
    transcriber = backend(model)
    result = transcriber.transcribe(audio, speech=[Span(12, 22), Span(41, 46)])
    weights: dict[str, float] = {}
    for span in (Span(12, 22), Span(41, 46)):
        *_, shares = transcriber._loaded.model.detect_language(audio=audio.crop(span).mono)
        for code, share in shares:
            weights[code] = weights.get(code, 0) + share * span.duration / 15
    assert result.language == max(weights, key=weights.get)
    assert result.language_probability == pytest.approx(max(weights.values()))
    assert 0 < result.language_probability < 1


def test_language_is_checked_against_the_model(model, english_model, audio):
    speech = [Span(41, 43)]
    assert backend(model).transcribe(audio, speech=speech, language="de-AT").language == "de"
    assert backend(model).transcribe(audio, speech=speech, language="jv").language == "jv"
    with pytest.raises(InvalidOption, match=r"'xx'.*af, am, ar"):
        backend(model).transcribe(audio, speech=speech, language="xx")
    english = backend(english_model).transcribe(audio, speech=speech)
    assert (english.language, english.language_probability) == ("en", None)
    assert english.words
    with pytest.raises(UnsupportedRequest, match=r"'de'.*English only"):
        backend(english_model).transcribe(audio, speech=speech, language="de")


def test_languages_are_those_of_whisper_itself():
    assert tuple(_LANGUAGE_CODES) == WHISPER_LANGUAGES


def test_nothing_is_loaded_for_a_recording_without_speech(audio):
    transcriber = Backend(WhisperSettings(model="/no/such/folder"), runtime=CPU)
    for speech in ([], [Span(5, 5)], [Span(90, 95)]):
        result = transcriber.transcribe(audio, speech=speech, language="en")
        assert (result.words, result.language, result.dropped) == ((), "en", ())
    with pytest.raises(InvalidOption, match="no such folder"):
        transcriber.prepare()


def test_text_where_the_model_hears_no_speech_is_set_aside(tmp_path, audio):
    deaf = tiny_whisper.build(tmp_path / "deaf", deaf=True)
    transcriber = backend(deaf)
    listener = Listener(transcriber)
    result = transcriber.transcribe(audio, speech=[Span(20, 30)], language="en")
    assert result.words == ()
    [item] = result.dropped
    assert (item.span, item.text) == (Span(20, 30), listener.texts[0].strip())
    assert item.text
    assert "no speech" in item.reason


def test_prompt_and_hotwords_reach_the_model(model, audio):
    def text(**settings):
        result = backend(model, **settings).transcribe(audio, speech=[Span(41, 58)], language="en")
        return [(word.text, word.probability) for word in result.words]

    plain = text()
    assert text(prompt="sea shells") != plain
    assert text(hotwords="sea shells") != plain
    assert text(prompt="  ", hotwords="") == plain
    with pytest.raises(InvalidOption, match=r"take \d+ tokens.*shorten"):
        text(prompt="the quick brown fox " * 60, hotwords="woodchuck " * 40)


def test_terms_reach_the_model_as_far_as_there_is_room(model, audio):
    transcriber = backend(model, hotwords="lazy dog")
    listener = Listener(transcriber)

    def found(terms):
        listener.hotwords.clear()
        return transcriber.transcribe(audio, speech=[Span(41, 58)], language="en", terms=terms)

    assert not any("terms" in note for note in found(()).notes)
    assert listener.hotwords == ["lazy dog"]
    assert not any("terms" in note for note in found(["sea shells", "woodchuck"]).notes)
    assert listener.hotwords[0] == "lazy dog, sea shells, woodchuck"
    many = found([f"woodchuck {number}" for number in range(300)])
    assert sum("of 300 terms do not fit into the prompt" in note for note in many.notes) == 1
    assert listener.hotwords[0].startswith("lazy dog, woodchuck 0, woodchuck 1, ")
    assert "woodchuck 299" not in listener.hotwords[0]


def test_languages_are_chosen_from_those_that_are_allowed(model, audio):
    for languages, expected in (("de", {"de"}), ("fr, Russian", {"fr", "ru"})):
        for multilingual in (False, True):
            transcriber = backend(model, languages=languages, multilingual=multilingual)
            result = transcriber.transcribe(audio, speech=SPEECH)
            assert result.language in expected
            if not multilingual:
                assert result.language_probability == pytest.approx(1.0) or len(expected) > 1
    with pytest.raises(InvalidOption, match="give one of them"):
        backend(model, languages="de").transcribe(audio, speech=SPEECH, language="de")
    with pytest.raises(InvalidOption, match="knows no such code"):
        backend(model, languages="de,xx").transcribe(audio, speech=SPEECH)


def test_memory_that_runs_out_halves_the_batch(model, audio):
    expected = backend(model, batch_size=1).transcribe(audio, speech=SPEECH, language="en")
    transcriber = backend(model, batch_size=5)
    listener = Listener(transcriber, largest_batch=2)
    result = transcriber.transcribe(audio, speech=SPEECH, language="en")
    assert max(listener.batches) == 2
    assert [word.text for word in result.words] == [word.text for word in expected.words]
    transcriber = backend(model, batch_size=5)
    Listener(transcriber, largest_batch=0)
    with pytest.raises(BackendError, match=r"too small for model.*smaller model"):
        transcriber.transcribe(audio, speech=SPEECH, language="en")


def test_record_says_what_did_the_work(model, audio):
    transcriber = backend(model, compute_type="float32")
    assert transcriber.record().model == str(model)
    transcriber.transcribe(audio, speech=[Span(41, 43)])
    details = transcriber.record().to_dict()["details"]
    assert (details["device"], details["compute_type"], details["beam_size"]) == ("cpu", "float32", 5)


def test_best_model_at_hand_is_used_where_the_default_is_not(model, audio, tmp_path, monkeypatch):
    repository = tmp_path / "models--Systran--faster-whisper-base"
    shutil.copytree(model, repository / "snapshots" / "abc123")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    transcriber = Backend(runtime=CPU)
    result = transcriber.transcribe(audio, speech=[Span(41, 43)], language="en")
    assert result.words
    assert "model base is used" in result.warnings[0]
    record = transcriber.record()
    assert (record.model, record.details["revision"]) == ("base", "abc123")


def test_threads_do_not_change_the_words(model, audio):
    one = backend(model, Runtime(device="cpu", threads=1)).transcribe(audio, speech=SPEECH[-2:], language="en")
    two = backend(model, Runtime(device="cpu", threads=2)).transcribe(audio, speech=SPEECH[-2:], language="en")
    assert [word.text for word in one.words] == [word.text for word in two.words]


def test_what_cannot_be_meant_or_done_is_one_clear_line(model, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "model.bin").write_bytes((model / "model.bin").read_bytes()[:1000])
    other = tmp_path / "other"
    shutil.copytree(model, other)
    words = (other / "tokenizer.json").read_text(encoding="utf-8")
    (other / "tokenizer.json").write_text(words.replace("<|notimestamps|>", "<|other|>"), encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = [
        (backend(empty), InvalidOption, "lacks config.json, model.bin, tokenizer.json"),
        (backend(broken), BackendBroken, "cannot be loaded"),
        (backend(other), BackendBroken, "no Whisper tokens"),
        (backend("Systran/not-here"), ModelUnavailable, "the network may not be used"),
        (backend(model, compute_type="int7"), InvalidOption, "choose one of auto"),
        (backend(model, compute_type="int8_float16"), UnsupportedRequest, "this cpu supports"),
        (backend(model, Runtime(device="gpu")), InvalidOption, "choose auto, cpu, cuda or cuda:N"),
        (backend(model, Runtime(device=f"cuda:{ctranslate2.get_cuda_device_count()}")), UnsupportedRequest, "finds"),
    ]
    for transcriber, kind, expected in cases:
        with pytest.raises(kind) as error:
            transcriber.prepare()
        assert expected in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere CTranslate2 brings or finds them itself")
def test_gpu_without_cuda_libraries_is_left_alone(model, monkeypatch):
    """As on a machine with a GPU and without the extra `cuda`."""
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr("whisperdiar.frameworks.ctranslate2._find_libraries", lambda package, pattern: [])
    monkeypatch.setattr("whisperdiar.frameworks.ctranslate2._NVIDIA_DRIVER", "libc.so.6")
    monkeypatch.setattr("whisperdiar.frameworks.ctranslate2._CUBLAS", "libcublas-of-no-machine.so")
    found = choose_placement("auto", "auto")
    assert found.kind == "cpu"
    assert "pip install 'whisperdiar[cuda]'" in found.note
    with pytest.raises(BackendBroken, match=r"device cuda: .*whisperdiar\[cuda\]"):
        backend(model, Runtime(device="cuda")).prepare()


@pytest.mark.parametrize("settings", [{"batch_size": -1}, {"beam_size": 0}, {"max_chunk": 31.0}, {"max_chunk": 0.0}])
def test_settings_outside_their_range_are_refused(settings):
    with pytest.raises(InvalidOption):
        WhisperSettings(**settings)


def test_other_sample_rates_are_refused(model, audio):
    with pytest.raises(UnsupportedRequest, match="44100 Hz"):
        backend(model).transcribe(Audio(audio.samples, 44_100), speech=[Span(1, 2)])

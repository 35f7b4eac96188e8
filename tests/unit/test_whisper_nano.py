"""The trainer of whisper-nano: what goes into it, and that what comes out is the same model."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer as WhisperTokenizer

from samples.synthesis import SpokenWord, Utterance
from training.whisper_nano import bank as banks
from training.whisper_nano import vocabulary as vocabularies
from training.whisper_nano.scoring import score
from training.whisper_nano.sentences import LANGUAGES, generate, scripts, shuffled_words
from training.whisper_nano.windows import Composer


@pytest.fixture(scope="module")
def vocabulary():
    texts = [f" {sentence.text}" for script in scripts() for sentence in script.sentences]
    return vocabularies.train(texts, size=900)


@pytest.fixture(scope="module")
def bank():
    """Every sentence of the scripts, as noise: a composer does not mind."""
    rng = np.random.default_rng(1)
    entries, parts, first = [], [], 0
    for script in scripts():
        for sentence in script.sentences:
            n_words = len(sentence.text.split())
            edges = np.round(0.03 + 0.25 * np.arange(n_words + 1), 3).tolist()
            count = int((edges[-1] + 0.07) * 100)
            parts.append(rng.normal(-3.0, 1.0, (count, banks.N_MELS)).astype(np.float16))
            times = (tuple(edges[:-1]), tuple(edges[1:]))
            entries.append(banks.Entry(sentence.text, script.language, sentence.speaker, first, count, *times))
            first += count
    return banks.Bank(np.concatenate(parts), tuple(entries))


@pytest.mark.parametrize("text", [" Four seven two!", " Когда всё готово?", " Für 60 Euro – ja?", " C'est ça.", " 日"])
def test_text_survives_the_tokenizer(vocabulary, text):
    ids = vocabulary.tokenizer.encode(text).ids
    assert vocabulary.tokenizer.decode(ids) == text
    assert max(ids) < vocabulary.ids["<|endoftext|>"]


def test_tokens_lie_where_faster_whisper_looks(vocabulary, tmp_path):
    vocabularies.save(vocabulary, tmp_path / "learned.json")
    again = vocabularies.load(tmp_path / "learned.json")
    assert again == vocabulary
    assert len(again) == len(set(again.tokens))
    theirs = WhisperTokenizer(again.tokenizer, multilingual=True, task="transcribe", language="ru")
    named = ["<|startoftranscript|>", "<|ru|>", "<|transcribe|>"]
    assert list(theirs.sot_sequence) == [again.ids[name] for name in named]
    assert theirs.timestamp_begin == again.timestamp(0.0) == again.timestamp(29.0) - 1450
    assert theirs.decode_with_timestamps([again.timestamp(1.24)]) == "<|1.24|>"
    assert again.ids["Ġ"] not in theirs.non_speech_tokens  # … or words that are spelled would be suppressed


def test_training_and_test_share_no_sentence():
    said = {sentence.text for script in scripts() for sentence in script.sentences}
    for language in LANGUAGES:
        trained = {line.text for line in generate(language, 150, seed=1)}
        held_out = {line.text for line in generate(language, 15, seed=2, held_out=True)}
        assert len(trained) == 150
        assert len(held_out) == 15
        assert not trained & held_out
        assert not (trained | held_out) & said
        assert generate(language, 20, seed=1) == generate(language, 20, seed=1)
        assert all(len(line.text.split()) >= 3 for line in shuffled_words(language, 5, seed=1))


def test_the_bank_measures_as_faster_whisper_does():
    samples = np.random.default_rng(2).normal(0, 0.1, 8000).astype(np.float32)
    power = banks.log_power(Utterance(samples, (SpokenWord("a", 0.0, 0.5),)))
    theirs = FeatureExtractor()(np.pad(samples, (1600, 3200)), padding=0)
    ours = (np.maximum(power, power.max() - 8.0) + 4.0) / 4.0
    np.testing.assert_allclose(ours[:51], theirs[:, 10:61].T, atol=2e-4)


@pytest.mark.parametrize("kind", ["script_window", "mixed_window", "empty_window"])
def test_windows_hold_their_words_and_end_in_zeros(bank, kind):
    make = getattr(Composer(bank), kind)
    n_words = 0
    for seed in range(12):
        window = make(np.random.default_rng(seed), seconds=12.0, n_frames=2000)
        assert window.mel.shape == (2000, banks.N_MELS)
        silent = np.flatnonzero(window.mel.any(axis=1))[-1] + 1
        assert not window.mel[silent:].any()  # exactly zero, as faster-whisper pads
        assert window.mel.max() - window.mel[:silent].min() <= 2.0 + 1e-5
        ends = [word.end for word in window.words]
        assert all(word.start < word.end for word in window.words)
        interrupted = 0.8 if kind == "script_window" else 0.0  # the next speaker may start before the last word ends
        assert all(after.start > before.start - interrupted for before, after in pairwise(window.words))
        assert all(end <= min(12.1, silent / 100 + 0.02) for end in ends)
        n_words += len(window.words)
        again = make(np.random.default_rng(seed), seconds=12.0, n_frames=2000)
        np.testing.assert_array_equal(window.mel, again.mel)
    assert (n_words > 0) == (kind != "empty_window")


def test_a_script_window_is_a_passage_of_a_script(bank):
    written = [
        " ".join(text for turn in script.turns if turn.during is None for text in turn.sentences)
        for script in scripts()
    ]
    for seed in range(20):
        window = Composer(bank).script_window(np.random.default_rng(seed), seconds=15.0, n_frames=3000)
        text = " ".join(word.text for word in window.words)
        assert any(text in whole for whole in written)


def test_speech_stands_where_the_words_are(bank):
    window = Composer(bank).mixed_window(np.random.default_rng(4), seconds=10.0, n_frames=1500)
    inside = np.zeros(1500, dtype=bool)
    for word in window.words:
        inside[round(word.start * 100) : round(word.end * 100)] = True
    length = np.flatnonzero(window.mel.any(axis=1))[-1] + 1
    loudness = window.mel[:length].mean(axis=1)
    assert loudness[inside[:length]].mean() > loudness[~inside[:length]].mean() + 0.15


def test_score_counts_outside_overlapped_speech():
    said = [SpokenWord(word, i, i + 0.8) for i, word in enumerate(["Hello,", "we", "can", "start", "now."])]
    texts = ["hello", "me", "can", "start", "start", "now"]
    starts = [0.05, 1.05, 2.05, 3.35, 3.45, 4.05]
    heard = [SpokenWord(text, start, start + 0.1) for text, start in zip(texts, starts, strict=True)]
    assert (score(said, heard).errors, score(said, heard).words) == (2, 5)
    free = score(said, heard, overlapped=[(1.1, 1.5)])
    assert (free.errors, free.words) == (1, 4)
    assert score(said, said).start_error == 0.0
    assert score(said, heard).start_error == pytest.approx(0.05)
    assert score([], heard).errors == 6


def test_a_word_that_is_said_again_is_held_against_the_nearest():
    said = [SpokenWord("yes", 1.0, 1.2), SpokenWord("yes", 5.0, 5.3), SpokenWord("so", 9.0, 9.2)]
    for at in (1.1, 5.1):
        found = score(said, [SpokenWord("yes", at, at + 0.2), SpokenWord("so", 9.0, 9.2)])
        assert found.errors == 1
        assert found.delays == pytest.approx((0.1, 0.0), abs=1e-9)
    missed = score(said[:1], [SpokenWord("Yes", 0.2, 0.3), SpokenWord("yes.", 1.0, 1.3)])
    assert (missed.errors, missed.delays) == (1, (0.0,))


def test_evaluation_leaves_overlapped_speech_out():
    from training.whisper_nano.evaluate import Said, overlaps

    said = [Said("a", 0.0, 1.0, "Anna"), Said("b", 0.8, 1.2, "Boris"), Said("c", 1.1, 1.5, "Boris")]
    assert overlaps(said) == [(0.8, 1.0)]


def test_banks_can_be_put_together(bank, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "power.npy", bank.power)
        listed = json.dumps([asdict(entry) for entry in bank.entries])
        (tmp_path / name / "index.json").write_text(listed, encoding="utf-8")
    both = banks.load(tmp_path / "one", tmp_path / "two")
    assert len(both.entries) == 2 * len(bank.entries)
    for entry, again in zip(bank.entries, both.entries[len(bank.entries) :], strict=True):
        found = both.power[again.first : again.first + again.count]
        assert np.array_equal(found, bank.power[entry.first : entry.first + entry.count])
        assert (again.text, again.starts) == (entry.text, entry.starts)


# What follows needs PyTorch.


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_a_batch_says_what_comes_next_and_where(bank, vocabulary, torch):
    from training.whisper_nano.batches import IGNORED, STAGES, draw

    alone = replace(STAGES["medium"], scripts=0.0)  # in passages of a script, people interrupt each other
    batch = draw(Composer(bank), vocabulary, alone, np.random.default_rng(3))
    named = [[vocabulary.tokens[token] for token in row] for row in batch.tokens.tolist()]
    for row, tokens in enumerate(named):
        start = tokens.index("<|startoftranscript|>")
        targets = batch.targets[row]
        assert (targets[:start] == IGNORED).all()
        counted = int((targets != IGNORED).sum())
        assert vocabulary.tokens[targets[start + counted - 1]] == "<|endoftext|>"
        following = batch.tokens[row, start + 2 : start + counted]
        assert targets[start + 1 : start + counted - 1].tolist() == following.tolist()
        for column in range(start + 3, start + counted):
            first, last = batch.look[row, column].tolist()
            token = int(targets[column])
            if token < vocabulary.n_text and last - first > 1:
                assert token in batch.labels[row, first:last].tolist()


def test_exported_weights_compute_the_same(vocabulary, torch, tmp_path):
    import ctranslate2

    from training.whisper_nano.export import export
    from training.whisper_nano.model import Sizes, Whisper

    torch.manual_seed(1)
    model = Whisper(Sizes(len(vocabulary), vocabulary.n_text, width=64, heads=2, hidden=96)).eval()
    export(model, vocabulary, tmp_path / "exact", quantization=None)
    exported = ctranslate2.models.Whisper(str(tmp_path / "exact"), device="cpu")
    assert exported.is_multilingual
    mel = torch.randn(1, 3000, 80)
    sound = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.transpose(1, 2).numpy()))
    encoded = model.encode(mel)
    np.testing.assert_allclose(np.array(exported.encode(sound)), encoded.detach().numpy(), atol=2e-4)

    head = [vocabulary.ids[name] for name in ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")]
    made = exported.generate(sound, [head], beam_size=1, max_length=10, suppress_blank=False, suppress_tokens=None)
    tokens = list(head)
    while len(tokens) < len(made[0].sequences_ids[0]) + len(head):
        logits, _ = model.decode(torch.tensor([tokens]), encoded)
        logits[0, -1, vocabulary.ids[""]] = -1e4
        tokens.append(int(logits[0, -1].argmax()))
    assert made[0].sequences_ids[0] == tokens[len(head) :]


def test_the_export_runs_in_faster_whisper(vocabulary, torch, tmp_path):
    from faster_whisper import WhisperModel

    from training.whisper_nano.export import export
    from training.whisper_nano.train import build_model

    export(build_model(len(vocabulary), vocabulary.n_text), vocabulary, tmp_path / "nano")
    assert sum(path.stat().st_size for path in (tmp_path / "nano").iterdir()) < 4e6
    config = json.loads((tmp_path / "nano" / "config.json").read_text(encoding="utf-8"))
    assert config["alignment_heads"] == [[1, 0], [1, 1]]
    model = WhisperModel(str(tmp_path / "nano"), device="cpu", compute_type="int8", cpu_threads=1)
    buzz = np.sin(np.arange(32000) * 0.05, dtype=np.float32)
    segments, info = model.transcribe(buzz, max_new_tokens=8, word_timestamps=True, temperature=0.0)
    list(segments)
    assert info.language in vocabularies.LANGUAGE_CODES


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(bank, torch, tmp_path, monkeypatch):
    from dataclasses import asdict

    from training.whisper_nano.batches import STAGES
    from training.whisper_nano.train import Options, Trainer, load_run

    monkeypatch.setitem(STAGES, "short", replace(STAGES["short"], windows=2))  # a step is a step, of 2 windows or of 16
    np.save(tmp_path / "power.npy", bank.power)
    (tmp_path / "index.json").write_text(json.dumps([asdict(entry) for entry in bank.entries]), encoding="utf-8")

    def trained(run, counts):
        (tmp_path / run).mkdir()
        for count in counts:
            steps = (("short", count),)
            options = Options((tmp_path,), tmp_path / run, steps, 1, "cpu", 1, 2e-3, 1, float("inf"), float("inf"))
            Trainer(options, 0).train()
        return load_run(tmp_path / run)

    whole, _, step = trained("whole", [2])
    parted, _, again = trained("parted", [1, 2])
    assert step == again == 2
    for ours, theirs in zip(whole.parameters(), parted.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)

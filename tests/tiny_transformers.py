"""Small random speech-to-text models of Transformers' own classes: Whisper, wav2vec 2.0 by CTC, Moonshine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.whisper_nano.vocabulary import LANGUAGE_CODES, SPECIAL_TOKENS, Vocabulary, train

HEADS = [[1, 0], [1, 1]]
TEXTS = ["she sells sea shells by the sea shore while the quick brown fox jumps over the lazy dog"] * 3
LETTERS = {token: column for column, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghij"])}


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def whisper(folder: Path, *, aligns: bool = True, n_mels: int = 128, n_tokens: int | None = None) -> Path:
    """A Whisper, as Transformers saves it, with the tokenizer files of OpenAI's first checkpoints: vocab.json with the
    text alone, the rest as added tokens, times not at all.

    Args:
        folder: where to.
        aligns: whether it says which heads tell times of words.
        n_mels: bands of its features.
        n_tokens: after so many it ends, it searches with one beam, and writes letters alone; None leaves all of that
            to who runs it.
    """
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    learned = train(TEXTS, size=400, kept="")
    ids = learned.ids
    torch.manual_seed(3)
    config = WhisperConfig(
        vocab_size=len(learned),
        d_model=48,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        num_mel_bins=n_mels,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        init_std=0.4,
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
        begin_suppress_tokens=[ids["Ġ"], ids["<|endoftext|>"]],
    )
    model = WhisperForConditionalGeneration(config).eval().half().float()  # nothing is lost in 16 bits
    model.generation_config = GenerationConfig(
        decoder_start_token_id=ids["<|startoftranscript|>"],
        is_multilingual=True,
        max_length=448,
        **({} if n_tokens is None else {"max_new_tokens": n_tokens, "num_beams": 1}),
        lang_to_id={f"<|{code}|>": ids[f"<|{code}|>"] for code in LANGUAGE_CODES},
        task_to_id={task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        no_timestamps_token_id=ids["<|notimestamps|>"],
        **({"alignment_heads": HEADS} if aligns else {}),
        suppress_tokens=[] if n_tokens is None else _list_unwritten(learned),
        begin_suppress_tokens=[ids["Ġ"], ids["<|endoftext|>"]],
        prev_sot_token_id=ids["<|startofprev|>"],
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
        return_timestamps=False,
    )
    model.save_pretrained(folder)
    write_json(folder / "vocab.json", {token: index for index, token in enumerate(learned.text)})
    merges = "".join(f"{a} {b}\n" for a, b in learned.merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}", encoding="utf-8")
    write_json(folder / "added_tokens.json", {token: ids[token] for token in SPECIAL_TOKENS})
    described = {
        str(ids[token]): {"content": token, "special": True, "normalized": False, "lstrip": False, "rstrip": False}
        for token in SPECIAL_TOKENS
    }
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "WhisperTokenizer", "added_tokens_decoder": described, "unk_token": "<|endoftext|>"},
    )
    write_json(folder / "preprocessor_config.json", {"feature_size": n_mels, "n_fft": 400, "nb_max_frames": 3000})
    return folder


def _list_unwritten(learned: Vocabulary) -> list[int]:
    """Ids of tokens that are no text of letters, but for times and the end."""
    kept = {token for token in learned.text if token.replace("Ġ", "a").isalpha() and token.isprintable()}
    kept = {token for token in kept if token.replace("Ġ", "").isascii()} | {"<|endoftext|>"}
    return [learned.ids[token] for token in (*learned.text, *SPECIAL_TOKENS) if token and token not in kept]


def wav2vec2(folder: Path, *, seed: int = 0) -> Path:
    """A wav2vec 2.0 that writes letters by CTC, a frame every 20 ms."""
    import torch
    import transformers

    torch.manual_seed(seed)
    config = transformers.Wav2Vec2Config(
        vocab_size=len(LETTERS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(24, 24, 24),
        conv_kernel=(10, 8, 4),
        conv_stride=(10, 8, 4),
        num_feat_extract_layers=3,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4,
        pad_token_id=LETTERS["<pad>"],
        initializer_range=0.8,
    )
    model = transformers.Wav2Vec2ForCTC(config).eval()
    with torch.no_grad():
        model.lm_head.bias[:4] = -30.0  # no marks
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    write_json(folder / "letters.json", LETTERS)
    transformers.Wav2Vec2CTCTokenizer(str(folder / "letters.json")).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    (folder / "letters.json").unlink()
    return folder


def moonshine(folder: Path) -> Path:
    """A Moonshine: an encoder and a decoder that tells no times."""
    import tokenizers
    import torch
    import transformers

    torch.manual_seed(0)
    words = {token: index for index, token in enumerate(["<unk>", "<s>", "</s>", *TEXTS[0].split()])}
    words = {token: index for index, token in enumerate(words)}
    config = transformers.MoonshineConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=48,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        decoder_start_token_id=1,
        initializer_range=0.5,
    )
    model = transformers.MoonshineForConditionalGeneration(config).eval()
    model.generation_config.max_new_tokens = 8
    model.save_pretrained(folder)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True).save_pretrained(folder)
    return folder

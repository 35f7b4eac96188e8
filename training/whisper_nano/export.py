"""A trained model → the files that faster-whisper loads.

    python -m training.whisper_nano.export RUN FOLDER

Writes config.json, model.bin (CTranslate2, int8 with float16 for the rest), tokenizer.json, vocabulary.json and
preprocessor_config.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from training.whisper_nano.model import N_MELS, Attention, Layer, Whisper
from training.whisper_nano.objective import GUIDED_HEADS
from training.whisper_nano.train import load_run
from training.whisper_nano.vocabulary import LANGUAGE_CODES, Vocabulary, save_tokenizer

_NEVER = -1e4
"""Added to the logit of the empty entry, which is there for its name only."""


def export(model: Whisper, vocabulary: Vocabulary, folder: Path, *, quantization: str | None = "int8_float16") -> None:
    """Write `model` into `folder`, which is created; `quantization` None keeps float32."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = _spec(model, vocabulary)
    spec.register_vocabulary(list(vocabulary.tokens))
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))
    save_tokenizer(vocabulary, folder, n_mels=N_MELS)


def _spec(model: Whisper, vocabulary: Vocabulary) -> Any:
    sizes = model.sizes
    spec = ctranslate2.specs.WhisperSpec(sizes.encoder_layers, sizes.heads, sizes.decoder_layers, sizes.heads)
    encoder, decoder = spec.encoder, spec.decoder
    _linear(encoder.conv1, model.conv1)
    _linear(encoder.conv2, model.conv2)
    encoder.position_encodings.encodings = _array(model.positions)
    _norm(encoder.layer_norm, model.encoder_norm)
    for target, source in zip(encoder.layer, model.encoder, strict=True):
        _layer(target, source)
    decoder.embeddings.weight = _array(model.embedding.weight)
    decoder.position_encodings.encodings = _array(model.token_positions)
    decoder.projection.weight = decoder.embeddings.weight
    bias = np.zeros(len(vocabulary), dtype=np.float32)
    bias[vocabulary.ids[""]] = _NEVER
    decoder.projection.bias = bias
    _norm(decoder.layer_norm, model.decoder_norm)
    for target, source in zip(decoder.layer, model.decoder, strict=True):
        _layer(target, source)
    ids = vocabulary.ids
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids["Ġ"], ids["<|endoftext|>"]]
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in LANGUAGE_CODES]
    spec.config.alignment_heads = [[sizes.decoder_layers - 1, head] for head in range(GUIDED_HEADS)]
    return spec


def _layer(target: Any, source: Layer) -> None:
    attention = source.attention
    fused = _fused(attention.query, attention.key, attention.value)
    target.self_attention.linear[0].weight, target.self_attention.linear[0].bias = fused
    _linear(target.self_attention.linear[1], attention.out)
    _norm(target.self_attention.layer_norm, source.attention_norm)
    if source.cross is not None:
        cross: Attention = source.cross
        _linear(target.attention.linear[0], cross.query)
        target.attention.linear[1].weight, target.attention.linear[1].bias = _fused(cross.key, cross.value)
        _linear(target.attention.linear[2], cross.out)
        _norm(target.attention.layer_norm, source.cross_norm)
    _linear(target.ffn.linear_0, source.mlp[0])
    _linear(target.ffn.linear_1, source.mlp[2])
    _norm(target.ffn.layer_norm, source.mlp_norm)


def _fused(*parts: nn.Linear) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    biases = [np.zeros(part.out_features, np.float32) if part.bias is None else _array(part.bias) for part in parts]
    return np.concatenate([_array(part.weight) for part in parts]), np.concatenate(biases)


def _linear(target: Any, source: Any) -> None:
    target.weight, target.bias = _array(source.weight), _array(source.bias)


def _norm(target: Any, source: Any) -> None:
    target.gamma, target.beta = _array(source.weight), _array(source.bias)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = np.ascontiguousarray(tensor.detach().cpu().float().numpy())
    return array


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Write a trained whisper-nano as CTranslate2's files.")
    parser.add_argument("run", type=Path, help="the folder that training.whisper_nano.train wrote")
    parser.add_argument("folder", type=Path, help="where to, such as samples/whisper-nano")
    options = parser.parse_args()
    model, vocabulary, step = load_run(options.run)
    export(model, vocabulary, options.folder)
    files = {path.name: path.stat().st_size for path in sorted(options.folder.iterdir())}
    print(f"step {step}: {json.dumps(files)}")


if __name__ == "__main__":
    main()

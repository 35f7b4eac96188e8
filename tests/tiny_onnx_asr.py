"""Small random recognisers as ONNX files in onnx-asr's layouts; onnx-asr runs them as it runs the real ones.

Weights have no mean, so that the level of the sound says nothing and its changes decide what is "heard": texts differ
from sound to sound, and are the same for the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WIDTH = 24
SUBWORDS = ("<unk>", "▁be", "▁co", "▁di", "▁fa", "▁go", "ha", "ki", "lo", "mu", ".", ",")
RUSSIAN = ("▁", *(chr(ord("а") + index) for index in range(32)))
TONE = tuple("абвгдежз ")
SPECIAL = (
    " ",
    "<|endoftext|>",
    *(f"<|{name}|>" for name in ("startofcontext", "startoftranscript", "emo:undefined", "en", "de", "ru")),
    *(f"<|{name}|>" for name in ("pnc", "nopnc", "noitn", "notimestamp", "nodiarize")),
)


class _Graph:
    """An ONNX graph that grows node by node; names are those of its values."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weights(self, *shape: int, scale: float = 1.0) -> str:
        values = self.random.standard_normal(shape)
        values -= values.mean(axis=tuple(range(1, len(shape))), keepdims=True)
        return self.constant(scale * values / np.sqrt(np.prod(shape[1:])))

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = to or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def cast(self, value: str, kind: int, name: str = "") -> str:
        from onnx import helper

        name = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [value], [name], to=kind))
        return name

    def save(self, path: Path, inputs: dict[str, tuple[Any, Sequence[Any]]], outputs: dict[str, Any]) -> None:
        import onnx
        from onnx import helper

        graph = helper.make_graph(
            self.nodes,
            "tiny",
            [helper.make_tensor_value_info(name, kind, list(shape)) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, str(path))


def _types() -> Any:
    from onnx import TensorProto

    return TensorProto


def _convolve(graph: _Graph, features: str, n_bands: int, n_out: int, stride: int, scale: float = 3.0) -> str:
    """(batch, bands, frames) → (batch, n_out, frames / stride, rounded up)."""
    weights = graph.weights(n_out, n_bands, stride, scale=scale)
    return graph.add("Conv", features, weights, strides=[stride], pads=[0, stride - 1])


def _mask(graph: _Graph, features: str, lengths: str) -> str:
    """Features (batch, bands, frames) without what lies behind the length of each sound, as real networks have it."""
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    n_frames = graph.add("Gather", graph.add("Shape", features), graph.constant(2, np.int64), axis=0)
    frames = graph.add("Range", zero, n_frames, one)
    inside = graph.add("Less", frames, graph.add("Unsqueeze", lengths, graph.constant([1], np.int64)))
    kept = graph.add("Unsqueeze", graph.cast(inside, _types().FLOAT), graph.constant([1], np.int64))
    return graph.add("Mul", features, kept)


def _shorten(graph: _Graph, lengths: str, stride: int, to: str) -> str:
    one = graph.constant(1, np.int64)
    steps = graph.add("Div", graph.add("Sub", lengths, one), graph.constant(stride, np.int64))
    return graph.add("Add", steps, one, to=to)


def _vocabulary(path: Path, tokens: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{token.replace(' ', '▁') if token == ' ' else token} {index}\n" for index, token in enumerate(tokens)]
    path.write_text("".join(lines), encoding="utf-8")


def _configure(folder: Path, **values: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")


def parakeet(folder: Path, *, seed: int = 1, precision: str = "") -> Path:
    """A NeMo transducer that skips frames (TDT), as Parakeet is."""
    kinds, suffix = _types(), f".{precision}" if precision else ""
    _configure(folder, model_type="nemo-conformer-tdt", features_size=80, subsampling_factor=8)
    _vocabulary(folder / "vocab.txt", (*SUBWORDS, "<blk>"))
    graph = _Graph(seed)
    graph.add("Tanh", _convolve(graph, "audio_signal", 80, _WIDTH, 8), to="outputs")
    _shorten(graph, "length", 8, "encoded_lengths")
    graph.save(
        folder / f"encoder-model{suffix}.onnx",
        {"audio_signal": (kinds.FLOAT, ["b", 80, "t"]), "length": (kinds.INT64, ["b"])},
        {"outputs": kinds.FLOAT, "encoded_lengths": kinds.INT64},
    )
    _predictor(folder / f"decoder_joint-model{suffix}.onnx", seed + 1, n_tokens=len(SUBWORDS) + 1, n_durations=5)
    return folder


def _predictor(path: Path, seed: int, *, n_tokens: int, n_durations: int) -> None:
    kinds, graph = _types(), _Graph(seed)
    n_out = n_tokens + n_durations
    embedding = graph.add("Gather", graph.weights(n_tokens, _WIDTH, scale=2.0), "targets", axis=0)  # (1, 1, width)
    state = graph.add("Add", graph.add("Mul", "input_states_1", graph.constant(0.5)), embedding)
    state = graph.add("Tanh", state, to="output_states_1")
    graph.add("Identity", "input_states_2", to="output_states_2")
    heard = graph.add("Transpose", "encoder_outputs", perm=[0, 2, 1])
    both = graph.add(
        "Add",
        graph.add("MatMul", heard, graph.weights(_WIDTH, n_out, scale=6.0)),
        graph.add("MatMul", state, graph.weights(_WIDTH, n_out, scale=1.0)),
    )
    # Frames are left behind, mostly, and now and then nothing is written.
    bias = np.zeros(n_out, np.float32)
    bias[0], bias[n_tokens - 1], bias[n_tokens] = -20.0, 2.0, -20.0
    both = graph.add("Add", both, graph.constant(bias))
    graph.add("Unsqueeze", both, graph.constant([1], np.int64), to="outputs")
    graph.save(
        path,
        {
            "encoder_outputs": (kinds.FLOAT, ["b", _WIDTH, "t"]),
            "targets": (kinds.INT32, ["b", "u"]),
            "target_length": (kinds.INT32, ["b"]),
            "input_states_1": (kinds.FLOAT, [1, "b", _WIDTH]),
            "input_states_2": (kinds.FLOAT, [1, "b", _WIDTH]),
        },
        {"outputs": kinds.FLOAT, "output_states_1": kinds.FLOAT, "output_states_2": kinds.FLOAT},
    )


def gigaam(folder: Path, *, seed: int = 2) -> Path:
    """GigaAM v3 by CTC: Russian letters, a frame every 40 ms."""
    kinds, graph = _types(), _Graph(seed)
    _configure(folder, model_type="gigaam-v3-ctc", version="v3", features_size=64, subsampling_factor=4)
    _vocabulary(folder / "v3_vocab.txt", (*RUSSIAN, "<blk>"))
    scores = graph.add(
        "Transpose",
        _convolve(graph, _mask(graph, "features", "feature_lengths"), 64, len(RUSSIAN) + 1, 4),
        perm=[0, 2, 1],
    )
    graph.add("LogSoftmax", scores, axis=-1, to="log_probs")
    graph.save(
        folder / "v3_ctc.onnx",
        {"features": (kinds.FLOAT, ["b", 64, "t"]), "feature_lengths": (kinds.INT64, ["b"])},
        {"log_probs": kinds.FLOAT},
    )
    return folder


def t_one(folder: Path, *, seed: int = 3) -> Path:
    """T-one: telephone sound at 8 kHz in pieces of 0.3 s, letters by CTC."""
    kinds, graph = _types(), _Graph(seed)
    chunk, n_frames, n_out = 2400, 10, len(TONE) + 1
    _configure(
        folder,
        model_type="tone",
        decoder_params={"vocabulary": list(TONE)},
        encoder_params={"reduction_kernel_size": 3},
        pad_token_id=len(TONE),
    )
    sound = graph.add("Mul", graph.cast("signal", kinds.FLOAT), graph.constant(1 / 2000))
    frames = graph.add("Reshape", sound, graph.constant([0, n_frames, chunk // n_frames], np.int64))
    scores = graph.add("MatMul", frames, graph.weights(chunk // n_frames, n_out, scale=12.0))
    graph.add("LogSoftmax", scores, axis=-1, to="logprobs")
    graph.add("Identity", "state", to="state_next")
    graph.save(
        folder / "model.onnx",
        {"signal": (kinds.INT32, ["b", chunk, 1]), "state": (kinds.FLOAT16, ["b", 4])},
        {"logprobs": kinds.FLOAT, "state_next": kinds.FLOAT16},
    )
    return folder


def zipformer(folder: Path, *, seed: int = 4) -> Path:
    """A Zipformer of icefall with a stateless predictor, in the folders of Vosk."""
    kinds, stride = _types(), 4
    n_tokens = len(SUBWORDS) + 1
    _vocabulary(folder / "lang" / "tokens.txt", ("<blk>", *SUBWORDS))
    graph = _Graph(seed)
    bands = graph.add("Transpose", "x", perm=[0, 2, 1])
    hidden = graph.add("Tanh", _convolve(graph, bands, 80, _WIDTH, stride))
    graph.add("Transpose", hidden, perm=[0, 2, 1], to="encoder_out")
    _shorten(graph, "x_lens", stride, "encoder_out_lens")
    graph.save(
        folder / "am-onnx" / "encoder.onnx",
        {"x": (kinds.FLOAT, ["b", "t", 80]), "x_lens": (kinds.INT64, ["b"])},
        {"encoder_out": kinds.FLOAT, "encoder_out_lens": kinds.INT64},
    )
    graph = _Graph(seed + 1)
    known = graph.add("Gather", graph.weights(n_tokens, _WIDTH), graph.add("Max", "y", graph.constant(0, np.int64)))
    graph.add("ReduceMean", known, axes=[1], keepdims=0, to="decoder_out")
    graph.save(folder / "am-onnx" / "decoder.onnx", {"y": (kinds.INT64, ["b", 2])}, {"decoder_out": kinds.FLOAT})
    graph = _Graph(seed + 2)
    both = graph.add(
        "Add",
        graph.add("MatMul", "encoder_out", graph.weights(_WIDTH, n_tokens, scale=6.0)),
        graph.add("MatMul", "decoder_out", graph.weights(_WIDTH, n_tokens)),
    )
    bias = np.zeros(n_tokens, np.float32)
    bias[0], bias[1] = 4.0, -20.0  # the blank, the unknown
    graph.add("Add", both, graph.constant(bias), to="logit")
    graph.save(
        folder / "am-onnx" / "joiner.onnx",
        {"encoder_out": (kinds.FLOAT, ["b", _WIDTH]), "decoder_out": (kinds.FLOAT, ["b", _WIDTH])},
        {"logit": kinds.FLOAT},
    )
    return folder


def canary(folder: Path, *, seed: int = 5) -> Path:
    """Canary: an encoder and a decoder that is told the language and writes without times."""
    kinds, graph = _types(), _Graph(seed)
    tokens = (*SPECIAL, *SUBWORDS[1:])
    _configure(folder, model_type="nemo-conformer-aed", features_size=80, subsampling_factor=8, max_sequence_length=24)
    _vocabulary(folder / "vocab.txt", tokens)
    hidden = graph.add("Tanh", _convolve(graph, "audio_signal", 80, _WIDTH, 8))
    graph.add("Transpose", hidden, perm=[0, 2, 1], to="encoder_embeddings")
    frames = graph.add("ReduceMax", "encoder_embeddings", axes=[2], keepdims=0)
    ones = graph.add("Greater", frames, graph.constant(-2.0))
    graph.cast(ones, kinds.INT64, "encoder_mask")
    graph.save(
        folder / "encoder-model.onnx",
        {"audio_signal": (kinds.FLOAT, ["b", 80, "t"]), "length": (kinds.INT64, ["b"])},
        {"encoder_embeddings": kinds.FLOAT, "encoder_mask": kinds.INT64},
    )
    graph = _Graph(seed + 1)
    known = graph.add("Gather", graph.weights(len(tokens), _WIDTH, scale=2.0), "input_ids", axis=0)  # (b, l, width)
    heard = graph.add("ReduceMean", "encoder_embeddings", axes=[1], keepdims=1)
    inside = graph.add("Tanh", graph.add("Add", known, graph.add("Mul", heard, graph.constant(8.0))))
    # No marks; `max_sequence_length` ends it.
    bias = np.zeros((1, 1, len(tokens)), np.float32)
    bias[..., : len(SPECIAL)] = -30.0
    scores = graph.add(
        "Add", graph.add("MatMul", inside, graph.weights(_WIDTH, len(tokens), scale=4.0)), graph.constant(bias)
    )
    graph.add("LogSoftmax", scores, axis=-1, to="logits")
    new = graph.add("Unsqueeze", inside, graph.constant([0], np.int64))
    graph.add("Concat", "decoder_mems", new, axis=2, to="decoder_hidden_states")
    graph.save(
        folder / "decoder-model.onnx",
        {
            "input_ids": (kinds.INT64, ["b", "l"]),
            "encoder_embeddings": (kinds.FLOAT, ["b", "t", _WIDTH]),
            "encoder_mask": (kinds.INT64, ["b", "t"]),
            "decoder_mems": (kinds.FLOAT, [1, "b", "m", _WIDTH]),
        },
        {"logits": kinds.FLOAT, "decoder_hidden_states": kinds.FLOAT},
    )
    return folder


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Sound whose colour changes, at 16 kHz."""
    random = np.random.default_rng(seed)
    sound = random.standard_normal(round(16_000 * seconds)).astype(np.float32)
    swell = np.sin(np.arange(sound.size) / 900.0).astype(np.float32)
    return 0.1 * sound * (1.2 + swell)

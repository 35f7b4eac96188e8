"""Small models of Transformers' Nemotron 3 Diarization with random weights, as checkpoints and as ONNX graphs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar import Audio
from whisperdiar.options.speaker_activity import Streaming

WIDTH = 32


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def model(sound: Audio, *, seed: int = 0, n_speakers: int = 8) -> Any:
    """A Nemotron3DiarizationForAudioFrameClassification in which every speaker talks in two frames of five."""
    with _quiet():
        import torch
        from transformers import Nemotron3DiarizationConfig, Nemotron3DiarizationForAudioFrameClassification

        config = Nemotron3DiarizationConfig(
            audio_config={
                "hidden_size": WIDTH,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
            },
            head_config={"hidden_size": 16, "audio_hidden_size": WIDTH, "num_speakers": n_speakers},
            streaming_config={"num_speakers": n_speakers},
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = Nemotron3DiarizationForAudioFrameClassification(config).eval()
            with torch.no_grad():
                made.silence_embeds.normal_()
                for name, weight in made.named_parameters():
                    if weight.ndim >= 2 and "upsampler" not in name:
                        weight.normal_(std=weight[0].numel() ** -0.5)
                made.model.upsampler.conv.weight.add_(0.1 * torch.randn_like(made.model.upsampler.conv.weight))
                layer = made.classifier.out_proj
                logits = made(features(sound)).logits[0]
                factor = 3.0 / logits.std(dim=0)
                layer.weight.mul_(factor[:, None])
                layer.bias.copy_(-torch.quantile(logits, 0.6, dim=0) * factor)
        return made


def features(sound: Audio) -> Any:
    """What Transformers' own feature extractor makes of a recording: (1, n_frames, 128), whole hops only."""
    with _quiet():
        from transformers import NemotronAsrStreamingFeatureExtractor

        extractor = NemotronAsrStreamingFeatureExtractor(feature_size=128)
        made = extractor(np.array(sound.mono), sampling_rate=sound.sample_rate, return_tensors="pt")
    return made["input_features"][:, : int(made["attention_mask"].sum())]


def forward(made: Any, values: Any) -> NDArray[np.float32]:
    """Transformers' own answer in its mode for whole recordings."""
    import torch

    with first_of_equals(), torch.inference_mode():
        return made(values).logits.sigmoid()[0].numpy()


@contextmanager
def first_of_equals() -> Iterator[None]:
    """Inside the block `torch.topk` takes the first of equal values. PyTorch leaves open which it takes, and a frame
    that stands in the cache for two speakers is there twice, with equal scores."""
    import torch

    before = torch.topk

    def topk(values: Any, k: int, dim: int = -1, sorted: bool = True) -> Any:
        ordered, indices = torch.sort(values, dim=dim, descending=True, stable=True)
        return ordered.narrow(dim, 0, k), indices.narrow(dim, 0, k)

    torch.topk = topk  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.topk = before


def forward_streaming(made: Any, values: Any, sizes: Streaming) -> tuple[NDArray[np.float32], list[Any]]:
    """Transformers' own answer, one forward for each chunk; also copies of its speaker cache and FIFO after each."""
    import torch

    own = made.config.streaming_config
    before = own.fifo_length, own.speaker_cache_update_period, own.speaker_cache_length
    own.fifo_length, own.speaker_cache_update_period = sizes.fifo_len, sizes.spkcache_update_period
    own.speaker_cache_length = sizes.spkcache_len
    cache, found, states = None, [], []
    total = values.shape[1]
    try:
        for start in range(0, total, 8 * sizes.chunk_len):
            end = min(start + 8 * sizes.chunk_len, total)
            right = min(end + 8 * sizes.chunk_right_context, total)
            ahead = -(-(right - start) // 8) - -(-(end - start) // 8)
            with first_of_equals(), torch.inference_mode():
                answer = made(values[:, start:right], speaker_cache=cache, num_lookahead_frames=ahead)
            cache = answer.speaker_cache
            found.append(answer.logits.sigmoid()[0, : end - start].numpy())
            states.append(
                (
                    cache.embeds[0, : cache.num_cache_frames].numpy().copy(),
                    cache.fifo[0, : cache.num_fifo_frames].numpy().copy(),
                )
            )
    finally:
        own.fifo_length, own.speaker_cache_update_period, own.speaker_cache_length = before
    return np.concatenate(found), states


def save(made: Any, folder: Path) -> Path:
    """As a checkpoint."""
    with _quiet():
        made.save_pretrained(folder)
    return folder


def _export(module: Any, values: tuple[Any, ...], path: Path, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    """As a graph; each name has the axis whose length is open."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    with _quiet():
        torch.onnx.export(
            module.eval(),
            values,
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {axis: f"n_{name}"} for name, axis in {**inputs, **outputs}.items() if axis >= 0},
        )


def export_two_graphs(made: Any, folder: Path) -> Path:
    """``embed.onnx``, ``step.onnx`` and ``silence_embeds.bin``."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = made

        def forward(self, embeddings: Any) -> Any:
            return self.own.classifier(self.own.model(inputs_embeds=embeddings).last_hidden_state)

    embedder = made.model.audio_tower.embedder
    _export(embedder, (torch.randn(1, 80, 128),), folder / "embed.onnx", {"features": 1}, {"embeddings": 1})
    _export(Step(), (torch.randn(1, 30, WIDTH),), folder / "step.onnx", {"embeddings": 1}, {"logits": 1})
    made.silence_embeds.detach().numpy().astype("<f4").tofile(folder / "silence_embeds.bin")
    return folder


def export_one_graph(made: Any, path: Path) -> Path:
    """The graph that takes features and what is remembered."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = made

        def forward(self, values: Any, cached: Any, mask: Any) -> Any:
            chunk = self.own.model.audio_tower.embedder(values)
            everything = torch.cat([cached, chunk], dim=1) * mask.float()[..., None]
            logits = self.own.classifier(self.own.model(inputs_embeds=everything).last_hidden_state)
            return logits, chunk, self.own.silence_embeds + 0.0 * mask.float().sum()

    values = (torch.randn(1, 80, 128), torch.randn(1, 5, WIDTH), torch.ones(1, 15, dtype=torch.int64))
    inputs = {"input_features": 1, "cached_embeds": 1, "attention_mask": 1}
    _export(Whole(), values, path, inputs, {"logits": 1, "chunk_embeds": 1, "silence_embeds": -1})
    return path


def export_sortformer_graph(made: Any, path: Path) -> Path:
    """The graph with six inputs that NeMo's exports have, and ``silence_embeds.bin``."""
    import torch

    class Six(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = made

        def forward(
            self, chunk: Any, chunk_lengths: Any, cache: Any, cache_lengths: Any, fifo: Any, fifo_lengths: Any
        ) -> Any:
            embeddings = self.own.model.audio_tower.embedder(chunk)
            everything = torch.cat([cache, fifo, embeddings], dim=1)
            answer = self.own.classifier(self.own.model(inputs_embeds=everything).last_hidden_state).sigmoid()
            n_all = chunk_lengths // 8 + cache_lengths + fifo_lengths
            return answer + 0.0 * n_all.float(), embeddings, chunk_lengths // 8

    values = (torch.randn(1, 80, 128), torch.tensor([80]), torch.randn(1, 5, WIDTH), torch.tensor([5]))
    values = (*values, torch.randn(1, 4, WIDTH), torch.tensor([4]))
    inputs = {"chunk": 1, "chunk_lengths": -1, "spkcache": 1, "spkcache_lengths": -1, "fifo": 1, "fifo_lengths": -1}
    outputs = {"spkcache_fifo_chunk_preds": 1, "chunk_pre_encode_embs": 1, "chunk_pre_encode_lengths": -1}
    _export(Six(), values, path, inputs, outputs)
    made.silence_embeds.detach().numpy().astype("<f4").tofile(path.parent / "silence_embeds.bin")
    return path

"""Small Sortformers of NeMo's own classes with random weights, saved the way that NeMo loads them.

Random weights say nothing about speakers, but everything about the code: windows, streaming state, thresholds, labels.
The last layer is sharpened and centred on the sound of the tests, so that each of the four speakers comes and goes.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.sounds import conversation
from whisperdiar.diarization.sortformer.model import silence_loading

_WIDTH = 16


def config(*, streaming: bool, normalize: str | None = None, n_speakers: int = 4) -> dict[str, Any]:
    """What NVIDIA's training configurations say, with a small width and depth."""
    return {
        "sample_rate": 16_000,
        "max_num_of_spks": n_speakers,
        "streaming_mode": streaming,
        "model_defaults": {"fc_d_model": _WIDTH, "tf_d_model": 8},
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "normalize": normalize or ("NA" if streaming else "per_feature"),
            "window_size": 0.025,
            "sample_rate": 16_000,
            "window_stride": 0.01,
            "window": "hann",
            "features": 16,
            "n_fft": 512,
            "frame_splicing": 1,
            "dither": 0.00001,
        },
        "sortformer_modules": {
            "_target_": "nemo.collections.asr.modules.sortformer_modules.SortformerModules",
            "num_spks": n_speakers,
            "dropout_rate": 0.5,
            "fc_d_model": _WIDTH,
            "tf_d_model": 8,
            "spkcache_len": 32,
            "fifo_len": 8,
            "chunk_len": 12,
            "spkcache_update_period": 12,
            "chunk_left_context": 1,
            "chunk_right_context": 2,
            "spkcache_sil_frames_per_spk": 1,
        },
        "encoder": {
            "_target_": "nemo.collections.asr.modules.ConformerEncoder",
            "feat_in": 16,
            "feat_out": -1,
            "n_layers": 1,
            "d_model": _WIDTH,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": 8,
            "ff_expansion_factor": 2,
            "self_attention_model": "rel_pos",
            "n_heads": 2,
            "att_context_size": [-1, -1],
            "conv_kernel_size": 5,
        },
        "transformer_encoder": {
            "_target_": "nemo.collections.asr.modules.transformer.transformer_encoders.TransformerEncoder",
            "num_layers": 1,
            "hidden_size": 8,
            "inner_size": 16,
            "num_attention_heads": 2,
            "hidden_act": "relu",
            "pre_ln": False,
            "pre_ln_final_layer_norm": True,
        },
        "loss": {"_target_": "nemo.collections.asr.losses.bce_loss.BCELoss", "weight": None, "reduction": "mean"},
    }


def model(*, streaming: bool, seed: int = 3, local: bool = False, **options: Any) -> Any:
    """A SortformerEncLabelModel; with `local` one whose frames do not look at each other."""
    with silence_loading():
        import torch
        from nemo.collections.asr.models import SortformerEncLabelModel
        from omegaconf import OmegaConf

        torch.manual_seed(seed)
        made = SortformerEncLabelModel(cfg=OmegaConf.create(config(streaming=streaming, **options)))
    made.eval()
    with torch.no_grad():
        if local:
            for name, weights in made.named_parameters():
                if "self_attn.linear_out" in name or "conv.pointwise_conv2" in name or "sub_layer.out_proj" in name:
                    weights.zero_()
        _sharpen(made, torch)
    return made


def _sharpen(made: Any, torch: Any) -> None:
    sound = torch.from_numpy(conversation("ABAC", each=2.0)[0].samples)
    features, length = made.process_signal(audio_signal=sound, audio_signal_length=torch.tensor([sound.shape[1]]))
    seen: list[Any] = []
    layer = made.sortformer_modules.single_hidden_to_spks
    hook = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output[0]))
    made.forward_infer(*made.frontend_encoder(features[:, :, : int(length)], length))
    hook.remove()
    factor = 3.0 / seen[0].std(dim=0)
    # Each speaker is silent for three frames in five.
    shift = torch.quantile(seen[0], 0.6, dim=0)
    layer.weight.mul_(factor[:, None])
    layer.bias.copy_((layer.bias - shift) * factor)


def save(made: Any, path: Path) -> Path:
    """As a ``.nemo`` file; skips the test on a Python on which NeMo opens none (`sortformer.model.check_python`)."""
    if not hasattr(tarfile, "data_filter"):
        pytest.skip("NeMo opens no model on this Python: it needs 3.10.12, 3.11.4 or later")
    path.parent.mkdir(parents=True, exist_ok=True)
    with silence_loading():
        made.save_to(str(path))
    return path


def build(path: Path, *, streaming: bool = True, **options: Any) -> Path:
    """Make a model and save it."""
    return save(model(streaming=streaming, **options), path)

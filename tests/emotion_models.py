"""A folder with a small emotion diarization as SpeechBrain's own, whose answers change with the sound."""

from __future__ import annotations

from pathlib import Path

import torch
from hyperpyyaml import load_hyperpyyaml
from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMModel

_HYPERPARAMS = """
wav2vec2_hub: wavlm
pretrained_path: somebody/elses
window_length: 1
stride: 1
encoder_dim: 16
out_n_neurons: 4
input_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
wav2vec2: !new:speechbrain.integrations.huggingface.wavlm.WavLM
    source: !ref <wav2vec2_hub>
    output_norm: True
    freeze: True
    save_path: !ref <pretrained_path>
avg_pool: !new:speechbrain.nnet.pooling.Pooling1d
    pool_type: avg
    kernel_size: !ref <window_length>
    stride: !ref <stride>
    ceil_mode: True
output_mlp: !new:speechbrain.nnet.linear.Linear
    input_size: !ref <encoder_dim>
    n_neurons: !ref <out_n_neurons>
    bias: False
model: !new:torch.nn.ModuleList
    - [!ref <output_mlp>]
modules:
    input_norm: !ref <input_norm>
    wav2vec2: !ref <wav2vec2>
    output_mlp: !ref <output_mlp>
log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: True
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        input_norm: !ref <input_norm>
        wav2vec2: !ref <wav2vec2>
        model: !ref <model>
        label_encoder: !ref <label_encoder>
    paths:
        input_norm: !ref <pretrained_path>/input_norm.ckpt
        wav2vec2: !ref <pretrained_path>/wav2vec2.ckpt
        model: !ref <pretrained_path>/model.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""
_LABELS = "'a' => 0\n'n' => 1\n'h' => 2\n's' => 3\n================\n'starting_index' => 0\n"


def save_small(folder: Path) -> Path:
    """A WavLM of one layer and a linear layer, both random."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    config = WavLMConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    WavLMModel(config).save_pretrained(folder / "wavlm")
    Wav2Vec2FeatureExtractor().save_pretrained(folder / "wavlm")
    (folder / "hyperparams.yaml").write_text(_HYPERPARAMS, encoding="utf-8")
    (folder / "label_encoder.txt").write_text(_LABELS, encoding="utf-8")
    here = {"wav2vec2_hub": str(folder / "wavlm"), "pretrained_path": str(folder)}
    made = load_hyperpyyaml(_HYPERPARAMS, overrides=here)
    torch.save(made["wav2vec2"].state_dict(), folder / "wav2vec2.ckpt")
    torch.save(made["model"].state_dict(), folder / "model.ckpt")
    made["input_norm"]._save(str(folder / "input_norm.ckpt"))
    return folder

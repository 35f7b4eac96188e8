"""A small ECAPA-TDNN of SpeechBrain's own class with random weights, saved as speechbrain/spkrec-ecapa-voxceleb is.

Random weights say little about voices, but everything about the code.
"""

from __future__ import annotations

from pathlib import Path

# As published, with a fraction of the channels, and the name of a repository that must never be asked for.
HYPERPARAMETERS = """
pretrained_path: speechbrain/spkrec-ecapa-voxceleb

n_mels: 24
sample_rate: 16000
n_classes: 5
emb_dim: 32

compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>

mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False

embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    res2net_scale: 4
    se_channels: 8
    lin_neurons: !ref <emb_dim>

classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: !ref <emb_dim>
    lin_neurons: !ref <emb_dim>
    out_neurons: !ref <n_classes>

mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False

modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>

label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""


def save(folder: Path, *, seed: int = 0) -> Path:
    """The five files of the published model in `folder`, which is made."""
    import torch
    from hyperpyyaml import load_hyperpyyaml

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.yaml").write_text(HYPERPARAMETERS, encoding="utf-8")
    torch.manual_seed(seed)
    made = load_hyperpyyaml(HYPERPARAMETERS)
    for part in ("embedding_model", "classifier"):
        torch.save(made[part].state_dict(), folder / f"{part}.ckpt")
    made["mean_var_norm_emb"]._save(str(folder / "mean_var_norm_emb.ckpt"))
    made["label_encoder"].update_from_iterable([f"id{number}" for number in range(5)], sequence_input=False)
    made["label_encoder"].save(str(folder / "label_encoder.txt"))
    return folder

"""NVIDIA's Nemotron 3 Diarization: one network from sound to the probability of each of eight speakers every 0.01 s.

It runs in ONNX Runtime, without PyTorch, or in Hugging Face Transformers; features, speaker cache and turns are the
same code for both. Source: Medennikov et al., "Streaming Sortformer: speaker cache-based online speaker diarization
with arrival-time ordering", Interspeech 2025, arXiv:2507.18446; the model card of nvidia/Nemotron-3-Diarization.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from whisperdiar.activity_files import check_target, save_or_warn
from whisperdiar.contracts import Progress, check_sample_rate, current_parts, no_progress, remember_array
from whisperdiar.diarization._shared.activity_stream import ActivityStream
from whisperdiar.diarization._shared.activity_turns import Frames, refuse_too_many, to_turns
from whisperdiar.diarization.nemotron import inference
from whisperdiar.diarization.nemotron.networks import (
    EMBED_FILE,
    EXTRA,
    SILENCE_FILE,
    Network,
    TransformersNetwork,
    load_onnx,
)
from whisperdiar.errors import InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.torch import TorchBackend, require
from whisperdiar.models.sources import Source
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.options.nemotron import ONE_WINDOW, NemotronSettings
from whisperdiar.options.speaker_activity import Streaming
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Diarization, Span, SpeakerCount

MAX_SPEAKERS = 8
FRAME_S = 0.01
_FRAMES = Frames(name="nemotron", duration=FRAME_S, bridge_first=True, reaches=True)
ONE_GRAPH = "onnx-community/Nemotron-3-Diarization-ONNX"
TWO_GRAPHS = "NealCaren/Nemotron-3-Diarization-ONNX"
CHECKPOINT = "nvidia/Nemotron-3-Diarization"
REVISIONS: Mapping[str, str] = {
    ONE_GRAPH: "353b6f8ad2cac3580e982d7fbdf0a010786b0406",
    TWO_GRAPHS: "46642c09b3bd014c5ceb19d20524fa2f1dc27dee",
    CHECKPOINT: "f667ed73aee57d40cc39428eb768b4fd87a0a29e",
}
"""What these names mean here: a model does not change behind anybody's back."""
_ONE_GRAPH_FILES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_quantized.onnx"}
_TWO_GRAPHS_FILES = {"fp32": "step.onnx", "int8": "step_int8.onnx"}
_CHECKPOINT_FILES = ("config.json", "model.safetensors")
FILES = {ONE_GRAPH: ("onnx/model.onnx", "onnx/model.onnx_data")}

_WINDOW_FRAMES = 3000
"""Four minutes, in frames of 0.08 s: up to there one window is cheaper than chunks with a cache, and better."""
_LONGEST_FRAMES = 5000
"""The positions that the network knows: 400 s."""


class Backend(TorchBackend[NemotronSettings, Network]):
    """Nemotron 3 Diarization from the hub or from files; reports overlapped speech, and tells eight speakers apart.

    The network looks for speech by itself: cut or masked sound would spoil it, so `speech` only says whether there is
    any.
    """

    name: ClassVar[str] = "nemotron"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="NVIDIA Nemotron 3 Diarization in ONNX Runtime: one network for up to eight speakers, also at once",
        licence="OpenMDW-1.1",
        network=True,
        download_mb=399,
        overlap=True,
        max_speakers=MAX_SPEAKERS,
        streaming=True,
        activity="posterior",
        homepage="https://huggingface.co/nvidia/Nemotron-3-Diarization",
        repositories=(ONE_GRAPH,),
        requires=("onnxruntime",),
    )
    settings_type: ClassVar[type] = NemotronSettings

    _source: str | None = None
    _mode: str | None = None

    def _load(self, progress: Progress) -> Network:
        """Find the model, fetch it where that is needed and allowed, and load it.

        Raises:
            BackendMissing, BackendBroken: ONNX Runtime, Transformers or a file cannot be used.
            ModelUnavailable: a file is not here and cannot be fetched.
            InvalidOption: a precision that the model does not have, or a device that is not there.
        """
        source = Source.of(self.settings.model, self.runtime, revisions=REVISIONS, progress=progress)
        checkpoint = _is_checkpoint(source)
        for module in ("torch", "transformers") if checkpoint else self.info.requires:
            require(module, package=module, extra=EXTRA if checkpoint else "")
        self._source = name = str(source)
        if checkpoint:
            return TransformersNetwork(source.folder(_CHECKPOINT_FILES), self.runtime, name=name)
        return load_onnx(_onnx_file(source, self.settings.precision), self.runtime, name=name)

    def record(self) -> BackendRecord:
        details: dict[str, Any] = {}
        if self._loaded is not None:
            details = {
                "source": self._source,
                "device": self._loaded.device,
                "runtime": self._loaded.kind,
                "mode": self._mode or self.settings.mode,
                "postprocessing": asdict(self.settings.turns),
            }
            if self._loaded.kind == "onnx":
                details["precision"] = self.settings.precision
        return BackendRecord(self.name, model=self.settings.model, details=details)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        progress: Progress = no_progress,
    ) -> Diarization:
        """Turns of everybody who is heard, and their activity; labels in the order of first appearance.

        Where fewer speakers are asked for than were heard, those who speak most stay, and the turns of the others go
        to whoever of them is the likeliest there; where more are, those come in who are likeliest among the rest. A
        warning says so, and another one when the model has no speaker left for whoever else there may be.

        Raises:
            UnsupportedRequest: more speakers than the model can tell apart, another sample rate than 16 kHz, or a
                recording too long for one window.
            BackendError: out of memory, or the model failed.
            OutputError: the folder for the activity does not exist; what fails later becomes a warning.
        """
        refuse_too_many(speakers, MAX_SPEAKERS, name=self.name)
        target = self.settings.save_activity
        if not speech or audio.samples.shape[1] == 0:
            return save_or_warn(target, Diarization(audio.recording_id), audio)
        check_sample_rate(audio, self.name)
        check_target(target)
        streaming = self._sizes(audio)
        network = self._require(progress)
        refuse_too_many(speakers, network.n_speakers, name=self.name)
        progress("diarization", 0.0)
        found = remember_array(
            current_parts(),
            f"activity {streaming}",
            lambda: inference.probabilities(
                network, audio, streaming, heard=lambda done: progress("diarization", done)
            ),
        )
        progress("diarization", 1.0)
        result = to_turns(
            audio.recording_id, found, self.settings.turns, speakers, frames=_FRAMES, duration=audio.duration
        )
        return save_or_warn(target, result, audio)

    def stream(
        self, *, speakers: SpeakerCount, delay: float, patience: float, new_speaker: float
    ) -> ActivityStream | None:
        """Hears a stream, as `whisperdiar.contracts.StreamingDiarizer` says; None in mode ``one_window``.

        Labels are those of a recording that is heard in the same mode (``low_latency`` for ``auto``). Delays are the
        mode's own.

        Raises:
            UnsupportedRequest: more speakers than the model can tell apart.
        """
        del delay, patience, new_speaker  # the network and its mode say it
        refuse_too_many(speakers, MAX_SPEAKERS, name=self.name)
        sizes = self.settings.live
        if sizes is None:
            return None
        network = self._require()
        refuse_too_many(speakers, network.n_speakers, name=self.name)
        listener = inference.StreamListener(network, sizes)
        return ActivityStream(listener, self.settings.turns, frames=_FRAMES, most=speakers.maximum, rate=SAMPLE_RATE_HZ)

    def _sizes(self, audio: Audio) -> Streaming:
        """How the recording is heard: a window is a chunk that holds all of it."""
        n_frames = inference.encoder_frames(audio.samples.shape[1])
        streaming = self.settings.streaming
        whole = self.settings.mode == ONE_WINDOW
        if whole and n_frames > _LONGEST_FRAMES:
            raise UnsupportedRequest(
                _(
                    "mode {mode}: {duration:.0f} s are longer than the 400 s that the network knows; use mode=offline"
                ).format(mode=ONE_WINDOW, duration=audio.duration)
            )
        self._mode = "offline" if self.settings.mode == "auto" else self.settings.mode
        if whole or (self.settings.chooses_window and n_frames <= _WINDOW_FRAMES):
            self._mode = ONE_WINDOW
            streaming = replace(streaming, chunk_len=max(1, n_frames), chunk_right_context=0)
        return streaming


def _is_checkpoint(source: Source) -> bool:
    """Whether the model is one of Transformers."""
    path = source.path
    if path is None:
        return source.named == CHECKPOINT
    try:
        kind = json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return False
    # A repository of graphs holds a config.json as well.
    return kind == "nemotron3_diarization" and (path / _CHECKPOINT_FILES[1]).is_file()


def _onnx_file(source: Source, precision: str) -> Path:
    """The graph that is meant: a file, the one in a folder, or one in a repository.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
        InvalidOption: the model does not come in this precision, or the file is no ``.onnx``.
    """
    path = source.path
    if path is not None and path.is_file():
        if path.suffix != ".onnx":
            raise InvalidOption(
                _("model {path}: give a file that ends in .onnx, or a repository as OWNER/NAME").format(path=path)
            )
        return path.resolve()
    one, two = _ONE_GRAPH_FILES[precision], _TWO_GRAPHS_FILES.get(precision)
    if path is not None and path.is_dir():
        candidates = [path / "onnx" / one, path / one, *([path / two] if two else [])]
        found = next((item for item in candidates if item.is_file()), None)
        if found is None:
            listed = ", ".join(str(item.relative_to(path)) for item in candidates)
            raise ModelUnavailable(
                _("{named} holds none of {listed}: give a folder with one, or the file itself").format(
                    named=source.named, listed=listed
                )
            )
        return found.resolve()
    if source.named == TWO_GRAPHS:
        if two is None:
            names = " or ".join(_TWO_GRAPHS_FILES)
            raise InvalidOption(
                _("precision {precision}: {model} comes in {names}; choose one of them").format(
                    precision=precision, model=TWO_GRAPHS, names=names
                )
            )
        return source.folder((two, EMBED_FILE, SILENCE_FILE)) / two
    # Weights lie beside the graph.
    return source.folder((f"onnx/{one}", f"onnx/{one}_data")) / "onnx" / one

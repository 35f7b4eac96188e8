"""ONNX Runtime: files, sessions, devices and threads."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendBroken, BackendError, InvalidOption, describe_error
from whisperdiar.frameworks.torch import import_module
from whisperdiar.models.sources import Source
from whisperdiar.options import Runtime, check_device
from whisperdiar.system.machine import usable_cores
from whisperdiar.text.messages import _

Item = TypeVar("Item")
Result = TypeVar("Result")
Array = NDArray[np.float32]

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


def find_file(
    named: str, repository: str, inside: str, revision: str, runtime: Runtime, progress: Progress = no_progress
) -> Path:
    """The ``.onnx`` file that is meant: a file, the one in a folder, or one in a repository.

    Args:
        named: by the user.
        repository: the usual one, which means the one `revision` of it.
        inside: the name of the file in it; other repositories may hold it under the same name.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
        InvalidOption: a folder holds several, or a file is no ``.onnx``.
    """
    source = Source.of(named, runtime, revisions={repository: revision}, progress=progress)
    path = source.path
    if path is not None and path.is_file():
        if path.suffix != ".onnx":
            raise InvalidOption(
                _("model {path}: give a file that ends in .onnx, or a repository as OWNER/NAME").format(path=path)
            )
        return path.resolve()
    if path is not None and path.is_dir() and not (path / inside).is_file():
        found = sorted(path.glob("*.onnx"))
        if len(found) > 1:
            raise InvalidOption(
                _("model {path}: {n_found} .onnx files are in this folder, give one of them").format(
                    path=path, n_found=len(found)
                )
            )
        return found[0].resolve() if found else source.file(inside)
    return source.file(inside)


def choose_providers(runtime: Runtime) -> tuple[list[Any], str]:
    """What ONNX Runtime computes with, and the device in a word; ``auto`` takes a GPU where its build has CUDA.

    Raises:
        InvalidOption: no such device, or this build of ONNX Runtime has no CUDA.
    """
    onnxruntime: Any = import_module("onnxruntime", package="onnxruntime", extra="")
    check_device(runtime.device)
    match = re.fullmatch(r"cuda(?::(\d+))?", runtime.device)
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if match is not None and not has_cuda:
        raise InvalidOption(
            _(
                "device {device!r}: this ONNX Runtime has no CUDA; use --device cpu, or put onnxruntime-gpu "
                "in the place of onnxruntime"
            ).format(device=runtime.device)
        )
    if runtime.device == "cpu" or not has_cuda:
        return [_CPU], "cpu"
    index = int(match[1] or 0) if match else 0
    # A heuristic search for algorithms: windows all have one shape, but a full search takes longer than it saves.
    return [(_CUDA, {"device_id": index, "cudnn_conv_algo_search": "HEURISTIC"}), _CPU], f"cuda:{index}"


class Session:
    """A model in ONNX Runtime: calls may come from several threads at once, each of which computes on its own.

    Several calls of one thread each are faster than one call of several threads: recurrent layers and small
    convolutions share out badly.

    Attributes:
        device: ``cpu`` or ``cuda:N``.
        kind: ``cpu`` or ``cuda``.
        parallel: how many calls are worth making at once.
        inputs: type (such as ``tensor(float)``) and shape of every input, by name.
        outputs: names.
    """

    def __init__(
        self,
        model: Path | bytes,
        runtime: Runtime,
        *,
        name: str,
        one_call: bool = False,
        remedy: str = _("lower segmentation_batch_size and embedding_batch_size, or use --device cpu"),
    ) -> None:
        """Raises BackendMissing, BackendBroken: no usable ONNX Runtime, or the file is damaged; InvalidOption: device.

        Args:
            model: file, or the bytes of one.
            name: of the model, for messages.
            one_call: each call waits for the one before, so all threads work on one call.
            remedy: what to do where memory is too small.
        """
        onnxruntime: Any = import_module("onnxruntime", package="onnxruntime", extra="")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = (runtime.threads or usable_cores()) if one_call else 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what fails is told once, by us
        chosen, self.device = choose_providers(runtime)
        self._name, self._remedy = name, remedy
        self._answers: dict[bytes, list[Array]] | None = None
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model), sess_options=options, providers=chosen
            )
        except Exception as error:  # ONNX Runtime raises types of its own for each kind of damage
            raise BackendBroken(
                _("{name} cannot be loaded by ONNX Runtime: {cause}; fetch it anew").format(
                    name=name, cause=describe_error(error)
                )
            ) from error
        if self.device != "cpu" and self._session.get_providers()[0] == _CPU:
            # ONNX Runtime falls back by itself where a library of CUDA is missing.
            if runtime.device != "auto":
                raise BackendBroken(
                    _("ONNX Runtime cannot use {device}: its CUDA or cuDNN libraries are missing").format(
                        device=runtime.device
                    )
                )
            self.device = "cpu"
        self.kind = self.device.partition(":")[0]
        self.parallel = (runtime.threads or usable_cores()) if self.device == "cpu" and not one_call else 1
        self.inputs: dict[str, tuple[str, tuple[Any, ...]]] = {
            item.name: (item.type, tuple(item.shape)) for item in self._session.get_inputs()
        }
        self.outputs = tuple(item.name for item in self._session.get_outputs())
        self.input_shape: tuple[Any, ...] = tuple(self._session.get_inputs()[0].shape)
        self.n_inputs = len(self.inputs)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def __call__(self, values: Array) -> Array:
        """The first output for the only input.

        Raises:
            BackendError: it failed, such as for want of memory.
        """
        return self._run([self._output], {self._input: values})[0]

    def run(self, values: Mapping[str, NDArray[Any]], outputs: Sequence[str] = ()) -> list[Array]:
        """The named outputs, or all, as float32; floats go in at the precision of the graph, such as 16 bits.

        Raises:
            BackendError: it failed, such as for want of memory.
        """
        feeds = {key: self._cast_inputs(key, item) for key, item in values.items()}
        found = self._run(list(outputs) or None, feeds)
        return [item.astype(np.float32, copy=False) for item in found]

    def _cast_inputs(self, key: str, values: NDArray[Any]) -> NDArray[Any]:
        return values.astype(np.float16) if self.inputs[key][0] == "tensor(float16)" else values

    def remember(self) -> None:
        """Keep every answer from now on, and give it again for the same input."""
        self._answers = {} if self._answers is None else self._answers

    def _run(self, outputs: list[str] | None, feeds: dict[str, NDArray[Any]]) -> list[Array]:
        if self._answers is None:
            return self._compute(outputs, feeds)
        digest = hashlib.blake2b(repr((outputs, [(key, item.shape) for key, item in feeds.items()])).encode())
        for item in feeds.values():
            digest.update(item.tobytes())
        key = digest.digest()
        if key not in self._answers:
            self._answers[key] = self._compute(outputs, feeds)
        return [item.copy() for item in self._answers[key]]

    def _compute(self, outputs: list[str] | None, feeds: dict[str, NDArray[Any]]) -> list[Array]:
        try:
            found: list[Array] = self._session.run(outputs, feeds)
        except Exception as error:  # as above
            remedy = _("give another model")
            if "alloc" in str(error).lower() or isinstance(error, MemoryError):
                remedy = self._remedy
            raise BackendError(
                _("{name} failed in ONNX Runtime: {cause}; {remedy}").format(
                    name=self._name, cause=describe_error(error), remedy=remedy
                )
            ) from error
        return found


def map_on_threads(function: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """The function of every item, in order; only a few are in hand at once, however many there are."""
    if threads <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

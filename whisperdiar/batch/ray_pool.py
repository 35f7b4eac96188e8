"""Workers on a Ray cluster: actors of `Transcriber`, long recordings recognised by several of them.

Ray begins an actor anew where it is lost, on another machine if need be. A recording of more than two hours is shared
out: one actor finds its speech and cuts it at pauses, several recognise the stretches, and one takes what they have
computed for parts of its own work on the whole, and diarizes it. Whatever is lost on the way it computes itself, so
that the result is the same.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from whisperdiar.batch.places import is_url
from whisperdiar.batch.pools import PoolEvent
from whisperdiar.batch.tasks import Outcome, Task, WorkSettings
from whisperdiar.batch.transcriber import Transcriber
from whisperdiar.contracts import Division
from whisperdiar.errors import BackendError, BackendMissing, MediaError, WhisperdiarError, describe_error
from whisperdiar.media import probe
from whisperdiar.system.machine import usable_cores
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text import messages
from whisperdiar.text.messages import _
from whisperdiar.types import Span

LOCAL = "local"
"""Address of a cluster that is begun on this machine, for this run."""
LONG_S = 7200.0
"""Recordings beyond this are recognised by several workers …"""
STRETCH_S = 1800.0
"""… in stretches with so much speech."""
_LONG_BYTES = 2e7
"""A smaller file behind a URL is not so long: two hours at 24 kbit/s."""
_ASK_AGAIN_S = 1.0
_PATIENCE_S = 600.0
"""Without any worker: Ray waits for ever for a machine that does not come."""
_CORES_EACH = 4
_STORE_BYTES = 300_000_000
"""Of a cluster on this machine, for what passes between its workers; texts take little."""
_THREADS = "OMP_NUM_THREADS"
_INSTALL = 'pip install "whisperdiar[ray]"'


class RayTranscriber(Transcriber):
    """A `Transcriber` in a process of Ray's."""

    def __init__(self, settings: WorkSettings, language: str) -> None:
        disable_telemetry()
        messages.use(language)
        super().__init__(settings)

    def is_there(self) -> bool:
        """Answers, once the actor has been begun anew."""
        return True

    def run(self, task: Task, data: bytes | None) -> Outcome:
        """As `work`; `data` is the recording where this machine may not have the file."""
        if data is None or os.path.exists(task.source):
            return self.work(task)
        import tempfile

        with tempfile.TemporaryDirectory(prefix="whisperdiar-") as folder:
            path = Path(folder) / Path(task.source).name
            path.write_bytes(data)
            return self.work(replace(task, source=str(path), played=task.source))


@dataclass(slots=True)
class _Call:
    """A piece of work for one actor: all of a task, its division, or a stretch of it."""

    kind: Literal["work", "divide", "stretch"]
    task: Task
    stretch: tuple[Span, ...] = ()
    language: str | None = None


@dataclass(slots=True)
class _Shared:
    """A task that several work on: how many stretches are still out, and what the others have computed."""

    left: int = 0
    parts: dict[str, bytes] = field(default_factory=dict)


class RayPool:
    """Actors on a cluster, one for each GPU, or for each four cores.

    Args:
        settings: of each worker.
        address: of the cluster, or `LOCAL`.
        jobs: actors; None for as many as the cluster has room for.
        max_memory: bytes that are set aside for each.
    """

    def __init__(self, settings: WorkSettings, *, address: str, jobs: int | None, max_memory: int | None) -> None:
        """Reaches the cluster, and asks for the actors.

        Raises:
            BackendMissing: Ray is not installed.
            BackendError: there is no cluster at this address.
        """
        disable_telemetry()
        if not os.environ.get("WHISPERDIAR_DEBUG"):  # each of its attempts to reach a cluster
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            import ray
        except ImportError as error:
            raise BackendMissing(
                _("--ray needs Ray; run: {install}").format(install=_INSTALL), remedy=_INSTALL
            ) from error
        self._ray = ray
        self._is_own = not ray.is_initialized()
        if self._is_own:
            try:
                _connect(ray, address)
            except Exception as error:  # Ray has many of its own
                raise BackendError(
                    _("--ray {address}: no cluster is reached ({cause}); check the address").format(
                        address=address, cause=describe_error(error, first_line=True)
                    )
                ) from error
        found = ray.cluster_resources()
        gpus, cores = int(found.get("GPU", 0)), max(1, int(found.get("CPU", 1)))
        wants_gpu = gpus > 0 and settings.request.runtime.device != "cpu"
        number = gpus if wants_gpu else max(1, cores // _CORES_EACH)
        if jobs is not None:
            number = min(jobs, cores)  # those beyond would wait for ever
        each = max(1, cores // number)
        request = settings.request
        runtime = replace(request.runtime, threads=request.runtime.threads or each)
        self._is_wide = len([node for node in ray.nodes() if node.get("Alive")]) > 1
        kind = ray.remote(
            num_cpus=each,
            num_gpus=1 if wants_gpu and number <= gpus else gpus / number if wants_gpu else 0,
            max_restarts=-1,
            max_task_retries=0,
            # Ray would set it to the cores of an actor, and with one alone NumPy's BLAS adds up in another order: a
            # recording would get other probabilities than from processes of this machine.
            runtime_env={"env_vars": {_THREADS: os.environ.get(_THREADS) or str(usable_cores())}},
            **({} if max_memory is None else {"memory": max_memory}),
        )(RayTranscriber)
        own = replace(settings, request=replace(request, runtime=runtime))
        self._idle = deque(kind.remote(own, messages.current()) for _number in range(number))
        self._n_workers = number
        self._calls: dict[Any, tuple[Any, _Call]] = {}
        self._asked: dict[Any, Any] = {}
        """Actors that were lost, by the question whether they are there again."""
        self._lost: deque[tuple[float, Any]] = deque()
        """When to ask again those that are not."""
        self._last_sign = time.monotonic()
        self._waiting: deque[_Call] = deque()
        self._shared: dict[int, _Shared] = {}

    @property
    def n_workers(self) -> int:
        return self._n_workers

    @property
    def n_free(self) -> int:
        return max(0, len(self._idle) - len(self._waiting))

    def submit(self, task: Task) -> None:
        is_shared = self._n_workers > 1 and _may_be_long(task)
        self._waiting.append(_Call("divide" if is_shared else "work", task))
        self._hand_out()

    def wait(self, timeout_s: float) -> list[PoolEvent]:
        self._ask_the_lost()
        if self._calls or self._idle:
            self._last_sign = time.monotonic()
        elif time.monotonic() - self._last_sign > _PATIENCE_S:
            raise BackendError(
                _("--ray: all workers were lost, and none came back within {minutes:.0f} minutes; run it again").format(
                    minutes=_PATIENCE_S / 60
                )
            )
        out = [*self._calls, *self._asked]
        if not out:
            time.sleep(timeout_s)
        ready, _rest = self._ray.wait(out, num_returns=1, timeout=timeout_s) if out else ([], [])
        events = []
        for reference in ready:
            found = self._get(reference)
            if reference in self._asked:
                self._take_back(self._asked.pop(reference), found)
                continue
            actor, call = self._calls.pop(reference)
            self._take_back(actor, found)
            if call.kind == "work":
                events.append(_tell(call.task, found))
            else:
                self._go_on(call, found)
        self._hand_out()
        return events

    def _take_back(self, actor: Any, found: Any) -> None:
        """An actor that has answered gets work again; one that was lost, once it is there again.

        What is handed to it before that fails at once, as if it had been lost a second time.
        """
        errors = self._ray.exceptions
        if isinstance(found, errors.RayError) and not isinstance(found, errors.RayTaskError):
            self._lost.append((time.monotonic() + _ASK_AGAIN_S, actor))
        else:
            self._idle.append(actor)

    def _ask_the_lost(self) -> None:
        while self._lost and self._lost[0][0] <= time.monotonic():
            actor = self._lost.popleft()[1]
            self._asked[actor.is_there.remote()] = actor

    def _get(self, reference: Any) -> Any:
        """What a call gave, or the error by which it was lost.

        Raises:
            WhisperdiarError: the models cannot be loaded, anywhere.
        """
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, WhisperdiarError):
                raise cause from error
            return error
        except self._ray.exceptions.RayError as error:
            return error

    def _go_on(self, call: _Call, found: Any) -> None:
        """The next step with a recording that several work on."""
        number = call.task.number
        if call.kind == "divide":
            division: Division | None
            division, parts = (None, {}) if isinstance(found, Exception) else found
            if division is None:
                self._waiting.append(_Call("work", replace(call.task, parts=parts)))
                return
            self._shared[number] = _Shared(len(division.stretches), parts)
            self._waiting.extend(
                _Call("stretch", call.task, stretch, division.language) for stretch in division.stretches
            )
            return
        shared = self._shared[number]
        shared.left -= 1
        if not isinstance(found, Exception):  # what is lost is computed with the whole
            shared.parts.update(found)
        if not shared.left:
            self._waiting.append(_Call("work", replace(call.task, parts=self._shared.pop(number).parts)))

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            actor, call = self._idle.popleft(), self._waiting.popleft()
            task = call.task
            if call.kind == "divide":
                reference = actor.divide.remote(task, longer_than_s=LONG_S, seconds=STRETCH_S)
            elif call.kind == "stretch":
                reference = actor.recognise_stretch.remote(task, call.stretch, call.language)
            else:
                reference = actor.run.remote(task, self._read(task))
            self._calls[reference] = (actor, call)

    def _read(self, task: Task) -> Any:
        """The file in the object store, for machines that may not have it; None where all of them do."""
        if not self._is_wide or is_url(task.source):
            return None
        with contextlib.suppress(OSError):
            return self._ray.put(Path(task.source).read_bytes())
        return None

    def close(self) -> None:
        busy = [actor for actor, _call in self._calls.values()]
        lost = [*self._asked.values(), *(actor for _when, actor in self._lost)]
        for actor in [*self._idle, *busy, *lost]:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        if self._is_own:
            self._ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    quiet = {"include_dashboard": False, "object_store_memory": _STORE_BYTES, "num_cpus": usable_cores()}
    own = quiet if address == LOCAL else {}
    ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    if not os.environ.get("WHISPERDIAR_DEBUG"):
        # Ray prints a paragraph on standard output for each worker that is lost, whatever its options; the run tells of
        # it in one line. Where Ray calls that otherwise some day, it prints again.
        from ray._private import worker

        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = lambda *_given, **_named: None


def _tell(task: Task, found: Any) -> PoolEvent:
    if isinstance(found, Outcome):
        return PoolEvent("done", task.number, found)
    reason = _("its worker was lost ({cause})").format(cause=describe_error(found, first_line=True))
    return PoolEvent("lost", task.number, reason=reason)


def _may_be_long(task: Task) -> bool:
    """Whether a recording may be longer than `LONG_S`, by its header, or its size where it is elsewhere."""
    if is_url(task.source):
        return task.size is None or task.size > _LONG_BYTES
    try:
        duration = probe(task.source).duration
    except MediaError:
        return False
    return duration is None or duration > LONG_S

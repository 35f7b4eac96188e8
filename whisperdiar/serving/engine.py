"""Engine: what all interfaces of a server share. Uploads become tasks, tasks works, and works outcomes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whisperdiar.errors import OutputError
from whisperdiar.options import ServerOptions
from whisperdiar.serving.live_sessions import LiveSessions
from whisperdiar.serving.metrics import Log, Metrics
from whisperdiar.serving.refusals import Refusal, refuse_for_now, refuse_work
from whisperdiar.serving.store import JobStore
from whisperdiar.serving.tasks import Failure, Outcome, Task, WorkerSettings
from whisperdiar.serving.uploads import Form, Receiver, drain, sweep_uploads
from whisperdiar.serving.webhooks import Webhooks
from whisperdiar.serving.workers import STOPPED, QueueFull, Workers
from whisperdiar.serving.works import Work
from whisperdiar.system.files import explain_write_error
from whisperdiar.system.folders import find_state_folder
from whisperdiar.text.messages import _

if TYPE_CHECKING:  # without the extra the command still says what it needs
    from starlette.requests import Request

_BROKEN_S = 60
"""After which a client may ask again where models do not load."""
_LOOK_S = 1.0
"""Between two looks at whether a client that waits is still there."""


class Engine:
    """The workers, the uploads, the counters and the log of one server.

    Attributes:
        options: what others may do.
        model: what the server's own Whisper model is called.
    """

    def __init__(
        self, settings: Sequence[WorkerSettings], *, options: ServerOptions, model: str, log: Log | None = None
    ) -> None:
        """Makes the folder, and opens the store of jobs in it.

        Raises:
            OutputError: it cannot be made, or another server has it.
        """
        self.options, self.model = options, model
        self.metrics, self.log = Metrics(), log or Log()
        self.folder = Path(options.folder) if options.folder else server_folder()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: {explain_write_error(error)}") from error
        self.store = JobStore(self.folder)
        self.webhooks = Webhooks(options.webhook_secret, private=options.private_webhooks, on_event=self.log.write)
        self.uploads = Receiver(self.folder, options)
        self.stopping = False
        self._stopped: asyncio.Future[tuple[Work, ...]] | None = None
        self.live = LiveSessions(
            settings[0], folder=self.folder / "live", most=options.live_sessions, on_event=self.log.write
        )
        self.workers = Workers(
            settings,
            queue=options.queue,
            work_hours=options.work_hours,
            memory_gb=options.memory_gb,
            on_event=self.log.write,
        )

    def close(self) -> None:
        """Closes the store; webhooks that were not delivered are given up."""
        self.webhooks.stop()
        self.store.close()

    def start(self) -> None:
        """Removes what a server before has left, and starts the workers."""
        for _path in sweep_uploads(self.folder):
            self.log.write("upload_removed")
        for _number in range(self.live.sweep()):
            self.log.write("live_sound_removed")
        self.workers.start()

    async def stop(self) -> tuple[Work, ...]:
        """Takes nothing more, lets work end, and gives what is left of it. Who waits for that is told."""
        if self._stopped is None:
            self.stopping = True
            self._stopped = asyncio.ensure_future(asyncio.to_thread(self._stop))
        return await self._stopped

    def _stop(self) -> tuple[Work, ...]:
        self.live.stop()
        left = self.workers.stop(self.options.grace_s, on_left=_leave)
        self.log.write("stopped", left=len(left))
        return left

    async def receive(self, request: Request) -> Form:
        """The form of a request, where there is room for work at all.

        Raises:
            Refusal: as of `Receiver.receive`, or the queue is full, or models do not load.
        """
        try:
            if self.stopping:
                raise refuse_for_now(10, STOPPED, status=503, code="stopping")
            self._check_models()
            try:
                self.workers.check_room()
            except QueueFull as error:
                raise self._refuse_full(error) from error
        except Refusal:
            await drain(request)
            raise
        form = await self.uploads.receive(request)
        self.metrics.add("received_bytes", sum(item.n_bytes for item in form.files.values()))
        return form

    def submit(self, work: Work, *, always: bool = False) -> Work:
        """Queues a work.

        Raises:
            Refusal: there is no room, or the server stops.
        """
        if self.stopping:
            raise refuse_for_now(10, STOPPED, status=503, code="stopping")
        work.on_end.append(self._count)
        try:
            self.workers.put(work, always=always)
        except QueueFull as error:
            raise self._refuse_full(error) from error
        return work

    async def run(self, task: Task, request: Request) -> Outcome:
        """The outcome of a task, for a client that waits; one that goes away cancels it.

        Raises:
            Refusal: the work came to nothing.
        """
        work = self.submit(Work(task))
        waiting = asyncio.ensure_future(work.wait())
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=_LOOK_S)
                if not waiting.done() and await request.is_disconnected():
                    break
                if work.begun is None:
                    self._check_models()
        finally:
            waiting.cancel()
            if not work.is_final:
                self.workers.withdraw(work)
        return take_outcome(work)

    def _check_models(self) -> None:
        """Raises Refusal where no worker comes up: who waits for it would wait until somebody mends that."""
        failure = self.workers.failure
        if failure is not None:
            raise refuse_for_now(_BROKEN_S, failure.message, status=503, code="not_ready")

    def _refuse_full(self, error: QueueFull) -> Refusal:
        self.metrics.add("refused", reason="queue_full")
        return refuse_for_now(error.retry_after_s, _("the queue is full: come again later"))

    def _count(self, work: Work) -> None:
        self.metrics.add("jobs", state=work.state)
        if work.outcome is not None:
            self.metrics.add("recording_seconds", work.outcome.seconds)
        spent = 0.0 if work.begun is None or work.ended is None else work.ended - work.begun
        if work.begun is not None:
            self.metrics.observe_work(spent)
        reason = {} if work.failure is None else {"reason": work.failure.code or work.failure.kind}
        self.log.write(
            "work_ended",
            job=work.id,
            state=work.state,
            waited_s=round((work.begun or time.time()) - work.created, 3),
            worked_s=round(spent, 3),
            **reason,
        )

    def format_metrics(self) -> str:
        """For Prometheus."""
        restarts = self.workers.restarts
        gauges = {
            "queue_length": self.workers.n_waiting,
            "running": len(self.workers.running),
            "uploads": self.uploads.n_open,
            "live_sessions": self.live.n_open,
            "ready": int(self.workers.is_ready),
        }
        text = self.metrics.format(gauges)
        return text.replace(
            "# TYPE whisperdiar_worker_restarts_total counter\n",
            f"# TYPE whisperdiar_worker_restarts_total counter\nwhisperdiar_worker_restarts_total {restarts}\n",
        )


def _leave(work: Work) -> None:
    """Tells those who wait for a work that this server will not end it."""
    if work.is_kept:
        work.leave()
    else:
        work.finish(failure=Failure(kind="stopping", message=STOPPED, code="stopping"))


def take_outcome(work: Work) -> Outcome:
    """What became of a work that has ended.

    Raises:
        Refusal: nothing did.
    """
    if work.outcome is None:
        if work.failure is None:
            raise refuse_for_now(10, STOPPED, status=503, code="stopping")
        raise refuse_work(work.failure)
    return work.outcome


def server_folder() -> Path:
    """Where a server of this user keeps uploads and results."""
    return find_state_folder() / "server"

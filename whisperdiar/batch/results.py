"""What a run of a batch tells: what happens in it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from whisperdiar.batch.manifest import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent:
    """What happens in a run.

    Attributes:
        kind: ``begin`` and ``end`` of the work on a recording, ``progress`` within it, ``again`` where it failed and is
            tried once more.
        row: of the recording.
        number, total: recordings that have ended, and all that are worked on, as far as is known.
        left: seconds that the rest will take, about; None where nobody knows.
        stage, fraction: of the progress.
    """

    kind: Literal["begin", "progress", "again", "end"]
    row: Row
    number: int
    total: int
    left: float | None = None
    stage: str = ""
    fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class SharedWarning:
    """A warning, or a note, of one or several recordings, which may differ in its numbers.

    Attributes:
        text: that of the first of them.
        path: of the first of them.
        number: of recordings.
    """

    text: str
    path: str
    number: int


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What became of a run.

    Attributes:
        rows: recordings that this run has worked on, in the order in which they ended.
        n_there: recordings that were done already.
        n_left: recordings whose outputs are there from something else, and stay.
        elapsed: seconds.
        warnings, notes: each kind once, those of most recordings first.
        manifest: where the manifest lies.
    """

    rows: list[Row] = field(default_factory=list)
    n_there: int = 0
    n_left: int = 0
    elapsed: float = 0.0
    warnings: list[SharedWarning] = field(default_factory=list)
    notes: list[SharedWarning] = field(default_factory=list)
    manifest: Path = Path()

    @property
    def n_done(self) -> int:
        return sum(row.state == "done" for row in self.rows)

    @property
    def n_failed(self) -> int:
        return sum(row.state == "failed" for row in self.rows)

    @property
    def n_empty(self) -> int:
        """Of those that are done, the ones without words."""
        return sum(row.state == "done" and row.reason is not None for row in self.rows)

    @property
    def seconds(self) -> float:
        """Of sound, of all that this run has worked on."""
        return sum(row.seconds or 0.0 for row in self.rows)

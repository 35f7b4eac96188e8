"""`--report FILE`: what was left out and what was mended, for every recording of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whisperdiar.cli.console import Console
from whisperdiar.cli.errors import OK, report
from whisperdiar.cli.rescue import keep_output
from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.outcome import REPORT_SUFFIXES, format_report, report_rows
from whisperdiar.system.files import write_text
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


def check_report(path: Path) -> None:
    """Raises InvalidOption where the name does not say in which form the report is to be written."""
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise InvalidOption(
            _("--report {path}: give the name of a {suffixes} file").format(
                path=path, suffixes=" or ".join(REPORT_SUFFIXES)
            )
        )


@dataclass(slots=True)
class RunReport:
    """Rows of all recordings so far, written whole."""

    path: Path
    replace: bool = False
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, transcript: Transcript) -> None:
        self._rows += report_rows(transcript)

    def write_or_keep(self, console: Console) -> int:
        """Write it, or keep it in another folder; returns the exit code."""
        made = format_report(self._rows, self.path.suffix)
        try:
            write_text(self.path, made, sync=True, replace=self.replace)
        except OutputError as error:
            code = report(error, console)
            keep_output(made, self.path.stem, self.path.suffix, console)
            return code
        return OK

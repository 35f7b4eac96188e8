"""Command `data`: local copies of corpora become manifests."""

from __future__ import annotations

import os
from pathlib import Path

from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.errors import FAILED, OK
from whisperdiar.cli.outputs import check_outputs
from whisperdiar.datasets import (
    CORPORA,
    Checked,
    Recording,
    check_recordings,
    convert_audio,
    read_corpus,
    read_lhotse,
    read_manifest,
    write_lhotse,
    write_manifest,
)
from whisperdiar.errors import InvalidOption
from whisperdiar.text import json
from whisperdiar.text.counts import count_recordings, count_speakers, count_turns
from whisperdiar.text.messages import _

_SUPERVISIONS = ("recordings", "supervisions")


def data(
    *,
    corpus: str,
    folder: Path | None,
    output: Path | None,
    microphone: str,
    reference: str,
    wav: Path | None,
    lhotse: Path | None,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Write the manifest of a corpus, say what is wrong with it, and print its statistics; 1 where something is."""
    if folder is None:
        if corpus not in CORPORA:
            raise InvalidOption(_("{corpus}: give the file to read").format(corpus=corpus))
        known = CORPORA[corpus]
        rows = (
            (_("is"), _(known.title)),
            (_("from"), _(known.source)),
            (_("licence"), _(known.licence)),
            (_("expected"), known.layout),
        )
        write_stdout("".join(f"{key + ':':<10}{value}\n" for key, value in rows))
        return OK
    console = Console(quiet=quiet)
    if output is not None:
        check_outputs([], also_written=[output], read=[folder] if os.path.isfile(folder) else [], overwrite=overwrite)
    elif corpus not in ("folder", "voxconverse", "dihard", "manifest"):
        raise InvalidOption(
            _("{corpus}: its references are converted; say with -o MANIFEST.jsonl where they go").format(corpus=corpus)
        )
    recordings = _read(corpus, folder, output, microphone, reference)
    if wav is not None:
        recordings = tuple(convert_audio(item, wav) if os.path.isfile(item.audio) else item for item in recordings)
    checked = check_recordings(recordings)
    for finding in checked.findings:
        console.warn(f"{finding.recording}: {finding.message}")
    if output is not None:
        write_manifest(checked.recordings, output)
    if lhotse is not None:
        write_lhotse((item for item in checked.recordings if os.path.isfile(item.audio)), lhotse)
    write_stdout(json.write(_to_dict(checked)) if as_json else _describe(checked))
    return FAILED if checked.findings else OK


def _read(corpus: str, folder: Path, output: Path | None, microphone: str, reference: str) -> tuple[Recording, ...]:
    references = (output.parent if output is not None else Path()) / "references"
    if corpus == "manifest":
        return read_manifest(folder)
    if corpus == "lhotse":
        beside = folder.with_name(folder.name.replace(*_SUPERVISIONS))
        return read_lhotse(
            folder, beside if beside != folder and os.path.isfile(beside) else None, references=references
        )
    return read_corpus(corpus, folder, references=references, microphone=microphone, reference=reference)


def _to_dict(checked: Checked) -> dict[str, object]:
    findings = [{"recording": item.recording, "message": item.message} for item in checked.findings]
    return {"statistics": checked.statistics.to_dict(), "findings": findings}


def _describe(checked: Checked) -> str:
    sums = checked.statistics
    return _(
        "{recordings}, {duration:.2f} h; {speakers}, {turns}, "
        "{speech:.2f} h of speech, {overlap:.1f} % of it overlapped\n"
    ).format(
        recordings=count_recordings(sums.n_recordings),
        duration=sums.duration / 3600,
        speakers=count_speakers(sums.n_speakers),
        turns=count_turns(sums.n_turns),
        speech=sums.speech / 3600,
        overlap=100 * sums.overlap_share,
    )

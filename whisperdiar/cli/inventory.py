"""What there is on this machine: backends and models."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from whisperdiar import models as store
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.errors import BackendBroken, InvalidOption
from whisperdiar.options import AUTO_ORDER, Runtime
from whisperdiar.registry import STAGES, BackendClass, Stage, available, load


def missing_packages(backend: BackendClass) -> list[str]:
    """Top-level packages that a backend needs and that are not installed; nothing is imported."""
    tops = {name.partition(".")[0] for name in backend.info.requires}
    return sorted(name for name in tops if importlib.util.find_spec(name) is None)


def _rows() -> Iterator[dict[str, Any]]:
    for stage in STAGES:
        for name in available(stage):
            try:
                backend = load(stage, name)
            except BackendBroken as error:  # another package's fault must not hide the rest
                yield {"stage": stage, "name": name, "installed": False, "broken": str(error)}
                continue
            missing = missing_packages(backend)
            preferred = AUTO_ORDER[stage].index(name) + 1 if name in AUTO_ORDER[stage] else None
            yield {
                "stage": stage,
                "name": name,
                "installed": not missing,
                "missing": missing,
                "auto_rank": preferred,
                **asdict(backend.info),
                "settings": {item.name: item.default for item in fields(backend.settings_type)},
            }


@click.command("backends", short_help="Which detectors, recognisers and diarizers there are.")
@click.option("--json", "as_json", is_flag=True, help="Everything about them, as JSON.")
@click.option("--settings", is_flag=True, help="Show the settings of each, for --vad-option and the like.")
def backends(*, as_json: bool, settings: bool) -> None:
    """List the backends of every stage, what each needs, and its licence."""
    rows = list(_rows())
    if as_json:
        write_stdout(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    write_stdout("".join(_lines(rows, settings=settings)))


def _lines(rows: list[dict[str, Any]], *, settings: bool) -> Iterator[str]:
    options = {"vad": "--vad", "asr": "--asr", "diarization": "--diarizer"}
    stage = ""
    for row in rows:
        if row["stage"] != stage:
            stage = row["stage"]
            order = ", then ".join(AUTO_ORDER[stage])
            yield (
                f"\n{options[stage]} NAME   (auto takes {order})\n"
                if stage != "vad"
                else (f"{options[stage]} NAME   (auto takes {order})\n")
            )
        if "broken" in row:
            yield f"  {row['name']:<12} BROKEN: {row['broken']}\n"
            continue
        state = "ready" if row["installed"] else f'pip install "whisperdiar[{row["extra"]}]"'
        facts = [row["licence"]]
        if row["download_mb"]:
            facts.append(f"model of {row['download_mb']} MB")
        if row["token"]:
            facts.append("needs HF_TOKEN")
        yield f"  {row['name']:<12} {row['summary']} ({', '.join(facts)}): {state}\n"
        if settings:
            for key, value in row["settings"].items():
                yield f"  {'':<12}   {key}={'' if value is None else value}\n"


@click.group("models", short_help="Prepare a machine that will be offline.")
def models() -> None:
    """List, fetch and find models. What is in the cache is used without the network."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_models(*, as_json: bool) -> None:
    """All models that have a name, their sizes, and whether they are on this machine."""
    entries = store.catalogue()
    if as_json:
        write_stdout(json.dumps([asdict(entry) for entry in entries], indent=2) + "\n")
        return
    for entry in entries:
        state = "on this machine" if entry.cached else ""
        write_stdout(
            f"{entry.name:<20} {entry.size_mb:>5} MB  {entry.languages:<12}  {entry.licence:<12} {state}".rstrip()
            + "\n"
        )


@models.command("download")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--directory", type=click.Path(path_type=Path), help="A folder of its own instead of the cache.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def download(context: click.Context, /, names: tuple[str, ...], *, directory: Path | None, quiet: bool) -> None:
    """Fetch models; an interrupted download goes on where it stopped. Prints where they lie.

    NAME is a Whisper model (see `whisperdiar models list`), a repository OWNER/NAME, or a backend that has models of
    its own (crdnn, pyannote).
    """
    console = Console(quiet=quiet)
    context.call_on_close(console.close)
    for name in names:
        stage = _stage_of(name)
        if stage is None:
            folder = directory / name.replace("/", "--") if directory and len(names) > 1 else directory
            found = store.download(name, folder, runtime=Runtime(), progress=console.progress)
            write_stdout(f"{found}\n")
        elif directory is not None:
            raise InvalidOption(f"{name}: only Whisper models can go into a folder of their own; leave --directory out")
        else:
            backend = load(stage, name)(None, runtime=Runtime())
            backend.prepare(progress=console.progress)
            write_stdout(f"{name}: {backend.record().model} is on this machine\n")


def _stage_of(name: str) -> Stage | None:
    """The stage of a backend that fetches models of its own; None where the name is a Whisper model's."""
    for stage in STAGES:
        if stage != "asr" and name in available(stage) and load(stage, name).info.network:
            return stage
    return None


@models.command("path")
@click.argument("name")
def path(name: str) -> None:
    """Where a model lies on this machine; exit code 1 if it does not."""
    write_stdout(f"{store.path(name)}\n")

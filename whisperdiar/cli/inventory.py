"""Commands `backends` and `models`: what there is on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from whisperdiar import models as store
from whisperdiar.cli.backend_models import find_backend_models
from whisperdiar.cli.console import open_console, write_stdout
from whisperdiar.cli.errors import FAILED
from whisperdiar.contracts import Progress, listen
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable
from whisperdiar.formats import available as available_formats
from whisperdiar.formats import by_name
from whisperdiar.frameworks.installation import missing_packages, readiness
from whisperdiar.models import recognisers
from whisperdiar.models.catalogue import full_name
from whisperdiar.models.hub import find_cached
from whisperdiar.models.installed import InstalledModel, find_in_folder, list_installed
from whisperdiar.models.recommendations import find_comparisons, list_knowing
from whisperdiar.models.repair import repair_snapshot
from whisperdiar.models.verification import size_on_disk
from whisperdiar.options import Runtime
from whisperdiar.registry import PRESET, STAGES, available, load, preferred
from whisperdiar.text.counts import count_files, count_speakers
from whisperdiar.text.languages import WHISPER_LANGUAGES, language_code, language_name
from whisperdiar.text.messages import _, make_english, mark


def _rows() -> Iterator[dict[str, Any]]:
    for stage in STAGES:
        for name in available(stage):
            try:
                backend = load(stage, name)
            except BackendBroken as error:  # another package's fault must not hide the rest
                yield {"stage": stage, "name": name, "installed": False, "broken": str(error)}
                continue
            missing, ready = missing_packages(backend), readiness(stage, backend)
            order = preferred(stage)
            yield {
                "stage": stage,
                "name": name,
                "installed": not missing,
                "missing": missing,
                "state": ready.state,
                "remedy": ready.remedy,
                "ready": ready.text,
                "auto_rank": order.index(name) + 1 if name in order else None,
                **asdict(backend.info),
                "presets": list(getattr(backend.settings_type, "presets", ())),
                "settings": {item.name: item.default for item in fields(backend.settings_type)},
            }


def formats(*, as_json: bool) -> None:
    """List the formats of transcripts."""
    rows: list[dict[str, Any]] = [
        {
            "name": item.name,
            "suffixes": [item.suffix, *item.aliases],
            "holds": mark("subtitles") if item.read_cues is not None else item.needs or mark("everything"),
            "read": item.read is not None,
        }
        for item in map(by_name, available_formats())
    ]
    if as_json:
        write_stdout(json.dumps(make_english(rows), indent=2, ensure_ascii=False) + "\n")
        return
    head = (_("-f NAME"), _("suffixes"), _("holds"), _("read"))
    lines = [
        (row["name"], " ".join(row["suffixes"]), _(row["holds"]), _("yes") if row["read"] else _("no")) for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    for line in (head, *lines):
        padded = "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True))
        write_stdout(padded.rstrip() + "\n")


def backends(*, as_json: bool, settings: bool) -> None:
    """List the backends of every stage, what each needs, and its licence."""
    rows = list(_rows())
    if as_json:
        write_stdout(json.dumps(make_english(rows), indent=2, ensure_ascii=False) + "\n")
        return
    write_stdout("".join(_lines(rows, settings=settings)))


def _lines(rows: list[dict[str, Any]], *, settings: bool) -> Iterator[str]:
    options = {"vad": "--vad", "asr": "--asr", "diarization": "--diarizer"}
    stage = ""
    for row in rows:
        if row["stage"] != stage:
            stage = row["stage"]
            order = _(", then ").join(preferred(stage))
            yield (
                ("\n" if stage != "vad" else "")
                + _("{option} NAME   (auto takes {order})").format(option=options[stage], order=order)
                + "\n"
            )
        if "broken" in row:
            yield f"  {row['name']:<12} {_('BROKEN')}: {row['broken']}\n"
            continue
        facts = [_(row["licence"])]
        if row["download_mb"]:
            facts.append(_("model of {megabytes} MB").format(megabytes=row["download_mb"]))
        if row["token"]:
            facts.append(_("needs HF_TOKEN"))
        if row["max_speakers"]:
            facts.append(_("up to {speakers}").format(speakers=count_speakers(row["max_speakers"])))
        if row["overlap"]:
            facts.append(_("hears overlap"))
        yield f"  {row['name']:<12} {_(row['summary'])} ({', '.join(facts)}): {row['ready']}\n"
        if settings:
            if row["presets"]:
                yield f"  {'':<12}   {PRESET}={'|'.join(row['presets'])}\n"
            for key, value in row["settings"].items():
                yield f"  {'':<12}   {key}={'' if value is None else value}\n"


_HELD = (mark("words"), mark("turns"), mark("emotions"))
"""What formats need, beside subtitles and everything; languages of models."""
_LANGUAGES = (mark("multilingual"), mark("English"), mark("Russian"))
_ONLY: Mapping[tuple[str, ...], str] = {("ru",): "Russian", ("en",): "English"}
"""Of models that know one language: its name in English."""


def list_models(*, as_json: bool) -> None:
    """All models that have a name, their sizes, and whether they are on this machine."""
    rows = list(_model_rows())
    if as_json:
        write_stdout(json.dumps(make_english(rows), indent=2, ensure_ascii=False) + "\n")
        return
    for row in rows:
        on_disk = row["bytes_on_disk"]
        state = _("on this machine, {megabytes}").format(megabytes=_format_megabytes(on_disk)) if row["cached"] else ""
        download = _("{megabytes} MB").format(megabytes=row["size_mb"]) if row["size_mb"] else ""
        facts = f"{row['name']:<26} {download:>8}  {_(row['languages'] or row['kind']):<12}  {row['licence']:<12}"
        write_stdout(f"{facts} {state}".rstrip() + "\n")


def _model_rows() -> Iterator[dict[str, Any]]:
    here = list(list_installed())
    sizes = {(item.name, item.kind): item.size_bytes for item in here}
    for entry in store.catalogue():
        on_disk = sizes.get((entry.name, "whisper")) if entry.cached else None
        yield {
            **asdict(entry),
            "kind": "whisper",
            "languages": entry.languages,
            "bytes_on_disk": on_disk,
        }
    named = {entry.name for entry in store.catalogue()}
    for item in here:
        if item.name not in named:
            yield {
                "name": item.name,
                "kind": item.kind,
                "repository": None if Path(item.name).is_absolute() else item.name,
                "size_mb": None,
                "languages": None,
                "licence": "",
                "cached": True,
                "bytes_on_disk": sizes[item.name, item.kind],
            }
    for name, known in recognisers.KNOWN.items():
        folder = recognisers.find_cached(name)
        yield {
            "name": name,
            "kind": "onnx",
            "repository": known.repository,
            "size_mb": known.size_mb,
            "languages": _ONLY.get(known.languages, "multilingual"),
            "codes": known.languages,
            "int8": known.has_int8,
            "punctuation": known.punctuation,
            "licence": known.licence,
            "cached": folder is not None,
            "bytes_on_disk": None if folder is None else size_on_disk(folder),
        }
    for name, owners in find_backend_models().items():
        found = [item for owner in owners for item in owner.list_cached()]
        repositories = list(dict.fromkeys(item for owner in owners for item in owner.repositories))
        yield {
            "name": name,
            "kind": "backend",
            "repository": repositories[0] if repositories else None,
            "repositories": repositories,
            "size_mb": sum(owner.backend.info.download_mb for owner in owners),
            "languages": None,
            "licence": "; ".join(dict.fromkeys(owner.backend.info.licence for owner in owners)),
            "cached": any(owner.is_whole for owner in owners),
            "bytes_on_disk": sum(item.size_bytes for item in found) if found else None,
        }


def download(
    context: click.Context,
    /,
    names: tuple[str, ...],
    *,
    directory: Path | None,
    repair: bool,
    overwrite: bool,
    compute_type: str,
    quiet: bool,
    progress: str,
) -> None:
    """Fetch models; an interrupted download goes on where it stopped. Prints where they lie."""
    console = open_console(context, quiet=quiet, progress=progress)
    context.with_resource(listen(console))
    of_backends = find_backend_models()
    for name in names:  # a typing error in the last is said before the first is fetched
        if name not in of_backends and recognisers.find_name(name) is None:
            store.check(name)
        elif directory is not None:
            raise InvalidOption(
                _("{name}: only Whisper models can go into a folder of their own; leave --directory out").format(
                    name=name
                )
            )
    for name in names:
        if recognisers.find_name(name) is not None:
            write_stdout(f"{_fetch_recogniser(name, compute_type, repair=repair, progress=console.progress)}\n")
        elif name not in of_backends:
            folder = directory / name.replace("/", "--") if directory and len(names) > 1 else directory
            found = store.download(
                name, folder, repair=repair, overwrite=overwrite, runtime=Runtime(), progress=console.progress
            )
            write_stdout(f"{found}\n")
        else:
            for owner in of_backends[name]:
                if repair:
                    owner.repair(progress=console.progress)
                model = owner.fetch(progress=console.progress)
                write_stdout(_("{name}: {model} is on this machine").format(name=name, model=model) + "\n")


def _fetch_recogniser(name: str, compute_type: str, *, repair: bool, progress: Progress) -> Path:
    """The folder of a model for ``--asr onnx``."""
    known = recognisers.KNOWN[recognisers.find_name(name) or name]
    folder = find_cached(known.repository, ()) if repair else None
    if folder is not None:
        remedy = _("run `whisperdiar models download {name} --repair` on a machine with a connection").format(name=name)
        repair_snapshot(known.repository, folder, runtime=Runtime(), remedy=remedy, progress=progress)
    return recognisers.resolve(name, compute_type=compute_type, runtime=Runtime(), progress=progress).path


def recommend(*, language: str, as_json: bool) -> None:
    """What others measured of recognisers for a language, and which of ours know it."""
    code = language_code(language) or language
    name, compared = language_name(code), find_comparisons(code)
    knowing = list(list_knowing(code))
    if as_json:
        write_stdout(
            json.dumps(
                make_english(
                    {
                        "language": code,
                        "comparisons": [asdict(item) for item in compared],
                        "known_to": knowing,
                        "measured_here": False,
                    }
                ),
                indent=2,
                ensure_ascii=False,
            )
            + "\n"
        )
        return
    for item in compared:
        title = _("{language}: word error rates on {data}, {who}").format(
            language=name, data=item.data, who=_(item.who)
        )
        write_stdout(f"{title}\n  {item.source}\n")
        for figure in item.figures:
            write_stdout(f"  {figure.error_rate:>6.2f} %  {figure.model:<26} {figure.options}\n")
    others = [name for name in knowing if not any(name == one.model for item in compared for one in item.figures)]
    if others:
        write_stdout(
            _("models that know {language}, without figures here: {names}").format(
                language=name, names=", ".join(others)
            )
            + "\n"
        )
    if code in WHISPER_LANGUAGES:
        write_stdout(_("Whisper knows {language}, and is what --asr auto takes").format(language=name) + "\n")
    elif not knowing:
        write_stdout(_("no recogniser here is known to have learnt {language}").format(language=name) + "\n")
    if compared:
        write_stdout(_("nothing of this was measured by this project: compare on recordings of your own") + "\n")


def path(name: str) -> None:
    """Where a model lies on this machine; exit code 1 if it does not."""
    if (recogniser := recognisers.find_name(name)) is not None:
        folder = recognisers.find_cached(recogniser)
        if folder is None:
            remedy = f"whisperdiar models download {name}"
            raise ModelUnavailable(
                _("model {name} is not on this machine: {remedy}").format(name=name, remedy=remedy), remedy=remedy
            )
        write_stdout(f"{folder}\n")
    elif name in (of_backends := find_backend_models()):
        if not any(owner.is_whole for owner in of_backends[name]):
            remedy = f"whisperdiar models download {name}"
            raise ModelUnavailable(
                _("the model of {name} is not on this machine: {remedy}").format(name=name, remedy=remedy),
                remedy=remedy,
            )
        found = [item for owner in of_backends[name] for item in owner.list_cached()]
        write_stdout("".join(f"{item.folder}\n" for item in found))
    else:
        write_stdout(f"{store.path(name)}\n")


def verify(context: click.Context, /, names: tuple[str, ...]) -> None:
    """Read every file of the models on this machine, and compare it with what was published."""
    found = [item for name in names for item in _resolve_name(name)] if names else list(_all_installed())
    if not found:
        write_stdout(_("no model is on this machine: whisperdiar models download small") + "\n")
    broken = False
    for item in found:
        verdict = item.verify()
        if verdict.problems:
            broken = True
            wrong = "; ".join(f"{name} {cause}" for name, cause in verdict.problems)
            write_stdout(f"{item.name:<20} {_('BROKEN'):<6}  {wrong}: {item.remedy}\n")
        else:
            files = _("{megabytes} in {files}").format(
                megabytes=_format_megabytes(verdict.size_bytes), files=count_files(verdict.n_files)
            )
            write_stdout(
                f"{item.name:<20} OK      "
                + _("{files}, {n_hashed} compared by their hash").format(files=files, n_hashed=verdict.n_hashed)
                + "\n"
            )
    if broken:
        context.exit(FAILED)


def _all_installed() -> Iterator[InstalledModel]:
    yield from list_installed()
    yield from filter(None, map(_find_recogniser, recognisers.KNOWN))
    for owners in find_backend_models().values():
        for owner in owners:
            yield from owner.list_cached()


def _resolve_name(name: str) -> list[InstalledModel]:
    """What a name means on this machine; a repository may be there as it was published and as it was converted."""
    if (recogniser := recognisers.find_name(name)) is not None:
        found = [item for item in (_find_recogniser(recogniser),) if item is not None]
    elif name in (of_backends := find_backend_models()):
        owners = of_backends[name] if any(owner.is_whole for owner in of_backends[name]) else []
        found = [item for owner in owners for item in owner.list_cached()]
    elif os.path.isdir(Path(name).expanduser()):
        found = [find_in_folder(Path(name).expanduser())]
    else:
        known_as = full_name(name)
        found = [item for item in list_installed() if item.name == known_as]
    if not found:
        remedy = f"whisperdiar models download {name}"
        raise ModelUnavailable(
            _("model {name} is not on this machine: {remedy}").format(name=name, remedy=remedy), remedy=remedy
        )
    return found


def _find_recogniser(name: str) -> InstalledModel | None:
    """A model for ``--asr onnx``, where the cache holds it whole."""
    folder = recognisers.find_cached(name)
    if folder is None:
        return None
    remedy = f"whisperdiar models download {name} --repair"
    return InstalledModel(name, "onnx", folder, recognisers.list_patterns(name, folder), remedy)


def _format_megabytes(n_bytes: int) -> str:
    megabytes = n_bytes / 1e6
    return _("{megabytes} MB").format(megabytes=f"{megabytes:.0f}" if n_bytes >= 1e7 else f"{megabytes:.1f}")

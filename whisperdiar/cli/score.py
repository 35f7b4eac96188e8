"""Command `score`: hypotheses held against a reference, and against each other."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.errors import OK
from whisperdiar.cli.outputs import check_outputs
from whisperdiar.contracts import Progress
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.linked_media import LinkedMedia, page_url
from whisperdiar.media import recording_id
from whisperdiar.options import ScoreOptions
from whisperdiar.scoring import (
    Score,
    ScoredPair,
    compare_scores,
    format_csv,
    format_html,
    format_json,
    format_text,
    read_audio_paths,
)
from whisperdiar.scoring import score as score_hypothesis
from whisperdiar.system.files import write_text
from whisperdiar.text.languages import language_code
from whisperdiar.text.messages import _

_SUFFIXES = (".json", ".csv", ".html")


def score(
    *,
    reference: Path,
    hypotheses: tuple[Path, ...],
    collar: float | None,
    skip_overlap: bool,
    protocol: str | None,
    uem: Path | None,
    normaliser: str,
    language: str | None,
    as_json: bool,
    outputs: tuple[Path, ...],
    media: tuple[Path, ...],
    overwrite: bool,
    progress: str,
    quiet: bool,
) -> int:
    """Print how good each hypothesis is, and how they differ; also write it where -o says."""
    console = Console(quiet=quiet, progress=progress)
    pages = _check_paths(outputs, media)
    check_outputs([], also_written=list(outputs), read=[reference, *hypotheses, uem, *media], overwrite=overwrite)
    options = _make_options(normaliser, protocol, collar, skip_overlap=skip_overlap)
    code = language_code(language)
    found: list[Score] = []
    pairs: list[list[ScoredPair]] = []
    tell_once = _tell_once(console)
    for number, (path, name) in enumerate(zip(hypotheses, _name_hypotheses(hypotheses), strict=True)):
        kept: list[ScoredPair] = []
        found.append(
            score_hypothesis(
                reference,
                path,
                options=options,
                uem=uem,
                language=code,
                name=name,
                progress=_follow(console, number, len(hypotheses)),
                notify=tell_once,
                keep=kept.append if pages else lambda _value: None,
            )
        )
        pairs.append(kept)
    console.close()
    differences = [
        difference
        for first, second in itertools.combinations(found, 2)
        for difference in compare_scores(first, second, resamples=options.resamples, seed=options.seed)
    ]
    sounds = _find_sounds(reference, media, [pair.reference.recording for pair in pairs[0]]) if pages else {}
    for path in outputs:
        suffix = path.suffix.lower()
        if suffix == ".html":
            urls = _link_sounds(sounds, path, console)
            text = format_html(found, differences, options, pairs, title=reference.name, language=code, media=urls)
        else:
            text = format_csv(found) if suffix == ".csv" else format_json(found, differences, options)
        write_text(path, text, replace=overwrite)
    write_stdout(format_json(found, differences, options) if as_json else format_text(found, differences, options))
    return OK


def _check_paths(outputs: Sequence[Path], media: Sequence[Path]) -> bool:
    """Whether a report is among the outputs.

    Raises:
        InvalidOption: an output is no form of a score, or there is sound without a report.
        MediaError: the sound is not there.
    """
    for path in outputs:
        if path.suffix.lower() not in _SUFFIXES:
            raise InvalidOption(_("-o {path}: a score is {suffixes}").format(path=path, suffixes=", ".join(_SUFFIXES)))
    has_page = any(path.suffix.lower() == ".html" for path in outputs)
    if media and not has_page:
        raise InvalidOption(_("--media: it is for a report; add an output such as -o report.html, or leave it out"))
    for path in media:
        if not os.path.exists(path):
            raise MediaError(_("--media {media}: there is no such file; check the name").format(media=path))
    return has_page


def _make_options(normaliser: str, protocol: str | None, collar: float | None, *, skip_overlap: bool) -> ScoreOptions:
    """What is compared and how: a protocol's settings, and over them those that the user gave."""
    options = ScoreOptions(normaliser=normaliser)  # type: ignore[arg-type]
    if protocol is not None:
        options = options.of_protocol(protocol)
    if collar is not None:
        options = replace(options, collar=collar)
    return replace(options, skip_overlap=True) if skip_overlap else options


def _tell_once(console: Console) -> Callable[[str], None]:
    """Warns of what is the same for several hypotheses, such as a fault of the reference, once."""
    told: set[str] = set()

    def tell(message: str) -> None:
        if message not in told:
            told.add(message)
            console.warn(message)

    return tell


def _link_sounds(sounds: Mapping[str, Path], page: Path, console: Console) -> dict[str, str]:
    """Recording → URL of its sound for a page; a note where it cannot be played from there."""
    remarks = [remark for sound in sounds.values() for remark in LinkedMedia(sound).remarks("html", page)]
    if remarks:
        many = _("to have recordings played, put their sound beside the page")
        console.note(f"{page}: {remarks[0] if len(remarks) == 1 else many}")
    return {name: page_url(sound, page) for name, sound in sounds.items()}


def _follow(console: Console, number: int, total: int) -> Progress:
    """One stage for all hypotheses: reading is about half of the work on each."""

    def follow(stage: str, fraction: float) -> None:
        if stage == "read":
            console.progress("score", (number + fraction / 2) / total)
        else:
            console.progress("score", (number + 0.5 + fraction / 2) / total)

    return follow


def _find_sounds(reference: Path, media: Sequence[Path], recordings: Sequence[str]) -> dict[str, Path]:
    """The sound of each recording: what --media names, or else the manifest.

    Raises:
        InvalidOption: none of the files has the name of a recording.
    """
    if not media:
        return read_audio_paths(reference)
    files = [item for path in media for item in (sorted(path.iterdir()) if os.path.isdir(path) else [path])]
    if len(recordings) == 1 and len(files) == 1:
        return {recordings[0]: files[0]}
    found = {recording_id(path): path for path in files if os.path.isfile(path) and recording_id(path) in recordings}
    if not found:
        raise InvalidOption(
            _("--media {media}: no file has the name of a recording, such as {recording}; rename it").format(
                media=media[0], recording=recordings[0]
            )
        )
    return found


def _name_hypotheses(paths: tuple[Path, ...]) -> list[str]:
    """The names of files and folders; whole paths where two have the same.

    Raises:
        InvalidOption: one is given twice.
    """
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise InvalidOption(_("{path} is given twice; give each hypothesis once").format(path=twice))
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]

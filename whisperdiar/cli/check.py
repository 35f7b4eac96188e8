"""Command `check`: subtitle files held against the rules of a publisher."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.errors import FAILED, OK, USAGE, report
from whisperdiar.cli.video import add_video, check_shots
from whisperdiar.errors import FormatError, MediaError, WhisperdiarError
from whisperdiar.exchange import read as read_transcript
from whisperdiar.formats import by_suffix, decode, read_cues
from whisperdiar.options import WriteOptions
from whisperdiar.subtitles.checking import RULES, Report, Violation
from whisperdiar.subtitles.checking import check as check_cues
from whisperdiar.subtitles.unavoidable_violations import separate_unavoidable
from whisperdiar.system.files import read_bytes
from whisperdiar.text.clock import format_clock
from whisperdiar.text.counts import count_cues, count_violations
from whisperdiar.text.language_identification import identify_language
from whisperdiar.text.languages import language_code, language_name
from whisperdiar.text.messages import _, make_english
from whisperdiar.transcript import Transcript
from whisperdiar.video import Video, video_of

_HUNDREDTHS = ("ass", "lrc")
"""Formats whose times are hundredths of a second."""
_UNORDERED = ("ass", "ttml")
"""Formats whose cues may stand in any order."""


def check(
    context: click.Context,
    /,
    source: Path,
    *,
    encoding: str | None,
    language: str | None,
    spoken: Path | None,
    shots: str | None,
    media: Path | None,
    sdh: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """List every violation in FILE (SRT, WebVTT, ASS, SSA, TTML, LRC or SBV) of the rules of --profile."""
    console = Console()
    try:
        transcript = None if spoken is None else read_transcript(spoken, notify=console.warn)
        if transcript is not None and not transcript.segments:
            raise FormatError(
                _("--transcript {spoken}: it holds no words, so nothing can be told of them").format(spoken=spoken)
            )
        limits = shared.write_options({**options, "speaker_style": WriteOptions().speaker_style})
        if media is not None and not os.path.isfile(media):
            raise MediaError(_("--media {media}: there is no such file; check the name").format(media=media))
        check_shots(shots, media)
        said = language_code(language) or (transcript.language if transcript else None)
        video = video_of(add_video(transcript or Transcript("", 0.0), media, shots, limits, console))
        found = _check_file(source, encoding, limits, said, transcript, video, console, sdh=sdh)
    except WhisperdiarError as error:  # FAILED means that there are violations
        report(error, console)
        context.exit(USAGE)
    if as_json:
        write_stdout(
            json.dumps(make_english({"file": str(source), **found.to_dict()}), ensure_ascii=False, indent=1) + "\n"
        )
    else:
        write_stdout(_format_report(str(source), found, judged=transcript is not None))
    context.exit(FAILED if found.violations else OK)


def _check_file(
    source: Path,
    encoding: str | None,
    limits: WriteOptions,
    language: str | None,
    transcript: Transcript | None,
    video: Video,
    console: Console,
    *,
    sdh: bool,
) -> Report:
    form = by_suffix(source)
    text, note = decode(read_bytes(source), encoding)
    if note:
        console.warn(f"{source}: {note}")
    cues = read_cues(source, text)
    if not cues:
        raise FormatError(_("{source}: there is no subtitle in it; is it the right file?").format(source=source))
    if language is None and (language := identify_language(line for cue in cues for line in cue.lines)) is not None:
        console.note(
            _("{source}: the text looks {language}; if it is not, say --language CODE").format(
                source=source, language=language_name(language)
            )
        )
    rules = limits.rules(language, frame_rate=video.frame_rate)
    shown = [cue.lines for cue in read_cues(source, text, labels=False)]
    found = check_cues(
        cues,
        rules,
        shown=shown,
        unit=0.01 if form.name in _HUNDREDTHS else 0.001,
        in_order=form.name not in _UNORDERED,
        shots=video.shot_changes,
        sdh=sdh,
    )
    return found if transcript is None else separate_unavoidable(found, cues, transcript, rules, shown=shown)


def _format_report(name: str, found: Report, *, judged: bool) -> str:
    lines = [_format_violation(item) for item in found.violations]
    if found.unavoidable:
        lines += ["", _("no cut can avoid:"), *map(_format_violation, found.unavoidable), ""]
    broken = len({item.cue for item in found.violations})
    lines.append(
        _("{name}: {cues}, {mean_cps:.1f} characters a second on average, {max_cps:.1f} at most").format(
            name=name, cues=count_cues(found.cues), mean_cps=found.mean_cps, max_cps=found.max_cps
        )
    )
    if found.violations:
        lines.append(
            _("{violations} of {profile} in {cues} ({per_100:.1f} of 100): {counts}").format(
                violations=count_violations(len(found.violations)),
                profile=found.profile,
                cues=count_cues(broken),
                per_100=found.per_100,
                counts=_format_counts(found.by_rule),
            )
        )
    else:
        text = (
            _("no violations of {profile} but those that no cut can avoid")
            if found.unavoidable
            else _("no violations of {profile}")
        )
        lines.append(text.format(profile=found.profile))
    if judged:
        lines.append(_("{number} that no cut can avoid").format(number=len(found.unavoidable)))
    return "\n".join(lines) + "\n"


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in counts.items())


def _format_violation(item: Violation) -> str:
    floor = item.rule in ("too-short", "no-duration", "gap", "empty", "shot-change")
    bound = _("at least {limit:.4g}") if floor else _("at most {limit:.4g}")
    other = _(", beside cue {index}").format(index=item.other) if item.other is not None else ""
    return _("cue {index}, {start}: {rule}: {value:.4g}, {bound} ({meaning}{other})").format(
        index=item.cue,
        start=format_clock(round(item.span.start * 1000), "."),
        rule=item.rule,
        value=item.value,
        bound=bound.format(limit=item.limit),
        meaning=_(RULES[item.rule]),
        other=other,
    )

"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from whisperdiar.assembly import Choice
from whisperdiar.errors import InvalidOption
from whisperdiar.formats import check_encoding
from whisperdiar.options import (
    AUDIENCES,
    EMBEDDINGS,
    SPEAKER_STYLES,
    WHISPER_TASKS,
    WORD_TIMES,
    AlignmentOptions,
    Runtime,
    SubtitleOptions,
    WriteOptions,
    profile_names,
)
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

PATH = click.Path(readable=False, path_type=Path)
"""A file to read; whether it can be read is found when its turn comes, so that it does not stop the others."""

Command = TypeVar("Command", bound=Callable[..., Any])

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")


class ClockTime(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Seconds, or [HH:]MM:SS with decimals."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        match = _CLOCK.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a time; write seconds (90.5) or [HH:]MM:SS (1:30.5)", param, ctx)
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


class Speakers(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A number of speakers, or a range."""

    name = "n|min-max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SpeakerCount:
        if isinstance(value, SpeakerCount):
            return value
        try:
            return SpeakerCount.parse(str(value))
        except InvalidOption as error:
            self.fail(str(error), param, ctx)


class Setting(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """KEY=VALUE."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key.strip():
            self.fail(f"{value!r}: write it as KEY=VALUE, for example threshold=0.6", param, ctx)
        return key.strip(), text


class FrameRate(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Frames per second, as a number or as a fraction."""

    name = "frames"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        above, _, below = str(value).partition("/")
        try:
            return float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a frame rate; write 25, 23.976 or 24000/1001", param, ctx)


def combine(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """One decorator for several options, in this order in the help."""

    def decorate(command: Command) -> Command:
        return functools.reduce(lambda inner, option: option(inner), reversed(options), command)

    return decorate


media_options = combine(
    click.option("--track", type=click.IntRange(min=1), help="Audio track of a file that has several (1 = the first)."),
    click.option("--channel", type=click.IntRange(min=1), help="Read one channel (1 = the first), not the mean."),
    click.option("--start", type=ClockTime(), default=0.0, help="Begin here (seconds or [HH:]MM:SS)."),
    click.option("--end", type=ClockTime(), help="Stop here (seconds or [HH:]MM:SS)."),
)

vad_options = combine(
    click.option("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`."),
    click.option("--vad-model", metavar="NAME|DIR", help="Model of the detector, by name or as a folder."),
    click.option("--vad-option", "vad_settings", multiple=True, type=Setting(), help="A setting of the detector."),
    click.option(
        "--speech", metavar="FILE", help="Take speech regions from a file (RTTM, UEM, JSON, text), detect none."
    ),
)

asr_options = combine(
    click.option("--asr", default="auto", show_default=True, help="Recogniser; see `whisperdiar backends`."),
    click.option("--model", metavar="NAME|DIR", help="Whisper model: a name (small, large-v3), repository or folder."),
    click.option("--language", help="Language spoken, such as en or ru; detected if left out."),
    click.option("--task", type=click.Choice(WHISPER_TASKS), help="translate writes English (transcribe)."),
    click.option("--multilingual", is_flag=True, help="The language changes: detect it for every piece of speech."),
    click.option(
        "--word-times",
        type=click.Choice(WORD_TIMES),
        help="Where times of words come from: Whisper (dtw), a CTC model (wav2vec2), or only their length (none).",
    ),
    click.option("--compute-type", help="Number format of CTranslate2: int8, float16, float32 …"),
    click.option("--batch-size", type=click.IntRange(min=1), help="Pieces of sound decoded at once."),
    click.option("--prompt", help="Text that shows Whisper the style and the vocabulary."),
    click.option("--hotwords", help="Words to expect, such as names."),
    click.option("--asr-option", "asr_settings", multiple=True, type=Setting(), help="A setting of the recogniser."),
)

diarizer_options = combine(
    click.option("--diarizer", default="auto", show_default=True, help="Diarizer; see `whisperdiar backends`."),
    click.option(
        "--speakers",
        type=Speakers(),
        default=ANY_SPEAKERS,
        show_default="any number",
        help="How many speakers there are: 3, or 2-5.",
    ),
    click.option("--embedding", type=click.Choice(EMBEDDINGS), help="Cluster these voices (--diarizer embedding)."),
    click.option(
        "--segmentation-model",
        metavar="NAME|PATH",
        help="Segmentation of --diarizer onnx or pyannote, in place of its own.",
    ),
    click.option(
        "--embedding-model", metavar="NAME|PATH", help="Speaker embedding of the diarizer, instead of its own."
    ),
    click.option("--fast", is_flag=True, help="--diarizer onnx: faster, hardly less accurate."),
    click.option(
        "--save-activity",
        metavar="FILE.npz",
        help="Keep how active each speaker is, frame by frame, as the diarizer hears it.",
    ),
    click.option(
        "--save-probabilities",
        metavar="FILE.npz",
        help="The same; means --diarizer sortformer where none is named.",
    ),
    click.option("--turns", metavar="FILE", help="Take speaker turns from an RTTM file (implies --diarizer rttm)."),
    click.option(
        "--diarizer-option", "diarizer_settings", multiple=True, type=Setting(), help="A setting of the diarizer."
    ),
)

runtime_options = combine(
    click.option("--device", default=Runtime().device, show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option("--threads", type=click.IntRange(min=0), default=Runtime().threads, help="CPU threads; 0 = all."),
    click.option("--offline", is_flag=True, help="Never touch the network."),
)

uncertain_option = click.option(
    "--uncertain-below",
    type=click.FloatRange(0.0, 1.0),
    default=AlignmentOptions().uncertain_below,
    show_default=True,
    help="Words whose speaker is less probable are listed as uncertain in the JSON.",
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings only.")

output_option = click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FILE|DIR/", help="Where to write; may be given again."
)

format_option = click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Output format, where the suffix does not tell it.",
)

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace outputs that exist already.")

encoding_option = click.option(
    "--encoding",
    metavar="NAME",
    callback=lambda context, parameter, value: None if value is None else check_encoding(value),  # noqa: ARG005
    help="Encoding of IN, such as cp1250, gbk or shift_jis, where it is not UTF-8; guessed if left out.",
)

page_option = click.option("--embed-media", is_flag=True, help="Put the recording itself into the HTML page.")

language_option = click.option(
    "--language",
    metavar="CODE",
    help="Language of the text, such as ru, where IN does not say it; guessed from the text if left out.",
)

recording_option = click.option(
    "--recording",
    metavar="NAME",
    help="Which recording of a file that holds several; by default that of the file's name.",
)

style_option = click.option(
    "--speaker-style",
    type=click.Choice(SPEAKER_STYLES),
    default=WriteOptions().speaker_style,
    show_default=True,
    help="How subtitles show who speaks; auto: as is usual in the format.",
)


subtitle_options = combine(
    click.option(
        "--profile",
        default=SubtitleOptions().profile,
        show_default=True,
        metavar="NAME|FILE.json",
        help="Rules that subtitles are cut by: " + ", ".join(profile_names()) + ", or a file of your own.",
    ),
    click.option(
        "--audience",
        type=click.Choice(AUDIENCES),
        default=SubtitleOptions().audience,
        show_default=True,
        help="For whom the programme is made; children read more slowly (--profile netflix).",
    ),
    click.option("--max-chars", type=click.IntRange(min=1), help="Characters of a line; replaces the profile's."),
    click.option("--max-lines", type=click.IntRange(min=1), help="Lines of a subtitle."),
    click.option("--max-cps", type=float, help="Reading speed: characters per second."),
    click.option("--min-duration", type=float, metavar="SECONDS", help="A subtitle stays at least so long."),
    click.option("--max-duration", type=float, metavar="SECONDS", help="A subtitle stays at most so long."),
    click.option("--gap", type=float, metavar="SECONDS", help="Least time between two subtitles."),
    click.option("--fps", type=FrameRate(), help="Put times on the frames of a video: 25, 23.976, 30000/1001."),
    click.option(
        "--overlap/--no-overlap",
        default=None,
        help="Whether people who talk at once get subtitles at once; in place of the profile's way.",
    ),
)
"""What cuts subtitles; `write_options` reads them, together with `style_option`."""

writing_options = combine(output_option, format_option, overwrite_option, style_option, subtitle_options)
"""Where a transcript goes and how it is written: of every command that writes one."""


recut_option = click.option(
    "--recut", is_flag=True, help="Cut finished subtitles anew; a profile or a limit does so as well."
)


def write_options(options: Mapping[str, Any]) -> WriteOptions:
    """How to write, from the values of `style_option`, `subtitle_options` and `recut_option`; others are passed over.

    Raises:
        InvalidOption: there is no such profile, or a limit that makes no sense.
    """
    chosen = SubtitleOptions(**{item.name: options[item.name] for item in fields(SubtitleOptions)})
    # The default profile by its name is a wish as well.
    context = click.get_current_context(silent=True)
    named = context is not None and context.get_parameter_source("profile") is ParameterSource.COMMANDLINE
    recut = bool(options.get("recut")) or named
    return WriteOptions(speaker_style=options["speaker_style"], subtitles=chosen, recut=recut)


def check_times(start: float, end: float | None) -> None:
    """Raises InvalidOption where the end does not lie after the start; said before anything is loaded."""
    if end is not None and end <= start:
        raise InvalidOption(f"--end {end:g}: it must lie after the start ({start:g} seconds)")


def select_given(**values: Any) -> dict[str, str]:
    """Settings that the user gave, as text; what was left out stays at the backend's own default."""
    return {key: str(value) for key, value in values.items() if value is not None}


def settings(pairs: tuple[tuple[str, str], ...], **values: Any) -> Mapping[str, str]:
    """Settings from KEY=VALUE options and from options of their own, which win."""
    return {**dict(pairs), **select_given(**values)}


def diarizer_choice(options: Mapping[str, Any]) -> Choice:
    """The diarizer of `diarizer_options`; an option that was made for one implies it.

    Raises:
        InvalidOption: --embedding, and a diarizer that has none; or one of them beside a file of turns.
    """
    name, turns = options["diarizer"], options.get("turns")
    for key, owner in _IMPLIED.items():
        if options.get(key) is None:
            continue
        if turns is not None:
            raise InvalidOption(f"--turns takes the speakers from a file: leave --{key.replace('_', '-')} out")
        name = owner if name == "auto" else name
    if options.get("embedding") is not None and name not in _CLUSTERING:
        raise InvalidOption(f"--embedding is for --diarizer embedding: leave --diarizer {name} out")
    own = {key: options.get(key) for key in ("embedding", "segmentation_model", "embedding_model")}
    return Choice(name=name, settings=settings(options["diarizer_settings"], **own, fast=options.get("fast") or None))


_IMPLIED: Mapping[str, str] = {"embedding": "embedding", "save_probabilities": "sortformer"}
"""Options that mean this diarizer where none is named."""
_CLUSTERING = ("embedding", "ecapa")


def activity_file(options: Mapping[str, Any]) -> str | None:
    """Where the activity of the speakers goes, by either name of the option.

    Raises:
        InvalidOption: both are given, and name different files.
    """
    new, old = options.get("save_activity"), options.get("save_probabilities")
    if new is not None and old is not None and new != old:
        raise InvalidOption(f"--save-activity {new} and --save-probabilities {old} are the same option: leave one out")
    found: str | None = new if new is not None else old
    return found


def other_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """Files that are read and written beside recordings and outputs, as arguments of `plan`.

    Raises:
        InvalidOption: the activity of the speakers is not to go into an .npz file.
    """
    saved = activity_file(options)
    if saved is not None and not str(saved).endswith(".npz"):
        raise InvalidOption(f"--save-activity {saved}: give the name of an .npz file")
    return {"also_read": [options["speech"], options["turns"]], "also_written": [saved]}

"""Arguments and options that several commands share; the types of their values are in `values`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

from whisperdiar.cli.commands.values import ANY_NUMBER as ANY_NUMBER
from whisperdiar.cli.commands.values import PATH as PATH
from whisperdiar.cli.commands.values import ClockTime, FrameRate, TrackNumber
from whisperdiar.cli.commands.values import PresetName as PresetName
from whisperdiar.cli.commands.values import Setting as Setting
from whisperdiar.cli.commands.values import Speakers as Speakers
from whisperdiar.cli.option import option
from whisperdiar.options import command_line as defaults

Declared = TypeVar("Declared", bound=Callable[..., Any])

output = partial(option, group="Output")
subtitle = partial(option, group="Subtitles")
speaker = partial(option, group="Speakers")
word = partial(option, group="Words")
detector = partial(option, group="Speech", rare=True)
recording = partial(option, group="Recording")
machine = partial(option, group="Machine")


def choice(names: tuple[str, ...]) -> click.Choice[str]:
    """One of these names, in upper or lower case."""
    return click.Choice(names, case_sensitive=False)


def combine(*options: Callable[[Any], Any]) -> Callable[[Declared], Declared]:
    """One decorator for several options, in this order in the help."""

    def decorate(declared: Declared) -> Declared:
        return functools.reduce(lambda inner, item: item(inner), reversed(options), declared)

    return decorate


_part_options = combine(
    recording("--start", type=ClockTime(), default=0.0, help="Begin here (seconds or [HH:]MM:SS)."),
    recording("--end", type=ClockTime(), help="Stop here (seconds or [HH:]MM:SS)."),
)
_channel_option = recording(
    "--channel", type=click.IntRange(min=1), rare=True, help="Read one channel (1 = the first)."
)
media_options = combine(
    _part_options,
    recording("--track", type=click.IntRange(min=1), rare=True, help="Audio track of several (1 = the first)."),
    _channel_option,
)
track_options = combine(
    _part_options,
    recording(
        "--tracks",
        is_flag=True,
        configurable=False,
        help="INPUTs are one recording: a file for each person, or the folder of them (Craig, Zoom).",
    ),
    recording(
        "--names",
        metavar="NAME,NAME",
        configurable=False,
        help="Who is on the tracks, in their order; otherwise the files' names tell.",
    ),
    recording(
        "--track",
        type=TrackNumber(),
        rare=True,
        help="Audio track of several (1 = the first), or all: each is a person.",
    ),
    _channel_option,
)

vad_options = combine(
    detector("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`."),
    detector("--vad-model", metavar="NAME|DIR", help="Model of the detector, by name or as a folder."),
    detector("--vad-option", "vad_settings", multiple=True, type=Setting(), help="A setting of the detector."),
    detector("--speech", metavar="FILE", help="Take speech regions from a file (RTTM, UEM, JSON, text), detect none."),
    detector(
        "--skip-music/--keep-music",
        default=False,
        help="Take no stretch of music alone for speech, from 5 s on; speech over music stays, and most singing.",
    ),
)

asr_options = combine(
    word("--model", metavar="NAME|DIR", help="Model: a name (small, large-v3, parakeet-v3), repository or folder."),
    word("--language", metavar="NAME|CODE", help="Language spoken, such as German or de; detected if left out."),
    word("--task", type=choice(defaults.WHISPER_TASKS), help="translate writes English (transcribe)."),
    word("--prompt", help="Text that shows Whisper the style and the vocabulary."),
    word("--hotwords", help="Words to expect, such as names."),
    word("--vocabulary", metavar="FILE", help="Terms to expect, one a line; wrong => right is replaced."),
    word("--asr", default="auto", show_default=True, rare=True, help="Recogniser; see `whisperdiar backends`."),
    word("--languages", metavar="CODE,CODE", rare=True, help="Detect one of these languages only, such as ru,en."),
    word("--multilingual", is_flag=True, rare=True, help="The language changes: detect it for every piece of speech."),
    word(
        "--word-times",
        type=choice(defaults.WORD_TIMES),
        rare=True,
        help="Where times of words come from: Whisper (dtw), a CTC model (wav2vec2), or only their length (none).",
    ),
    word("--compute-type", rare=True, help="Number format of the weights: int8, float16, float32 …"),
    word("--batch-size", type=click.IntRange(min=1), rare=True, help="Pieces of sound decoded at once."),
    word("--asr-option", "asr_settings", multiple=True, type=Setting(), rare=True, help="A setting of the recogniser."),
)

diarizer_options = combine(
    speaker(
        "--speakers",
        type=Speakers(),
        default=ANY_NUMBER,
        show_default=True,
        help="How many speakers there are: 3, or 2-5.",
    ),
    speaker("--diarizer", default="auto", show_default=True, help="Diarizer; see `whisperdiar backends`."),
    speaker(
        "--embedding", type=choice(defaults.EMBEDDINGS), rare=True, help="Cluster these voices (--diarizer embedding)."
    ),
    speaker(
        "--segmentation-model",
        metavar="NAME|PATH",
        rare=True,
        help="Segmentation of --diarizer onnx or pyannote, in place of its own.",
    ),
    speaker(
        "--embedding-model",
        metavar="NAME|PATH",
        rare=True,
        help="Speaker embedding of the diarizer, instead of its own.",
    ),
    speaker("--lium-jar", metavar="FILE", rare=True, help="LIUM's jar; means --diarizer lium."),
    speaker("--alize-bin", metavar="DIR", rare=True, help="Folder of ALIZÉ's programs; means --diarizer alize."),
    speaker("--fast", is_flag=True, rare=True, help="--diarizer onnx: faster, hardly less accurate."),
    speaker(
        "--save-activity",
        metavar="FILE.npz",
        rare=True,
        help="Keep how active each speaker is, frame by frame, as the diarizer hears it.",
    ),
    speaker(
        "--save-probabilities",
        metavar="FILE.npz",
        rare=True,
        help="The same; means --diarizer sortformer where none is named.",
    ),
    speaker("--turns", metavar="FILE", rare=True, help="Take speaker turns from an RTTM file (means --diarizer rttm)."),
    speaker(
        "--diarizer-option",
        "diarizer_settings",
        multiple=True,
        type=Setting(),
        rare=True,
        help="A setting of the diarizer.",
    ),
)


def _is_separator(word: str) -> bool:
    """Whether a word behind --separate-overlap is a model, and no recording."""
    import os
    import re

    return word in defaults.SEPARATION_MODELS or (
        os.path.isdir(word) if os.path.exists(word) else re.fullmatch(r"[\w-]+/[\w-]+(@\w+)?", word) is not None
    )


separation_option = word(
    "--separate-overlap",
    metavar="[NAME|DIR]",
    bare=defaults.SEPARATION_MODEL,
    is_value=_is_separator,
    help="Separate two voices that talk at once, and recognise each (SepFormer; needs the extra speechbrain).",
)


def _is_emotion_model(word: str) -> bool:
    """Whether a word behind --emotions is a model, and no recording."""
    import os
    import re

    return os.path.isdir(word) if os.path.exists(word) else re.fullmatch(r"[\w-]+/[\w-]+(@\w+)?", word) is not None


emotions_option = word(
    "--emotions",
    metavar="[NAME|DIR]",
    bare=defaults.EMOTION_MODEL,
    is_value=_is_emotion_model,
    help="Tell which emotion is heard when: angry, happy, neutral, sad (WavLM; extras speechbrain, align).",
)

people_option = speaker(
    "--people", type=PATH, metavar="DIR", rare=True, help="Folder of the voices that are known; by default your own."
)
voice_option = speaker(
    "--voice-model",
    metavar="NAME|FILE",
    rare=True,
    help="Network that tells known voices: campplus, ecapa, wespeaker, resemblyzer, or an .onnx file.",
)
identify_options = combine(
    speaker("--identify", is_flag=True, help="Name the speakers whose voices are known (`whisperdiar speakers`)."),
    people_option,
    voice_option,
)

presenter_option = speaker(
    "--presenter", type=PATH, metavar="SAMPLE", help="Sound in which the presenter alone speaks: find that voice."
)

uncertain_option = speaker(
    "--uncertain-below",
    type=click.FloatRange(0.0, 1.0),
    default=defaults.UNCERTAIN_BELOW,
    show_default=True,
    rare=True,
    help="Words whose speaker is less probable are listed as uncertain in the JSON.",
)


def _apply_preset(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    if value is None:
        return None
    from whisperdiar.cli.configuration import apply_preset

    return apply_preset(context, parameter, value)


preset_option = option(
    "--preset",
    type=PresetName(),
    is_eager=True,
    expose_value=False,
    callback=_apply_preset,
    help="Set options for a kind of recording; `whisperdiar config --preset NAME` shows them.",
)

threads_option = machine(
    "--threads", type=click.IntRange(min=0), default=defaults.THREADS, help="CPU threads; 0 = all."
)

runtime_options = combine(
    machine("--device", default=defaults.DEVICE, show_default=True, help="auto, cpu, cuda or cuda:N."),
    threads_option,
    machine("--offline", is_flag=True, help="Never touch the network."),
)

cache_options = combine(
    machine(
        "--no-cache",
        is_flag=True,
        rare=True,
        help="Compute everything anew, and keep nothing for a second run; see `whisperdiar cache`.",
    ),
    machine("--cache-dir", metavar="DIR", rare=True, help="Folder of the cache; by default that of the user."),
    machine(
        "--cache-size",
        type=click.IntRange(min=0),
        default=defaults.CACHE_MB,
        show_default=True,
        metavar="MB",
        rare=True,
        help="Megabytes that the cache may take.",
    ),
)

quiet_option = machine("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings only.")

PROGRESS_KINDS = ("auto", "bar", "lines", "json", "none")

progress_option = machine(
    "--progress",
    type=choice(PROGRESS_KINDS),
    default="auto",
    show_default=True,
    rare=True,
    help="How far the work is: a bar, a line at each 10 %, JSON objects (on stderr), or nothing.",
)


def accept_files(*suffixes: str) -> Callable[[str], bool]:
    """For `accepts` of an output that is one file: its name has one of these suffixes, or it is standard output."""
    return lambda name: name == "-" or name.lower().endswith(suffixes)


def accept_formats(accepts: Callable[[Any], bool]) -> Callable[[str], bool]:
    """For `accepts` of --format: all formats that are named, separated by commas, are of this kind."""

    def accept(names: str) -> bool:
        from whisperdiar.errors import InvalidOption
        from whisperdiar.formats import by_name

        try:
            return all(accepts(by_name(name.strip())) for name in names.split(","))
        except InvalidOption:
            return False

    return accept


def accept_outputs(accepts: Callable[[Any], bool]) -> Callable[[str], bool]:
    """For `accepts` of --output: a folder, standard output, or a file whose suffix names a format of this kind."""

    def accept(name: str) -> bool:
        import os

        from whisperdiar.formats import by_name, known_suffixes

        form = known_suffixes().get(os.path.splitext(name)[1].lower())
        return form is None or accepts(by_name(form))

    return accept


def is_of_speech(form: Any) -> bool:
    """Whether regions of speech are written in a format."""
    from whisperdiar.formats import speech

    return form.name in speech.FORMATS


def is_of_turns(form: Any) -> bool:
    """Whether a format holds something where there are no words."""
    return bool(form.needs != "words")


def is_of_sounds(form: Any) -> bool:
    """Whether sound classes are written in a format: in those of turns, labels of editors, and a text of their own."""
    return is_of_turns(form) or form.name in ("txt", "audacity", "textgrid")


declare_output = partial(
    output,
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="FILE|DIR/",
    help="Where to write; may be given again.",
)

declare_format = partial(
    output,
    "-f",
    "--format",
    "formats",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Output format, where the suffix does not tell it; see `whisperdiar formats`.",
)

output_option, format_option = declare_output(), declare_format(accepts=accept_formats(lambda _form: True))

overwrite_option = output("--overwrite", is_flag=True, help="Replace outputs that exist already.")

page_option = output("--embed-media", is_flag=True, rare=True, help="Put the recording itself into the HTML page.")

plot_option = output(
    "--plot",
    type=PATH,
    metavar="FILE.svg|.png",
    accepts=accept_files(".svg", ".png"),
    help="Draw the sound classes of one recording as well.",
)

mux_options = combine(
    output(
        "--embed",
        metavar="FILE.mp4|.mkv",
        help="Write a copy of the video with the subtitles as a track; nothing is encoded again.",
    ),
    output(
        "--embed-format",
        type=choice(defaults.MUXED_FORMATS),
        rare=True,
        help="Form of the track in .mkv (srt); .mp4 has one of its own.",
    ),
    output(
        "--burn",
        metavar="FILE.mp4|.mkv",
        rare=True,
        help="Write a copy of the video with the subtitles drawn into its pictures; sound is copied.",
    ),
)

keep_option = output(
    "--keep-edits",
    type=PATH,
    metavar="FILE.json",
    rare=True,
    help="Keep what a person corrected in an earlier transcript of this recording.",
)


def _check_report(context: click.Context, parameter: click.Parameter, value: Any) -> Any:  # noqa: ARG001
    if value is not None:
        from whisperdiar.cli.reporting import check_report

        check_report(value)
    return value


report_option = output(
    "--report",
    "report_file",
    type=PATH,
    callback=_check_report,
    metavar="FILE",
    rare=True,
    help="Also list what was left out and why, as .tsv or .json.",
)


def _check_encoding(context: click.Context, parameter: click.Parameter, value: Any) -> Any:  # noqa: ARG001
    if value is None:
        return None
    from whisperdiar.formats import check_encoding

    return check_encoding(value)


encoding_option = option(
    "--encoding",
    metavar="NAME",
    callback=_check_encoding,
    help="Encoding of IN, such as cp1250, gbk or shift_jis, where it is not UTF-8; guessed if left out.",
)

language_option = option(
    "--language",
    metavar="NAME|CODE",
    help="Language of the text, such as Russian or ru, where IN does not say it; guessed if left out.",
)

recording_option = option(
    "--recording",
    metavar="NAME",
    help="Which recording of a file that holds several; by default that of the file's name.",
)

style_option = subtitle(
    "--speaker-style",
    type=choice(defaults.SPEAKER_STYLES),
    default=defaults.SPEAKER_STYLE,
    show_default=True,
    help="How subtitles show who speaks; auto: as is usual in the format.",
)

subtitle_options = combine(
    subtitle(
        "--profile",
        default=defaults.PROFILE,
        show_default=True,
        metavar="NAME|FILE.json",
        help="Rules that subtitles are cut by: " + ", ".join(defaults.profile_names()) + ", or a file of your own.",
    ),
    subtitle(
        "--audience",
        type=choice(defaults.AUDIENCES),
        default=defaults.AUDIENCE,
        show_default=True,
        rare=True,
        help="For whom the programme is made; children read more slowly (--profile netflix).",
    ),
    subtitle("--max-chars", type=click.IntRange(min=1), help="Characters of a line; replaces the profile's."),
    subtitle("--max-lines", type=click.IntRange(min=1), help="Lines of a subtitle."),
    subtitle("--max-cps", type=float, rare=True, help="Reading speed: characters per second."),
    subtitle("--min-duration", type=float, metavar="SECONDS", rare=True, help="A subtitle stays at least so long."),
    subtitle("--max-duration", type=float, metavar="SECONDS", rare=True, help="A subtitle stays at most so long."),
    subtitle("--gap", type=float, metavar="SECONDS", rare=True, help="Least time between two subtitles."),
    subtitle("--fps", type=FrameRate(), rare=True, help="Put times on the frames of a video: 25, 23.976, 30000/1001."),
    subtitle(
        "--overlap/--no-overlap",
        default=None,
        rare=True,
        help="Whether people who talk at once get subtitles at once; in place of the profile's way.",
    ),
)

recut_option = subtitle(
    "--recut", is_flag=True, help="Cut finished subtitles anew; a profile or a limit does so as well."
)

sounds_option = subtitle(
    "--mark-sounds/--no-mark-sounds",
    default=False,
    rare=True,
    help="Find music and loud noises, which --speaker-style sdh shows as [music] and [noise].",
)

shots_option = subtitle(
    "--shots",
    metavar="FILE|auto",
    rare=True,
    help="Shot changes that subtitles keep to: a list of times, or `auto` to find them in the video.",
)

template_option = output(
    "--template",
    type=choice(defaults.TEMPLATES),
    default=defaults.TEMPLATES[0],
    show_default=True,
    rare=True,
    help="How DOCX, ODT and PDF are set; legal: 25 numbered lines on a page.",
)

writing_options = combine(
    output_option, format_option, overwrite_option, style_option, template_option, subtitle_options
)
"""Where a transcript goes and how it is written: of every command that writes one."""

"""Options of openai-whisper, whisperX, whisper-ctranslate2 and ffmpeg: what they are called here.

Most are understood as they are (aliases, which no help lists); for the others an error says what to write instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import click

from whisperdiar.cli.option import Option, all_commands
from whisperdiar.text.messages import _

_WHISPER, _X, _CT2, _FFMPEG = "openai-whisper", "whisperX", "whisper-ctranslate2", "ffmpeg"
_ALL = (_WHISPER, _X, _CT2)


class Row(NamedTuple):
    """An option of other programs.

    Attributes:
        names: as it is written there.
        programs: which have it.
        becomes: what it means here, ``{}`` for its value; None where nothing here is the same.
        cases: where it depends on the value (in lower case).
        flag: whether it takes no value there.
        hint: what to write instead, where it is no alias.
    """

    names: tuple[str, ...]
    programs: tuple[str, ...]
    becomes: tuple[str, ...] | None = None
    cases: Mapping[str, tuple[str, ...]] = {}
    flag: bool = False
    hint: str = ""


def _setting(option: str, key: str) -> tuple[str, ...]:
    return (option, f"{key}={{}}")


def _switch(yes: tuple[str, ...], no: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The cases of an option that takes True or False."""
    return {**dict.fromkeys(("true", "1", "yes"), yes), **dict.fromkeys(("false", "0", "no"), no)}


ROWS: tuple[Row, ...] = (
    # What is written, and where.
    Row(("--output_dir",), _ALL, ("--output", "{}/")),
    Row(("--output_format",), _ALL, ("--format", "{}"), {"all": ("--format", "txt,vtt,srt,tsv,json")}),
    Row(("--verbose",), _ALL, None, _switch((), ("--quiet",))),
    Row(("--print_progress",), (_X,), None, _switch((), ())),
    Row(("--max_line_width",), _ALL, ("--max-chars", "{}")),
    Row(("--max_line_count",), _ALL, ("--max-lines", "{}")),
    Row(("--highlight_words",), _ALL, None, _switch(("--profile", "karaoke"), ())),
    Row(("--max_words_per_line",), (_WHISPER, _CT2), hint="limit characters instead: --max-chars 42"),
    Row(("--segment_resolution",), (_X,), hint="use a profile of subtitles: --profile NAME"),
    Row(
        ("--pretty_json",),
        (_CT2,),
        hint="the JSON of --format json is indented already",
    ),
    Row(("--print_colors",), (_CT2,), hint="words of doubtful speaker are listed in the JSON: --uncertain-below 0.6"),
    Row(("-y",), (_FFMPEG,), ("--overwrite",), flag=True),
    Row(("-n",), (_FFMPEG,), (), flag=True),
    # Recognition.
    Row(("-m",), ("whisper.cpp",), ("--model", "{}")),
    Row(("-l",), ("whisper.cpp",), ("--language", "{}")),
    Row(("--translate", "-tr"), (_WHISPER, "whisper.cpp"), ("--task", "translate"), flag=True),
    Row(("--initial_prompt",), _ALL, ("--prompt", "{}")),
    Row(
        ("--hotwords-file", "--hotwords_file", "--hotwords-score", "--grammar", "--word_boost", "--keyterms"),
        ("sherpa-onnx", "whisper.cpp", "AssemblyAI"),
        hint="write the terms into a file, one a line, and give it as --vocabulary FILE",
    ),
    Row(
        ("--custom_spelling",),
        ("AssemblyAI",),
        hint="write lines such as wrong => right into a file: --vocabulary FILE",
    ),
    Row(
        ("--language_codes", "--alternative_language_codes"),
        ("AssemblyAI", "Google"),
        hint="name the languages to choose from: --languages ru,en",
    ),
    Row(("--model_dir", "--model_directory"), _ALL, hint="give a folder with a model as --model DIR, or set HF_HOME"),
    Row(("--cache_directory",), (_CT2,), hint="set HF_HOME to the folder of the cache; a model's own is --model DIR"),
    Row(("--beam_size",), _ALL, _setting("--asr-option", "beam_size")),
    Row(("--condition_on_previous_text",), _ALL, _setting("--asr-option", "condition_on_previous_text")),
    Row(("--compression_ratio_threshold",), _ALL, _setting("--asr-option", "compression_ratio_threshold")),
    Row(("--logprob_threshold",), _ALL, _setting("--asr-option", "log_prob_threshold")),
    Row(("--no_speech_threshold",), _ALL, _setting("--asr-option", "no_speech_threshold")),
    Row(("--fp16",), (_WHISPER, _X), None, _switch(("--compute-type", "float16"), ("--compute-type", "float32"))),
    Row(("--word_timestamps",), (_WHISPER, _CT2), None, _switch((), ("--word-times", "none"))),
    Row(("--no_align",), (_X,), ("--word-times", "dtw"), flag=True),
    Row(("--align_model",), (_X,), ("--word-times", "wav2vec2", "--asr-option", "word_times_model={}")),
    Row(("--multilingual",), (_CT2,), None, _switch(("--multilingual",), ())),
    Row(
        ("--temperature", "--temperature_increment_on_fallback"),
        _ALL,
        hint="doubtful text is decoded again; to switch that off: --asr-option temperature_fallback=false",
    ),
    Row(
        ("--best_of", "--patience", "--length_penalty", "--repetition_penalty", "--no_repeat_ngram_size"),
        _ALL,
        hint="the search has one setting: --asr-option beam_size=5",
    ),
    Row(
        ("--hallucination_silence_threshold",),
        (_WHISPER, _CT2),
        hint="words without speech are dropped already: --asr-option drop_unspoken=true",
    ),
    Row(
        ("--suppress_tokens", "--suppress_numerals", "--suppress_blank"),
        _ALL,
        hint="no tokens can be suppressed; --prompt shows Whisper the style",
    ),
    Row(("--carry_initial_prompt",), (_WHISPER,), None, _switch((), ())),
    Row(("--prefix",), (_CT2,), hint="show Whisper the style and the words with --prompt"),
    Row(("--batched",), (_CT2,), None, _switch((), ("--batch-size", "1"))),
    Row(("--clip_timestamps",), (_WHISPER, _CT2), hint="choose a part with --start and --end"),
    Row(
        ("--prepend_punctuations", "--append_punctuations"),
        _ALL,
        hint="punctuation joins its word by itself; the cut of subtitles is --profile NAME",
    ),
    Row(("--return_char_alignments", "--interpolate_method"), (_X,), hint="times are of words: --word-times wav2vec2"),
    # Speech.
    Row(("--vad_filter",), (_CT2,), None, _switch((), ("--vad", "none"))),
    Row(("--vad_method",), (_X,), ("--vad", "{}")),
    Row(("--vad_threshold",), (_CT2,), _setting("--vad-option", "threshold")),
    Row(("--vad_onset",), (_X,), _setting("--vad-option", "threshold")),
    Row(("--vad_offset",), (_X,), hint="the detector has one threshold: --vad-option threshold=0.5"),
    Row(("--vad_min_speech_duration_ms",), (_CT2,), hint="in seconds: --vad-option min_speech=0.25"),
    Row(("--vad_min_silence_duration_ms",), (_CT2,), hint="in seconds: --vad-option min_silence=0.5"),
    Row(("--vad_max_speech_duration_s",), (_CT2,), _setting("--asr-option", "max_chunk")),
    Row(("--chunk_size",), (_X,), _setting("--asr-option", "max_chunk")),
    # Speakers.
    Row(("--diarize",), (_X,), (), flag=True),
    Row(("--min_speakers",), (_X,), ("--speakers", "{}-")),
    Row(("--max_speakers",), (_X,), ("--speakers", "-{}")),
    Row(("--num_speakers", "--speaker_num"), (_CT2, "pyannote"), ("--speakers", "{}")),
    Row(("--diarize_model",), (_X,), hint="choose a diarizer: --diarizer pyannote --diarizer-option model=NAME"),
    Row(("--speaker_embeddings",), (_X,), hint="keep each speaker's activity with --save-activity FILE.npz"),
    Row(("--speaker_name",), (_CT2,), hint="name speakers afterwards: whisperdiar rename IN.json SPEAKER_00=Anna"),
    Row(
        ("--hf_token",),
        (_X, _CT2),
        hint="set the environment variable HF_TOKEN: other users see what is typed here; --diarizer onnx needs none",
    ),
    # The machine.
    Row(("--device_index",), (_X, _CT2), ("--device", "cuda:{}")),
    Row(("--gpu", "--cuda"), (), hint="a GPU is used where there is one; to insist on it: --device cuda"),
    Row(("--local_files_only", "--model_cache_only"), (_X, _CT2), None, _switch(("--offline",), ())),
    Row(("-threads",), (_FFMPEG,), ("--threads", "{}")),
    Row(
        ("--live_transcribe", "--live_input_device", "--live_volume_threshold"),
        (_CT2,),
        hint="nothing is transcribed live; record a file first: whisperdiar transcribe FILE",
    ),
    Row(
        ("-v", "-loglevel", "--log-level", "--log_level", "-hide_banner"),
        (_FFMPEG, _X),
        hint="--quiet says less, WHISPERDIAR_DEBUG=1 more, and whisperdiar --version which version this is",
    ),
    # The recording.
    Row(("-i",), (_FFMPEG,), ("{}",)),
    Row(("-ss",), (_FFMPEG,), ("--start", "{}")),
    Row(("-to",), (_FFMPEG,), ("--end", "{}")),
    Row(("-t",), (_FFMPEG, "whisper.cpp"), hint="a part ends at --end TIME; threads are --threads N"),
    Row(("-r",), (_FFMPEG,), ("--fps", "{}")),
    Row(("-map",), (_FFMPEG,), hint="choose an audio track with --track N; each is a person: --track all"),
    Row(
        ("--multichannel", "--dual_channel", "--multi_channel"),
        ("AssemblyAI", "Deepgram", "Gladia"),
        hint="a person on each channel: --diarizer channels; a file for each person: --tracks",
    ),
    Row(("-ac",), (_FFMPEG,), hint="channels are mixed; read one with --channel N"),
    Row(
        ("-ar", "-vn", "-c", "-c:a", "-c:v", "-acodec", "-vcodec", "-b:a", "-af", "-vf"),
        (_FFMPEG,),
        hint="no sound is written; any file is read as it is, a part with --start and --end",
    ),
)

_BY_NAME: Mapping[str, Row] = {name: row for row in ROWS for name in row.names}


def translate(arguments: Sequence[str], command: click.Command) -> list[str]:
    """The arguments with other programs' options as this command calls them; what it does not know stays."""
    own = {name: item for item in command.params for name in (*item.opts, *item.secondary_opts)}
    made: list[str] = []
    lowest = highest = ""
    waiting = list(arguments)
    while waiting:
        item = waiting.pop(0)
        if item == "--":
            made += [item, *waiting]
            break
        name, equals, value = item.partition("=")
        known = own.get(name)
        if known is not None:
            row = _BY_NAME.get(name)
            if row is not None and row.cases and getattr(known, "is_flag", False):  # takes True or False there
                if not equals and waiting and waiting[0].lower() in row.cases:
                    value = waiting.pop(0)
                made += row.cases.get(value.lower(), (item,))
                continue
            made.append(item)
            if not equals and waiting and not getattr(known, "is_flag", False):
                made.append(waiting.pop(0))
            continue
        row = _BY_NAME.get(name)
        hyphenated = "--" + name[2:].replace("_", "-")
        if row is None or (row.becomes is None and not row.cases):
            known = own.get(hyphenated) if name.startswith("--") and "_" in name else None
            if known is None:
                made.append(item)
                continue
            made.append(hyphenated + equals + value)
            if not equals and waiting and not getattr(known, "is_flag", False):
                made.append(waiting.pop(0))
            continue
        if not row.flag and not equals:
            if not waiting:
                made.append(item)
                continue
            value = waiting.pop(0)
        becomes = row.cases.get(value.lower(), row.becomes)
        if becomes is None or any(part.startswith("--") and part not in own for part in becomes):
            made += [name] if row.flag else [f"{name}={value}"]
        elif name == "--min_speakers":
            lowest = value
        elif name == "--max_speakers":
            highest = value
        else:
            made += [part.format(value).replace("//", "/") if "{}" in part else part for part in becomes]
    if lowest or highest:
        made.insert(0, f"--speakers={lowest}-{highest}" if lowest != highest else f"--speakers={lowest}")
    return made


def hint(name: str, context: click.Context) -> str | None:
    """What to write instead of an option that this command does not have; None where nothing is known of it."""
    name = name.partition("=")[0]
    row = _BY_NAME.get(name)
    if row is not None:
        text = _(row.hint or "") or _explain_alias(row)
        return _("no such option {name}: {text}").format(name=name, text=text)
    if not name.startswith("--"):
        return None
    others = _commands_with(name, context)
    if others:
        return _("no such option {name} of {command}: it is for {others}").format(
            name=name, command=context.command.name, others=", ".join(others)
        )
    return None


def _explain_alias(row: Row) -> str:
    meant = row.becomes or next((case for case in row.cases.values() if case), ())
    if row.cases and row.becomes is None:
        return (
            _("after it write True or False; it means {meant}").format(meant=" ".join(meant))
            if meant
            else _("leave it out")
        )
    return (
        _("it is {meant} of whisperdiar transcribe").format(meant=" ".join(meant).replace("{}", "VALUE"))
        if meant
        else _("leave it out")
    )


def _commands_with(name: str, context: click.Context) -> list[str]:
    """Commands that have an option of this name."""
    return [
        command.name or ""
        for command in all_commands(context)
        if any(name in item.opts for item in command.params if isinstance(item, Option))
    ]

"""Assembly: what a user asks of a pipeline, in names and text → a pipeline of prepared backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from whisperdiar.activity_files import check_target
from whisperdiar.cache import CacheFolder, StageCache
from whisperdiar.contracts import Progress, device_of, no_progress
from whisperdiar.errors import (
    InvalidOption,
)
from whisperdiar.given_text.reading import GivenText
from whisperdiar.given_text.transcriber import TextTranscriber
from whisperdiar.options import (
    AlignmentOptions,
    CacheOptions,
    EmotionSettings,
    Runtime,
    SeparationSettings,
    Vocabulary,
    check_device,
)
from whisperdiar.pipeline import Pipeline
from whisperdiar.preparation import prepare
from whisperdiar.registry import Stage, load, preferred
from whisperdiar.selection import Choice, Notify, Selection, check, ignore_message, select, share_threads
from whisperdiar.stage_results import STAGE_WORDS, wants_words
from whisperdiar.system.callbacks import guard_callbacks
from whisperdiar.system.machine import raise_out_of_memory
from whisperdiar.text.messages import _
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

if TYPE_CHECKING:
    from whisperdiar.emotions import EmotionDiarizer
    from whisperdiar.separation import OverlapSeparator


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a user asks of a pipeline, in names and text.

    Attributes:
        speech_file, turns_file: files that stand in for the detector and the diarizer.
        media: which part of the recording is read; for the provenance.
        vocabulary: terms to expect, and forms to write otherwise.
        alignment: how doubtful a word's speaker must be to be listed.
        save_activity: ``.npz`` file for the activity of the speakers, as in `Pipeline`.
        skip_music: whether music alone is left out, as in `Pipeline`.
        cache: where results of stages are kept; None for nowhere.
        separation: how overlapping voices are separated; None where they are not.
        emotions: how emotions are told; None where they are not.
        text: what is spoken; the recogniser then tells when its words are, and the text who says them where it does.
    """

    vad: Choice = field(default_factory=Choice)
    asr: Choice = field(default_factory=Choice)
    diarizer: Choice = field(default_factory=Choice)
    speakers: SpeakerCount = ANY_SPEAKERS
    language: str | None = None
    runtime: Runtime = field(default_factory=Runtime)
    speech_file: str | None = None
    turns_file: str | None = None
    media: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    alignment: AlignmentOptions = field(default_factory=AlignmentOptions)
    save_activity: str | None = None
    skip_music: bool = False
    cache: CacheOptions | None = None
    separation: SeparationSettings | None = None
    emotions: EmotionSettings | None = None
    text: GivenText | None = None

    def detector_choice(self) -> Choice:
        """Raises InvalidOption where a detector is named beside a file of speech regions."""
        return _choose_file_or(self.vad, "file", self.speech_file, "--speech", "--vad")

    def diarizer_choice(self) -> Choice:
        """Raises InvalidOption where another diarizer is named beside a file of turns, or a text names the speakers."""
        if self.text is not None and self.text.names_speakers:
            if self.diarizer.name not in ("auto", "none") or self.turns_file is not None:
                raise InvalidOption(
                    _("{name} names the speakers: leave --diarizer and --turns out, or the names").format(
                        name=self.text.name
                    )
                )
            return Choice(name="none")
        return _choose_file_or(self.diarizer, "rttm", self.turns_file, "--turns", "--diarizer")


def _choose_file_or(choice: Choice, backend: str, path: str | None, file_option: str, name_option: str) -> Choice:
    if path is None:
        return choice
    if choice.name not in ("auto", backend):
        raise InvalidOption(
            _("{file_option} and {name_option} {choice}: give one of them").format(
                file_option=file_option, name_option=name_option, choice=choice.name
            )
        )
    others = [name for name in choice.settings if name != "recording"]
    if others:
        listed = ", ".join(others)
        raise InvalidOption(
            _("{file_option} takes no settings ({listed}): leave them out, or leave {file_option} out").format(
                file_option=file_option, listed=listed
            )
        )
    return Choice(name=backend, settings={**choice.settings, "path": path})


def check_request(request: Request, *, words: bool = True) -> None:
    """Look at all that was asked for in names and settings; nothing is loaded. Without `words` there is no recogniser.

    Raises:
        InvalidOption: a backend, setting, model or language that does not exist, or options that exclude each other.
        UnsupportedRequest: more speakers than the diarizer tells apart.
        OutputError: the activity of the speakers cannot be written.
    """
    check_device(request.runtime.device)
    if words:
        check("asr", request.asr, language=request.language)
    check("vad", request.detector_choice())
    check("diarization", request.diarizer_choice(), speakers=request.speakers)
    _check_channel(request)
    _check_text(request)
    _check_activity(request)
    if request.separation is not None:
        # Here, as most runs separate nothing.
        from whisperdiar.separation import find_repository

        find_repository(request.separation.model)
    if request.emotions is not None:
        from whisperdiar.emotions import check_model

        check_model(request.emotions.model)


def build(
    request: Request,
    *,
    words: bool = True,
    notify: Notify = ignore_message,
    inform: Notify = ignore_message,
    progress: Progress = no_progress,
) -> Pipeline:
    """The pipeline that a user asked for, every backend prepared; without `words` it has no recogniser.

    What cannot run is refused here, before the long work begins.

    Args:
        notify: told, in a sentence, of what makes the result worse than it could be.
        inform: told of choices that do not.
    """
    cache = None if request.cache is None else StageCache(request.cache, notify=notify, inform=inform)
    memory = None if cache is None else cache.folder
    prepared = partial(select, notify=notify, inform=inform, progress=progress, memory=memory)
    check_request(request, words=words)  # nobody wants to hear of a typing error after a download
    stages: dict[Stage, Callable[[], Selection]] = {
        "vad": lambda: prepared("vad", request.detector_choice(), runtime=request.runtime),
        "diarization": lambda: prepared(
            "diarization", request.diarizer_choice(), runtime=request.runtime, beside=words, speakers=request.speakers
        ),
    }
    # A file of turns is read before a detector is fetched.
    order: Sequence[Stage] = ("vad", "diarization") if request.turns_file is None else ("diarization", "vad")
    chosen: dict[str, Selection] = {stage: stages[stage]() for stage in order}
    if words:
        diarizer, language = chosen["diarization"].backend, request.language
        alone = _is_on_gpu(diarizer) or wants_words(diarizer)
        runtime = request.runtime if alone else share_threads(request.runtime, diarizer)[0]
        chosen["asr"] = prepared("asr", request.asr, runtime=runtime, language=language)
    separator = _open_separator(request, progress) if words and request.separation is not None else None
    return Pipeline(
        detector=chosen["vad"].backend,
        transcriber=_with_text(chosen["asr"].backend, request) if words else None,
        diarizer=chosen["diarization"].backend,
        speakers=request.speakers,
        language=request.language,
        vocabulary=request.vocabulary,
        alignment=request.alignment,
        fallbacks={stage: item.fallback for stage, item in chosen.items() if item.fallback is not None},
        provenance_options=_options(request, chosen),
        threads=request.runtime.threads,
        save_activity=request.save_activity,
        skip_music=request.skip_music,
        cache=cache,
        separator=separator,
        emotions=_open_emotions(request, memory, progress) if words and request.emotions is not None else None,
    )


def _open_emotions(request: Request, memory: CacheFolder | None, progress: Progress) -> EmotionDiarizer:
    """What tells emotions, prepared: its model is loaded, unless a cache knows what it told before."""
    from whisperdiar.emotions import EmotionDiarizer

    diarizer = EmotionDiarizer(request.emotions, runtime=request.runtime)
    with raise_out_of_memory(_(STAGE_WORDS["emotions"])), guard_callbacks(progress) as heard:
        prepare("emotions", diarizer, memory, heard)
    return diarizer


def _open_separator(request: Request, progress: Progress) -> OverlapSeparator:
    """What separates overlapping voices, loaded: a missing package or model is told before the long work."""
    from whisperdiar.separation import OverlapSeparator

    separator = OverlapSeparator(request.separation or SeparationSettings(), request.runtime)
    with raise_out_of_memory(_(STAGE_WORDS["separation"])), guard_callbacks(progress) as heard:
        separator.prepare(progress=heard)
    return separator


def _check_activity(request: Request) -> None:
    """Raises InvalidOption where the activity is asked of a diarizer that has none, OutputError for no such folder."""
    if request.save_activity is None:
        return
    choice = request.diarizer_choice()
    names = preferred("diarization") if choice.name == "auto" else (choice.name,)
    if all(load("diarization", name).info.activity is None for name in names):
        who = f"--diarizer {choice.name}" if request.turns_file is None else f"--turns {request.turns_file}"
        raise InvalidOption(
            _("--save-activity {save_activity}: {who} tells no activity of the speakers; leave one of them out").format(
                save_activity=request.save_activity, who=who
            )
        )
    check_target(request.save_activity)


def _check_channel(request: Request) -> None:
    """Raises InvalidOption where one channel is read for a diarizer that needs them all."""
    name, channel = request.diarizer_choice().name, request.media.get("channel")
    if channel is not None and name != "auto" and load("diarization", name).info.per_channel:
        raise InvalidOption(
            _("channel {channel}: --diarizer {name} needs every channel; leave one of the two out").format(
                channel=channel, name=name
            )
        )


def _check_text(request: Request) -> None:
    """Raises InvalidOption where a text is given that cannot be aligned with what is asked for."""
    if request.text is None:
        return
    if request.vocabulary is not None:
        raise InvalidOption(_("a text is given, which says how words are written: leave the vocabulary out"))
    if request.asr.settings.get("task") == "translate":
        raise InvalidOption(_("a text is given, in the language that is spoken: leave --task translate out"))
    if request.separation is not None:
        raise InvalidOption(_("a text is given, which says what is spoken: leave the separation of overlap out"))
    name = request.diarizer_choice().name
    if name != "auto" and load("diarization", name).info.per_channel:
        raise InvalidOption(
            _("--diarizer {name} hears each channel by itself, a text is one: choose another").format(name=name)
        )


def _with_text(recogniser: Any, request: Request) -> Any:
    """The recogniser, or one that writes the words of the given text by it."""
    if request.text is None:
        return recogniser
    settings = request.asr.settings
    return TextTranscriber(
        recogniser,
        request.text,
        word_times=settings.get("word_times"),
        word_times_model=settings.get("word_times_model"),
    )


def _is_on_gpu(backend: Any) -> bool:
    return str(device_of(backend)).startswith("cuda")


def _options(request: Request, chosen: Mapping[str, Selection]) -> dict[str, Any]:
    """The settings in force, as JSON values."""
    return {
        "language": request.language,
        "speakers": None if request.speakers == ANY_SPEAKERS else str(request.speakers),
        "device": request.runtime.device,
        "offline": request.runtime.offline,
        **({"skip_music": True} if request.skip_music else {}),
        **({} if request.separation is None else {"separation": asdict(request.separation)}),
        **({} if request.emotions is None else {"emotions": asdict(request.emotions)}),
        **request.media,
        **{stage: asdict(item.backend.settings) for stage, item in chosen.items()},
    }

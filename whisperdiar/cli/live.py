"""Command `live`: words with speakers while somebody talks, and a transcript at the end."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisperdiar.api import OpenPipeline
from whisperdiar.assembly import check_request
from whisperdiar.cli import parameters as shared
from whisperdiar.cli import signals
from whisperdiar.cli.console import Console, is_terminal, open_console, printable
from whisperdiar.cli.errors import EMPTY, OK, report
from whisperdiar.cli.outputs import STDOUT, Target, check_outputs, check_used, plan
from whisperdiar.cli.rescue import keep_interrupted
from whisperdiar.cli.transcribe import request_from, write_targets
from whisperdiar.errors import InvalidOption, WhisperdiarError
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import check_recording
from whisperdiar.media import recording_id as name_recording
from whisperdiar.options import SAMPLE_RATE_HZ, LiveOptions
from whisperdiar.outcome import explain_empty, is_empty
from whisperdiar.text.messages import _, ngettext
from whisperdiar.transcript import Transcript

if TYPE_CHECKING:  # the networks' modules take half a second
    from whisperdiar.live import LiveTranscriber
    from whisperdiar.live.captions import Passage
    from whisperdiar.live.sources import LiveSource
    from whisperdiar.people import Identifier

_BEHIND_S = 5.0
"""So far behind the voice it is told that the recogniser is too slow."""
_REST_S = 2.0
"""Sound behind Ctrl-C of which it is told that it is heard yet."""
_NAME = "live"


def live(
    context: click.Context,
    /,
    recording: Path | None,
    *,
    microphone: str | None,
    speed: float | None,
    captions: Path | None,
    follow: str | None,
    keep_sound: Path | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Show words with speakers while somebody talks; write a transcript at the end."""
    console = open_console(context, quiet=quiet, progress=progress)
    if recording is not None and microphone is not None:
        raise InvalidOption(_("--microphone and {recording}: give one of them").format(recording=recording))
    if speed is not None and recording is None:
        raise InvalidOption(_("--speed: it is for a recording that is played; give FILE, or leave it out"))
    for name, value in (("--speech", options["speech"]), ("--turns", options["turns"])):
        if value is not None:
            raise InvalidOption(_("{option}: it is for a whole recording; leave it out").format(option=name))
    if captions is not None and captions.suffix.lower() != ".vtt":
        raise InvalidOption(
            _("--captions {captions}: give the name of a WebVTT file, such as captions.vtt").format(captions=captions)
        )
    place = recording if recording is not None else Path(_NAME)
    write = shared.write_options(options)
    others = shared.other_files(options)
    others["also_written"] += [captions, keep_sound]
    targets: list[Target] = []
    if outputs or formats:
        (targets,) = plan([place], outputs, formats, overwrite=overwrite, **others)
    else:
        check_outputs([], also_written=[captions, keep_sound], read=[recording], overwrite=overwrite)
    check_used(context, targets)
    if STDOUT in [target.path for target in targets]:
        raise InvalidOption(_("-o -: standard output shows what is said; name a file with -o"))
    if recording is not None:
        check_recording(recording)
    whole = {"track": None, "channel": None, "start": 0.0, "end": None}
    request = request_from({**options, **whole})
    check_request(request)
    chosen = {item.name: options[item.name] for item in fields(LiveOptions) if options.get(item.name) is not None}
    settings = LiveOptions(**{**chosen, "final_pass": bool(targets) and options["final_pass"]})
    identifier = _open_identifier(options, follow, console)
    source = _open_source(recording, microphone, speed)
    pipeline = OpenPipeline(request, notify=console.warn, inform=console.note)
    context.exit(
        _Session(console, source, pipeline, settings, identifier, follow, captions, keep_sound, overwrite).run(
            name_recording(recording) if recording is not None else _NAME, targets, write, recording
        )
    )


class _Session:
    """One run of the command."""

    def __init__(
        self,
        console: Console,
        source: LiveSource,
        pipeline: OpenPipeline,
        settings: LiveOptions,
        identifier: Identifier | None,
        follow: str | None,
        captions: Path | None,
        keep_sound: Path | None,
        overwrite: bool,
    ) -> None:
        from whisperdiar.live.captions import CaptionFile, FollowedPerson, Passages

        self._console, self._source, self._pipeline, self._settings = console, source, pipeline, settings
        self._identifier, self._keep_sound = identifier, keep_sound
        self._passages = Passages()
        self._followed = None if follow is None else FollowedPerson(follow)
        self._file = None if captions is None else CaptionFile(captions, replace_existing=overwrite)
        self._screen = Screen()
        if overwrite and keep_sound is not None:
            keep_sound.unlink(missing_ok=True)

    def run(self, name: str, targets: list[Target], write: Any, recording: Path | None) -> int:
        """Listens to the end of the source, or to Ctrl-C; the exit code."""
        from whisperdiar.live import LiveTranscriber

        loaded = self._pipeline.load(progress=self._console.progress)
        with LiveTranscriber(
            loaded, options=self._settings, identifier=self._identifier, recording_id=name, spool=self._keep_sound
        ) as live:
            diarizer = getattr(loaded.diarizer, "name", None)
            if diarizer not in (None, "none") and not live.tells_speakers:
                told = _("{diarizer} hears whole recordings alone: speakers come at the end")
                self._console.note(told.format(diarizer=diarizer))
            try:
                self._listen(live)
            except BaseException as error:
                self._tell_sound(live)
                self._screen.clear()
                if isinstance(error, WhisperdiarError) and live.words:
                    keep_interrupted(live.transcribe_live(), targets[0].path if targets else None, self._console)
                raise
            finally:
                self._source.close()
                if self._file is not None:
                    self._file.close()
            return self._finish(live, targets, write, recording)

    def _listen(self, live: LiveTranscriber) -> None:
        is_told = is_ending = False

        def end() -> None:
            nonlocal is_ending
            is_ending = True
            self._source.close()

        self._console.info(_("listening; Ctrl-C ends it"))
        try:
            # The usual end of a microphone; what came before, and waits where the machine is slow, is heard to its end.
            with signals.answer_first(end):
                for samples in self._source:
                    if is_ending:
                        self._tell_rest(len(samples) / SAMPLE_RATE_HZ)
                    live.feed(samples)
                    self._show(live)
                    if not is_told and self._source.came - live.duration > _BEHIND_S:
                        is_told = True
                        self._screen.clear()
                        self._console.warn(
                            _("the recogniser is slower than the voice; take a smaller --model, such as tiny or base")
                        )
        except KeyboardInterrupt:
            signals.forget()
            self._source.close()
        try:
            live.stop()
            self._show(live, is_over=True)
        except KeyboardInterrupt:  # pressed once more, or at the very end: the last words are worth a moment
            signals.forget()
            live.stop()
            self._show(live, is_over=True)
        lost = getattr(self._source, "overflows", 0)
        if lost:
            self._console.warn(
                ngettext(
                    "the microphone lost sound {number} time; the machine was too busy",
                    "the microphone lost sound {number} times; the machine was too busy",
                    lost,
                ).format(number=lost)
            )

    def _tell_rest(self, seconds: float) -> None:
        if seconds >= _REST_S:
            self._screen.clear()
            self._console.info(
                _("{seconds:.0f} s that came before are still to be heard; Ctrl-C leaves them out").format(
                    seconds=seconds
                )
            )

    def _show(self, live: LiveTranscriber, *, is_over: bool = False) -> None:
        """New passages for good, and what is open below them."""
        words, names = live.words, live.names
        passages: list[Passage] = list(self._passages.take(words, utterance=live.utterance))
        if is_over:
            passages += self._passages.finish()
        if self._followed is not None:
            passages = self._followed.select(passages, names)
        for passage in passages:
            if self._file is not None:
                self._file.add(passage, names)
        lines = [format_passage(item, names) for item in passages]
        open_text = ""
        if not is_over and self._followed is None:
            n_settled = len(words) - sum(not item.is_settled for item in words[-_OPEN_WORDS:])
            waiting = [*self._passages.open, *words[n_settled:]]
            open_text = "".join(word.text for word in (*(item.word for item in waiting), *live.provisional)).strip()
        self._screen.show(lines, open_text)

    def _finish(self, live: LiveTranscriber, targets: list[Target], write: Any, recording: Path | None) -> int:
        """Writes the transcript; a second Ctrl-C leaves it as it was told live."""
        self._screen.clear()
        transcript: Transcript | None = None
        code = OK
        try:
            if targets and self._settings.final_pass:
                self._console.info(_("transcribing all of it again; Ctrl-C writes what was shown"))
            transcript = live.finish(progress=self._console.progress)
        except KeyboardInterrupt:
            signals.forget()
            self._console.warn(_("interrupted: the transcript is the one that was shown"))
        except WhisperdiarError as error:
            code = report(error, self._console)
            self._console.warn(_("the transcript is the one that was shown"))
        if transcript is None:
            transcript = live.transcribe_live()
            self._tell_sound(live)
        elif self._keep_sound is not None:
            self._console.info(_("the sound is kept in {path}").format(path=live.spool.path))
        for note in transcript.provenance.get("notes", ()):
            self._console.note(note)
        for warning in transcript.provenance.get("warnings", ()):
            self._console.warn(warning)
        if targets:
            played = self._keep_sound or recording
            media = None if played is None else LinkedMedia(played)
            written = write_targets(transcript, targets, write, self._console, media=media)
            code = written.code or code
            paths = ", ".join(str(target.path) for target in written.targets)
            if paths:
                self._console.info(_("written: {paths}").format(paths=paths))
        if is_empty(transcript):
            self._console.error(explain_empty(transcript))
            code = code or EMPTY
        return code

    def _tell_sound(self, live: LiveTranscriber) -> None:
        """Where the sound is of which there is no good transcript."""
        live.spool.close()
        if live.duration:
            self._console.warn(
                _("the sound was kept in {path}; `whisperdiar {path}` transcribes it").format(path=live.spool.path)
            )


_OPEN_WORDS = 200
"""Final words whose speaker may still be open."""


class Screen:
    """Captions on standard output: lines that stay, and on a terminal what is open below them, dim."""

    def __init__(self) -> None:
        self._rewrites = is_terminal() and os.environ.get("TERM") != "dumb"
        self._n_open = 0

    def show(self, lines: Iterable[str], open_text: str) -> None:
        """Adds lines, and replaces what is open."""
        done = [f"{printable(line)}\n" for line in lines]
        if not self._rewrites:
            self._print("".join(done))
            return
        columns, rows = shutil.get_terminal_size()
        shown = _wrap_end(printable(open_text), columns - 1, max(1, rows // 3))
        text = self._up() + "".join(done) + "".join(f"\x1b[2m{row}\x1b[0m\n" for row in shown)
        self._n_open = len(shown)
        self._print(text)

    def clear(self) -> None:
        """Takes away what is open."""
        if self._rewrites:
            self._print(self._up())

    def _up(self) -> str:
        """To the first of the open rows, with all below it cleared."""
        rows, self._n_open = self._n_open, 0
        return f"\x1b[{rows}A\x1b[J" if rows else ""

    def _print(self, text: str) -> None:
        if text and sys.stdout is not None:
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
            sys.stdout.flush()


def format_passage(passage: Passage, names: Mapping[str, str]) -> str:
    """``0:07 Anna: So we agree.``"""
    whole = int(passage.start)
    clock = (
        f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02d}"
    )
    who = "" if passage.speaker is None else f"{names.get(passage.speaker, passage.speaker)}: "
    return f"{clock} {who}{passage.text}"


def _wrap_end(text: str, columns: int, rows: int) -> list[str]:
    """The last rows of a text."""
    import textwrap

    return textwrap.wrap(text, max(10, columns))[-rows:]


def _open_source(recording: Path | None, microphone: str | None, speed: float | None) -> LiveSource:
    from whisperdiar.live.sources import Microphone, PlayedFile

    if recording is not None:
        return PlayedFile(recording, speed=1.0 if speed is None else speed)
    return Microphone(microphone or None)


def _open_identifier(options: dict[str, Any], follow: str | None, console: Console) -> Identifier | None:
    """What names speakers; raises InvalidOption where nobody is called as the person to follow."""
    from whisperdiar.cli.identification import open_identifier

    identifier = open_identifier({**options, "identify": options["identify"] or follow is not None}, console)
    if follow is not None and identifier is not None:
        known = [person.name for person in identifier.people]
        if follow not in known:
            raise InvalidOption(
                _("--follow {follow}: nobody of this name is known; there are: {known}").format(
                    follow=follow, known=", ".join(known)
                )
            )
    return identifier

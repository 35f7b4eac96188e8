"""Command `minutes`: minutes from a transcript or a recording."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_values
from pathlib import Path
from typing import Any, Literal

import click

from whisperdiar.assembly import check_request
from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console, is_terminal, open_console
from whisperdiar.cli.errors import FAILED, OK, report
from whisperdiar.cli.option import is_typed
from whisperdiar.cli.outputs import STDOUT, Target, check_name, check_outputs
from whisperdiar.cli.rescue import answers_place, keep_answers, read_answers
from whisperdiar.cli.transcribe import Work, job_from, request_from, run, write_targets
from whisperdiar.errors import BackendError, InvalidOption
from whisperdiar.exchange import read as read_transcript
from whisperdiar.formats import Format, by_name, by_suffix, known_suffixes
from whisperdiar.media import check_recording
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.extract import dates
from whisperdiar.minutes.extract.compose import compose
from whisperdiar.minutes.extract.material import Material, prepare
from whisperdiar.minutes.links import media_link
from whisperdiar.minutes.llm.answers import RememberedAnswers
from whisperdiar.minutes.llm.client import LanguageModel, check_address, is_local
from whisperdiar.minutes.llm.writing import WrittenMinutes, write
from whisperdiar.minutes.render import list_remarks, name_of, renderer
from whisperdiar.minutes.template import Template, template
from whisperdiar.options import LlmOptions, MinutesOptions, WriteOptions
from whisperdiar.options.command_line import MINUTES_STYLE
from whisperdiar.sound_marks import find_unnamed
from whisperdiar.text.counts import count_words
from whisperdiar.text.language_identification import has_classifier
from whisperdiar.text.languages import find_code, language_name
from whisperdiar.text.messages import _, ngettext
from whisperdiar.transcript import Transcript

KEY = "WHISPERDIAR_LLM_KEY"
OPENAI_KEY, OPENAI_HOST = "OPENAI_API_KEY", "api.openai.com"

_ALIASES = {"html": (".htm",), "md": (".markdown",)}


@dataclass(slots=True)
class Writer:
    """Makes the minutes of one transcript once, and writes them in every format that is asked for."""

    options: MinutesOptions
    media: str | None
    template: str | None
    llm: LlmOptions | None
    console: Console
    style: str = MINUTES_STYLE
    beside: Path | None = None
    failed: bool = False
    _made: dict[int, Minutes] = field(default_factory=dict)
    _used: list[Path] = field(default_factory=list)

    def target(self, name: str, path: Path, *, replace: bool) -> Target:
        """A target that holds minutes in place of a transcript."""
        render = renderer(name)

        def dumps(transcript: Transcript, *, options: WriteOptions) -> str | bytes:  # noqa: ARG001
            made = self.minutes(transcript)
            link = None if self.media is None else media_link(self.media, None if path == STDOUT else path)
            return render(with_values(made, media=link), self._template(made), self.style)

        def remarks(transcript: Transcript, *, options: WriteOptions) -> tuple[str, ...]:  # noqa: ARG001
            made = self.minutes(transcript)
            return list_remarks(name, made, self._template(made), self.style)

        kind = Format(f"minutes-{name}", f".{name}", "words", dumps, None, remarks=remarks)
        return Target(kind, path, replace=replace)

    def minutes(self, transcript: Transcript) -> Minutes:
        """Of a transcript, made at the first call."""
        if id(transcript) not in self._made:
            self._made = {id(transcript): self._make(transcript)}
        return self._made[id(transcript)]

    def forget_answers(self) -> None:
        """Remove the answers of interrupted runs that the minutes, which are written, were made of."""
        for place in self._used:
            with contextlib.suppress(OSError):
                place.unlink()

    def _template(self, made: Minutes) -> Template:
        return template(self.template, made.language)

    def _make(self, transcript: Transcript) -> Minutes:
        material = prepare(transcript, self.options)
        plain = compose(material, self.options)
        if plain.language is not None and not material.spoken.cues:
            self.console.note(
                _("no cue phrases are known for {language}: few decisions and no owners are found").format(
                    language=language_name(plain.language)
                )
            )
        unnamed = find_unnamed(transcript)
        if unnamed and self.style == "protocol":
            self.console.note(
                ngettext(
                    "{number} speaker has no name; name it: whisperdiar rename IN {label}=NAME",
                    "{number} speakers have no names; name them: whisperdiar rename IN {label}=NAME …",
                    len(unnamed),
                ).format(number=len(unnamed), label=unnamed[0])
            )
        if any(item.due is not None for item in plain.actions) and self.options.day and not dates.has_parser():
            self.console.warn(_('some dates stay words; to have them read, run: pip install "whisperdiar[minutes]"'))
        if self.llm is None:
            return plain
        model = LanguageModel(self.llm)
        try:
            name = model.name()
            n_words = sum(len(item.words) for item in material.utterances)
            self.console.info(
                _("whisperdiar: sending the transcript ({words}) to {host}, model {name}").format(
                    words=count_words(n_words), host=model.host, name=name
                )
            )
            done = self._ask(transcript.recording_id, model, name, material, plain, self.llm)
        except BackendError as error:
            self.failed = True
            report(error, self.console, about="--llm")
            self.console.warn(_("the minutes are written without a language model"))
            return plain
        for failure in done.failures:
            self.failed = True
            self.console.warn(_("--llm: {failure}; it is written without a language model").format(failure=failure))
        for item in done.struck:
            self.console.warn(_("struck, as it {reason}: {item}").format(reason=item.reason, item=item.text))
        return done.minutes

    def _ask(
        self, recording: str, model: LanguageModel, name: str, material: Material, plain: Minutes, llm: LlmOptions
    ) -> WrittenMinutes:
        """What the model writes; what it has answered is kept where the run is told to end meanwhile."""
        place = answers_place(recording, self.beside)
        known = read_answers(place)
        asked = RememberedAnswers(model, name, known=known, secret=llm.key)
        if known:
            self._used.append(place)
        try:
            with self.console.timed("minutes"):
                done = write(
                    material,
                    plain,
                    asked,
                    name=name,
                    options=self.options,
                    llm=llm,
                    progress=lambda fraction: self.console.progress("minutes", min(0.999, fraction)),
                )
        except KeyboardInterrupt:
            if len(asked.answers) > len(known):
                keep_answers(asked.answers, place, self.console, replace=bool(known))
            raise
        if asked.n_known:
            self.console.info(
                ngettext(
                    "whisperdiar: {number} answer of the interrupted run in {place} was used",
                    "whisperdiar: {number} answers of the interrupted run in {place} were used",
                    asked.n_known,
                ).format(number=asked.n_known, place=place)
            )
        return done


def minutes(
    context: click.Context,
    /,
    source: Path,
    *,
    source_format: str | None,
    recording: str | None,
    encoding: str | None,
    outputs: tuple[str, ...],
    name: str | None,
    overwrite: bool,
    length: int | None,
    day: str | None,
    style: str,
    media: str | None,
    template_name: str | None,
    kept: Path | None,
    llm: str | None,
    llm_model: str | None,
    llm_timeout: float,
    llm_window: int,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Minutes of IN, a transcript (JSON of whisperdiar, subtitles …) or a recording, which is transcribed first."""
    console = open_console(context, quiet=quiet, progress=progress)
    if os.path.isdir(source):
        raise InvalidOption(_("{source}: is a folder; name one transcript or recording").format(source=source))
    options["language"] = None if options["language"] is None else find_code(options["language"].strip())
    is_transcript = source_format is not None or _is_transcript(source)
    if is_transcript:
        only = tuple(name for name in (*options, "kept", "preset") if name not in ("language", "offline"))
        _refuse(context, only, _("it is for recordings, and {source} is a transcript already").format(source=source))
    template(template_name, None)  # a mistake in it is said before hours of work
    if media is not None:
        media_link(media, None)
    writer = Writer(
        options=MinutesOptions(length=length, language=options["language"], day=_day(day)),
        media=media if media is not None or is_transcript else str(source),
        template=template_name,
        llm=None if llm is None else _llm(llm, llm_model, llm_timeout, llm_window, console),
        console=console,
        style=style,
    )
    _check_llm(context, llm, offline=options["offline"])
    typed = is_typed(context, "name")
    targets = _list_targets(outputs, name, source, kept, writer, overwrite=overwrite, typed=typed)
    _check_files(targets, source, template_name, media, options, overwrite=overwrite)
    if is_transcript:
        found = _read_source(source, source_format, encoding, options["language"], recording, console)
        keep: Literal["made", "nothing"] = "nothing" if llm is None else "made"
        code = write_targets(found, targets, WriteOptions(), console, keep=keep).code
    else:
        code = _transcribe(source, targets, options, console)
    code = code or (FAILED if writer.failed else OK)
    if code == OK:
        writer.forget_answers()
    context.exit(code)


def _transcribe(source: Path, targets: Sequence[Target], options: dict[str, Any], console: Console) -> int:
    """The recording's minutes, and its transcript where that is kept. Returns the exit code."""
    check_request(request_from(options))
    check_recording(source, track=options["track"])
    return run([Work(source, targets)], job_from(options, console, write=WriteOptions()), many=False)


def _list_targets(
    outputs: tuple[str, ...],
    name: str | None,
    source: Path,
    kept: Path | None,
    writer: Writer,
    *,
    overwrite: bool,
    typed: bool,
) -> list[Target]:
    """Every file of minutes, beside the transcript that is kept; what the model answers is kept beside the first."""
    if not outputs and is_terminal():
        outputs = (str(source.with_suffix(f".{name or 'md'}")),)
    targets = _targets(outputs, name, writer, overwrite=overwrite, typed=typed)
    writer.beside = next((target.path for target in targets if target.path != STDOUT), None)
    return targets if kept is None else [*targets, Target(by_suffix(kept), kept, replace=overwrite)]


def _check_llm(context: click.Context, llm: str | None, *, offline: bool) -> None:
    """Raises InvalidOption: the language model is elsewhere though the network is refused, or options have no model."""
    if llm is None:
        _refuse(
            context, ("llm_model", "llm_timeout", "llm_window"), _("it is for a language model: name one with --llm")
        )
    elif offline and not is_local(llm):
        raise InvalidOption(
            _("--llm {llm}: this is not on this machine; leave --offline out, or name a local server").format(llm=llm)
        )


def _check_files(
    targets: Sequence[Target],
    source: Path,
    template_name: str | None,
    media: str | None,
    options: Mapping[str, Any],
    *,
    overwrite: bool,
) -> None:
    """Raises InvalidOption: an output would replace what is read, or what is there; or no time is like that."""
    shared.check_times(options["start"], options["end"])
    others = shared.other_files(options)
    own = template_name if template_name and Path(template_name).suffix else None
    check_outputs(
        targets,
        also_written=others["also_written"],
        read=[source, own, media, *others["also_read"]],
        overwrite=overwrite,
    )


def _read_source(
    source: Path,
    source_format: str | None,
    encoding: str | None,
    language: str | None,
    recording: str | None,
    console: Console,
) -> Transcript:
    """The transcript that minutes are made of.

    Raises:
        InvalidOption: it has no words.
    """
    found = read_transcript(
        source,
        format_name=source_format,
        encoding=encoding,
        language=language,
        recording=recording,
        notify=console.warn,
        inform=console.note,
    )
    if not found.segments and found.turns:
        raise InvalidOption(
            _("{source}: it holds turns and no words, so it cannot become minutes").format(source=source)
        )
    if found.language is None:
        more = _(', or to have more languages found, run: pip install "whisperdiar[language]"')
        console.warn(
            _(
                "{source}: its language is not known, so decisions are hardly found; say --language CODE{install}"
            ).format(source=source, install="" if has_classifier() else more)
        )
    return found


def _is_transcript(source: Path) -> bool:
    """Whether a name is that of a transcript; everything else is a recording."""
    form = known_suffixes().get(source.suffix.lower())
    return form is not None and by_name(form).read is not None


def _day(text: str | None) -> datetime.date | None:
    if text is None:
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise InvalidOption(
            _("--date {text}: write it as YYYY-MM-DD, for example 2026-03-31").format(text=text)
        ) from error


def _llm(url: str, model: str | None, timeout: float, window: int, console: Console) -> LlmOptions:
    """Settings of the language model; the key comes from the environment, and goes to nobody it is not meant for."""
    made = LlmOptions(url=url, model=model, timeout=timeout, window=window)
    check_address(url)
    key = os.environ.get(KEY) or None
    if key is None and LanguageModel(made).host.split(":")[0].lower() == OPENAI_HOST and url.startswith("https://"):
        key = os.environ.get(OPENAI_KEY) or None
    if key is None:
        return made
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidOption(_("{key}: this key holds characters that no key has; set it again").format(key=KEY))
    if not url.lower().startswith("https://") and not is_local(url):
        console.warn(
            _("--llm {url}: the key and the transcript go there unencrypted; use https:// where you can").format(
                url=url
            )
        )
    return with_values(made, key=key)


def _targets(outputs: Sequence[str], name: str | None, writer: Writer, *, overwrite: bool, typed: bool) -> list[Target]:
    """For every output the minutes; a format that is not typed gives way to a suffix that tells one."""
    if not all(outputs):
        raise InvalidOption(_("-o: the name of an output is empty; give one, or leave it out"))
    if not outputs:
        return [writer.target(name or "md", STDOUT, replace=False)]
    for item in outputs:
        if typed and name is not None and item != str(STDOUT):
            check_name(Path(item), name, suffixes=[f".{name}", *_ALIASES.get(name, ())])
    return [writer.target(_format_of(item, name, typed=typed), Path(item), replace=overwrite) for item in outputs]


def _format_of(output: str, name: str | None, *, typed: bool) -> str:
    if output == str(STDOUT) or (name is not None and typed):
        return name or "md"
    try:
        return name_of(output)
    except InvalidOption:
        if name is None:
            raise
        return name


def _refuse(context: click.Context, names: Sequence[str], cause: str) -> None:
    """Raises InvalidOption where the user gave one of these options, which would do nothing."""
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = next(item.opts[-1] for item in context.command.params if item.name == name)
            raise InvalidOption(f"{option}: {cause}")

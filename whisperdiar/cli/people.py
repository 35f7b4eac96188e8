"""Commands `speakers` and `link`: people whose voices are known, and the same people over many recordings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli.console import Console, open_console, write_stdout
from whisperdiar.cli.errors import FAILED, OK
from whisperdiar.cli.identification import profiles_in, runtime_from
from whisperdiar.cli.outputs import STDOUT, check_outputs
from whisperdiar.contracts import SpeechDetector
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.exchange import read as read_transcript
from whisperdiar.media import check_recording
from whisperdiar.people import (
    Profiles,
    Voice,
    VoiceEncoder,
    embed_recording,
    find_recording,
    list_appearances,
    load_recording,
    make_sample,
    open_voice_encoder,
)
from whisperdiar.people import calibrate as find_thresholds
from whisperdiar.people import confirm as confirm_speaker
from whisperdiar.people import link as link_speakers
from whisperdiar.people import unconfirm as unconfirm_speaker
from whisperdiar.people.profiles import check_name
from whisperdiar.selection import Choice, select
from whisperdiar.system.files import check_folder, read_text, write_text
from whisperdiar.text.counts import count_recordings
from whisperdiar.text.json import read as read_json
from whisperdiar.text.json import write as write_json
from whisperdiar.text.messages import _, ngettext
from whisperdiar.transcript import Transcript, speaker_names


def add(
    context: click.Context,
    /,
    name: str,
    recordings: tuple[Path, ...],
    *,
    people: Path | None,
    voice_model: str | None,
    vad: str,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Keep the voice of a person from recordings in which nobody else speaks."""
    console = open_console(context, quiet=quiet, progress=progress)
    name, profiles = check_name(name), profiles_in(people)
    for path in recordings:
        check_recording(path)
    if profiles.folder.is_dir():
        check_folder(profiles.folder)
    voices, encoder = _embed(recordings, profiles, voice_model, vad, options, console)
    made = profiles.add(name, [make_sample(voice, recording, None) for recording, voice in voices], encoder.model)
    console.note(_("voiceprints are biometric data: keep them only of people who agree"))
    console.info(
        _("{name}: {samples}, {seconds:.0f} s of speech; `whisperdiar speakers forget` removes all").format(
            name=made.name, samples=count_recordings(len(made.samples)), seconds=made.seconds
        )
    )


def _embed(
    recordings: Sequence[Path],
    profiles: Profiles,
    voice_model: str | None,
    vad: str,
    options: Mapping[str, Any],
    console: Console,
) -> tuple[list[tuple[str, Voice]], VoiceEncoder]:
    encoder = _open_encoder(profiles, voice_model, options, console)
    detector = _open_detector(vad, options, console)
    return [embed_recording(path, detector, encoder, progress=console.progress) for path in recordings], encoder


def _open_detector(name: str, options: Mapping[str, Any], console: Console) -> SpeechDetector:
    made: SpeechDetector = select(
        "vad",
        Choice(name=name),
        runtime=runtime_from(options),
        notify=console.warn,
        inform=console.note,
        progress=console.progress,
    ).backend
    return made


def _open_encoder(
    profiles: Profiles, voice_model: str | None, options: Mapping[str, Any], console: Console
) -> VoiceEncoder:
    """The network for voices: the one that was asked for, or that of the profiles."""
    return open_voice_encoder(
        voice_model, model=profiles.model, runtime=runtime_from(options), progress=console.progress
    )


def list_people(*, people: Path | None, as_json: bool) -> int:
    """Print who is known; 1 where a profile is damaged."""
    console = Console(quiet=True)
    damaged: list[str] = []
    found = profiles_in(people).read_all(notify=damaged.append)
    if as_json:
        rows = [
            {
                "name": profile.name,
                "consent": profile.consent,
                "model": str(profile.model),
                "samples": [
                    {
                        "recording": item.recording,
                        "speaker": item.speaker,
                        "seconds": round(item.seconds, 3),
                        "date": item.date,
                        "narrowband": item.is_narrowband,
                    }
                    for item in profile.samples
                ],
            }
            for profile in found
        ]
        write_stdout(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        lines = []
        for profile in found:
            counted = count_recordings(len(profile.samples))
            lines.append(
                _("{name}: {samples}, {seconds:.0f} s of speech, {model}").format(
                    name=profile.name, samples=counted, seconds=profile.seconds, model=profile.model
                )
            )
            for number, item in enumerate(profile.samples, start=1):
                where = item.recording if item.speaker is None else f"{item.recording} {item.speaker}"
                lines.append(f"  {number}. {where}, {item.seconds:.0f} s, {item.date}")
        write_stdout("".join(f"{line}\n" for line in lines) or _("nobody is known yet") + "\n")
    for line in damaged:
        console.error(line)
    return FAILED if damaged else OK


def remove(*, name: str, sample: int | None, people: Path | None, quiet: bool) -> None:
    """Remove a person, or one recording of a person."""
    console, profiles = Console(quiet=quiet), profiles_in(people)
    if sample is None:
        profiles.remove(name)
        console.info(_("{name}: removed").format(name=name))
        return
    left = profiles.remove_sample(name, sample)
    console.info(
        _("{name}: removed with its last recording").format(name=name)
        if left is None
        else _("{name}: {samples} left").format(name=name, samples=count_recordings(len(left.samples)))
    )


def rename(*, name: str, new: str, people: Path | None, quiet: bool) -> None:
    """Give a person another name."""
    profiles_in(people).rename(name, new)
    Console(quiet=quiet).info(_("{name}: now {new}").format(name=name, new=check_name(new)))


def export(*, names: tuple[str, ...], output: Path, overwrite: bool, people: Path | None, quiet: bool) -> None:
    """Write profiles into one file."""
    check_outputs([], also_written=[output], read=[], overwrite=overwrite)
    data = profiles_in(people).to_dict(names)
    write_text(output, write_json(data), private=True)
    Console(quiet=quiet).info(
        _("wrote {output}: {people}; whoever has it can know these voices again").format(
            output=output, people=_count_people(len(data["people"]))
        )
    )


def _count_people(number: int) -> str:
    return ngettext("{number} person", "{number} people", number).format(number=number)


def take_in(*, source: Path, overwrite: bool, people: Path | None, quiet: bool) -> None:
    """Add the profiles of a file."""
    names = profiles_in(people).take_in(read_json(read_text(source)), str(source), overwrite=overwrite)
    Console(quiet=quiet).info(_("added: {names}").format(names=", ".join(names)))


def forget(*, people: Path | None, quiet: bool) -> None:
    """Remove every profile."""
    number = profiles_in(people).forget()
    Console(quiet=quiet).info(_("forgotten: {people}").format(people=_count_people(number)))


def confirm(
    context: click.Context,
    /,
    transcript: Path,
    speaker: str,
    name: str,
    *,
    media: tuple[Path, ...],
    people: Path | None,
    voice_model: str | None,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Say that a speaker of a transcript is a person."""
    console = open_console(context, quiet=quiet, progress=progress)
    name, profiles = check_name(name), profiles_in(people)
    given = Transcript.load(transcript)
    given.rename({speaker: name})  # there is such a speaker
    recording = find_recording(transcript, given, media)
    encoder = _open_encoder(profiles, voice_model, options, console)
    audio = load_recording(recording, given, progress=console.progress)
    made = confirm_speaker(given, audio, speaker, name, profiles, encoder=encoder)
    made.save(transcript)
    console.note(_("voiceprints are biometric data: keep them only of people who agree"))
    console.info(
        _("{transcript}: {speaker} is {name}; the profile has {samples}").format(
            transcript=transcript,
            speaker=speaker,
            name=name,
            samples=count_recordings(len(profiles.read(name).samples)),
        )
    )


def unconfirm(*, transcript: Path, speaker: str, people: Path | None, quiet: bool) -> None:
    """Take back what `confirm` did."""
    made = unconfirm_speaker(Transcript.load(transcript), speaker, profiles_in(people))
    made.save(transcript)
    Console(quiet=quiet).info(
        _("{transcript}: {speaker} has no name any more").format(transcript=transcript, speaker=speaker)
    )


def calibrate(
    context: click.Context,
    /,
    folder: Path,
    *,
    people: Path | None,
    voice_model: str | None,
    vad: str,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Set the thresholds from recordings of the user's own."""
    console = open_console(context, quiet=quiet, progress=progress)
    if not folder.is_dir():
        raise InvalidOption(
            _("{folder}: this is no folder; give one with a folder for each person").format(folder=folder)
        )
    profiles = profiles_in(people)
    encoder = _open_encoder(profiles, voice_model, options, console)
    detector = _open_detector(vad, options, console)
    by_name: dict[str, list[Voice]] = {}
    for own in sorted(item for item in folder.iterdir() if item.is_dir()):
        recordings = _list_recordings(own)
        if not recordings:
            console.warn(_("{folder}: there are no files in it; nobody is learnt from it").format(folder=own))
        for path in recordings:
            try:
                _recording, voice = embed_recording(path, detector, encoder, progress=console.progress)
            except (InvalidOption, MediaError) as error:
                console.warn(_("left out: {cause}").format(cause=error))
            else:
                by_name.setdefault(own.name, []).append(voice)
    found = find_thresholds(by_name, profiles.read_calibration(encoder.model))
    profiles.write_calibration(found.calibration, encoder.model)
    if found.overlap:
        console.warn(
            _("some are nearer to others ({others:.2f}) than to themselves ({same:.2f}): more will be asked").format(
                others=found.nearest_others, same=found.farthest_same
            )
        )
    console.info(
        _(
            "{people}, {recordings}: a voice is up to {same:.2f} from itself and at least {others:.2f} from others; "
            "named up to {name:.2f}, asked up to {ask:.2f}"
        ).format(
            people=_count_people(found.n_people),
            recordings=count_recordings(found.n_recordings),
            same=found.farthest_same,
            others=found.nearest_others,
            name=found.calibration.name_distance,
            ask=found.calibration.ask_distance,
        )
    )


def _list_recordings(folder: Path) -> list[Path]:
    return sorted(item for item in folder.iterdir() if item.is_file() and not item.name.startswith("."))


def link(
    context: click.Context,
    /,
    transcripts: tuple[Path, ...],
    *,
    output: Path,
    overwrite: bool,
    rename: bool,
    media: tuple[Path, ...],
    people: Path | None,
    voice_model: str | None,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Give one person one name over many recordings."""
    console = open_console(context, quiet=quiet, progress=progress)
    if output != STDOUT:
        check_outputs([], also_written=[output], read=list(transcripts), overwrite=overwrite)
    given = [
        read_transcript(path, notify=console.warn, inform=console.note) if not rename else Transcript.load(path)
        for path in transcripts
    ]
    keys = _name_recordings(transcripts, given)
    recordings = [find_recording(*item, media) for item in zip(transcripts, given, strict=True)]
    profiles = profiles_in(people)
    encoder = _open_encoder(profiles, voice_model, options, console)
    appearances = []
    for number, (key, transcript, path) in enumerate(zip(keys, given, recordings, strict=True)):
        console.start_file(number + 1, len(given), str(path))
        audio = load_recording(path, transcript, progress=console.progress)
        voices = encoder.embed_speakers(audio, transcript.turns)
        appearances += list_appearances(key, speaker_names(transcript), voices)
    links = link_speakers(appearances, profiles.read_calibration(encoder.model))
    text = write_json({**links.to_dict(), "model": str(encoder.model)})
    if output == STDOUT:
        write_stdout(text)
    else:
        write_text(output, text)
    if rename:
        for key, transcript, path in zip(keys, given, transcripts, strict=True):
            replace(transcript.rename(links.find_names(key)), provenance=transcript.provenance).save(path)
    console.info(
        _("{people} in {recordings}, {doubts} to decide").format(
            people=_count_people(len(links.people)),
            recordings=count_recordings(len(given)),
            doubts=len(links.doubts),
        )
    )


def _name_recordings(paths: Sequence[Path], transcripts: Sequence[Transcript]) -> list[str]:
    """A name for each: the recording's, and where two have the same one, that of the file."""
    named = Counter(item.recording_id for item in transcripts)
    keys = [
        item.recording_id if named[item.recording_id] == 1 else str(path)
        for path, item in zip(paths, transcripts, strict=True)
    ]
    if len(set(keys)) < len(keys):
        raise InvalidOption(_("link: a transcript is given twice; give each once"))
    return keys

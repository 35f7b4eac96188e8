"""Identification: the speakers of a transcript get the names of people whose voices are known.

A name that was given so is marked in the provenance, with its probability; what only may be is asked in a note. The
embeddings themselves come into no transcript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption
from whisperdiar.options import Runtime
from whisperdiar.people.embedding import Voice, VoiceEncoder, open_voice_encoder
from whisperdiar.people.matching import LEAST_SECONDS, Calibration, Decision, decide, find_matched_distances
from whisperdiar.people.profiles import Profile, Profiles, make_sample
from whisperdiar.system.log import warn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio

KEY = "identification"
"""In the provenance of a transcript."""


class Identifier:
    """Names speakers by the voices of known people; the network stays loaded for any number of transcripts.

        with Identifier(Profiles()) as identifier:
            transcript = identifier.identify(transcript, audio)

    Raises:
        InvalidOption: nobody is known, or the network is not that of the profiles.
        FormatError: the thresholds are damaged.
        BackendError: the network cannot run.
    """

    def __init__(
        self,
        profiles: Profiles | None = None,
        *,
        voice_model: str | None = None,
        runtime: Runtime | None = None,
        notify: Any = warn,
        progress: Progress = no_progress,
    ) -> None:
        """Reads the profiles and loads their network.

        Args:
            profiles: None for those of the user.
            voice_model: as of `open_voice_encoder`.
            notify: told of a profile that is damaged, or of another network; it is passed over.
        """
        profiles = profiles or Profiles()
        people = profiles.read_all(notify=notify)
        if not people:
            raise InvalidOption(
                _("--identify: nobody is known yet; make a profile with `whisperdiar speakers add NAME FILE`")
            )
        self.encoder = open_voice_encoder(voice_model, model=people[0].model, runtime=runtime, progress=progress)
        self.people: list[Profile] = []
        for profile in people:
            if profile.model.is_same(self.encoder.model):
                self.people.append(profile)
            else:
                notify(_("{name}: made with another network, passed over; add it again").format(name=profile.name))
        self.calibration = profiles.read_calibration(self.encoder.model)

    def __enter__(self) -> Identifier:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Drops the network."""
        self.encoder.close()

    @property
    def needs_both(self) -> bool:
        """As of `need_narrowband`."""
        return need_narrowband(self.people)

    def identify(self, transcript: Transcript, audio: Audio) -> Transcript:
        """The transcript with the names of those who are known, each marked as identified.

        Speakers whom somebody has named keep their names, and their names are not given to others.
        """
        voices = self.encoder.embed_speakers(audio, transcript.turns, both=self.needs_both)
        return name_speakers(transcript, voices, self.people, self.calibration, model=str(self.encoder.model))


def need_narrowband(people: Sequence[Profile]) -> bool:
    """Whether a voice by microphone has to be heard as by telephone as well: somebody is known by telephone alone."""
    return any(item.is_narrowband for item in people)


def identify(
    transcript: Transcript,
    audio: Audio,
    profiles: Profiles | None = None,
    *,
    voice_model: str | None = None,
    runtime: Runtime | None = None,
) -> Transcript:
    """The transcript with the names of the people whose voices are known.

    Args:
        audio: of the transcript, as `whisperdiar.load` gives it.
        profiles: None for those of the user.
        voice_model: as of `open_voice_encoder`.

    Raises:
        InvalidOption, FormatError, BackendError: as of `Identifier`.
    """
    with Identifier(profiles, voice_model=voice_model, runtime=runtime) as identifier:
        return identifier.identify(transcript, audio)


def name_speakers(
    transcript: Transcript,
    voices: Mapping[str, Voice],
    people: Sequence[Profile],
    calibration: Calibration,
    *,
    model: str,
) -> Transcript:
    """The transcript with names, marks in its provenance, and notes of what is to be asked.

    Args:
        voices: speaker label → voice; speakers who are not in it said too little alone.
        model: the network, for the provenance.
    """
    named = {item.id: item.name for item in transcript.speakers if item.name != item.id}
    free = [item for item in people if item.name not in named.values()]
    labels = [item.id for item in transcript.speakers if item.id in voices and item.id not in named]
    distances = find_matched_distances([voices[label] for label in labels], free, scale=calibration.narrowband_scale)
    seconds = [voices[label].seconds for label in labels]
    decisions = decide(labels, [item.name for item in free], distances, seconds, calibration)
    found = {item.speaker: str(item.name) for item in decisions if item.kind == "name"}
    notes = [note for item in decisions if (note := _describe(item))]
    if any(voices[label].is_narrowband for label in labels):
        notes += [
            _("{name}: this profile cannot be compared by telephone; add the recordings again").format(name=item.name)
            for item in free
            if item.narrowband is None
        ]
    before = transcript.provenance
    provenance = {
        **before,
        "notes": [*before.get("notes", ()), *notes],
        KEY: {"model": model, "speakers": {item.speaker: _record(item) for item in decisions}},
    }
    renamed = transcript.rename(found) if found else transcript
    return replace(renamed, provenance=provenance)


def _record(decision: Decision) -> dict[str, Any]:
    """For the provenance; of strangers nothing is told of whom they are like."""
    if decision.kind == "unknown":
        return {"decision": decision.kind}
    return {"decision": decision.kind, "name": decision.name, "probability": round(decision.probability, 3)}


def _describe(decision: Decision) -> str:
    if decision.kind == "name":
        return _("{speaker} is {name}, by the voice ({percent} %)").format(
            speaker=decision.speaker, name=decision.name, percent=_percent(decision.probability)
        )
    if decision.kind == "ask":
        note = _("{speaker} may be {name} ({percent} %): see `whisperdiar speakers confirm`")
        return note.format(speaker=decision.speaker, name=decision.name, percent=_percent(decision.probability))
    return ""


def _percent(probability: float) -> int:
    """What is shown is never certain."""
    return min(max(round(100 * probability), 1), 99)


def confirm(
    transcript: Transcript,
    audio: Audio,
    speaker: str,
    name: str,
    profiles: Profiles | None = None,
    *,
    encoder: VoiceEncoder,
) -> Transcript:
    """The speaker of a transcript is that person: the profile learns the voice, and the transcript gets the name.

    Raises:
        InvalidOption: there is no such speaker, or there is too little clean speech.
        OutputError: the profile cannot be written.
    """
    renamed = transcript.rename({speaker: name})
    label = next(item.id for item in transcript.speakers if speaker in (item.id, item.name))
    voice = encoder.embed_speakers(audio, transcript.turns).get(label)
    if voice is None or voice.seconds < LEAST_SECONDS:
        raise InvalidOption(
            _("{speaker} says less than {least:g} s alone: too little to know the voice again; choose another").format(
                speaker=speaker, least=LEAST_SECONDS
            )
        )
    sample = make_sample(voice, transcript.recording_id, label)
    (profiles or Profiles()).add(name, [sample], encoder.model)
    return _mark(renamed, label, {"decision": "confirmed", "name": " ".join(name.split())})


def unconfirm(transcript: Transcript, speaker: str, profiles: Profiles | None = None) -> Transcript:
    """The speaker of a transcript is not that person: the sample is taken out, the name is taken back.

    Raises:
        InvalidOption: there is no such speaker.
        OutputError: the profile cannot be written.
    """
    label = next((item.id for item in transcript.speakers if speaker in (item.id, item.name)), speaker)
    renamed = transcript.rename({label: label})
    (profiles or Profiles()).take_out(transcript.recording_id, label)
    return _mark(renamed, label, {"decision": "unconfirmed"})


def _mark(transcript: Transcript, label: str, record: Mapping[str, Any]) -> Transcript:
    before = transcript.provenance.get(KEY)
    known = dict(before) if isinstance(before, Mapping) else {}
    speakers = known.get("speakers")
    marked = {**(speakers if isinstance(speakers, Mapping) else {}), label: dict(record)}
    return replace(transcript, provenance={**transcript.provenance, KEY: {**known, "speakers": marked}})

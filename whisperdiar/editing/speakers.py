"""Speaker names in editing: labels of the transcript, names that people read, names that a person wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from whisperdiar.editing.passages import clean_text
from whisperdiar.errors import FormatError
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript, speaker_names
from whisperdiar.types import speaker_label

_TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


@lru_cache(maxsize=65_536)
def fold_text(text: str) -> str:
    """What two spellings of one name or word have in common: case, quotation marks and spaces do not count."""
    return " ".join(text.translate(_TYPOGRAPHY).casefold().split())


def labels_of(transcript: Transcript) -> list[str]:
    """All labels under which something is said, those of the list of speakers first."""
    said = [item.speaker for item in transcript.segments if item.speaker is not None]
    return list(dict.fromkeys([*(item.id for item in transcript.speakers), *said]))


def display_names(transcript: Transcript) -> dict[str, str]:
    """Label → the name in the text; where two people have the same one, the label is added."""
    known = speaker_names(transcript)
    names = {label: " ".join(clean_text(known.get(label, label)).split()) for label in labels_of(transcript)}
    # How often each spelling is a name or a label, so that many people take no time.
    by_name = Counter(map(fold_text, names.values()))
    by_label = Counter(map(fold_text, names))
    shown: dict[str, str] = {}
    taken: set[str] = set()
    for label, name in names.items():
        tag = " ".join(clean_text(label).split())
        made = name or f"({tag})"
        spelt = fold_text(made)
        other_names = by_name[spelt] - (fold_text(name) == spelt)
        other_labels = by_label[spelt] - (fold_text(label) == spelt)
        if not spelt or other_names or other_labels:
            made = f"{name} ({tag})".strip()
        while fold_text(made) in taken:
            made += "'"
        taken.add(fold_text(made))
        shown[label] = made
    return shown


def list_keys(shown: Mapping[str, str]) -> dict[str, str]:
    """Label → how the list of speakers calls it: the label, unless two could be confused."""
    tags = {label: " ".join(clean_text(label).split()) for label in shown}
    names = Counter(map(fold_text, shown.values()))
    plain = Counter(map(fold_text, tags.values()))
    return {
        label: tag
        if tag
        and plain[fold_text(tag)] == 1
        and (fold_text(tag) not in names or fold_text(tag) == fold_text(shown[label]))
        else shown[label]
        for label, tag in tags.items()
    }


@dataclass(frozen=True, slots=True)
class SpeakerEntry:
    """A line of the list of speakers: ``- KEY = NAME``; the name is empty where there is no ``=``."""

    line: int
    key: str
    name: str


@dataclass(slots=True)
class SpeakerNames:
    """Names while a text is read.

    Attributes:
        shown: label → name in the text as it was written.
        names: label → name as corrected.
        merged: label → label of the same person, for those whom a person gave one name.
        added: labels of new people.
    """

    shown: dict[str, str]
    names: dict[str, str]
    merged: dict[str, str] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)

    def find(self, name: str) -> str | None:
        """The label that a name in the text means; None where nobody has it.

        The corrected names win over those that the text was written with, and these over labels.
        """
        sought = fold_text(name)
        for table in (self.names, self.shown, {label: label for label in self.names}):
            found = [label for label, item in table.items() if fold_text(item) == sought]
            if found:
                return found[0]
        return None

    def add(self, name: str, *, label: str | None = None) -> str:
        """A new person; returns the label."""
        number = 0
        while label is None or label in self.names:
            label, number = speaker_label(number), number + 1
        self.names[label] = name
        self.added.append(label)
        return label


def read_speaker_names(transcript: Transcript, entries: Sequence[SpeakerEntry]) -> SpeakerNames:
    """The names after the corrections in the list of speakers.

    Raises:
        FormatError: a speaker is listed twice, or a name is empty.
    """
    shown = display_names(transcript)
    names = speaker_names(transcript)
    plain = {label: names.get(label, label) for label in shown}
    cast = SpeakerNames(shown, dict(plain))
    keys = _labels_of_entries(entries, shown)
    changed: dict[str, str] = {}
    for entry, label in zip(entries, keys, strict=True):
        if label is None:
            cast.add(entry.name or entry.key)
        elif label in changed:
            raise FormatError(
                _("line {line}: {key} is in the list of speakers twice; keep one of the lines").format(
                    line=entry.line, key=entry.key
                )
            )
        elif entry.name and entry.name != " ".join(clean_text(plain[label]).split()):
            changed[label] = cast.names[label] = entry.name
        else:
            changed[label] = plain[label]
    _merge(cast, plain)
    return cast


def _labels_of_entries(entries: Sequence[SpeakerEntry], shown: Mapping[str, str]) -> list[str | None]:
    """The label of every line; None for a new person.

    Where somebody replaced a label all over the text, the list has lost it: unknown keys then stand, in order, for
    the labels that are missing, provided that they are as many.
    """
    known = {fold_text(name): label for label, name in shown.items()}
    known |= {fold_text(key): label for label, key in list_keys(shown).items()}
    found = [known.get(fold_text(entry.key)) for entry in entries]
    listed = set(found)
    missing = iter([label for label in shown if label not in listed])
    if len(entries) != len(shown):
        return found
    return [label if label is not None else next(missing) for label in found]


def _merge(cast: SpeakerNames, plain: Mapping[str, str]) -> None:
    """People who were given one name are one person; those who had the same name before are not."""
    first: dict[str, str] = {}
    for label, name in cast.names.items():
        same = first.setdefault(fold_text(name), label)
        if same != label and (name != plain.get(label) or cast.names[same] != plain.get(same)):
            cast.merged[label] = same

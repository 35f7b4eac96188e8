"""Counted things in messages: "1 word", "2 words", in the language of the user."""

from __future__ import annotations

from whisperdiar.text.messages import ngettext


def count_cells(number: int) -> str:
    """A number of cells of a table."""
    return ngettext("{number} cell", "{number} cells", number).format(number=number)


def count_channels(number: int) -> str:
    """A number of channels."""
    return ngettext("{number} channel", "{number} channels", number).format(number=number)


def count_corrections(number: int) -> str:
    """A number of corrections."""
    return ngettext("{number} correction", "{number} corrections", number).format(number=number)


def count_cues(number: int) -> str:
    """A number of cues."""
    return ngettext("{number} cue", "{number} cues", number).format(number=number)


def count_different_sounds(number: int) -> str:
    """A number of different sounds."""
    return ngettext("{number} different sound", "{number} different sounds", number).format(number=number)


def count_fields(number: int) -> str:
    """A number of fields of a line."""
    return ngettext("{number} field", "{number} fields", number).format(number=number)


def count_files(number: int) -> str:
    """A number of files."""
    return ngettext("{number} file", "{number} files", number).format(number=number)


def count_passages(number: int) -> str:
    """A number of passages."""
    return ngettext("{number} passage", "{number} passages", number).format(number=number)


def count_places(number: int) -> str:
    """A number of places."""
    return ngettext("{number} place", "{number} places", number).format(number=number)


def count_recordings(number: int) -> str:
    """A number of recordings."""
    return ngettext("{number} recording", "{number} recordings", number).format(number=number)


def count_shot_changes(number: int) -> str:
    """A number of shot changes."""
    return ngettext("{number} shot change", "{number} shot changes", number).format(number=number)


def count_speakers(number: int) -> str:
    """A number of speakers."""
    return ngettext("{number} speaker", "{number} speakers", number).format(number=number)


def count_stretches(number: int) -> str:
    """A number of stretches of speech."""
    return ngettext("{number} stretch", "{number} stretches", number).format(number=number)


def count_turns(number: int) -> str:
    """A number of turns."""
    return ngettext("{number} turn", "{number} turns", number).format(number=number)


def count_violations(number: int) -> str:
    """A number of violations."""
    return ngettext("{number} violation", "{number} violations", number).format(number=number)


def count_weights(number: int) -> str:
    """A number of weights of a network."""
    return ngettext("{number} weight", "{number} weights", number).format(number=number)


def count_words(number: int) -> str:
    """A number of words."""
    return ngettext("{number} word", "{number} words", number).format(number=number)

"""The commands as they are typed: arguments, options, help texts. What they do stands in `whisperdiar.cli`."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command in the list of all: the module that declares it, one line about it, the title above it."""

    module: str
    summary: str
    title: str


_MAKE, _STAGES, _FINISHED, _PEOPLE, _MEASURE, _LEARN, _MACHINE = (
    "Make",
    "Single stages",
    "Finished transcripts (no model runs)",
    "People whose voices are known",
    "How good it is",
    "Learn from recordings with references",
    "This program",
)

COMMANDS = {
    "transcribe": Entry("recordings", "Who said what, when (the default command).", _MAKE),
    "batch": Entry("batch", "Folders of recordings, by several workers; a second run does what is missing.", _MAKE),
    "minutes": Entry("minutes", "Minutes of a meeting: topics, decisions, actions, each with its evidence.", _MAKE),
    "redo": Entry("recordings", "Make a transcript again with something changed, from what is kept.", _MAKE),
    "live": Entry("live", "Words with speakers while somebody talks: live captions.", _MAKE),
    "serve": Entry("serving", "Answer other programs over HTTP: a server.", _MAKE),
    "vad": Entry("recordings", "Where somebody speaks.", _STAGES),
    "diarize": Entry("recordings", "Who speaks when, without words.", _STAGES),
    "segment": Entry("recordings", "Where there is speech, music, noise and silence.", _STAGES),
    "align": Entry("transcripts", "Join words and turns that are there already.", _STAGES),
    "convert": Entry("transcripts", "Make other formats from a transcript.", _FINISHED),
    "rename": Entry("transcripts", "Give speakers names.", _FINISHED),
    "edit": Entry("transcripts", "Write a transcript as a text to be corrected.", _FINISHED),
    "apply": Entry("transcripts", "Make every format from a corrected text.", _FINISHED),
    "check": Entry("transcripts", "Check a subtitle file against a publisher's rules.", _FINISHED),
    "plot": Entry("transcripts", "Pictures: who speaks when, how much, who answers whom.", _FINISHED),
    "score": Entry("datasets", "Hold transcripts or turns against a reference: DER, WER, cpWER.", _MEASURE),
    "data": Entry("datasets", "Manifests of data sets with references, checked.", _MEASURE),
    "bench": Entry("datasets", "Compare diarizers and models on recordings with references.", _MEASURE),
    "speakers": Entry("people", "Keep the voices of people, so that --identify names them.", _PEOPLE),
    "link": Entry("people", "The same person over many recordings.", _PEOPLE),
    "finetune": Entry("training", "Train a segmentation network further on recordings of your own.", _LEARN),
    "tune": Entry("training", "Find the settings of a diarizer for recordings of your own.", _LEARN),
    "formats": Entry("program", "Which formats there are, and which can be read.", _MACHINE),
    "backends": Entry("program", "Which detectors, recognisers and diarizers there are.", _MACHINE),
    "models": Entry("program", "Prepare a machine that will be offline.", _MACHINE),
    "cache": Entry("program", "What is kept so that a second run repeats only what changed.", _MACHINE),
    "doctor": Entry("program", "Check the installation.", _MACHINE),
    "config": Entry("program", "Show the value of every option, and where it comes from.", _MACHINE),
    "completion": Entry("program", "Complete words with the Tab key in bash, zsh or fish.", _MACHINE),
    "help": Entry("program", "Help on a command.", _MACHINE),
}
"""In the order of the help."""

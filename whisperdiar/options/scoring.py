"""Scoring: what is left out of it, how texts are compared, how sure the rates are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice, check_numbers
from whisperdiar.options.command_line import NORMALISERS
from whisperdiar.text.messages import _

NormaliserName = Literal["auto", "whisper", "whisper-english", "whisper-basic", "multilingual", "russian", "none"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a benchmark scores turns.

    Attributes:
        collar: seconds left out on each side of a boundary of the reference.
        skip_overlap: whether speech of several speakers at once is left out.
    """

    collar: float
    skip_overlap: bool

    def __post_init__(self) -> None:
        check_numbers(self)


PROTOCOLS: dict[str, Protocol] = {
    "callhome": Protocol(0.25, False),
    "ami": Protocol(0.0, False),
    "voxconverse": Protocol(0.25, False),
    "dihard": Protocol(0.0, False),
    "chime8": Protocol(0.25, False),
}
"""How results on these sets are usually compared; whoever publishes another way has to be scored that way. From:

    callhome     egs/callhome/v1/run.sh of hitachi-speech/EEND (md-eval -c 0.25); Kaldi's older recipe
                 egs/callhome_diarization also leaves overlap out (md-eval -1 -c 0.25)
    ami          README of pyannote/pyannote-audio, whose benchmark has no collar and scores overlap;
                 BUTSpeechFIT/AMI-diarization-setup, whose references it takes, says nothing of scoring
    voxconverse  VoxSRC, by `nemo.collections.asr.metrics.der.evaluate_der` of NVIDIA NeMo (0.25, overlap scored);
                 the README of joonson/voxconverse says nothing of scoring, and pyannote's benchmark has no collar
    dihard       DIHARD, by the same function of NeMo (no collar, overlap scored)
    chime8       CHiME-7's egs2/chime7_task1/asr1/local/da_wer_scoring.py of espnet/espnet (pyannote.metrics with a
                 collar of 0.5, so 0.25 on each side; overlap scored); unconfirmed for CHiME-8, whose chime-utils rank
                 by tcpWER with a collar of 5 s and score no turns
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """What is scored, and how.

    Attributes:
        collar: seconds left out on each side of every boundary of the reference. It is that of md-eval; what
            pyannote.metrics calls so is twice as wide.
        skip_overlap: leave out what several speakers of the reference say at once.
        boundary_tolerance: seconds by which a boundary may be off and is found.
        word_collar: seconds by which words may be apart that tcpWER takes for one.
        normaliser: of texts before they are compared; ``auto`` takes the language's own, ``whisper``
            Whisper's English or basic one.
        resamples: of the bootstrap and the permutations.
        seed: of both.
    """

    collar: float = 0.0
    skip_overlap: bool = False
    boundary_tolerance: float = 0.25
    word_collar: float = 5.0
    normaliser: NormaliserName = "auto"
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self)
        check_choice("normaliser", self.normaliser, NORMALISERS)
        if self.resamples < 1:
            raise InvalidOption(_("resamples {resamples}: give a number from 1 on").format(resamples=self.resamples))

    def of_protocol(self, name: str) -> ScoreOptions:
        """The same with the collar and the overlap of one of `PROTOCOLS`.

        Raises:
            InvalidOption: there is none of that name.
        """
        check_choice("protocol", name, PROTOCOLS)
        own = PROTOCOLS[name]
        return replace(self, collar=own.collar, skip_overlap=own.skip_overlap)

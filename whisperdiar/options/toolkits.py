"""Settings of the diarizers `lium` and `alize`, which run toolkits of the user's own."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_at_least_one, check_choice, check_numbers

LIUM_CLUSTERINGS = ("clr", "bic")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiumSettings:
    """Diarization by the user's LIUM SpkDiarization.

    Attributes:
        jar: path of ``LIUM_SpkDiarization-….jar``; without it one in a folder of PATH is taken.
        java: the Java that runs it, by name or path.
        clustering: ``clr``, which joins clusters by cross likelihood ratios after BIC, or ``bic``, which does not.
        memory_mb: the most memory that Java may take.
        time_limit: seconds after which the toolkit is stopped; 0 for ten times the recording's length and a minute.
    """

    jar: str = ""
    java: str = "java"
    clustering: str = "clr"
    memory_mb: int = 2048
    time_limit: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self)
        check_at_least_one(self, "memory_mb")
        check_choice("clustering", self.clustering, LIUM_CLUSTERINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlizeSettings:
    """Diarization by the user's ALIZÉ (LIA_RAL's LIA_SpkSeg) and SPro.

    Attributes:
        bin: folder of the programs ``Segmentation`` and ``ReSegmentation`` (and SPro's ``sfbcep``); without it they are
            looked for on PATH.
        config: folder of ``Segmentation.cfg`` and ``ReSegmentation.cfg``; without it the published settings are used.
        resegmentation: whether the second program runs behind the first.
        time_limit: seconds after which each program is stopped; 0 for ten times the recording's length and a minute.
    """

    bin: str = ""
    config: str = ""
    resegmentation: bool = True
    time_limit: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self)

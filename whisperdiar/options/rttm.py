"""Settings of the reader of RTTM."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RttmTolerance:
    """What the RTTM reader forgives; nothing by default.

    Attributes:
        comments: lines that begin with ``;;`` or ``#`` are skipped.
        tabs: tabs separate fields as spaces do.
        other_types: records of the standard that are no SPEAKER (SPKR-INFO, LEXEME, …) are skipped.
        short_lines: fields after the speaker's name may be missing.
        odd_fields: a channel that does not count from 1 is read as 1; a confidence outside 0 to 1 is left out.
        other_id: where a recording is asked for and the file holds one other recording only, that one is taken.
        spaces: a recording id or name may hold spaces, where the fields between and behind them show where it ends;
            those of an id become ``_``, as in every recording id.
    """

    comments: bool = False
    tabs: bool = False
    other_types: bool = False
    short_lines: bool = False
    odd_fields: bool = False
    other_id: bool = False
    spaces: bool = False

"""The network that gives words their speakers: its training on simulated mistakes over real meetings.

README.md says how to run it; the result is `whisperdiar/data/alignment.npz`.
"""

HELD_BACK = ("EN2004", "ES2008", "IB4002", "IS1006", "TS3008")
"""Meetings whose names begin so are never trained or tuned on; of their speakers, only those of IB4002 are in another
meeting (IB4001)."""


def held_back(recording: str) -> bool:
    """Whether a meeting is kept for the evaluation."""
    return recording.startswith(HELD_BACK)

"""The colours of speakers, in pictures and pages alike."""

from __future__ import annotations

SPEAKER_COLOURS: tuple[tuple[str, str], ...] = (
    ("#1f5fbf", "#8ab4ff"),
    ("#a84a00", "#ffad75"),
    ("#1c7540", "#7fd69a"),
    ("#7b3fb0", "#cfa8f7"),
    ("#b3264a", "#ff98ab"),
    ("#0b6f73", "#6fd3d3"),
    ("#6a5f00", "#d9cb5e"),
    ("#9a2f8a", "#f29be4"),
)
"""On light and on dark ground; each can be read as text there (a contrast of 4.5 to 1 at least, WCAG 2.2, 1.4.3).

With more speakers they are used again: colour is never the only thing that tells two people apart.
"""

UNKNOWN_COLOUR = ("#5f5b55", "#aaa69f")
"""Of speech whose speaker nobody knows."""


def colour_of(index: int) -> tuple[str, str]:
    """Colours (light ground, dark ground) of the speaker with this index."""
    return SPEAKER_COLOURS[index % len(SPEAKER_COLOURS)]


def format_colours() -> str:
    """The speakers' colours as variables of the style sheet, ``--speaker-0`` and so on, for light and dark ground."""
    named = [*enumerate(SPEAKER_COLOURS), ("none", UNKNOWN_COLOUR)]
    return ":root{" + "".join(f"--speaker-{key}:light-dark({light},{dark});" for key, (light, dark) in named) + "}\n"

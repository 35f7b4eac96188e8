"""Clock times: a place in a recording, or how long it lasts, as people read and write it. Pure."""

from __future__ import annotations


def split_seconds(whole: int) -> tuple[int, int, int]:
    """Seconds, not negative, as hours, minutes and seconds."""
    return whole // 3600, whole // 60 % 60, whole % 60


def format_clock(time_ms: int, point: str) -> str:
    """Milliseconds, not negative, as HH:MM:SS and three decimals after `point`."""
    return f"{format_hours(time_ms // 1000, digits=2)}{point}{time_ms % 1000:03d}"


def format_hours(whole: int, *, digits: int = 1) -> str:
    """Seconds as H:MM:SS, the hours with so many digits at the least."""
    hours, minutes, seconds = split_seconds(whole)
    return f"{hours:0{digits}d}:{minutes:02d}:{seconds:02d}"


def format_minutes(whole: int) -> str:
    """Seconds as M:SS, or as H:MM:SS from an hour on."""
    hours, minutes, seconds = split_seconds(whole)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"

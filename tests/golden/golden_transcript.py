"""One transcript, written by hand, with what formats stumble over: names that look alike, markup, right-to-left and
wide scripts, German, French and Russian, joined emoji, nobody known, overlap, a second channel, a fallback."""

from __future__ import annotations

from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain
from whisperdiar.types import BackendRecord, Dropped, Span, Turn, Word

ANNA, BEN, CHIE = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"


def spoken(speaker: str | None, start: float, end: float, *texts: str) -> Segment:
    """A segment whose words share its time evenly."""
    step = (end - start) / len(texts)
    confidence = None if speaker is None else 0.95
    return Segment(
        tuple(
            Word(Span(start + i * step, start + (i + 1) * step), text, 0.9 - i / 100, speaker, confidence)
            for i, text in enumerate(texts)
        ),
        speaker,
    )


DOUBTFUL = Word(Span(7.2, 7.45), " Right.", 0.61234, BEN, 0.51, ANNA)

TRANSCRIPT = Transcript(
    recording_id="board meeting",
    duration=75.0004,
    language="en",
    speakers=(Speaker(ANNA, "Anna  Maria"), Speaker(BEN, "R&D <Ben>"), Speaker(CHIE, "Anna Maria")),
    segments=(
        spoken(ANNA, 0.4996, 3.2, " Good", " morning,", " the", " list", " has", " five", " points."),
        spoken(ANNA, 4.5, 7.1, " We", " compare", " a", " <", " b", " &", " c", " -->", " d."),
        Segment((DOUBTFUL,), BEN),
        spoken(None, 9.0, 9.9996, " (laughter)"),
        spoken(CHIE, 12.3456, 15.0, "始め", "ましょう", "。"),
        spoken(BEN, 20.0, 23.0, " ‏שלום", " עולם", " 👩‍👩‍👧", " café\u00a0!"),
        spoken(CHIE, 30.0, 33.0, " Straßen", " und", " Größen", " –", " „schön“."),
        spoken(BEN, 36.0, 39.0, " Où", " est", " l’œuvre", " d’été\u202f?"),
        spoken(CHIE, 42.0, 45.0, " Всё", " ещё", " «объём»,", " Ольга."),
        spoken(ANNA, 62.0, 64.0, " One", " last", " thing."),
        spoken(ANNA, 66.0, 66.0, " 5"),
    ),
    turns=(
        Turn(Span(0.25, 7.5004), ANNA),
        Turn(Span(7.0, 7.5), BEN, 2, 0.875),
        Turn(Span(12.0, 15.25), CHIE),
        Turn(Span(19.75, 23.5), BEN),
        Turn(Span(29.75, 33.25), CHIE),
        Turn(Span(35.75, 39.25), BEN),
        Turn(Span(41.75, 45.25), CHIE),
        Turn(Span(61.9, 66.5), ANNA),
    ),
    dropped=(Dropped(Span(70.0, 71.5), " Thanks for watching!", "no speech"),),
    uncertain=(Uncertain(16, Span(7.2, 7.45), BEN, ANNA, 0.51),),
    emotions=(Turn(Span(0.25, 7.0004), "happy"), Turn(Span(7.0004, 15.25), "neutral")),
    provenance={
        "asr": BackendRecord(
            "pocketsphinx", "en-us", "whisper", "no model is cached", "whisperdiar models download small"
        ).to_dict(),
        "vad": BackendRecord("silero", details={"threshold": 0.5}).to_dict(),
        "diarizer": BackendRecord("bic").to_dict(),
        "versions": {"whisperdiar": "1.0", "numpy": "2.0"},
        "options": {"language": None, "speakers": "2-4"},
        "warnings": ["The end of the recording --> is cut off."],
    },
)

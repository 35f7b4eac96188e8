"""People: the same voices over many recordings.

    from whisperdiar.people import Profiles, identify

    transcript = identify(transcript, whisperdiar.load("meeting.mp4"), Profiles())

Voiceprints are biometric data: nothing is kept unless it is asked for, and only in the user's own folder.
"""

from __future__ import annotations

from whisperdiar.people.calibration import CalibrationReport, calibrate
from whisperdiar.people.embedding import Voice, VoiceEncoder, VoiceModel, open_voice_encoder
from whisperdiar.people.identification import Identifier, confirm, identify, name_speakers, unconfirm
from whisperdiar.people.linking import Appearance, Doubt, Links, Person, link, list_appearances
from whisperdiar.people.matching import Calibration, Decision, decide
from whisperdiar.people.profiles import Profile, Profiles, Sample, data_folder, make_sample
from whisperdiar.people.recordings import embed_recording, find_recording, load_recording

__all__ = [
    "Appearance",
    "Calibration",
    "CalibrationReport",
    "Decision",
    "Doubt",
    "Identifier",
    "Links",
    "Person",
    "Profile",
    "Profiles",
    "Sample",
    "Voice",
    "VoiceEncoder",
    "VoiceModel",
    "calibrate",
    "confirm",
    "data_folder",
    "decide",
    "embed_recording",
    "find_recording",
    "identify",
    "link",
    "list_appearances",
    "load_recording",
    "make_sample",
    "name_speakers",
    "open_voice_encoder",
    "unconfirm",
]

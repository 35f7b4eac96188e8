"""Names of known people for the speakers of a stream, by a published network and real voices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_models import CPU, recording, speaker_networks
from whisperdiar.live.naming import VoiceNames
from whisperdiar.live.sound import Tail
from whisperdiar.media import load
from whisperdiar.people import Identifier, Profiles, make_sample, open_voice_encoder
from whisperdiar.people.matching import LEAST_SECONDS
from whisperdiar.types import Turn

pytestmark = pytest.mark.model
STEP_S, END_S = 5.0, 60.0


def test_whoever_is_known_is_named_after_enough_speech_and_strangers_are_not(tmp_path: Path) -> None:
    network = speaker_networks()["embedding_model"]
    encoder = open_voice_encoder(network, runtime=CPU)
    before = recording("sim1")
    voice = encoder.embed(
        load(before.path, channels="mono", end=END_S),
        [turn for turn in before.turns if turn.speaker == "LJ" and turn.end < END_S],
    )
    assert voice is not None
    profiles = Profiles(tmp_path)
    profiles.add("Linda", [make_sample(voice, "sim1", None)], encoder.model)

    source = recording("sim3")
    sound = load(source.path, channels="mono", end=END_S)
    persons = list(dict.fromkeys(turn.speaker for turn in source.turns))
    turns = [Turn(turn.span, f"SPEAKER_{persons.index(turn.speaker):02d}") for turn in source.turns]
    known = f"SPEAKER_{persons.index('LJ'):02d}"
    names, tail, told = VoiceNames(Identifier(profiles, voice_model=network, runtime=CPU)), Tail(), []
    for number in range(round(END_S / STEP_S)):
        now = (number + 1) * STEP_S
        tail.append(sound.mono_part(round(number * STEP_S * 16_000), round(now * 16_000)))
        said = tuple(turn for turn in turns if turn.start < now)
        for event in names.hear(tail, said, now):
            told.append((event.speaker, event.name))
            spoken = sum(min(turn.end, now) - turn.start for turn in said if turn.speaker == event.speaker)
            assert spoken >= LEAST_SECONDS
    assert told == [(known, "Linda")], "once, and nobody else"
    assert names.names == {known: "Linda"}

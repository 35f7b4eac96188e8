"""Corrections of finished subtitles whose forced narratives are marked."""

from __future__ import annotations

import pytest

from whisperdiar import editing
from whisperdiar.editing import apply_json
from whisperdiar.formats import by_name
from whisperdiar.options import WriteOptions

TTML = """<tt xmlns="http://www.w3.org/ns/ttml" xmlns:itts="http://www.w3.org/ns/ttml/profile/imsc1#styling"
 xml:lang="en"><body><div><p begin="1s" end="3s"{}>Keep out of here</p>
<p begin="4s" end="6s">Good morning to you</p></div></body></tt>"""


@pytest.mark.parametrize("forced", [True, False])
def test_a_mark_that_is_lost_is_told(forced: bool) -> None:
    reader = by_name("ttml").read
    assert reader is not None
    talk = reader(TTML.format(' itts:forcedDisplay="true"' if forced else ""))
    text = editing.write(talk)
    done = editing.apply(editing.parse(text.replace("morning", "evening"), talk), talk)
    assert any("forced narratives lose their mark" in note for note in done.notes) == forced
    same = editing.apply(editing.parse(text, talk), talk)
    assert not same.notes
    assert same.transcript.cues == talk.cues
    edited = str(by_name("json").dumps(done.transcript, options=WriteOptions()))
    assert any("forced narratives" in note for note in apply_json(edited, talk).notes) == forced

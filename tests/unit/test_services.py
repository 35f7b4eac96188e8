"""What other recognisers give: words, times, probabilities and speakers of each of their forms, whole or damaged."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.exchange import convert, read, write
from whisperdiar.formats import SERVICES, WriteOptions, available, by_name, detect, readable
from whisperdiar.formats._reading.word_matching import letters
from whisperdiar.scoring.documents import detect_format
from whisperdiar.transcript import Transcript

FOLDER = Path(__file__).parent.parent / "data" / "external"
FILES = sorted(path.name for path in FOLDER.iterdir())
TALK = (
    (0, "Good", 0.5, 0.8, 0.99),
    (0, "morning,", 0.8, 1.3, 0.98),
    (0, "Anna.", 1.3, 1.9, 0.97),
    (1, "Morning!", 2.4, 2.9, 0.96),
    (1, "Ready?", 3.0, 3.5, 0.95),
    (0, "Yes.", 4.2, 4.6, 0.94),
)
NO_SPEAKERS = {"vosk", "speaches"}
NO_PUNCTUATION = {"vosk"}
SHARED_TIMES = {"vibevoice", "moss", "seglst"}
"""Forms that give the times of utterances alone."""
NO_SCORES = {"azure.fast.json", "whisper-cpp.short.json"}
OTHERS = {"speaches": "verbose-json", "seglst": "seglst"}
SAYS_LANGUAGE = {"assemblyai", "aws", "azure", "elevenlabs", "gladia", "speechmatics", "whisper-cpp", "speaches"}


def system(file: str) -> str:
    return file.split(".")[0]


def form_of(file: str) -> str:
    return OTHERS.get(system(file), system(file))


def load(file: str) -> Transcript:
    reader = by_name(form_of(file)).read
    assert reader is not None
    return reader((FOLDER / file).read_text(encoding="utf-8"))


def test_every_service_has_a_file_and_every_file_a_service():
    assert {system(file) for file in FILES} == {*SERVICES, *OTHERS}


@pytest.mark.parametrize("file", FILES)
def test_words_times_scores_and_speakers_are_read(file):
    found = load(file)
    own = system(file)
    words = found.words
    expected = [text.strip(".,!?").lower() if own in NO_PUNCTUATION else text for _who, text, *_rest in TALK]
    assert [word.text.strip() for word in words] == expected
    whole_times = own not in SHARED_TIMES and file != "whisper-cpp.short.json"
    if whole_times:
        assert [(word.start, word.end) for word in words] == [
            pytest.approx((start, end), abs=1e-6) for _who, _text, start, end, _score in TALK
        ]
        if file not in NO_SCORES:
            assert [round(word.probability, 2) for word in words] == [score for *_rest, score in TALK]
    assert [(item.span.start, item.span.end) for item in found.segments] == [
        pytest.approx(span, abs=1e-6) for span in ((0.5, 1.9), (2.4, 3.5), (4.2, 4.6))
    ]
    if own in NO_SPEAKERS:
        assert {word.speaker for word in words} == {None}
    elif own not in OTHERS:
        assert [word.speaker for word in words] == [f"SPEAKER_{who:02d}" for who, *_rest in TALK]
        assert [(item.id, item.name) for item in found.speakers] == [(f"SPEAKER_0{n}", f"SPEAKER_0{n}") for n in (0, 1)]
        assert [turn.speaker for turn in found.turns] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    if own in SAYS_LANGUAGE:
        assert found.language == "en"


@pytest.mark.parametrize("file", FILES)
def test_the_form_is_detected_by_its_keys(file, tmp_path):
    text = (FOLDER / file).read_text(encoding="utf-8")
    name, certain = detect(text) or ("", False)
    assert name == form_of(file)
    assert certain is (system(file) != "speaches"), "several programs write the form of OpenAI"
    if file.endswith(".json"):
        assert detect_format(FOLDER / file) == form_of(file)
        renamed = tmp_path / "theirs.json"
        renamed.write_text(text, encoding="utf-8")
        notes: list[str] = []
        found = read(renamed, language="en", inform=notes.append)
        assert [word.text for word in found.words] == [word.text for word in load(file).words]
        assert [note for note in notes if "--from" in note] == (
            [] if certain else [f"{renamed}: the keys look like {name}; if they are not, say --from NAME"]
        )


@pytest.mark.parametrize("file", [file for file in FILES if system(file) not in {*NO_SPEAKERS, *OTHERS}])
def test_it_becomes_subtitles_with_the_right_speakers(file, tmp_path):
    out = tmp_path / "out.srt"
    convert(FOLDER / file, out, language="en", options=WriteOptions())
    shown = re.findall(r"SPEAKER_0\d: .*", out.read_text(encoding="utf-8"))
    assert shown == ["SPEAKER_00: Good morning, Anna.", "SPEAKER_01: Morning! Ready?", "SPEAKER_00: Yes."]


def test_our_own_transcripts_and_strange_files_are_not_taken_for_others():
    own = by_name("json").dumps(load("deepgram.json"), options=WriteOptions())
    assert detect(own) is None
    for text in ("", "{}", "[]", "5", "null", '{"results": 5}', '{"results": []}', "[{}]", "{", '{"words": "x"}'):
        assert detect(text) is None, text


@pytest.mark.parametrize("name", SERVICES)
def test_they_are_read_only(name, tmp_path):
    form = by_name(name)
    assert form.read_only
    assert form.read is not None
    assert name in readable()
    assert name not in available()
    with pytest.raises(InvalidOption, match=f"format '{name}' is read only: choose one of .*srt"):
        form.dumps(load("deepgram.json"), options=WriteOptions())
    with pytest.raises(InvalidOption, match="read only"):
        write(load("deepgram.json"), tmp_path / "x.json", format_name=name)
    assert not list(tmp_path.iterdir())


def test_names_that_say_something_are_kept():
    data = json.loads((FOLDER / "revai.json").read_text(encoding="utf-8"))
    data["speakers"] = [{"id": 0, "name": "Boris"}, {"id": 1, "name": "Speaker 1"}]
    found = by_name("revai").read(json.dumps(data))
    assert [(item.id, item.name) for item in found.speakers] == [("SPEAKER_00", "Boris"), ("SPEAKER_01", "SPEAKER_01")]
    theirs = (FOLDER / "assemblyai.json").read_text(encoding="utf-8").replace('"B"', '"Agent"')
    assert [item.name for item in by_name("assemblyai").read(theirs).speakers] == ["SPEAKER_00", "Agent"]


def test_google_is_read_whole_where_its_last_result_repeats_nothing():
    data = json.loads((FOLDER / "google.json").read_text(encoding="utf-8"))
    data["results"].pop()
    found = by_name("google").read(json.dumps(data))
    assert [word.text.strip() for word in found.words] == [text for _who, text, *_rest in TALK]
    assert found.speakers == ()


def test_a_sound_is_no_word_and_is_kept():
    (event,) = load("elevenlabs.json").dropped
    assert (event.text, event.span.start, event.span.end) == ("(laughs)", 3.6, 4.1)


def test_speakers_of_two_channels_stay_apart():
    data = json.loads((FOLDER / "deepgram.channels.json").read_text(encoding="utf-8"))
    for channel in data["results"]["channels"]:
        for word in channel["alternatives"][0]["words"]:
            word["speaker"] = 0
    assert len(by_name("deepgram").read(json.dumps(data)).speakers) == 2


def test_nobody_known_stays_nobody():
    text = (FOLDER / "speechmatics.json").read_text(encoding="utf-8").replace('"S2"', '"UU"')
    found = by_name("speechmatics").read(text)
    assert [segment.speaker for segment in found.segments] == ["SPEAKER_00", None, "SPEAKER_00"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any]:
    """A file in which one or two fields are missing, empty, or of another kind."""
    file = draw(st.sampled_from([file for file in FILES if file not in ("vosk.json", "moss.txt", "seglst.json")]))
    data = copy.deepcopy(json.loads((FOLDER / file).read_text(encoding="utf-8")))
    for _time in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from([path for path in places(data) if isinstance(path[-1], str)] or [()]))
        if not path:
            break
        holder = data
        for key in path[:-1]:
            holder = holder[key]
        new = draw(st.sampled_from(["missing", None, [], {}, "", "x", 5, -1, True, [5], [None], {"a": 1}, 1e300]))
        if new == "missing":
            del holder[path[-1]]
        else:
            holder[path[-1]] = new
    return file, data


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from map(letters, value.split())
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(item)


@given(damaged())
@settings(max_examples=examples(600), deadline=None)
def test_a_damaged_file_is_read_whole_or_refused_in_one_line(case: tuple[str, Any]) -> None:
    file, data = case
    text = json.dumps(data)
    detect(text)
    reader = by_name(form_of(file)).read
    assert reader is not None
    try:
        found = reader(text)
    except FormatError as error:
        told = str(error)
        found = None
    if found is None:
        assert told
        assert "\n" not in told
        return
    arrived = {letters(part) for word in found.words for part in word.text.split()}
    arrived |= {letters(part) for item in found.dropped for part in item.text.split()}
    there = set(texts(data))
    assert {letters(text) for _who, text, *_rest in TALK} & there <= arrived


@pytest.mark.parametrize(
    ("file", "path", "value", "place"),
    [
        ("deepgram.json", ("results", "channels", 0, "alternatives", 0, "words", 2, "start"), "soon",
         "results.channels[0].alternatives[0].words[2].start: expected a number"),
        ("aws.json", ("results", "items", 1, "alternatives"), [],
         "results.items[1].alternatives: this text is missing"),
        ("speechmatics.json", ("results", 0, "alternatives", 0, "content"), None,
         "results[0].content: this text is missing"),
        ("azure.json", ("recognizedPhrases", 1, "nBest"), 5, "recognizedPhrases[1].nBest: expected a list of objects"),
        ("gladia.json", ("result", "transcription", "utterances", 0, "words", 0, "word"), [],
         "result.transcription.utterances[0].words[0].word: expected a text"),
        ("whisper-cpp.json", ("transcription", 0, "offsets"), [1], "transcription[0].offsets: expected an object"),
    ],
)  # fmt: skip
def test_an_error_says_where(file, path, value, place):
    data = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(FormatError, match=re.escape(place)):
        by_name(form_of(file)).read(json.dumps(data))


@pytest.mark.parametrize("text", ["Hello.", "[0.5][S01]Hello.", "[0.5][S01]Hello.[S02]Hi.[2]", "[0.5][S01]Hi.[1] more"])
def test_a_text_of_moss_without_times_is_refused(text):
    with pytest.raises(FormatError):
        by_name("moss").read(text)


def test_a_text_that_says_more_than_its_words_is_told_and_kept():
    data = json.loads((FOLDER / "gladia.json").read_text(encoding="utf-8"))
    data["result"]["transcription"]["utterances"].pop()
    found = by_name("gladia").read(json.dumps(data))
    assert [item.text for item in found.dropped] == ["Yes."]
    assert found.provenance["notes"] == ["no word of the file says 'Yes.', so that its time is unknown; JSON keeps it"]

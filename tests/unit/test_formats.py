"""The list of formats, and the notes on how a result was made."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

import whisperdiar.formats
from tests.formats_strategies import DOCUMENTS, example, need_packages, transcripts
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import FORMATS, WriteOptions, by_name, by_suffix, fallback_notes, known_suffixes
from whisperdiar.formats._text import make_token
from whisperdiar.formats._writing.notes import remove_folders
from whisperdiar.transcript import Speaker
from whisperdiar.types import BackendRecord, Span

FOLDER = Path(whisperdiar.formats.__file__).parent
FALLBACK = BackendRecord(
    "pocketsphinx", fallback_from="whisper", reason="no model is cached", remedy="whisperdiar models download small"
).to_dict()


def test_the_formats_have_the_promised_names_and_suffixes():
    assert set(FORMATS) == {
        "srt", "vtt", "ass", "ttml", "lrc", "sbv", "rttm", "json", "txt", "pyannote-json", "html", "textgrid", "eaf",
        "audacity", "csv", "csv-words", "tsv", "tsv-words", "seglst", "whisperx-json", "verbose-json", "diarized-json",
        "stm", "ctm", "md", "docx", "odt", "pdf", "seg", "lbl", "audioseg", "uem",
        "emotions-rttm",
    }  # fmt: skip
    assert known_suffixes() == {
        ".srt": "srt", ".vtt": "vtt", ".rttm": "rttm", ".json": "json", ".txt": "txt", ".textgrid": "textgrid",
        ".eaf": "eaf", ".csv": "csv", ".tsv": "tsv", ".stm": "stm", ".ctm": "ctm", ".md": "md", ".html": "html",
        ".ass": "ass", ".ssa": "ass", ".ttml": "ttml", ".dfxp": "ttml", ".xml": "ttml", ".lrc": "lrc",
        ".itt": "ttml", ".sbv": "sbv", ".docx": "docx", ".odt": "odt", ".pdf": "pdf",
        ".seg": "seg", ".lbl": "lbl", ".uem": "uem",
    }  # fmt: skip
    assert by_name("pyannote-json").suffix == ".pyannote.json"


@pytest.mark.parametrize("name", FORMATS)
def test_every_module_fulfils_its_format(name):
    found = by_name(name)
    assert found.name == name
    assert found.suffix.startswith(".")
    need_packages(name)
    text = found.dumps(example(), options=WriteOptions())
    assert name in DOCUMENTS if isinstance(text, bytes) else text.endswith("\n")
    assert found.dumps(example(), options=WriteOptions()) == text
    if found.read is not None:
        read = found.read(text)
        if name in ("json", "rttm"):
            assert read.turns == example().turns
        elif found.read_cues is not None:
            assert [(w.text, w.start) for w in read.words] == [(" Hello.", 1.0)]
        elif name == "txt":  # says no ends
            assert [(word.text, word.start) for word in read.words] == [(" Hello.", 1.0)]
        elif name == "emotions-rttm":
            assert read.emotions == example().emotions
        elif found.needs != "turns":
            assert [(word.span, word.text) for word in read.words] == [(Span(1.0, 2.0), " Hello.")]


@given(transcripts)
def test_any_transcript_can_be_written(transcript):
    names = {
        "rttm": [transcript.recording_id, *(transcript.name(turn.speaker) for turn in transcript.turns)],
        "emotions-rttm": [transcript.recording_id, *(turn.speaker for turn in transcript.emotions)],
    }
    for name in FORMATS:
        if any(make_token(item) in ("", "<NA>") for item in names.get(name, ())):
            with pytest.raises(FormatError, match="rename it"):
                by_name(name).dumps(transcript, options=WriteOptions())
        elif name not in DOCUMENTS:  # which test_documents.py opens
            by_name(name).dumps(transcript, options=WriteOptions()).encode("utf-8")


@pytest.mark.parametrize("name", ["srt", "vtt", "txt", "rttm"])
def test_a_label_that_is_listed_twice_goes_by_its_first_name(name):
    talk = example(speakers=(Speaker("SPEAKER_00", "Anna"), Speaker("SPEAKER_00", "Ben")))
    text = by_name(name).dumps(talk, options=WriteOptions())
    assert talk.name("SPEAKER_00") == "Anna"
    assert "Anna" in text
    assert "Ben" not in text


def test_the_formats_that_read_back():
    subtitles = {"srt", "vtt", "ass", "ttml", "lrc", "sbv"}
    assert {name for name in FORMATS if by_name(name).read is not None} == {
        "json", "rttm", "textgrid", "eaf", "seglst", "whisperx-json", "verbose-json", "diarized-json", "stm", "ctm",
        "csv", "csv-words", "tsv", "tsv-words", "txt", "seg", "lbl", "audioseg", "uem",
        "emotions-rttm", *subtitles,
    }  # fmt: skip
    assert {name for name in FORMATS if by_name(name).read_cues is not None} == subtitles


@pytest.mark.parametrize("name", FORMATS)
def test_needs_tells_which_transcripts_a_format_shows_nothing_of(name):
    need_packages(name)
    found = by_name(name)
    without_words, without_turns = example(segments=()), example(turns=())
    empty = found.dumps(example(segments=(), turns=()), options=WriteOptions())
    shows_turns = found.dumps(without_words, options=WriteOptions()) != empty
    shows_words = found.dumps(without_turns, options=WriteOptions()) != empty
    shown = {(True, True): None, (True, False): "turns", (False, True): "words", (False, False): "emotions"}
    assert found.needs == shown[shows_turns, shows_words]


def test_a_suffix_chooses_the_format_in_any_case():
    assert by_suffix("a/b.SRT").name == "srt"
    assert by_suffix(Path("talk.json")).name == "json"
    assert by_suffix("talk.pyannote.json").name == "json"


@pytest.mark.parametrize(
    ("path", "told"),
    [("talk.doc", "mean .docx?"), ("talk", "no suffix tells"), (".srt", "no suffix tells"), ("a.mp4", "'.mp4'")],
)
def test_an_unknown_suffix_hears_of_the_nearest(path, told):
    with pytest.raises(InvalidOption, match="`whisperdiar formats` lists all") as caught:
        by_suffix(path)
    assert path in str(caught.value)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 120


def test_an_unknown_name_lists_the_formats():
    with pytest.raises(InvalidOption, match=r"pyannote-json, rttm, .*srt"):
        by_name("doc")
    with pytest.raises(InvalidOption, match="choose one of"):
        by_name("speech")


def test_a_new_format_is_one_new_file(tmp_path):
    (tmp_path / "new_form.py").write_text(
        "name, suffix = 'new-form', '.new'\ndef dumps(transcript, *, options): return transcript.recording_id\n"
    )
    code = (
        "import pkgutil, whisperdiar.formats as f; from tests.formats_strategies import example\n"
        "assert 'new-form' in f.FORMATS and f.by_suffix('x.new').dumps(example(), options=f.WriteOptions()) == 'talk'"
    )
    hook = f"import whisperdiar, sys, importlib.util as u; s = u.find_spec('whisperdiar.formats'); \
m = u.module_from_spec(s); m.__path__.append({str(tmp_path)!r}); sys.modules['whisperdiar.formats'] = m; \
s.loader.exec_module(m)\n"
    paths = {**os.environ, "PYTHONPATH": str(FOLDER.parent.parent)}
    subprocess.run([sys.executable, "-c", hook + code], check=True, env=paths)


def test_the_formats_are_pure():
    """No file, clock, model or print: nothing but the shipped schema is opened."""
    forbidden = {"print", "open", "input"}
    modules = {"os", "time", "datetime.datetime", "random", "pathlib.Path", "logging", "sys", "io"}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in forbidden, f"{path.name}:{node.lineno}"
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not modules & set(names), f"{path.name}:{getattr(node, 'lineno', 0)}"


def test_write_options_refuse_what_cannot_be_meant():
    with pytest.raises(InvalidOption, match="'initials': choose one of auto, none, label, dash, sdh, colour, voice"):
        WriteOptions(speaker_style="initials")
    for length in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidOption, match="positive"):
            WriteOptions(max_paragraph=length)


def test_a_fallback_is_told_with_its_reason_and_remedy():
    assert fallback_notes({"asr": FALLBACK}) == (
        "speech recognition by pocketsphinx in place of whisper (no model is cached); "
        "to fix this, run: whisperdiar models download small",
    )


def test_notes_come_in_the_order_of_the_stages_and_once():
    record = {"backend": "bic", "fallback_from": "pyannote"}
    notes = fallback_notes(
        {
            "warnings": ["Only 2 of 3 speakers were found.", "Only 2 of 3 speakers were found.", " "],
            "diarizer": record,
            "vad": {"backend": "silero", "fallback_from": "crdnn", "reason": "a\nb."},
        }
    )
    assert notes == (
        "speech detection by silero in place of crdnn (a b)",
        "diarization by bic in place of pyannote",
        "Only 2 of 3 speakers were found.",
    )


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {"asr": BackendRecord("whisper", "small").to_dict(), "vad": None, "warnings": []},
        {"asr": "whisper", "vad": [FALLBACK], "diarizer": 3, "warnings": "not a list"},
        {"warnings": [None, 3, ["x"]]},
    ],
)
def test_without_a_fallback_there_are_no_notes(provenance):
    assert fallback_notes(provenance) == ()


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("json", "html")])
def test_how_a_transcript_was_made_stands_in_the_json_and_the_page_alone(name):
    """Subtitles, texts and documents go to people whom the machine that made them does not concern."""
    need_packages(name)
    told = {"asr": FALLBACK, "warnings": ["Half of it is missing."], "notes": ["Two pieces were decoded again."]}
    plain, noted = (
        by_name(name).dumps(example(provenance=provenance), options=WriteOptions()) for provenance in ({}, told)
    )
    assert plain == noted


LOCAL = "/home/anna/secret/models"
KEPT = ["owner/name", "owner/name@1f2e", "https://example.org/a/b", "read and/or write, 3/4 of it", "silero-vad v6"]
CUT = {
    f"{LOCAL}/x.onnx": "x.onnx",
    "~/secret/x.onnx": "x.onnx",
    "./secret/models/": "models",
    "secret/models/x.onnx": "x.onnx",
    "C:\\secret\\x.onnx": "x.onnx",
    "/home/anna/my secret/x y.onnx": "x y.onnx",
    "file:///home/anna/secret/talk.wav": "talk.wav",
    "see file:///C:/Users/secret/talk.wav now": "see talk.wav now",
    "/home/anna/secret files/my talk.wav: it ends early": "my talk.wav: it ends early",
    "C:\\Users\\anna secret\\talk.mp4: it ends early": "talk.mp4: it ends early",
    f"model at {LOCAL}/a in place of owner/name, not b/c": "model at a in place of owner/name, not b/c",
    f"{LOCAL}/x.onnx cannot be read: see '{LOCAL}/y.log'": "x.onnx cannot be read: see 'y.log'",
}


def test_a_page_names_no_folder_of_the_machine_that_made_it():
    provenance = {"asr": {"model": f"{LOCAL}/base", "details": {"a": [f"{LOCAL}/b", 3]}}, "warnings": list(CUT)}
    page = by_name("html").dumps(example(provenance=provenance), options=WriteOptions())
    assert "secret" not in page
    assert remove_folders(list(CUT)) == list(CUT.values())
    assert remove_folders(KEPT) == KEPT

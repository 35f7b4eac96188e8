"""Options of other programs: an alias means what it means there, a hint names the option to use here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import Cli
from whisperdiar.cli import main
from whisperdiar.cli.foreign_options import ROWS, Row, translate
from whisperdiar.types import SpeakerCount

ALIASES: dict[str, list[tuple[str | None, dict[str, Any]]]] = {
    "--output_dir": [("made", {"outputs": ("made/",)}), ("made/", {"outputs": ("made/",)})],
    "--output_format": [("vtt", {"formats": ("vtt",)}), ("all", {"formats": ("txt,vtt,srt,tsv,json",)})],
    "--verbose": [("False", {"quiet": True}), ("True", {})],
    "--print_progress": [("True", {})],
    "--max_line_width": [("37", {"max_chars": 37})],
    "--max_line_count": [("1", {"max_lines": 1})],
    "--highlight_words": [("True", {"profile": "karaoke"}), ("False", {})],
    "-y": [(None, {"overwrite": True})],
    "-n": [(None, {})],
    "-m": [("tiny", {"model": "tiny"})],
    "-l": [("ru", {"language": "ru"})],
    "--translate": [(None, {"task": "translate"})],
    "-tr": [(None, {"task": "translate"})],
    "--initial_prompt": [("Dr. Müller", {"prompt": "Dr. Müller"})],
    "--beam_size": [("3", {"asr_settings": (("beam_size", "3"),)})],
    "--condition_on_previous_text": [("False", {"asr_settings": (("condition_on_previous_text", "False"),)})],
    "--compression_ratio_threshold": [("2", {"asr_settings": (("compression_ratio_threshold", "2"),)})],
    "--logprob_threshold": [("-0.5", {"asr_settings": (("log_prob_threshold", "-0.5"),)})],
    "--no_speech_threshold": [("0.5", {"asr_settings": (("no_speech_threshold", "0.5"),)})],
    "--fp16": [("False", {"compute_type": "float32"}), ("True", {"compute_type": "float16"})],
    "--word_timestamps": [("True", {}), ("False", {"word_times": "none"})],
    "--no_align": [(None, {"word_times": "dtw"})],
    "--align_model": [("X", {"word_times": "wav2vec2", "asr_settings": (("word_times_model", "X"),)})],
    "--multilingual": [("True", {"multilingual": True}), ("False", {}), (None, {"multilingual": True})],
    "--carry_initial_prompt": [("True", {})],
    "--batched": [("True", {}), ("False", {"batch_size": 1})],
    "--vad_filter": [("True", {}), ("False", {"vad": "none"})],
    "--vad_method": [("silero", {"vad": "silero"})],
    "--vad_threshold": [("0.4", {"vad_settings": (("threshold", "0.4"),)})],
    "--vad_onset": [("0.4", {"vad_settings": (("threshold", "0.4"),)})],
    "--vad_max_speech_duration_s": [("20", {"asr_settings": (("max_chunk", "20"),)})],
    "--chunk_size": [("20", {"asr_settings": (("max_chunk", "20"),)})],
    "--diarize": [(None, {})],
    "--min_speakers": [("2", {"speakers": SpeakerCount(2, None)})],
    "--max_speakers": [("4", {"speakers": SpeakerCount(None, 4)})],
    "--num_speakers": [("3", {"speakers": SpeakerCount(3, 3)})],
    "--speaker_num": [("3", {"speakers": SpeakerCount(3, 3)})],
    "--device_index": [("1", {"device": "cuda:1"})],
    "--local_files_only": [("True", {"offline": True}), ("False", {})],
    "--model_cache_only": [("True", {"offline": True})],
    "-threads": [("2", {"threads": 2})],
    "-i": [("other.wav", {"inputs": (Path("other.wav"), Path("talk.wav"))})],
    "-ss": [("1:30", {"start": 90.0})],
    "-to": [("95.5", {"end": 95.5})],
    "-r": [("25", {"fps": 25.0})],
}
HINTS = {
    "--gpu": "--device",
    "--cuda": "--device",
    "--max_words_per_line": "--max-chars",
    "--segment_resolution": "--profile",
    "--pretty_json": "--format",
    "--print_colors": "--uncertain-below",
    "--model_dir": "--model",
    "--model_directory": "--model",
    "--cache_directory": "HF_HOME",
    "--temperature": "--asr-option",
    "--temperature_increment_on_fallback": "--asr-option",
    "--best_of": "--asr-option",
    "--patience": "--asr-option",
    "--length_penalty": "--asr-option",
    "--repetition_penalty": "--asr-option",
    "--no_repeat_ngram_size": "--asr-option",
    "--hallucination_silence_threshold": "--asr-option",
    "--suppress_tokens": "--prompt",
    "--suppress_numerals": "--prompt",
    "--suppress_blank": "--prompt",
    "--prefix": "--prompt",
    "--clip_timestamps": "--start",
    "--prepend_punctuations": "--profile",
    "--append_punctuations": "--profile",
    "--return_char_alignments": "--word-times",
    "--interpolate_method": "--word-times",
    "--vad_offset": "--vad-option",
    "--vad_min_speech_duration_ms": "--vad-option",
    "--vad_min_silence_duration_ms": "--vad-option",
    "--diarize_model": "--diarizer",
    "--speaker_embeddings": "--save-activity",
    "--speaker_name": "whisperdiar rename",
    "--hf_token": "HF_TOKEN",
    "--live_transcribe": "whisperdiar transcribe",
    "--live_input_device": "whisperdiar transcribe",
    "--live_volume_threshold": "whisperdiar transcribe",
    "-v": "--quiet",
    "-loglevel": "--quiet",
    "--log-level": "--quiet",
    "--log_level": "--quiet",
    "-hide_banner": "--quiet",
    "-t": "--end",
    "-map": "--track",
    "-ac": "--channel",
    **dict.fromkeys(
        ("--hotwords-file", "--hotwords_file", "--hotwords-score", "--grammar", "--word_boost", "--keyterms"),
        "--vocabulary",
    ),
    "--custom_spelling": "--vocabulary",
    **dict.fromkeys(("--multichannel", "--dual_channel", "--multi_channel"), "--tracks"),
    "--language_codes": "--languages",
    "--alternative_language_codes": "--languages",
    **dict.fromkeys(("-ar", "-vn", "-c", "-c:a", "-c:v", "-acodec", "-vcodec", "-b:a", "-af", "-vf"), "--start"),
}


def transcribe() -> click.Command:
    found = main.get_command(click.Context(main), "transcribe")
    assert found is not None
    return found


def values(*arguments: str) -> dict[str, Any]:
    """What the command gets from these arguments."""
    return transcribe().make_context("transcribe", list(arguments)).params


def is_alias(row: Row) -> bool:
    return row.becomes is not None or bool(row.cases)


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISPERDIAR_CONFIG", "")


def test_every_row_is_tried_below() -> None:
    assert {name for row in ROWS if is_alias(row) for name in row.names} == set(ALIASES)
    assert {name for row in ROWS if not is_alias(row) for name in row.names} == set(HINTS)


@pytest.mark.parametrize(("name", "value", "meant"), [(n, v, m) for n, cases in ALIASES.items() for v, m in cases])
def test_an_alias_means_the_same_as_our_option(name: str, value: str | None, meant: dict[str, Any]) -> None:
    typed = [name] if value is None else [name, value]
    assert values(*typed, "talk.wav") == {**values("talk.wav"), **meant}
    if name.startswith("--") and value is not None:
        assert values("talk.wav", f"{name}={value}") == {**values("talk.wav"), **meant}


@pytest.mark.parametrize(("name", "option"), HINTS.items())
def test_a_hint_names_an_option_that_there_is(cli: Cli, name: str, option: str) -> None:
    done = cli("transcribe", "talk.wav", name, "1")
    assert done.code == 2
    (line,) = done.complaints
    assert option in line
    assert len(line) <= 170
    known = {item for parameter in transcribe().params for item in parameter.opts}
    assert all(word.rstrip(":;,.") in {*known, "--version", name} for word in line.split() if word.startswith("--"))


def test_both_bounds_of_the_speakers_become_one_range() -> None:
    assert values("talk.wav", "--min_speakers", "2", "--max_speakers", "4")["speakers"] == SpeakerCount(2, 4)
    assert values("talk.wav", "--max_speakers=3", "--min_speakers=3")["speakers"] == SpeakerCount(3, 3)


@pytest.mark.parametrize("name", ["--batch_size", "--compute_type", "--word_times", "--speaker_style"])
def test_underscores_are_hyphens(name: str) -> None:
    value = {"--batch_size": "4", "--compute_type": "int8", "--word_times": "none", "--speaker_style": "dash"}[name]
    assert values("talk.wav", name, value) == values("talk.wav", name.replace("_", "-"), value)


def test_a_command_without_the_option_says_where_it_is(cli: Cli) -> None:
    (line,) = cli("vad", "talk.wav", "--initial_prompt", "x").complaints
    assert "--prompt" in line
    (line,) = cli("vad", "talk.wav", "--prompt", "x").complaints
    assert "transcribe" in line


OWN = [item for item in transcribe().params if isinstance(item, click.Option)]


@given(
    st.lists(
        st.sampled_from(OWN).flatmap(
            lambda item: (
                st.just([item.opts[-1]]) if item.is_flag else st.tuples(st.just(item.opts[-1]), st.text()).map(list)
            )
        )
    )
)
def test_our_own_options_and_their_values_stay_as_they_are(parts: list[list[str]]) -> None:
    """Whatever a value looks like: a prompt may be `-y`."""
    arguments = [word for part in parts for word in part]
    assert translate(["talk.wav", *arguments], transcribe()) == ["talk.wav", *arguments]


@given(st.lists(st.text()))
def test_what_follows_two_dashes_is_a_file(names: list[str]) -> None:
    assert translate(["--", *names], transcribe()) == ["--", *names]

"""The same words and turns as subtitles by whisperdiar and by the writers of its peers.

python benchmarks/subtitle_peers.py ../shared/ami [--profile netflix] [--meetings 8]

Needs whisperx, stable-ts and openai-whisper beside whisperdiar (an environment of its own: they pin PyTorch). Their own
writers get the segments of one speaker each, sorted by time, as dictionaries of their form, without names, so that
no name takes room from a line. Each is run as it comes and with the width and the number of lines of the profile.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import srt
from subtitles import meeting, text_lost

from whisperdiar import Cue, Segment, Span, cues
from whisperdiar.options import SubtitleRules, profile_names, subtitle_rules
from whisperdiar.subtitles.checking import check
from whisperdiar.text.graphemes import characters

Writer = Callable[[Sequence[Segment], SubtitleRules], str]


def dictionary(segments: Sequence[Segment]) -> dict[str, Any]:
    """Segments in the form that Whisper gave the world."""
    return {
        "language": "en",
        "segments": [
            {
                "id": number,
                "start": segment.span.start,
                "end": segment.span.end,
                "text": " " + segment.text,
                "words": [
                    {"word": word.text, "start": word.start, "end": word.end, "probability": 1.0}
                    for word in segment.words
                ],
            }
            for number, segment in enumerate(segments)
        ],
    }


def whisper_writer(segments: Sequence[Segment], rules: SubtitleRules, *, limits: bool) -> str:
    from whisper.utils import WriteSRT

    options = {"max_line_width": rules.max_chars, "max_line_count": rules.max_lines} if limits else {}
    out = io.StringIO()
    WriteSRT(".").write_result(dictionary(segments), out, options)
    return out.getvalue()


def whisperx_writer(segments: Sequence[Segment], rules: SubtitleRules, *, limits: bool) -> str:
    from whisperx.utils import WriteSRT

    result = dictionary(segments)
    for segment in result["segments"]:
        for word in segment["words"]:
            word["word"] = word["word"].strip()  # its aligner gives words without spaces
    options = {
        "max_line_width": rules.max_chars if limits else None,
        "max_line_count": rules.max_lines if limits else None,
        "highlight_words": False,
    }
    out = io.StringIO()
    WriteSRT(".").write_result(result, out, options)
    return out.getvalue()


def stable_writer(segments: Sequence[Segment], rules: SubtitleRules, *, limits: bool) -> str:
    from stable_whisper import WhisperResult

    result = WhisperResult(dictionary(segments), check_sorted=False)
    result.regroup("da")
    if limits:
        result.split_by_duration(rules.max_duration, even_split=False)
        result.split_by_length(rules.max_chars * rules.max_lines, even_split=False)
        result.split_by_length(rules.max_chars, newline=True, even_split=False)
    return str(result.to_srt_vtt(word_level=False, vtt=False))


def read_back(text: str, segments: Sequence[Segment]) -> tuple[list[Cue], int]:
    """Cues of an SRT with the speakers of their words, and how many words are missing or not in order."""
    said = [(word.text.strip(), segment.speaker) for segment in segments for word in segment.words]
    place, lost, made = 0, 0, []
    for item in srt.parse(text):
        lines = tuple(line.strip() for line in item.content.split("\n") if line.strip())
        speakers: list[str | None] = []
        for token in item.content.split():
            found = next((i for i in range(place, min(place + 50, len(said))) if said[i][0] == token), None)
            if found is None:
                lost += 1
                continue
            lost += found - place
            speakers.append(said[found][1])
            place = found + 1
        span = Span(item.start.total_seconds(), max(item.start, item.end).total_seconds())
        one = len(set(speakers)) == 1
        made.append(Cue(span, lines, speakers[0] if one else None, () if one else tuple(speakers)))
    return made, lost + len(said) - place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", default="netflix", choices=profile_names())
    parser.add_argument("--meetings", type=int, default=1000)
    options = parser.parse_args()
    transcripts = [meeting(path) for path in sorted(options.folder.glob("*.words.tsv"))[: options.meetings]]
    rules = subtitle_rules(options.profile, language="en", overlap=True)
    print(f"{len(transcripts)} meetings, {sum(len(item.words) for item in transcripts)} words, {options.profile}")
    for name, writer in (
        ("openai-whisper", whisper_writer),
        ("whisperX", whisperx_writer),
        ("stable-ts", stable_writer),
    ):
        for limits in (False, True):
            row: list[tuple[list[Cue], int]] = []
            for item in transcripts:
                row.append(read_back(writer(item.segments, rules, limits=limits), item.segments))
            report(f"{name}, {'with the limits' if limits else 'as it comes'}", row, rules)
    for overlap in (True, False):
        chosen = subtitle_rules(options.profile, language="en", overlap=overlap)
        ours: list[tuple[list[Cue], int]] = []
        for item in transcripts:
            made = list(cues(item, rules=chosen))
            ours.append((made, text_lost(item, made)))
        report("whisperdiar" if overlap else "whisperdiar --no-overlap", ours, chosen)


def report(name: str, row: Sequence[tuple[Sequence[Cue], int]], rules: SubtitleRules) -> None:
    n = sum(len(made) for made, _ in row)
    bad = ungapped = crossing = 0
    read = shown = 0.0
    for made, _ in row:
        found = check(made, rules, in_order=False).violations
        bad += len({item.cue for item in found})
        ungapped += len({item.cue for item in found if item.rule != "gap"})
        # A dialogue has one speaker to each line, and as many as it has lines; what else has several is a mixture.
        crossing += sum(
            1 for cue in made if len(set(cue.line_speakers)) > 1 and len(cue.line_speakers) != len(cue.lines)
        )
        read += sum(sum(map(characters, cue.lines)) for cue in made)
        shown += sum(cue.span.duration for cue in made)
    lost = sum(item for _, item in row)
    print(
        f"{name:32} {n:6} cues; {100 * bad / n:5.1f} of 100 in violation, {100 * ungapped / n:5.1f} gaps left aside; "
        f"{crossing} cross speakers; {read / shown:.1f} characters a second; {lost} words lost",
        flush=True,
    )


if __name__ == "__main__":
    main()

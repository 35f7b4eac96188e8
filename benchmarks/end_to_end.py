"""Measures the whole way through recordings with references: speech, words, turns, words with speakers.

    python benchmarks/end_to_end.py CORPUS --model base [--diarizer onnx] [--vad silero] [--recordings 'ami_*']
                                    [--diarizer-option KEY=VALUE]... [--ways whisperdiar,sequential,…]
                                    [--systems sherpa-onnx,senko] [--variant exact=true]...
                                    [--cache FOLDER] [--json FILE] [--write docs/accuracy.md]

CORPUS is a folder with a manifest.json whose ``recordings`` name a file, a kind, a language and references: ``stm`` or
``txt`` for what is said, ``rttm`` with ``uem`` for who speaks when; those without any are left out. Prints for every
recording, every kind and for all:

    WER     errors in the words, speakers apart: the utterances of the reference in the order of their starts (jiwer)
    cpWER   errors in the words of each speaker, under the best assignment of labels to speakers (MeetEval)
    tcpWER  the same, where a word can only match one that is at most 5 s away (MeetEval; references with times)
    WDER    of the recognised words, right or wrong, those with a wrong speaker (Shafey et al., 2019)
    DER     missed speech, false alarm and confusion per speech, no collar, overlap scored
    found   recordings in which the number of speakers is the right one
    × real  seconds of recording per second of work, all stages, models loaded before; measure it on an idle machine

Sums are pooled: errors, words and seconds are added up, rates never averaged. Beside it the words of plain
faster-whisper with the same model, precision, threads and sound: its sequential decoding without and with its own
speech detection, and its batched pipeline. Nobody is told the language or the number of speakers.

Our words are joined, by our join, with the turns of other systems (`--systems`, each with its own defaults, on the same
sound and threads) and of our own diarizer with other settings (`--variant`); and our own words and turns are joined by
the rules of other programs (benchmarks/alignment_rules.py). A system that is not installed says so and is left out.
Seconds there are those of the diarizer alone. Behind the tables that --write puts into a page another one is printed:
how many speakers each system finds in each recording.

With --cache words are recognised once for every sound, regions of speech and settings, so that the next diarizer takes
minutes; the seconds that recognition took when its words were new are kept, and go into the times.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from alignment_rules import RULES
from asr_ways import BATCHED_VAD, OURS, SEQUENTIAL, SEQUENTIAL_VAD, Contest
from asr_ways import Word as PlainWord

from benchmarks.accuracy_page import write_between
from benchmarks.other_diarizers import NAMES as SYSTEM_NAMES
from benchmarks.other_diarizers import NotInstalled, System, Variant, systems
from benchmarks.references import Recording, recordings
from benchmarks.scoring import (
    NOBODY,
    PARTS,
    WITHOUT_SPACES,
    Errors,
    Utterance,
    WrongSpeakers,
    normaliser,
    score,
    speaker_errors,
    word_errors,
    wrong_speakers,
)
from benchmarks.word_cache import Cache, CachedTranscriber, code_digest, sound_digest
from whisperdiar import Pipeline, Segment, Transcript, load
from whisperdiar.alignment import align
from whisperdiar.assembly import Request, build
from whisperdiar.options import Runtime
from whisperdiar.segmentation import segments
from whisperdiar.selection import Choice
from whisperdiar.system.files import write_text
from whisperdiar.system.machine import usable_cores
from whisperdiar.types import Audio, Span, Turn, Word

TCP_COLLAR_S = 5.0
PLAIN_WAYS = (SEQUENTIAL, SEQUENTIAL_VAD, BATCHED_VAD)
WAY_NAMES = {
    OURS: "whisperdiar",
    SEQUENTIAL: "faster-whisper, sequential",
    SEQUENTIAL_VAD: "faster-whisper, sequential, with its speech detection",
    BATCHED_VAD: "faster-whisper, batched",
}
OUR_JOIN = "whisperdiar"
OTHER_RULES = {name: rule for name, rule in RULES.items() if "(" in name}
"""Those that are all that a program does; the others are steps of them."""
BEGIN, END = "<!-- end_to_end.py: begin -->", "<!-- end_to_end.py: end -->"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one recording or, added up, of many; None where the reference says nothing.

    Attributes:
        spent: seconds of all stages; of a system in `turns_of` those of its diarizer alone.
        processor: seconds of the processor of a system in `turns_of`, which other work on the machine hardly changes.
        n_speakers: labels in the turns.
        ways, ways_spent, ways_processor: errors in the words of each recogniser, and its seconds.
        turns_of: the same words with the turns of each other system.
        rules: the same words and turns, joined by each rule of others.
    """

    n_recordings: int = 0
    seconds: float = 0.0
    spent: float = 0.0
    processor: float = 0.0
    words: Errors | None = None
    speaker_words: Errors | None = None
    timed_speaker_words: Errors | None = None
    wrong_speakers: WrongSpeakers | None = None
    diarization: dict[str, float] | None = None
    right_counts: int = 0
    counted: int = 0
    n_speakers: int = 0
    ways: dict[str, Errors] = field(default_factory=dict)
    ways_spent: dict[str, float] = field(default_factory=dict)
    ways_processor: dict[str, float] = field(default_factory=dict)
    turns_of: dict[str, Figures] = field(default_factory=dict)
    rules: dict[str, Figures] = field(default_factory=dict)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            n_recordings=self.n_recordings + other.n_recordings,
            seconds=self.seconds + other.seconds,
            spent=self.spent + other.spent,
            processor=self.processor + other.processor,
            words=plus(self.words, other.words),
            speaker_words=plus(self.speaker_words, other.speaker_words),
            timed_speaker_words=plus(self.timed_speaker_words, other.timed_speaker_words),
            wrong_speakers=plus(self.wrong_speakers, other.wrong_speakers),
            diarization=summed(self.diarization, other.diarization),
            right_counts=self.right_counts + other.right_counts,
            counted=self.counted + other.counted,
            n_speakers=self.n_speakers + other.n_speakers,
            ways={way: errors for way in WAY_NAMES if (errors := plus(self.ways.get(way), other.ways.get(way)))},
            ways_spent=summed(self.ways_spent, other.ways_spent) or {},
            ways_processor=summed(self.ways_processor, other.ways_processor) or {},
            turns_of=merged(self.turns_of, other.turns_of),
            rules=merged(self.rules, other.rules),
        )


Counts = TypeVar("Counts", Errors, WrongSpeakers)


def merged(one: dict[str, Figures], two: dict[str, Figures]) -> dict[str, Figures]:
    return {name: one.get(name, Figures()) + two.get(name, Figures()) for name in {**one, **two}}


def plus(one: Counts | None, two: Counts | None) -> Counts | None:
    if one is None or two is None:
        return two if one is None else one
    return one + two


def summed(one: dict[str, float] | None, two: dict[str, float] | None) -> dict[str, float] | None:
    if not one or not two:
        return two or one
    return {key: one.get(key, 0.0) + two.get(key, 0.0) for key in {**one, **two}}


class Clock:
    """A `Progress` that adds up what each stage takes: seconds by the clock, and of the processor."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self._begun: dict[str, tuple[float, float]] = {}

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.perf_counter(), time.process_time()
        if fraction == 0.0:
            self._begun.setdefault(stage, now)
        elif fraction == 1.0 and stage in self._begun:
            begun = self._begun.pop(stage)
            self.add(stage, now[0] - begun[0], now[1] - begun[1])

    def add(self, stage: str, spent: float, processor: float) -> None:
        """Seconds that a stage took at another time."""
        self.spent[stage] = self.spent.get(stage, 0.0) + spent
        self.processor[stage] = self.processor.get(stage, 0.0) + processor


def measured(recording: Recording, audio: Audio, transcript: Transcript, clock: Clock) -> Figures:
    """The counts of one recording."""
    asr = clock.spent.get("vad", 0.0) + clock.spent.get("asr", 0.0)
    diarizer = {"spent": clock.spent.get("diarization", 0.0), "processor": clock.processor.get("diarization", 0.0)}
    figures = replace(
        with_speakers(recording, audio, transcript.segments, transcript.turns),
        spent=sum(clock.spent.values()),
        ways_spent={OURS: asr},
        ways_processor={OURS: clock.processor.get("vad", 0.0) + clock.processor.get("asr", 0.0)},
    )
    figures = replace(figures, turns_of={OUR_JOIN: replace(bare(figures), **diarizer)})
    if recording.said:
        errors = words_of(recording, joined(recording.language, (segment.text for segment in transcript.segments)))
        figures = replace(figures, words=errors, ways={OURS: errors}, rules={OUR_JOIN: bare(figures)})
    return figures


def bare(figures: Figures) -> Figures:
    """What is known of speakers alone, to stand in a row beside others."""
    return replace(figures, ways={}, ways_spent={}, ways_processor={}, turns_of={}, rules={}, words=None)


def with_speakers(
    recording: Recording, audio: Audio, found: Sequence[Segment], turns: Sequence[Turn] | None
) -> Figures:
    """The counts of who said what; of turns too, unless they are None."""
    normal = normaliser(recording.language)
    said = [own._replace(text=normal(own.text)) for own in recording.said]
    heard = [
        Utterance(segment.speaker or NOBODY, segment.span.start, segment.span.end, normal(segment.text))
        for segment in found
    ]
    figures = Figures(n_recordings=1, seconds=audio.duration)
    if said:
        wrong = wrong_speakers(said, heard)
        figures = replace(figures, speaker_words=speaker_errors(said, heard), wrong_speakers=wrong)
    if recording.timed:
        figures = replace(figures, timed_speaker_words=speaker_errors(said, heard, collar=TCP_COLLAR_S))
    if turns is not None and recording.turns is not None:
        part = recording.scored or Span(0.0, audio.duration)
        n_speakers = len({turn.speaker for turn in turns})
        figures = replace(
            figures,
            diarization=score(recording.turns, turns, part),
            counted=1,
            right_counts=int(n_speakers == len({turn.speaker for turn in recording.turns})),
            n_speakers=n_speakers,
        )
    return figures


def by_rules(recording: Recording, audio: Audio, transcript: Transcript) -> Figures:
    """Our words and turns, joined as other programs do it."""
    words = words_in(transcript)
    spoken = [(word.start, word.end, word.text) for word in words]
    turns = [(turn.start, turn.end, turn.speaker) for turn in sorted(transcript.turns, key=lambda own: own.span)]
    found = {}
    for name, rule in OTHER_RULES.items() if recording.said else ():
        named = [replace(word, speaker=who) for word, who in zip(words, rule(spoken, turns), strict=True)]
        found[name] = with_speakers(recording, audio, segments(named), None)
    return Figures(rules=found)


def by_systems(
    others: dict[str, System],
    recording: Recording,
    audio: Audio,
    speech: Sequence[Span],
    transcript: Transcript,
    say: Callable[[str], None],
) -> Figures:
    """Our words with the turns of each other system; none where it fails, which is said."""
    words, found = words_in(transcript), {}
    for name, system in others.items():
        begun, processor = time.perf_counter(), time.process_time()
        try:
            turns = system.diarize(audio, speech=speech, words=words)
        except Exception as error:  # a system of others may fail in any way: that is a result, too
            say(f"{name} fails on {recording.name}: {' '.join(str(error).split()) or type(error).__name__}")
            turns = ()
        spent, used = time.perf_counter() - begun, time.process_time() - processor
        figures = with_speakers(recording, audio, segments(align(words, turns)), turns)
        found[name] = replace(figures, spent=spent, processor=used)
    return Figures(turns_of=found)


def words_in(transcript: Transcript) -> list[Word]:
    return sorted((word for segment in transcript.segments for word in segment.words), key=lambda word: word.span)


def joined(language: str, texts: Iterable[str]) -> str:
    return ("" if language in WITHOUT_SPACES else " ").join(texts)


def words_of(recording: Recording, text: str) -> Errors:
    normal = normaliser(recording.language)
    return word_errors(normal(joined(recording.language, (own.text for own in recording.said))), normal(text))


def heard_by(contest: Contest, way: str, recording: Recording, audio: Audio, cache: Cache) -> Figures:
    """What plain faster-whisper makes of a recording."""

    def compute() -> dict[str, Any]:
        found = contest.run(way, audio)
        return {"words": found.words, "total": found.total, "processor": found.processor}

    model, beams = str(contest.ours.settings.model), contest.ours.settings.beam_size
    what = {"way": way, "model": model, "beams": beams, "setup": contest.setup, "code": code_digest()}
    kept, _ = cache.get_or_compute({"sound": sound_digest(audio), **what}, compute)
    words = [PlainWord(*word) for word in kept.value["words"]]
    errors = words_of(recording, "".join(word.text for word in words)) if recording.said else None
    spent, processor = {way: kept.value["total"]}, {way: kept.value["processor"]}
    return Figures(ways={way: errors} if errors else {}, ways_spent=spent, ways_processor=processor)


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def rate(errors: Errors | WrongSpeakers | None) -> str:
    return "–" if errors is None or not errors.length else f"{100 * errors.rate:.1f}"


COLUMNS = (
    *("recordings", "s", "words", "WER", "cpWER", "tcpWER", "WDER"),
    *("DER", "missed", "false", "confused", "found", "× real"),
)
SYSTEM_COLUMNS = (
    *("cpWER", "tcpWER", "WDER", "DER", "missed", "false", "confused"),
    *("found", "s", "× real", "processor s"),
)


def speaker_cells(own: Figures) -> dict[str, str]:
    parts = own.diarization or dict.fromkeys(PARTS, 0.0)
    total, *wrong = (parts[part] for part in PARTS)
    return {
        "cpWER": rate(own.speaker_words),
        "tcpWER": rate(own.timed_speaker_words),
        "WDER": rate(own.wrong_speakers),
        "DER": percent(sum(wrong), total),
        **{name: percent(part, total) for name, part in zip(("missed", "false", "confused"), wrong, strict=True)},
        "found": f"{own.right_counts} of {own.counted}" if own.counted else "–",
        "× real": f"{own.seconds / own.spent:.1f}" if own.spent else "–",
    }


def cells(own: Figures) -> tuple[str, ...]:
    """The values of `COLUMNS`."""
    values = {
        "recordings": str(own.n_recordings),
        "s": f"{own.seconds:.0f}",
        "words": "–" if own.words is None else str(own.words.length),
        "WER": rate(own.words),
        **speaker_cells(own),
    }
    return tuple(values[column] for column in COLUMNS)


def table(head: str, columns: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    """Lines of Markdown, after an empty one."""
    columns = tuple(columns)
    lines = ["", f"| {head} | {' | '.join(columns)} |".replace("|  |", "| |"), f"|---|{'---|' * len(columns)}"]
    return lines + [f"| {name} | {' | '.join(values)} |" for name, values in rows]


def markdown(setup: str, kinds: dict[str, Figures], total: Figures) -> str:
    """The whole way by kind of recording, and the comparisons."""
    groups = {**kinds, "**all, pooled**": total}
    lines = [setup, *table("", COLUMNS, ((kind, cells(own)) for kind, own in groups.items()))]
    return "\n".join([*lines, "", comparisons(kinds, total)]).rstrip()


def comparisons(kinds: dict[str, Figures], total: Figures) -> str:
    """The words beside those of faster-whisper, speakers beside those of others; empty where nothing is compared."""
    groups = {**kinds, "**all, pooled**": total}
    lines: list[str] = []
    if len(total.ways) > 1:
        columns = ("WER", "substituted", "left out", "put in", "s", "× real", "processor s")
        lines += table("words", columns, ((WAY_NAMES[way], way_cells(total, way)) for way in total.ways))
    if len(total.turns_of) > 1:
        rows = ((name, system_cells(own)) for name, own in total.turns_of.items())
        lines += table("turns, with our words and join", SYSTEM_COLUMNS, rows)
        for figure in ("cpWER", "DER"):
            rows = (
                (name, (speaker_cells(own.turns_of.get(name, Figures()))[figure] for own in groups.values()))
                for name in total.turns_of
            )
            lines += table(f"{figure} with the turns of", groups, rows)
    if len(total.rules) > 1:
        rows = (
            (name, (rate(own.rules.get(name, Figures()).speaker_words) for own in groups.values()))
            for name in total.rules
        )
        lines += table("cpWER with our words and turns, joined by", groups, rows)
    return "\n".join(lines).strip()


def counts_table(found: Iterable[tuple[Recording, Figures]]) -> list[str]:
    """Lines of Markdown: how many speakers each system finds, one recording a row.

    Recordings of a kind in which every system finds all of them are one row.
    """
    kinds: dict[str, list[tuple[Recording, Figures]]] = {}
    for recording, figures in found:
        if recording.turns is not None:
            kinds.setdefault(recording.kind, []).append((recording, figures))
    names = list(dict.fromkeys(name for own in kinds.values() for _, figures in own for name in figures.turns_of))
    rows: list[tuple[str, list[str]]] = []
    for kind, own in kinds.items():
        right = {name: sum(figures.turns_of[name].right_counts for _, figures in own) for name in names}
        if all(n == len(own) for n in right.values()):
            rows.append((f"{kind}, {len(own)} in all", ["", "", *(f"all {n}" for n in right.values())]))
            continue
        for recording, figures in own:
            said = seconds_by_speaker(recording.turns or ())
            counts = [str(figures.turns_of[name].n_speakers) for name in names]
            rows.append((recording.name, [str(len(said)), f"{min(said.values(), default=0.0):.1f}", *counts]))
    return table("speakers", ("in the reference", "s of who says least", *names), rows)


def seconds_by_speaker(turns: Iterable[Turn]) -> dict[str, float]:
    """What each of them says, overlap and all; their own turns do not overlap."""
    said: dict[str, float] = {}
    for turn in turns:
        said[turn.speaker] = said.get(turn.speaker, 0.0) + turn.span.end - turn.span.start
    return said


def way_cells(total: Figures, way: str) -> list[str]:
    errors, spent = total.ways[way], total.ways_spent[way]
    shares = (errors.substitutions, errors.deletions, errors.insertions)
    values = [rate(errors), *(percent(share, errors.length) for share in shares)]
    return [*values, f"{spent:.0f}", f"{total.seconds / spent:.1f}", f"{total.ways_processor[way]:.0f}"]


def system_cells(own: Figures) -> list[str]:
    """The values of `SYSTEM_COLUMNS`."""
    values = {**speaker_cells(own), "s": f"{own.spent:.0f}", "processor s": f"{own.processor:.0f}"}
    return [values[column] for column in SYSTEM_COLUMNS]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--recordings", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--model", default="base", help="name, repository or folder of a Whisper model")
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--diarizer", default="onnx")
    for stage in ("vad", "asr", "diarizer"):
        parser.add_argument(f"--{stage}-option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: all cores")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument(
        "--ways",
        type=lambda text: [way for way in text.split(",") if way],
        default=list(PLAIN_WAYS),
        metavar="WAY,…",
        help=f"of plain faster-whisper: {', '.join(PLAIN_WAYS)}; an empty text for none",
    )
    parser.add_argument(
        "--systems",
        type=lambda text: [name for name in text.split(",") if name],
        default=list(SYSTEM_NAMES),
        metavar="NAME,…",
        help=f"diarizers of others: {', '.join(SYSTEM_NAMES)}; an empty text for none",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="KEY=VALUE,…",
        help="our own diarizer with other settings beside it, on the same words; may be given again",
    )
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep recognised words there for the next run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every count of every recording")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the comparisons between the marks of a page")
    chosen = parser.parse_args()
    unknown = [way for way in chosen.ways if way not in PLAIN_WAYS]
    if unknown:
        parser.error(f"--ways {','.join(unknown)}: choose of {', '.join(PLAIN_WAYS)}")
    unknown = [name for name in chosen.systems if name not in SYSTEM_NAMES]
    if unknown:
        parser.error(f"--systems {','.join(unknown)}: choose of {', '.join(SYSTEM_NAMES)}")
    return chosen


def request(chosen: argparse.Namespace) -> Request:
    settings = {
        stage: dict(option.split("=", 1) for option in getattr(chosen, f"{stage}_option"))
        for stage in ("vad", "asr", "diarizer")
    }
    return Request(
        vad=Choice(name=chosen.vad, settings=settings["vad"]),
        asr=Choice(name="whisper", settings={"model": chosen.model, **settings["asr"]}),
        diarizer=Choice(name=chosen.diarizer, settings=settings["diarizer"]),
        runtime=Runtime(device=chosen.device, threads=chosen.threads),
    )


def contest_of(chosen: argparse.Namespace, pipeline: Pipeline) -> Contest:
    """Plain faster-whisper in the precision in which the pipeline's recogniser computes."""
    details = pipeline.transcriber.record().details if pipeline.transcriber else {}
    how = argparse.Namespace(
        model=chosen.model,
        language=None,
        without_timestamps=False,
        compute_type=details.get("compute_type", "auto"),
        batch_size=0,
        beam_size=details.get("beam_size", 5),
        device=chosen.device,
        threads=chosen.threads,
    )
    return Contest(how, chosen.ways)


def other_systems(chosen: argparse.Namespace, pipeline: Pipeline, say: Callable[[str], None]) -> dict[str, System]:
    """Those that can run, with their models loaded; of the others it is said why they cannot."""
    settings = request(chosen).diarizer.settings
    networks = (settings.get("segmentation_model"), settings.get("embedding_model"))
    makers = systems(*(None if name is None else Path(name) for name in networks), chosen.threads)
    found: dict[str, System] = {}
    for variant in chosen.variant:
        changed = dict(option.split("=", 1) for option in variant.split(","))
        choice = Choice(name=chosen.diarizer, settings={**settings, **changed})
        found[f"{OUR_JOIN}, `{variant}`"] = Variant(choice, pipeline, threads=chosen.threads)
    for name in chosen.systems:
        try:
            found[name] = makers[name]()
        except NotInstalled as error:
            say(str(error))
    return found


def run(chosen: argparse.Namespace, say: Callable[[str], None]) -> dict[str, tuple[Recording, Figures, dict[str, Any]]]:
    """Every recording with its counts and with what was found."""
    pipeline = build(request(chosen), notify=say)
    contest = contest_of(chosen, pipeline) if chosen.ways else None
    cache = Cache(chosen.cache)
    transcriber = CachedTranscriber(pipeline.transcriber, cache)
    pipeline = replace(pipeline, transcriber=transcriber)
    others = other_systems(chosen, pipeline, say)
    found = {}
    say(f"{'recording':<26}{''.join(f'{name:>11}' for name in COLUMNS[1:])}")
    for recording in recordings(chosen.corpus, chosen.recordings):
        clock = Clock()
        clock("decode", 0.0)
        audio = load(recording.path, channels="all" if chosen.diarizer == "channels" else "mono")
        clock("decode", 1.0)
        transcript = pipeline.run(audio, progress=clock)
        clock.add("asr", *transcriber.saved)
        figures = measured(recording, audio, transcript, clock)
        figures += by_rules(recording, audio, transcript)
        if others:
            figures += by_systems(others, recording, audio, pipeline.speech(audio), transcript, say)
        for way in chosen.ways if contest else ():
            figures += heard_by(contest, way, recording, audio, cache)
        details = {
            "language": transcript.language,
            "speakers": [len(transcript.speakers), len({turn.speaker for turn in recording.turns or ()}) or None],
            "spent_s": clock.spent,
            "text": [f"{segment.speaker}: {segment.text.strip()}" for segment in transcript.segments],
        }
        found[recording.name] = recording, figures, details
        say(f"{recording.name:<26}{''.join(f'{cell:>11}' for cell in cells(figures)[1:])}")
    return found


def setup_of(chosen: argparse.Namespace) -> str:
    named = [
        f"`--{stage}-option {option}`" if "/" not in option else f"`--{stage}-option {shortened(option)}`"
        for stage in ("vad", "asr", "diarizer")
        for option in getattr(chosen, f"{stage}_option")
    ]
    head = f"Model `{Path(chosen.model).name}`, `--vad {chosen.vad}`, `--diarizer {chosen.diarizer}`"
    return f"{', '.join([head, *named])}; {chosen.device}, {chosen.threads} threads."


def shortened(option: str) -> str:
    """A setting with the file's name in place of its path: where it lies on this machine is nobody's business."""
    key, _, value = option.partition("=")
    return f"{key}={Path(value).name}"


def main() -> int:
    chosen = options()
    with suppress(BrokenPipeError):
        found = run(chosen, lambda text: print(text, flush=True))
        kinds: dict[str, Figures] = {}
        total = Figures()
        for recording, figures, _ in found.values():
            kinds[recording.kind] = kinds.get(recording.kind, Figures()) + figures
            total += figures
        tables = markdown(setup_of(chosen), kinds, total)
        print(f"\n{tables}")
        print("\n".join(counts_table((recording, figures) for recording, figures, _ in found.values())))
        if chosen.json is not None:
            rows = {
                name: {"kind": recording.kind, **asdict(figures), **details}
                for name, (recording, figures, details) in found.items()
            }
            counts = {"setup": setup_of(chosen), "all": asdict(total), "recordings": rows}
            write_text(chosen.json, json.dumps(counts, indent=1, ensure_ascii=False))
        if chosen.write is not None:
            page = chosen.write.read_text("utf-8")
            write_text(chosen.write, write_between(page, comparisons(kinds, total), BEGIN, END))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())

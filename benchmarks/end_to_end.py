"""Measures the whole way through recordings with references: speech, words, turns, words with speakers.

    python benchmarks/end_to_end.py CORPUS --model base [--diarizer onnx] [--vad silero] [--recordings 'ami_*']
                                    [--diarizer-option KEY=VALUE]... [--ways whisperdiar,sequential,…]
                                    [--cache FOLDER] [--json FILE] [--write docs/accuracy.md]

CORPUS is a folder with a manifest.json whose ``recordings`` name a file, a kind, a language and references: ``stm`` or
``txt`` for what is said, ``rttm`` with ``uem`` for who speaks when. Prints for every recording, every kind and for all:

    WER     errors in the words, speakers apart: the utterances of the reference in the order of their starts (jiwer)
    cpWER   errors in the words of each speaker, under the best assignment of labels to speakers (MeetEval)
    tcpWER  the same, where a word can only match one that is at most 5 s away (MeetEval; references with times)
    DER     missed speech, false alarm and confusion per speech, no collar, overlap scored (pyannote.metrics)
    found   recordings in which the number of speakers is the right one
    × real  seconds of recording per second of work, all stages, models loaded before; measure it on an idle machine

Sums are pooled: errors, words and seconds are added up, rates never averaged. Beside it the words of plain
faster-whisper with the same model, precision, threads and sound: its sequential decoding without and with its own
speech detection, and its batched pipeline. Nobody is told the language or the number of speakers.

With --cache words are recognised once for every sound, regions of speech and settings, so that the next diarizer takes
minutes; the seconds that recognition took when its words were new are kept, and go into the times.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from asr_ways import BATCHED_VAD, OURS, SEQUENTIAL, SEQUENTIAL_VAD, Contest
from asr_ways import Word as PlainWord

from benchmarks.scoring import PARTS, WITHOUT_SPACES, Errors, Utterance, normaliser, score, speaker_errors, word_errors
from benchmarks.word_cache import Cache, CachedTranscriber, code_digest, sound_digest
from whisperdiar import Pipeline, Transcript, load
from whisperdiar._machine import usable_cores
from whisperdiar.assembly import Choice, Request, build
from whisperdiar.files import write_text
from whisperdiar.formats import rttm
from whisperdiar.options import Runtime
from whisperdiar.types import Audio, Span, Turn

TCP_COLLAR_S = 5.0
PLAIN_WAYS = (SEQUENTIAL, SEQUENTIAL_VAD, BATCHED_VAD)
WAY_NAMES = {
    OURS: "whisperdiar",
    SEQUENTIAL: "faster-whisper, sequential",
    SEQUENTIAL_VAD: "faster-whisper, sequential, with its speech detection",
    BATCHED_VAD: "faster-whisper, batched",
}
BEGIN, END = "<!-- end_to_end.py: begin -->", "<!-- end_to_end.py: end -->"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording with what is known of it.

    Attributes:
        said: utterances of the reference in the order of their starts; none where no text is known.
        timed: whether their times are known.
        turns: who speaks when, or None.
        scored: the part of the recording in which `turns` are scored; None for all of it.
    """

    name: str
    path: Path
    kind: str
    language: str
    said: tuple[Utterance, ...] = ()
    timed: bool = False
    turns: tuple[Turn, ...] | None = None
    scored: Span | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one recording or, added up, of many; None where the reference says nothing."""

    n_recordings: int = 0
    seconds: float = 0.0
    spent: float = 0.0
    words: Errors | None = None
    speaker_words: Errors | None = None
    timed_speaker_words: Errors | None = None
    diarization: dict[str, float] | None = None
    right_counts: int = 0
    counted: int = 0
    ways: dict[str, Errors] = field(default_factory=dict)
    ways_spent: dict[str, float] = field(default_factory=dict)
    ways_processor: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            n_recordings=self.n_recordings + other.n_recordings,
            seconds=self.seconds + other.seconds,
            spent=self.spent + other.spent,
            words=plus(self.words, other.words),
            speaker_words=plus(self.speaker_words, other.speaker_words),
            timed_speaker_words=plus(self.timed_speaker_words, other.timed_speaker_words),
            diarization=summed(self.diarization, other.diarization),
            right_counts=self.right_counts + other.right_counts,
            counted=self.counted + other.counted,
            ways={way: errors for way in WAY_NAMES if (errors := plus(self.ways.get(way), other.ways.get(way)))},
            ways_spent=summed(self.ways_spent, other.ways_spent) or {},
            ways_processor=summed(self.ways_processor, other.ways_processor) or {},
        )


def plus(one: Errors | None, two: Errors | None) -> Errors | None:
    if one is None or two is None:
        return two if one is None else one
    return one + two


def summed(one: dict[str, float] | None, two: dict[str, float] | None) -> dict[str, float] | None:
    if not one or not two:
        return two or one
    return {key: one.get(key, 0.0) + two.get(key, 0.0) for key in {**one, **two}}


def recordings(corpus: Path, patterns: Sequence[str]) -> list[Recording]:
    """What the manifest lists, with references read."""
    listed = json.loads((corpus / "manifest.json").read_text("utf-8"))["recordings"]
    found = []
    for entry in listed:
        if not any(fnmatch(entry["id"], pattern) for pattern in patterns):
            continue
        files = {kind: corpus / name for kind, name in entry["refs"].items()}
        language = re.match(r"[a-z]{2,3}\b", str(entry["language"]).lower())
        own = Recording(
            name=entry["id"],
            path=corpus / entry["file"],
            kind=entry["kind"].partition(":")[0],
            language=language[0] if language else "en",
        )
        if "stm" in files:
            own = replace(own, said=utterances(files["stm"].read_text("utf-8")), timed=True)
        elif "txt" in files:
            text = " ".join(files["txt"].read_text("utf-8").split())
            own = replace(own, said=(Utterance("reference", 0.0, float(entry["duration_s"]), text),))
        if "rttm" in files:
            turns = rttm.loads(files["rttm"].read_text("utf-8"), tolerance=rttm.TOLERANT).turns
            own = replace(own, turns=turns)
        if "uem" in files:
            _, _, start, end = files["uem"].read_text("utf-8").split()[:4]
            own = replace(own, scored=Span(float(start), float(end)))
        found.append(own)
    return found


def utterances(stm: str) -> tuple[Utterance, ...]:
    """The lines of an STM, by start: recording, channel, speaker, start, end, an optional <label>, text."""
    found = []
    for line in stm.splitlines():
        if line.strip() and not line.startswith(";;"):
            _, _, speaker, start, end, text = [*line.split(maxsplit=5), ""][:6]
            found.append(Utterance(speaker, float(start), float(end), re.sub(r"^<[^>]*>\s*", "", text)))
    return tuple(sorted(found, key=lambda own: own.start))


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
    normal = normaliser(recording.language)
    said = [own._replace(text=normal(own.text)) for own in recording.said]
    heard = [
        Utterance(segment.speaker or "nobody", segment.span.start, segment.span.end, normal(segment.text))
        for segment in transcript.segments
    ]
    figures = Figures(
        n_recordings=1,
        seconds=audio.duration,
        spent=sum(clock.spent.values()),
        ways_spent={OURS: clock.spent.get("vad", 0.0) + clock.spent.get("asr", 0.0)},
        ways_processor={OURS: clock.processor.get("vad", 0.0) + clock.processor.get("asr", 0.0)},
    )
    if said:
        text = joined(recording.language, (segment.text for segment in transcript.segments))
        errors = words_of(recording, text)
        figures = replace(figures, words=errors, ways={OURS: errors}, speaker_words=speaker_errors(said, heard))
    if recording.timed:
        figures = replace(figures, timed_speaker_words=speaker_errors(said, heard, collar=TCP_COLLAR_S))
    if recording.turns is not None:
        part = recording.scored or Span(0.0, audio.duration)
        n_speakers = len({turn.speaker for turn in recording.turns})
        figures = replace(
            figures,
            diarization=score(recording.turns, transcript.turns, part),
            counted=1,
            right_counts=int(n_speakers == len({turn.speaker for turn in transcript.turns})),
        )
    return figures


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


def rate(errors: Errors | None) -> str:
    return "–" if errors is None or not errors.length else f"{100 * errors.rate:.1f}"


COLUMNS = (
    *("recordings", "s", "words", "WER", "cpWER", "tcpWER", "DER", "missed", "false", "confused", "found", "× real"),
)


def cells(own: Figures) -> tuple[str, ...]:
    """The values of `COLUMNS`."""
    parts = own.diarization or dict.fromkeys(PARTS, 0.0)
    total, *wrong = (parts[part] for part in PARTS)
    return (
        str(own.n_recordings),
        f"{own.seconds:.0f}",
        "–" if own.words is None else str(own.words.length),
        rate(own.words),
        rate(own.speaker_words),
        rate(own.timed_speaker_words),
        percent(sum(wrong), total),
        *(percent(part, total) for part in wrong),
        f"{own.right_counts} of {own.counted}" if own.counted else "–",
        f"{own.seconds / own.spent:.1f}" if own.spent else "–",
    )


def markdown(setup: str, kinds: dict[str, Figures], total: Figures) -> str:
    """Two tables: the whole way by kind of recording, and the words beside those of faster-whisper."""
    lines = [setup, "", f"| | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    lines += [f"| {kind} | {' | '.join(cells(own))} |" for kind, own in kinds.items()]
    lines.append(f"| **all, pooled** | {' | '.join(cells(total))} |")
    if len(total.ways) > 1:
        lines += ["", "| words | WER | substituted | left out | put in | s | × real | processor s |"]
        lines.append("|---|---|---|---|---|---|---|---|")
        for way, errors in total.ways.items():
            spent = total.ways_spent[way]
            shares = (errors.substitutions, errors.deletions, errors.insertions)
            values = [rate(errors), *(percent(share, errors.length) for share in shares)]
            values += [f"{spent:.0f}", f"{total.seconds / spent:.1f}", f"{total.ways_processor[way]:.0f}"]
            lines.append(f"| {WAY_NAMES[way]} | {' | '.join(values)} |")
    return "\n".join(lines)


def written_into(page: str, tables: str) -> str:
    """The page with what stands between the two marks replaced.

    Raises:
        ValueError: it does not have both marks, in this order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END} to write between")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


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
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep recognised words there for the next run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every count of every recording")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the tables between the marks of a page")
    chosen = parser.parse_args()
    unknown = [way for way in chosen.ways if way not in PLAIN_WAYS]
    if unknown:
        parser.error(f"--ways {','.join(unknown)}: choose of {', '.join(PLAIN_WAYS)}")
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


def run(chosen: argparse.Namespace, say: Callable[[str], None]) -> dict[str, tuple[Recording, Figures, dict[str, Any]]]:
    """Every recording with its counts and with what was found."""
    pipeline = build(request(chosen), notify=say)
    contest = contest_of(chosen, pipeline) if chosen.ways else None
    cache = Cache(chosen.cache)
    transcriber = CachedTranscriber(pipeline.transcriber, cache)
    pipeline = replace(pipeline, transcriber=transcriber)
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
        if chosen.json is not None:
            rows = {
                name: {"kind": recording.kind, **asdict(figures), **details}
                for name, (recording, figures, details) in found.items()
            }
            counts = {"setup": setup_of(chosen), "all": asdict(total), "recordings": rows}
            write_text(chosen.json, json.dumps(counts, indent=1, ensure_ascii=False))
        if chosen.write is not None:
            write_text(chosen.write, written_into(chosen.write.read_text("utf-8"), tables))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())

"""Builds conversations whose words and speakers are known, to tune on and to report with.

    python benchmarks/conversations.py VOICES AMI OUT --split report --count 40 --seed 1
                                       [--minutes 2 4] [--longer 6 10] [--longest 30] [--voices 12] [--utterances 40]
                                       [--spread | --even] [--telephone]
    python benchmarks/end_to_end.py OUT --model base

VOICES is a folder with Kokoro-82M (`kokoro-int8.onnx`, and `voices.npz` with its voices), AMI one with the words of
meetings (`NAME.words.tsv`: start, end, speaker, word). OUT gets what `end_to_end.py` reads: manifest.json, FLAC files,
and for each an STM with what is said, an RTTM with who speaks when, and a UEM. What the voices say is synthesized once,
into the folder of --pool; only where that lacks something, kokoro-onnx is needed (`pip install kokoro-onnx`).

    words       what one person of a meeting said in a row, by a voice that keeps to one person; no two voices of a
                conversation are alike to a speaker network
    turns       who follows whom after what pause, whom he interrupts and where, as in a stretch of a meeting; fewer
                people than there: the others are left out, more: two or three share a part; in some conversations one
                person talks and a guest says four seconds in all
    sound       a room in half of them (reverberation 0.2 to 0.6 s, every person at another distance), noise in half
                (stationary, mains hum, or a babble of others, at a low level), every person with a loudness of his own;
                with --telephone every third one as a telephone has it (300 to 3400 Hz, 8 kHz, mu-law)
    references  exact: utterances begin and end with their sound, a silence of more than 0.3 s within one ends a turn;
                the tail of the room is no speech

The two splits share neither voices nor meetings. The same command builds the same conversations, whatever else the pool
holds. One recording is the longest (kind `long`), one in ten is longer than most; the kinds of the others say how many
people talk: one, two, few (3 to 4), many (5 to 8). With --spread there are no guests, and lengths lie between the first
of --minutes and --longest, most of them near the first; from 20 minutes on the kind is `long`. With --even lengths are
even on a logarithmic scale, and as many conversations have one person as two, three and so on to eight. Three hours
take some 5 GB of memory to build; whoever talks for long says his utterances over and over.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from conversation_sound import NOISES, change_rate, impulse_response, mix, noise, telephone
from conversation_voices import (
    RATE_HZ,
    SPLITS,
    Clip,
    Remark,
    choose_people,
    distribute_meetings,
    distribute_voices,
    fill,
    frame_levels_db,
    read_pool,
    read_remarks,
    speakable,
    write_flac,
)

from whisperdiar.formats.rttm import dumps_diarization
from whisperdiar.system.files import write_text
from whisperdiar.types import Diarization, Span, Turn

# People of successive conversations, and whether the last of them is a guest who says next to nothing.
PEOPLE = (
    *((4, False), (1, False), (2, False), (3, False), (6, False), (2, True), (4, False), (5, False)),
    *((1, False), (3, True), (2, False), (8, False), (4, False), (2, False), (7, False), (3, False)),
)
LEAST_SPOKEN_S = 3.0
"""What everybody says at least."""
_EDGE_S = 0.5  # of silence before and after all speech
_LONGEST_PAUSE_S = 2.5
_OWN_GAP_S = 0.1  # between two utterances of one person
_TURN_GAP_S = 0.3
_FLOOR_S = 1.5  # of silence, after which a part may be taken by another
_GUEST_WORDS = 12  # about four seconds
_SILENT_DB = -40.0
_RATE_STEPS = (0, 3, -3, 5, -5, 2, -2, 4, -4)
_MOST_PERCENT = 5
_TRIES = 200
_LONGEST_TAIL_S = 12.0  # by which a conversation may end before its time: no utterance is longer
_BABBLE = 4
_LONG_MINUTES = 20.0
_LEAST_EACH_S = 15.0  # of the recording for each person, for hardly a stretch has everybody in less
_MOST_PEOPLE = 8
_CALLS = 3  # every third conversation is a call, where there are any


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversation is to be like: its place in the set, how many people, and how long (s)."""

    place: int
    n_people: int
    guest: bool
    duration: float
    kind: str


class Slot(NamedTuple):
    """A place for an utterance: who speaks, and when, given the utterances before.

    Attributes:
        duration: what it lasted in the meeting (s).
        inside: the place of the utterance that is interrupted, or None where nobody speaks.
        offset: where in that utterance this one begins, as a part of its length; or the pause (s) after all speech.
    """

    person: int
    duration: float
    inside: int | None
    offset: float


class Placed(NamedTuple):
    """An utterance in its place; start in seconds."""

    person: int
    start: float
    clip: Clip

    @property
    def end(self) -> float:
        return self.start + self.clip.duration


def plan(count: int, seed: int, minutes: Sequence[float], longer: Sequence[float], longest: float) -> list[Plan]:
    """The conversations of a set; lengths are drawn evenly on a logarithmic scale, in minutes."""
    plans = []
    for place in range(count):
        rng = np.random.default_rng([seed, place])
        n_people, guest = PEOPLE[place % len(PEOPLE)]
        low, high = longer if place % 10 == 6 else minutes
        kind = "one" if n_people == 1 else "two" if n_people == 2 else "few" if n_people < 5 else "many"
        length = low * (high / low) ** rng.random()
        if place == 0 and longest:
            length, kind = longest, "long"
        plans.append(Plan(place, n_people, guest, 60 * float(length), kind))
    return plans


def plan_spread(count: int, seed: int, shortest: float, longest: float, *, even: bool = False) -> list[Plan]:
    """The conversations of a set of every length from the shortest to the longest (minutes).

    Args:
        even: lengths are even on a logarithmic scale, and so are the numbers of people, from 1 to 8; otherwise short
            ones come more often, and few people.
    """
    rng = np.random.default_rng([seed, 4])
    ranks, dealt = rng.permutation(count), rng.permutation(count)
    plans = []
    for place in range(count):
        number = int(dealt[place])
        n_people = 1 + number % _MOST_PEOPLE if even else PEOPLE[number % len(PEOPLE)][0]
        way = ranks[place] / max(1, count - 1)
        length = shortest * (longest / shortest) ** (way if even else way**2)
        length = max(length, n_people * _LEAST_EACH_S / 60)
        kind = "one" if n_people == 1 else "two" if n_people == 2 else "few" if n_people < 5 else "many"
        kind = "long" if length >= _LONG_MINUTES else kind
        plans.append(Plan(place, n_people, False, 60 * float(length), kind))
    return plans


def cast(remarks: Sequence[Remark], n_people: int, rng: np.random.Generator) -> list[Remark]:
    """A meeting as it would be with another number of people, who are called 0, 1, …

    Of a meeting with more people those stay who say most. In one with fewer, several share a part: who of them takes
    it is decided anew whenever it has been silent for a while.
    """
    said: dict[str, int] = {}
    for remark in remarks:
        said[remark.speaker] = said.get(remark.speaker, 0) + len(remark.words)
    kept = sorted(said, key=lambda name: (-said[name], name))[:n_people]
    people: dict[str, list[int]] = {name: [] for name in kept}
    for person in range(n_people):
        people[kept[person % len(kept)]].append(person)
    shown: list[Remark] = []
    taken: dict[str, tuple[int, float]] = {}
    for remark in remarks:
        if remark.speaker in people:
            person, end = taken.get(remark.speaker, (0, -np.inf))
            if remark.start - end > _FLOOR_S:
                person = int(rng.choice(people[remark.speaker]))
            taken[remark.speaker] = person, remark.end
            shown.append(remark._replace(speaker=str(person)))
    return shown


def quieten(remarks: Sequence[Remark], person: str, within: float, rng: np.random.Generator) -> list[Remark]:
    """The remarks with nearly all of one person left out: he says about four seconds, before the time `within`."""
    own = [remark for remark in remarks if remark.speaker == person and remark.start < within]
    # Sentences rather than a dozen nods.
    own = [remark for remark in own if len(remark.words) >= _GUEST_WORDS // 3] or own
    kept: set[Remark] = set()
    n_words = 0
    for i in rng.permutation(len(own)):
        if n_words + len(own[i].words) <= _GUEST_WORDS + 2:
            kept.add(own[i])
            n_words += len(own[i].words)
    return [remark for remark in remarks if remark.speaker != person or remark in kept]


def turn_taking(remarks: Sequence[Remark]) -> list[Slot]:
    """Who follows whom, and how: a remark that begins within another begins at the same part of it in any other words.

    A pause keeps its length, up to 2.5 s.
    """
    slots: list[Slot] = []
    last: int | None = None
    for remark in remarks:
        inside, offset = None, 0.0
        if last is not None:
            other = remarks[last]
            if remark.start < other.end and remark.speaker != other.speaker:
                inside, offset = last, (remark.start - other.start) / max(other.end - other.start, 1e-3)
            else:
                offset = min(max(remark.start - other.end, 0.0), _LONGEST_PAUSE_S)
        slots.append(Slot(int(remark.speaker), remark.end - remark.start, inside, offset))
        if last is None or remark.end > remarks[last].end:
            last = len(slots) - 1
    return slots


def place(slots: Iterable[Slot], draw: Callable[[int, float], Clip], duration: float) -> list[Placed]:
    """Utterances at their times, until the duration (s) is reached; nobody overlaps himself.

    Args:
        draw: gives an utterance of a person that lasts about so long (s).
    """
    placed: list[Placed] = []
    free: dict[int, float] = {}
    end = _EDGE_S
    for slot in slots:
        clip = draw(slot.person, slot.duration)
        if slot.inside is None:
            start = end + slot.offset
        else:
            other = placed[slot.inside]
            start = other.start + slot.offset * other.clip.duration
        # Whole samples: what is written down is where the sound is.
        start = round(max(start, free.get(slot.person, 0.0)) * RATE_HZ) / RATE_HZ
        if max(end, start + clip.duration) + _EDGE_S > duration:
            break
        placed.append(Placed(slot.person, start, clip))
        free[slot.person] = placed[-1].end + _OWN_GAP_S
        end = max(end, placed[-1].end)
    return placed


class Shelf:
    """The utterances of the people of one conversation, each preferably said once; a repeated one at another rate."""

    def __init__(
        self, voices: Sequence[Sequence[Clip]], rng: np.random.Generator, most_percent: int = _MOST_PERCENT
    ) -> None:
        self._voices = voices
        self._steps = [step for step in _RATE_STEPS if abs(step) <= most_percent]
        self._durations = [np.array([clip.duration for clip in clips]) for clips in voices]
        self._uses = [np.zeros(len(clips), int) for clips in voices]
        self._rng = rng

    def draw(self, person: int, duration: float) -> Clip:
        """One of the utterances that last about so long (s), so that overlaps and pauses stay those of the meeting."""
        uses = self._uses[person]
        far = np.abs(np.log(self._durations[person] / max(duration, 0.1)))
        chosen = int(np.argmin(far + uses + 0.3 * self._rng.random(uses.size)))
        percent = self._steps[uses[chosen] % len(self._steps)]
        uses[chosen] += 1
        clip = self._voices[person][chosen]
        return Clip(clip.text, change_rate(clip.samples, percent))


def spoken_spans(clip: Clip) -> list[Span]:
    """The clip without silences of more than 0.3 s; seconds from its start."""
    frame_s = 0.01
    loud = np.flatnonzero(frame_levels_db(clip.samples) > _SILENT_DB)
    spans: list[Span] = []
    for frame in loud:
        start, end = frame * frame_s, min((frame + 1) * frame_s, clip.duration)
        if spans and start - spans[-1].end <= _TURN_GAP_S:
            spans[-1] = Span(spans[-1].start, end)
        else:
            spans.append(Span(start, end))
    if spans:
        spans[0] = Span(0.0, spans[0].end)
        spans[-1] = Span(spans[-1].start, clip.duration)
    return spans


def turns_of(placed: Iterable[Placed], names: Sequence[str]) -> tuple[Turn, ...]:
    """Who speaks when; two turns of one person with at most 0.3 s between them are one."""
    found: dict[int, list[Span]] = {}
    for own in placed:
        spans = found.setdefault(own.person, [])
        for span in spoken_spans(own.clip):
            shifted = Span(own.start + span.start, own.start + span.end)
            if spans and shifted.start - spans[-1].end <= _TURN_GAP_S:
                spans[-1] = Span(spans[-1].start, shifted.end)
            else:
                spans.append(shifted)
    return tuple(
        sorted(
            (Turn(span, names[person]) for person, spans in found.items() for span in spans),
            key=lambda turn: (turn.span.start, turn.span.end, turn.speaker),
        )
    )


def write_references(folder: Path, name: str, placed: Sequence[Placed], names: Sequence[str], duration: float) -> None:
    """STM, RTTM and UEM of a recording."""
    lines = [
        f"{name} 1 {names[own.person]} {own.start:.3f} {own.end:.3f} {own.clip.text}\n"
        for own in sorted(placed, key=lambda own: (own.start, own.person))
    ]
    write_text(folder / f"{name}.stm", "".join(lines))
    write_text(folder / f"{name}.rttm", dumps_diarization(Diarization(name, turns_of(placed, names))))
    write_text(folder / f"{name}.uem", f"{name} 1 0.000 {duration:.3f}\n")


def stretch_of(remarks: Sequence[Remark], first: int, duration: float) -> list[Remark]:
    """A meeting from one of its remarks on, for so long (s) or more; behind its end it begins anew."""
    length = max(remark.end for remark in remarks) + 1.0
    n_rounds = 1 + math.ceil(duration / length)
    rounds = [
        remark._replace(start=remark.start + length * i, end=remark.end + length * i)
        for i in range(n_rounds)
        for remark in remarks
    ]
    return rounds[first : first + len(remarks) * (n_rounds - 1)]


def converse(
    wanted: Plan,
    remarks: Sequence[Remark],
    voices: Sequence[Sequence[Clip]],
    rng: np.random.Generator,
    most_percent: int = _MOST_PERCENT,
) -> list[Placed]:
    """A conversation after a stretch of a meeting in which everybody comes to speak.

    Args:
        voices: of each person what he can say.
        most_percent: by which a repeated utterance is faster or slower.

    Raises:
        ValueError: the meeting has no such stretch.
    """
    # Twice as long, for pauses are cut short and the voices talk faster than people.
    times = 2.0
    for _ in range(_TRIES):
        stretch = stretch_of(remarks, int(rng.integers(len(remarks))), times * wanted.duration)
        stretch = cast(stretch, wanted.n_people, rng)
        if wanted.guest:
            begun = stretch[0].start
            stretch = quieten(stretch, str(wanted.n_people - 1), begun + wanted.duration / 2, rng)
        placed = place(turn_taking(stretch), Shelf(voices, rng, most_percent).draw, wanted.duration)
        spoken = [0.0] * wanted.n_people
        for own in placed:
            spoken[own.person] += own.clip.duration
        ended = max((own.end for own in placed), default=0.0)
        if min(spoken) >= LEAST_SPOKEN_S and ended > wanted.duration - _LONGEST_TAIL_S:
            return placed
        if ended <= wanted.duration - _LONGEST_TAIL_S and wanted.duration > remarks[-1].end:
            times *= 2.0  # from wherever it begins, the whole meeting has too little of who is left
    raise ValueError(
        f"No stretch of {wanted.duration:.0f} s has {wanted.n_people} people who all say something. "
        "To fix this, raise --minutes."
    )


@dataclass(frozen=True, slots=True)
class Scenery:
    """What is around the speech, as drawn for one conversation; levels in dB of full scale.

    Attributes:
        reverberation_s, direct_db: of the room; None and empty where there is none.
        noise: one of `NOISES`, or None.
    """

    gains_db: tuple[float, ...]
    reverberation_s: float | None
    direct_db: tuple[float, ...]
    noise: str | None
    noise_db: float


def draw_scenery(wanted: Plan, seed: int, rng: np.random.Generator) -> Scenery:
    """Of any four successive conversations one has room and noise, two have either, and one has neither."""
    order = np.random.default_rng([seed, 3, wanted.place // 4]).permutation(4)
    room, noisy = divmod(int(order[wanted.place % 4]), 2)
    kind = NOISES[(2 * (wanted.place // 4) + room) % len(NOISES)]
    n_people = wanted.n_people
    gains_db = -26.0 + np.clip(rng.normal(0.0, 3.0, n_people), -6.0, 6.0)
    return Scenery(
        gains_db=tuple(round(float(gain), 1) for gain in gains_db),
        reverberation_s=round(float(rng.uniform(0.2, 0.6)), 2) if room else None,
        direct_db=tuple(round(float(ratio), 1) for ratio in rng.uniform(-2.0, 10.0, n_people)) if room else (),
        noise=kind if noisy else None,
        noise_db=round(-26.0 - float(rng.uniform(20.0, 32.0) if kind == "babble" else rng.uniform(14.0, 30.0)), 1),
    )


def render(
    placed: Sequence[Placed],
    scenery: Scenery,
    others: Sequence[Sequence[Clip]],
    duration: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """The sound of a conversation: float32 (n_samples,), at most 0.9.

    Args:
        others: what people say who are not in it, for a babble.
    """
    n_people = len(scenery.gains_db)
    tracks: list[list[tuple[float, NDArray[np.float32]]]] = [[] for _ in range(n_people)]
    for own in placed:
        tracks[own.person].append((own.start, own.clip.samples))
    rooms = None
    if scenery.reverberation_s is not None:
        rooms = [impulse_response(scenery.reverberation_s, ratio, rng) for ratio in scenery.direct_db]
    mixed = mix(tracks, scenery.gains_db, rooms, duration)
    if scenery.noise is not None:
        mixed += np.float32(10 ** (scenery.noise_db / 20)) * noise(scenery.noise, mixed.size, others, rng)
    loudest = float(np.abs(mixed).max(initial=0.0))
    return np.asarray(mixed * np.float32(min(1.0, 0.9 / max(loudest, 1e-9))))


def build(
    folder: Path,
    split: str,
    plans: Sequence[Plan],
    seed: int,
    meetings: Sequence[tuple[str, Sequence[Remark]]],
    voices: Mapping[str, Sequence[Clip]],
    say: Callable[[str], None],
    *,
    calls: bool = False,
    most_percent: int = _MOST_PERCENT,
) -> None:
    """Writes the conversations and, last, the manifest.

    Raises:
        ValueError: a conversation needs more voices than there are, or a stretch that no meeting has.
    """
    order = np.random.default_rng([seed, 1, 0]).permutation(len(meetings))
    known = tuple(voices)
    entries: list[dict[str, Any]] = []
    for wanted in plans:
        rng = np.random.default_rng([seed, 2, wanted.place])
        dealt = [known[i] for i in rng.permutation(len(known))]
        names = choose_people(dealt, wanted.n_people)
        others = [voices[name] for name in dealt if name not in names][:_BABBLE]
        meeting, remarks = meetings[order[wanted.place % len(order)]]
        placed = converse(wanted, remarks, [voices[name] for name in names], rng, most_percent)
        duration = round(max(own.end for own in placed) + _EDGE_S, 3)
        scenery = draw_scenery(wanted, seed, rng)
        name = f"{split}_{wanted.place:02d}_{wanted.kind}_{wanted.n_people}"
        sound = render(placed, scenery, others, duration, rng)
        called = calls and wanted.place % _CALLS == 0
        write_flac(folder / f"{name}.flac", telephone(sound) if called else sound)
        write_references(folder, name, placed, names, duration)
        entries.append(
            {
                "id": name,
                "file": f"{name}.flac",
                "split": split,
                "kind": wanted.kind,
                "language": "en",
                "duration_s": duration,
                "num_speakers": wanted.n_people,
                "guest": names[-1] if wanted.guest else None,
                "meeting": meeting,
                "voices": names,
                "scenery": asdict(scenery),
                "telephone": called,
                "refs": {kind: f"{name}.{kind}" for kind in ("stm", "rttm", "uem")},
            }
        )
        say(f"{name}: {duration:.0f} s, {len(placed)} utterances, {meeting}, {', '.join(names)}")
    write_text(folder / "manifest.json", json.dumps({"recordings": entries}, indent=1))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voices_folder", type=Path, metavar="VOICES")
    parser.add_argument("ami", type=Path, metavar="AMI")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--count", type=int, default=40, help="of conversations; 0 only fills the pool; default: 40")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, nargs=2, default=(2.0, 4.0), metavar=("FROM", "TO"))
    parser.add_argument("--longer", type=float, nargs=2, default=(6.0, 10.0), metavar=("FROM", "TO"))
    parser.add_argument("--longest", type=float, default=30.0, metavar="MINUTES", help="0: none; default: 30")
    lengths = parser.add_mutually_exclusive_group()
    lengths.add_argument(
        "--spread", action="store_true", help="every length from the shortest to the longest, no guests"
    )
    lengths.add_argument(
        "--even", action="store_true", help="the same, as many long ones as short ones, and as many of 1 person as of 8"
    )
    parser.add_argument("--telephone", action="store_true", help="every third conversation is a telephone call")
    parser.add_argument(
        "--most-change",
        type=int,
        default=_MOST_PERCENT,
        metavar="PERCENT",
        help="by which repeated utterances are faster or slower, and their formants higher or lower; default: 5",
    )
    parser.add_argument("--voices", type=int, default=12, help="of the split that are used; default: 12")
    parser.add_argument("--utterances", type=int, default=40, help="of each voice; default: 40")
    parser.add_argument("--pool", type=Path, help="default: the folder `pool` beside OUT")
    return parser.parse_args()


def main() -> int:
    chosen = options()

    def say(text: str) -> None:
        print(text, flush=True)

    remarks = {path.name.partition(".")[0]: read_remarks(path) for path in sorted(chosen.ami.glob("*.words.tsv"))}
    speakers = {name: {remark.speaker for remark in own} for name, own in remarks.items()}
    meetings = distribute_meetings(speakers)[chosen.split]
    if not meetings:
        raise SystemExit(f"{chosen.ami} has no words of meetings for this split. To fix this, name another folder.")
    texts = [text for name in meetings for remark in remarks[name] if (text := speakable(remark.words))]
    with np.load(chosen.voices_folder / "voices.npz") as styles:
        names = distribute_voices(styles.files)[chosen.split][: chosen.voices]
    pool = chosen.pool or chosen.out.parent / "pool"
    try:
        fill(pool, chosen.voices_folder, names, texts, chosen.utterances, say)
        if chosen.count:
            chosen.out.mkdir(parents=True, exist_ok=True)
            build(
                chosen.out,
                chosen.split,
                plan_spread(chosen.count, chosen.seed, chosen.minutes[0], chosen.longest, even=chosen.even)
                if chosen.spread or chosen.even
                else plan(chosen.count, chosen.seed, chosen.minutes, chosen.longer, chosen.longest),
                chosen.seed,
                [(name, remarks[name]) for name in meetings],
                {name: read_pool(pool, name, chosen.utterances) for name in names},
                say,
                calls=chosen.telephone,
                most_percent=chosen.most_change,
            )
    except (ValueError, ModuleNotFoundError) as error:
        raise SystemExit(str(error)) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Cues: nothing is lost, limits hold, breaks are where a reader wants them."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counting import calls
from tests.examples import examples, few_by_day
from tests.sounds import SHARED
from whisperdiar import Cue, Segment, Span, Transcript, Word, cues, segments
from whisperdiar.formats import by_name, read_cues
from whisperdiar.options import SubtitleRules, profile_names, subtitle_rules
from whisperdiar.subtitles._breaks import break_price, ends_sentence, language_rules
from whisperdiar.subtitles.checking import check
from whisperdiar.text.graphemes import characters, columns, graphemes
from whisperdiar.text.word_bounds import find_word_starts

NETFLIX = subtitle_rules("netflix", language="en", overlap=True)


def words_of(text: str, *, start: float = 0.0, each: float = 0.3, speaker: str | None = "A") -> list[Word]:
    parts = text.split(" ")
    return [
        Word(Span(start + i * each, start + (i + 1) * each), f" {part}", 1.0, speaker) for i, part in enumerate(parts)
    ]


def talk(*groups: list[Word], language: str | None = "en") -> Transcript:
    return Transcript("r", 100.0, language, segments=tuple(Segment(tuple(g), g[0].speaker) for g in groups))


def shown(made: tuple[Cue, ...]) -> list[str]:
    return [" / ".join(cue.lines) for cue in made]


def texts(made: tuple[Cue, ...]) -> dict[str | None, str]:
    """What each speaker says on the screen, without spaces."""
    found: dict[str | None, str] = {}
    for cue in made:
        for line, speaker in zip(cue.lines, cue.line_speakers or (cue.speaker,) * len(cue.lines), strict=True):
            found[speaker] = found.get(speaker, "") + "".join(line.split())
    return {speaker: text for speaker, text in found.items() if text}


def said(transcript: Transcript) -> dict[str | None, str]:
    found: dict[str | None, str] = {}
    for segment in transcript.segments:
        text = "".join("".join(word.text for word in segment.words).split())
        found[segment.speaker] = found.get(segment.speaker, "") + text
    return {speaker: text for speaker, text in found.items() if text}


tokens = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12),
    st.sampled_from(
        ["the", "of", "Anna", "Petrova.", "5", "million", "yes,", "в", "не", "字", "你好，世界。", "สวัสดีครับ",
         "שלום", "مرحبا", "x" * 60,
         "👨‍👩‍👧", "e\u0301", "New York", "。", "(", "\u00a0", "5\u00a0%", "a\u2007b\u202fc ", "\u00a0x"]
    ),
)  # fmt: skip


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Several people who talk one after the other and at once, at times of whole milliseconds."""
    found: list[Segment] = []
    for speaker in draw(st.lists(st.sampled_from(["A", "B", "C", None]), max_size=4, unique=True)):
        now, words = draw(st.integers(0, 5000)), []
        for _ in range(draw(st.integers(1, 25))):
            now += draw(st.sampled_from([0, 0, 0, 10, 200, 700, 3000]))
            length = draw(st.sampled_from([0, 20, 150, 300, 900]))
            space = " " if draw(st.booleans()) else ""
            words.append(Word(Span(now / 1000, (now + length) / 1000), space + draw(tokens), 1.0, speaker))
            now += length
        found += segments(words)
    found.sort(key=lambda segment: segment.span.start)
    return Transcript("r", 100.0, draw(st.sampled_from([None, "en", "ru", "zh", "th"])), segments=tuple(found))


rule_sets = st.builds(
    lambda profile, overlap, fps, width, lines: (
        profile,
        {"overlap": overlap, "fps": fps, "max_chars": width, "max_lines": lines},
    ),
    st.sampled_from(profile_names()),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, 24, 25, 29.97]),
    st.sampled_from([None, None, 12]),
    st.sampled_from([None, None, 1, 3]),
)
styles = st.sampled_from(["none", "dash", "voice", "label", "sdh"])


@given(transcripts(), rule_sets, styles, st.sampled_from([0, 6, 30]))
@settings(max_examples=examples(250), deadline=None)
def test_no_text_is_lost_no_cue_crosses_a_speaker_and_limits_hold(
    transcript: Transcript, chosen: tuple[str, dict[str, object]], style: str, name: int
) -> None:
    profile, changes = chosen
    rules = subtitle_rules(profile, language=transcript.language, **changes)
    room = min(name, rules.max_columns // 2)
    made = cues(transcript, rules=rules, style=style, reserved=dict.fromkeys("ABC", name))
    assert texts(made) == said(transcript)
    for cue in made:
        assert 1 <= len(cue.lines) <= rules.max_lines
        assert all(line and line == line.strip() for line in cue.lines)
        assert cue.line_speakers == () or len(set(cue.line_speakers)) == len(cue.lines) == 2
        assert tuple("".join(piece.text for piece in line).strip() for line in cue.timed) == cue.lines
        dash = len(rules.dash) if cue.line_speakers and style in ("dash", "voice") else 0
        for number, line in enumerate(cue.lines):
            speaker = cue.line_speakers[number] if cue.line_speakers else cue.speaker
            first = bool(cue.line_speakers) or number == 0
            before = dash + (room if speaker is not None and first else 0)
            assert columns(line) + before <= rules.max_columns or len(graphemes(line)) == 1
        assert cue.span.duration <= rules.max_duration + 1e-6
        pieces = ["".join(piece.text for piece in line) for line in cue.timed]
        spoken = pieces if cue.line_speakers else ["".join(pieces)]  # a word may be broken over two lines
        # A no-break space makes one word of what it stands between.
        words = sum(len(re.sub("[\u00a0\u2007\u202f]", "", text).split()) for text in spoken)
        assert rules.max_words is None or words <= rules.max_words


@st.composite
def exchanges(draw: st.DrawFn) -> Transcript:
    """People who take turns of one to five short words, some of them inside another one's sentence."""
    groups, now = [], 0
    for _ in range(draw(st.integers(2, 9))):
        count, each = draw(st.integers(1, 5)), draw(st.sampled_from([60, 100, 200]))
        text = " ".join(draw(st.sampled_from(["yes", "no,", "we", "took", "it."])) for _ in range(count))
        groups.append(words_of(text, start=now / 1000, each=each / 1000, speaker=draw(st.sampled_from("ABC"))))
        now = max(0, now + count * each + draw(st.sampled_from([0, 0, 100, 600, -150])))
    return talk(*groups)


@given(exchanges(), rule_sets, styles)
@settings(max_examples=examples(120), deadline=None)
def test_no_cue_bridges_another_persons_sentence(
    transcript: Transcript, chosen: tuple[str, dict[str, object]], style: str
) -> None:
    """A cue goes on over an interjection of somebody else, never over three of their words in a row."""
    profile, changes = chosen
    made = cues(transcript, rules=subtitle_rules(profile, language=transcript.language, **changes), style=style)
    begun: dict[str | None, list[float]] = {}
    for cue in made:
        for number, line in enumerate(cue.timed):
            speaker = cue.line_speakers[number] if cue.line_speakers else cue.speaker
            begun.setdefault(speaker, []).extend(piece.span.start for piece in line if piece.text[:1].isspace())
    for cue in made:
        people = cue.line_speakers or (cue.speaker,)
        said = cue.timed if cue.line_speakers else (tuple(piece for line in cue.timed for piece in line),)
        for speaker, pieces in zip(people, said, strict=False):
            for before, after in pairwise(pieces):
                for other, starts in begun.items():
                    between = [time for time in starts if before.span.end <= time < after.span.start]
                    assert other == speaker or len(between) < 3, (cue, other)


def test_a_cue_bridges_an_interjection() -> None:
    first, second = words_of("So we took", each=0.2), words_of("the first one.", start=1.4, each=0.2)
    between = [
        words_of("Yeah sure.", start=0.7, each=0.2, speaker="B"),
        words_of("That is wrong.", start=0.65, each=0.2, speaker="B"),
    ]
    for rules in (NETFLIX, replace(NETFLIX, overlap=not NETFLIX.overlap)):
        over, around = (cues(talk(first, other, second), rules=rules, style="dash") for other in between)
        assert any("took the first" in line for cue in over for line in cue.lines)
        assert not any("took the first" in line for cue in around for line in cue.lines)


@given(transcripts(), rule_sets, styles)
@settings(max_examples=examples(150), deadline=None)
def test_times_are_on_frames_with_gaps_and_begin_with_the_speech(
    transcript: Transcript, chosen: tuple[str, dict[str, object]], style: str
) -> None:
    profile, changes = chosen
    rules = subtitle_rules(profile, language=transcript.language, **changes)
    made = cues(transcript, rules=rules, style=style)
    tick = rules.frame or 0.001
    for cue in made:
        for bound in (cue.span.start, cue.span.end):
            assert bound / tick == pytest.approx(round(bound / tick), abs=1e-4)
        assert cue.span.duration >= tick * 0.999
        assert cue.span.start >= min(piece.span.start for line in cue.timed for piece in line) - tick
    lanes: dict[str | None, list[Cue]] = {}
    for cue in made:
        for speaker in {None} if not rules.overlap else {cue.speaker, *cue.line_speakers} - {None}:
            lanes.setdefault(speaker, []).append(cue)
    for lane in lanes.values():
        for before, cue in pairwise(lane):
            assert cue.span.start - before.span.end >= rules.gap - 1e-6


@given(
    transcripts(), st.sampled_from(profile_names()), st.sampled_from([None, True, False]), st.sampled_from([None, 25])
)
@settings(max_examples=examples(80), deadline=None)
def test_a_shift_in_time_shifts_the_cues(
    transcript: Transcript, profile: str, overlap: bool, fps: float | None
) -> None:
    rules = subtitle_rules(profile, language=transcript.language, overlap=overlap, fps=fps)
    later = tuple(
        Segment(tuple(Word(w.span.shift(8.0), w.text, 1.0, w.speaker) for w in segment.words), segment.speaker)
        for segment in transcript.segments
    )
    first = cues(transcript, rules=rules)
    second = cues(Transcript("r", 100.0, transcript.language, segments=later), rules=rules)
    assert [cue.lines for cue in first] == [cue.lines for cue in second]
    for one, other in zip(first, second, strict=True):
        assert other.span.start == pytest.approx(one.span.start + 8.0, abs=1e-6)
        assert other.span.end == pytest.approx(one.span.end + 8.0, abs=1e-6)


def test_joining_spaces_count() -> None:
    """Two words of 21 columns and the space between them are 43."""
    (cue,) = cues(talk(words_of("a" * 21 + " " + "b" * 21, each=2.0)))
    assert len(cue.lines) == 2
    (cue,) = cues(talk(words_of("a" * 21 + " " + "b" * 20, each=2.0)))
    assert len(cue.lines) == 1


def test_room_is_kept_for_the_name() -> None:
    transcript = talk(words_of("a" * 20 + " " + "b" * 20, each=2.0))
    assert len(cues(transcript)[0].lines) == 1
    assert len(cues(transcript, reserved={"A": 12})[0].lines) == 2


def test_cues_break_at_sentence_ends() -> None:
    text = "We have looked at all of the numbers for this year. They are better than we had expected them to be."
    assert [cue.replace(" /", "") for cue in shown(cues(talk(words_of(text))))] == [
        "We have looked at all of the numbers for this year.",
        "They are better than we had expected them to be.",
    ]


NEVER_LAST = {
    "en": ["the", "a", "of", "and", "to", "with", "my", "not", "Mr.", "Anna", "twenty", "5"],
    "ru": ["в", "не", "и", "на", "что", "г.", "с", "по", "мой", "Анна", "5"],
}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I went with my sister Anna Petrova to the house of Mr. Smith and we paid 5 million euros for the "
               "garden that is not far from the river, so the children could swim in summer and skate in the winter."),
        ("ru", "Мы поехали с моей сестрой в г. Москва и купили там дом за 5 миллионов рублей, потому что Анна Петрова "
               "не хотела жить на севере, а мой брат сказал, что с детьми лучше жить на юге и что это не так дорого."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("profile", ["netflix", "bbc", "ted"])
def test_neither_lines_nor_cues_end_inside_a_phrase_a_name_or_a_number(language: str, text: str, profile: str) -> None:
    rules = subtitle_rules(profile, language=language)
    made = cues(talk(words_of(text, each=0.45), language=language), rules=rules)
    lines = [line for cue in made for line in cue.lines]
    assert len(lines) > 4
    assert not [line for line in lines[:-1] if line.split(" ")[-1] in NEVER_LAST[language]]


def test_the_rules_of_the_language_make_the_difference() -> None:
    """The neutral default knows nothing of articles and prepositions."""
    text = "we could see how the dog went with the old man to his big red house in town"
    rules = SubtitleRules(max_chars=24, max_lines=1)

    def last_words(language: str) -> set[str]:
        made = cues(talk(words_of(text, each=0.4), language=language), rules=rules)
        return {cue.lines[-1].split()[-1] for cue in made}

    articles = {"the", "his", "with", "to", "in"}
    assert last_words("xx") & articles
    assert not last_words("en") & articles


def test_an_abbreviation_or_an_initial_ends_no_sentence() -> None:
    rules = SubtitleRules(max_chars=24, max_lines=1, max_cps=None)
    text = "Yesterday I spoke to Dr. Brown and J. Smith"
    assert not [line for line in shown(cues(talk(words_of(text)), rules=rules)) if line.endswith(("Dr.", "J."))]


def test_a_pause_is_a_better_place_than_none() -> None:
    first, second = words_of("one two three four five six seven"), words_of("eight nine ten eleven twelve", start=3.1)
    rules = SubtitleRules(max_chars=42, max_lines=1)
    assert shown(cues(talk([*first, *second]), rules=rules)) == [
        "one two three four five six seven",
        "eight nine ten eleven twelve",
    ]


def test_lines_are_even_with_the_longer_one_below() -> None:
    (cue,) = cues(talk(words_of("aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj", each=0.5), language="xx"))
    above, below = map(len, cue.lines)
    assert above <= below <= above + 5


def test_chinese_is_broken_where_its_rules_allow_it() -> None:
    text = "我们今天讨论的是字幕的规则，这些规则很重要。大家都知道，标点不能放在一行的开头（括号也是）。"
    words = [Word(Span(i * 0.25, i * 0.25 + 0.25), character, 1.0, "A") for i, character in enumerate(text)]
    made = cues(talk(words, language="zh"), rules=subtitle_rules("netflix", language="zh"))
    lines = [line for cue in made for line in cue.lines]
    assert "".join(lines) == text
    assert max(map(columns, lines)) <= 32
    assert not [line for line in lines if line[0] in "，。）" or line[-1] == "（"]


def test_a_chinese_token_wider_than_a_line_is_cut_before_no_punctuation() -> None:
    word = Word(Span(0.0, 12.0), "字" * 16 + "。" + "字" * 20, 1.0, "A")
    made = cues(talk([word], language="zh"), rules=subtitle_rules("netflix", language="zh"))
    lines = [line for cue in made for line in cue.lines]
    assert "".join(lines) == word.text
    assert not [line for line in lines if line[0] == "。" or columns(line) > 32]


def test_thai_is_cut_between_letters_that_stand_alone() -> None:
    text = "เราจะไปเที่ยวทะเลกับเพื่อนที่โรงเรียนในวันหยุดสุดสัปดาห์นี้"
    made = cues(talk([Word(Span(0, 6), text, 1.0, "A")], language="th"), rules=SubtitleRules(max_chars=20))
    lines = [line for cue in made for line in cue.lines]
    assert "".join(lines) == text
    assert not [line for line in lines if line[-1] in "เแโใไ" or line[0] in "ะาำ"]


@pytest.mark.parametrize(
    ("language", "text"),
    [("ar", "مرحبا بكم في هذا البرنامج، سنتحدث اليوم عن الترجمة."), ("he", "\u200fשלום לכולם, היום נדבר על כתוביות.")],
)
def test_right_to_left_text_stays_as_it_is(language: str, text: str) -> None:
    made = cues(talk(words_of(text, each=0.5), language=language))
    assert " ".join(line for cue in made for line in cue.lines) == text


def test_one_who_is_interrupted_goes_on_in_the_same_cue() -> None:
    sentence = words_of("I think that we should take the first one.", each=0.4)
    reply = words_of("Yeah.", start=1.5, speaker="B")
    transcript = talk(sentence[:4], reply, sentence[4:])
    first, second = cues(transcript)
    assert (shown((first,)), first.speaker) == (["I think that we should take the first one."], "A")
    assert (second.lines, second.speaker, second.span.start) == (("Yeah.",), "B", 1.5)
    assert second.span.end < first.span.end
    alone = cues(transcript, rules=SubtitleRules(overlap=False))
    assert texts(alone) == said(transcript)
    assert all(cue.span.end <= later.span.start for cue, later in pairwise(alone))


def test_a_cue_lingers_until_it_can_be_read_but_not_over_a_speaker_change() -> None:
    """Somebody else begins at 1.2 s: the first cue, which has had its time, is gone by then."""
    (alone,) = cues(talk(words_of("Yes.", each=0.2)))
    assert alone.span.duration == pytest.approx(0.833)
    long = words_of("Absolutely, yes.", each=0.25)
    first, second = cues(talk(long, words_of("No.", start=1.2, speaker="B")), rules=NETFLIX)
    assert first.span.end == pytest.approx(second.span.start - 0.083)


def test_at_once_only_where_it_could_not_be_read_otherwise() -> None:
    transcript = talk(words_of("Yes.", each=0.2), words_of("No, I do not think so.", start=0.5, speaker="B"))
    first, second = cues(transcript, rules=NETFLIX)
    assert first.span.end == pytest.approx(0.833)
    assert second.span.start == 0.5
    (dialogue,) = cues(transcript, rules=NETFLIX, style="dash")
    assert dialogue.lines == ("Yes.", "No, I do not think so.")
    assert (dialogue.speaker, dialogue.line_speakers) == (None, ("A", "B"))
    for made in (cues(transcript, rules=SubtitleRules(overlap=False)),):
        assert all(cue.span.end <= later.span.start for cue, later in pairwise(made))


def test_a_long_dialogue_gets_a_cue_for_each() -> None:
    one, two = (
        words_of("I would rather like to know who did it, please."),
        words_of("Nobody at all.", start=5.0, speaker="B"),
    )
    assert [cue.speaker for cue in cues(talk(one, two), style="dash")] == ["A", "B"]


def test_small_gaps_are_closed_to_the_least_one_and_large_ones_stay() -> None:
    first = words_of("This is the very first sentence of what is going to be said.", each=0.25)
    second = words_of("Here comes the next one, which is not much shorter than that one.", start=3.6, each=0.25)
    third = words_of("And much later another.", start=12.0)
    made = cues(talk(first, second, third), rules=NETFLIX)
    assert len(made) == 3
    assert made[1].span.start - made[0].span.end == pytest.approx(0.083)
    assert made[2].span.start - made[1].span.end > 0.5


def test_pieces_of_a_line_say_when_they_are_spoken() -> None:
    (cue,) = cues(talk(words_of("Good morning to you.")))
    assert [(piece.text, round(piece.span.start, 1)) for piece in cue.timed[0]] == [
        (" Good", 0.0), (" morning", 0.3), (" to", 0.6), (" you.", 0.9),
    ]  # fmt: skip


def test_one_stray_time_does_not_hold_up_what_follows() -> None:
    words = words_of("One of these words has a time that is far away. The others have not.")
    words[4] = Word(Span(5e5, 5e5 + 1), words[4].text, 1.0, "A")
    made = cues(talk(words))
    assert texts(made) == said(talk(words))
    assert max(cue.span.end for cue in made) < 10.0


def test_social_shows_up_to_three_words_on_one_line() -> None:
    made = cues(
        talk(words_of("and then we all went to see what was going on")), rules=subtitle_rules("social", language="en")
    )
    assert {len(cue.lines) for cue in made} == {1}
    assert {len(cue.lines[0].split()) for cue in made} <= {1, 2, 3}


def test_reading_speed_in_words() -> None:
    rules = subtitle_rules("bbc", language="en")
    made = cues(talk(words_of("one two three four five six.", each=0.2)), rules=rules)
    assert made[-1].span.duration == pytest.approx(2.0)


def test_the_work_grows_with_the_number_of_words() -> None:
    def work(n: int) -> int:
        transcript = talk(words_of(" ".join(["some word, of mine"] * (n // 4)), each=0.3))
        return calls(lambda: cues(transcript))

    work(400)  # what is cached
    assert work(8_000) < 5 * work(2_000)  # 4 times in theory; with the square it would be 16 times


AMI = sorted((SHARED / "ami").glob("*.words.tsv"))


def meeting(name: str) -> Transcript:
    with (SHARED / "ami" / name).open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    found: list[Segment] = []
    for speaker in dict.fromkeys(row["speaker"] for row in rows):
        own = [row for row in rows if row["speaker"] == speaker]
        found += segments([Word(Span(float(r["start"]), float(r["end"])), " " + r["word"], 1.0, speaker) for r in own])
    found.sort(key=lambda segment: segment.span.start)
    return Transcript(name, 1e4, "en", segments=tuple(found))


@pytest.mark.skipif(not AMI, reason="needs the meetings of ../shared/ami")
@pytest.mark.parametrize("name", few_by_day((path.name for path in AMI[5::16]), every=3))
def test_real_meetings_keep_every_word_and_few_cues_break_a_rule(name: str) -> None:
    """Every profile, one after another with and without cues at once; the one whose rules are counted in both ways."""
    transcript = meeting(name)
    counted = "netflix"
    ways = [(profile, bool(number % 2)) for number, profile in enumerate(profile_names()) if profile != counted]
    for profile, overlap in (*ways, (counted, True), (counted, False)):
        made = cues(transcript, rules=subtitle_rules(profile, language="en", overlap=overlap))
        assert texts(made) == said(transcript), profile
        if profile == counted:
            hurried = [
                cue
                for cue in made
                if sum(map(characters, cue.lines)) > 20 * (cue.span.duration + 0.001) or cue.span.duration < 0.832
            ]
            assert len(hurried) < len(made) * (0.05 if overlap else 0.12)


@pytest.mark.parametrize("space", ["\u00a0", "\u2007", "\u202f"])
def test_a_no_break_space_makes_one_word_for_the_cut_and_for_the_check(space: str) -> None:
    rules = replace(subtitle_rules("default", language="en"), max_words=2, max_cps=None)
    text = f"10{space}% of 5{space}kg of it"
    made = cues(talk(words_of(text)), rules=rules, style="none")
    assert shown(made) == [f"10{space}% of", f"5{space}kg of", "it"]
    assert [item.rule for item in check(made, rules).violations if item.rule == "words"] == []
    too_many = check(made, replace(rules, max_words=1)).violations
    assert [item.cue for item in too_many if item.rule == "words"] == [1, 2]


@pytest.mark.parametrize(
    ("language", "left", "right"),
    [
        ("de", "Dr.", "Müller"), ("de", "Prof.", "Schmidt"), ("de", "z.", "B."), ("de", "bzw.", "Bänke"),
        ("es", "Sra.", "López"), ("es", "Sr.", "García"), ("it", "sig.", "Rossi"), ("nl", "mevr.", "Jansen"),
        ("nl", "o.a.", "de"), ("en", "Jan.", "3"), ("en", "Vol.", "3"), ("en", "Ph.D.", "Adams"), ("ru", "кв.", "12"),
        ("ru", "пл.", "Победы"), ("ru", "мин.", "30"), ("uk", "кв.", "12"), ("fr", "Mme", "Dupont"),
        ("pt", "Sra.", "Silva"), ("pl", "prof.", "Nowak"), (None, "Hr.", "Olsen"),
    ],
)  # fmt: skip
def test_no_abbreviation_attracts_a_break(language: str | None, left: str, right: str) -> None:
    rules = language_rules(language)
    assert not ends_sentence(left, rules, right)
    assert break_price(left, f" {right}", rules) > break_price("Haus", " dort", language_rules(None))


@pytest.mark.parametrize(
    ("language", "left", "right"),
    [
        ("en", "home.", "Then"), ("en", "BBC.", "Then"), ("en", "Hmm.", "Yes"), ("ru", "я.", "Он"),
        ("ru", "дом.", "Он"), ("ru", "СССР.", "Он"), ("cs", "prst.", "Pak"), ("he", "שלום.", "כן"),
        ("ja", "です。", "はい"),
        ("en", "so...", "and"), ("de", "Haus.", ""), ("en", "5.", "Then"),
    ],
)  # fmt: skip
def test_a_sentence_ends_where_no_abbreviation_stands(language: str, left: str, right: str) -> None:
    rules = language_rules(language)
    assert ends_sentence(left, rules, right)
    assert break_price(left, f" {right or 'Und'}", rules) == 0.0


@pytest.mark.parametrize("name", ["de1", "en1", "es1", "ru1"])
@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="needs the cases")
def test_titles_stay_with_names_and_abbreviations_with_numbers(name: str) -> None:
    text = (SHARED / "cases" / "abbreviations_attract_breaks" / f"{name}.wx.json").read_text("utf-8")
    transcript = by_name("whisperx-json").read(text)
    made = cues(transcript, rules=subtitle_rules("netflix", language=transcript.language), style="none")
    ends = [line.split()[-1] for cue in made for line in cue.lines]
    assert not {"Dr.", "Prof.", "Jan.", "Feb.", "Sra.", "Sr.", "кв.", "ул.", "г.", "пл."} & set(ends)


@pytest.mark.parametrize("name", ["th", "lo"])
@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="needs the cases")
def test_long_text_without_spaces_is_on_the_screen_while_it_is_said(name: str) -> None:
    text = (SHARED / "cases" / "unsegmented_southeast_asian" / f"{name}.srt").read_text("utf-8")
    (whole,) = read_cues("srt", text)
    made = cues(by_name("srt").read(text), rules=subtitle_rules("netflix", language=name), style="none")
    assert "".join(line for cue in made for line in cue.lines) == "".join(whole.lines)
    assert all(2.0 <= cue.span.duration <= 7.0 for cue in made)
    assert all(after.span.start - before.span.end < 0.5 for before, after in pairwise(made))
    assert made[-1].span.end == pytest.approx(whole.span.end, abs=0.1)


UNSPACED = {
    "zh": "我们 今天 下午 一起 去 北京 大学 参观 图书馆 然后 再 回家 吃 晚饭",
    "ja": "今日は 東京 大学の 図書館に 行きました",
    "th": "สวัสดี ครับ วัน นี้ อากาศ ดี มาก ผม อยาก ไป เที่ยว ทะเล กับ เพื่อน",
    "lo": "ສະບາຍດີ ຂ້ອຍ ຊື່ວ່າ ສົມ ພອນ ຂ້ອຍ ມາ ຈາກ ປະເທດ ລາວ ແລະ ຂ້ອຍ ມັກ ກິນ ເຂົ້າ",
    "km": "ខ្ញុំ ចង់ទៅ ផ្សារ ថ្ងៃនេះ",
    "my": "ကျွန်တော် ဈေး ကို သွား ချင် တယ်",
}
"""Sentences with a space at each place where a line may be broken; they are written without."""
WIDTHS = {"zh": 14, "ja": 10, "th": 8, "lo": 8, "km": 5, "my": 6}
"""Columns of a line that each of them has to be cut for; letters of Khmer and Burmese stand on one another."""


@pytest.mark.parametrize("language", UNSPACED)
@pytest.mark.parametrize("letters", [True, False], ids=["a time for each letter", "a time for all"])
def test_words_without_spaces_between_stay_whole(language: str, letters: bool) -> None:
    """Recognisers give such text by the letter, or a sentence as one word."""
    pytest.importorskip("icu4py", reason="the extra `words` is not installed")
    parts = UNSPACED[language].split()
    text = "".join(parts)
    pieces = graphemes(text) if letters else [text]
    each = 0.4 * len(graphemes(text)) / len(pieces)
    words = [Word(Span(i * each, (i + 1) * each), piece, 1.0, "A") for i, piece in enumerate(pieces)]
    made = cues(talk(words, language=language), rules=SubtitleRules(max_chars=WIDTHS[language], max_cps=None))
    allowed = {len("".join(parts[:i])) for i in range(len(parts) + 1)}
    lines = [line for cue in made for line in cue.lines]
    assert "".join(lines) == text
    assert len(lines) > 1
    ends = {len("".join(lines[: i + 1])) for i in range(len(lines))}
    assert ends <= allowed


@given(
    st.text(
        st.one_of(st.characters(codec=None), st.sampled_from("ก字あ語\ud800\udfff\0\U00020000\U0001f600 ")), max_size=30
    )
)
@settings(max_examples=examples(150), deadline=None)
def test_any_text_has_words(text: str) -> None:
    found = find_word_starts(text)
    assert found is None or all(0 < place < len(text) for place in found)


def test_characters_beyond_the_first_plane_move_no_boundary() -> None:
    pytest.importorskip("icu4py", reason="the extra `words` is not installed")
    assert find_word_starts("สวัสดี\U0001f600ครับ") == {6, 7}


@pytest.mark.parametrize(
    ("language", "left", "right"),
    [
        ("de", "mit", "einem"), ("fr", "dans", "la"), ("es", "para", "los"), ("it", "nella", "casa"),
        ("pt", "pelo", "menos"), ("nl", "het", "huis"), ("sv", "från", "Lund"), ("da", "uden", "sukker"),
        ("no", "ikke", "her"), ("pl", "przez", "las"), ("cs", "přes", "most"), ("uk", "біля", "дому"),
        ("bg", "без", "захар"),
    ],
)  # fmt: skip
def test_no_line_ends_with_an_article_or_a_preposition(language: str, left: str, right: str) -> None:
    rules = language_rules(language)
    assert break_price(left, f" {right}", rules) > break_price("xxx", " yyy", rules)
    assert break_price(left, f" {right}", language_rules("xx")) == break_price("xxx", " yyy", rules)


@pytest.mark.parametrize(
    ("language", "short"),
    [
        ("de", "Jahrh."),
        ("en", "Misc."),
        ("es", "Excmo."),
        ("fr", "éd."),
        ("it", "tav."),
        ("pt", "eletrôn."),
        ("ru", "янв."),
    ],
)
def test_abbreviations_of_cldr_end_no_sentence(language: str, short: str) -> None:
    assert not ends_sentence(short, language_rules(language), "Anna")
    assert ends_sentence("up.", language_rules(language), "Anna")

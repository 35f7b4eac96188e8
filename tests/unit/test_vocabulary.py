"""The vocabulary: its files, what it replaces in words, and which terms a recogniser is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sounds import noise
from whisperdiar import Audio, FormatError, InvalidOption, Pipeline, Span, Transcription, Word
from whisperdiar.asr._shared.vocabulary import replace_forms
from whisperdiar.asr.whisper.biasing import MAX_PROMPT_TOKENS, Bias, rank_terms
from whisperdiar.options import Term, Vocabulary, WhisperSettings, parse_vocabulary, read_vocabulary
from whisperdiar.vad.none import Backend as Everything


def say(text: str, *, each: float = 0.4) -> tuple[Word, ...]:
    """The words of a text, one after another."""
    return tuple(
        Word(Span(round(each * n, 3), round(each * (n + 1), 3)), f" {word}", 0.5) for n, word in enumerate(text.split())
    )


def written(text: str, lines: str) -> str:
    return "".join(word.text for word in replace_forms(say(text), parse_vocabulary(lines)).words).strip()


def test_a_file_has_terms_comments_and_forms(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_text(
        "# people\n\n  Kubernetes   # of Google\nC#\ncube control | Cube  cuttle=>kubectl\nkube ctl => kubectl\n",
        encoding="utf-8-sig",
    )
    found = read_vocabulary(path)
    assert found.name == "terms.txt"
    assert found.terms == (
        Term("Kubernetes"),
        Term("C#"),
        Term("kubectl", ("cube control", "Cube cuttle", "kube ctl")),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no terms"),
        (b"# nothing but this\n\n", "holds no terms"),
        (b"\x89PNG\r\n\x1a\n\x80\xff", "no UTF"),
        (b"\x7fELF\x02\x01\x01\x00\x00\n", "this is no text"),
        ("".join(f"term{n}\n" for n in range(100_000)).encode(), "100000 lines"),
        (b"Anna\nwrong =>\n", "line 2: nothing stands behind =>"),
        (b"=> right\n", "line 1: a wrong form before => is empty"),
        (b"a | => right\n", "line 1: a wrong form before => is empty"),
        (b"a => b => c\n", "line 1: it has several =>"),
        (b"...\n", "has no letter or digit"),
        (b"x" * 101, "101 characters"),
        (b"kate => Cate\nkate => Kathe\n", "'kate' would become 'Cate' and 'Kathe'"),
        (b"Anna\nanna => Hannah\n", "would become"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused_in_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=re.escape(said)) as raised:
        read_vocabulary(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_vocabulary_needs_terms() -> None:
    with pytest.raises(InvalidOption, match="no terms"):
        Vocabulary(())


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("the cube control, please", "cube control => kubectl", "the kubectl, please"),
        ("Cube control is a CUBE CONTROL", "cube control => kubectl", "Kubectl is a KUBECTL"),
        ("we use github daily", "GitHub", "we use GitHub daily"),
        ("GITHUB (github) «github»", "GitHub", "GitHub (GitHub) «GitHub»"),
        ("a cat concatenates cats", "cat => dog", "a dog concatenates cats"),
        ("new york times in new york", "new york => NYC\nnew york times => NYT", "NYT in NYC"),
        ("cube, control", "cube control => kubectl", "cube, control"),
        ("learn c plus plus. And c", "c plus plus => C++\nC#", "learn C++. And c"),
        ("the net and .net, here", ".NET", "the net and .NET, here"),
        ("it's anna's, not ANNA’S", "anna's => Anna's", "it's Anna's, not Anna's"),
        ("we met Kowalski", "Kowalski => Jan Kowalski", "we met Jan Kowalski"),
        ("иванова пришла к Ивановой", "иванова => Иванова\nивановой => Ивановой", "Иванова пришла к Ивановой"),
    ],
)
def test_forms_become_terms(text: str, lines: str, expected: str) -> None:
    if expected == "we met Jan Kowalski":  # a term that holds its form is not replaced inside itself
        assert written(expected, lines) == expected
    assert written(text, lines) == expected


def test_times_are_those_of_the_words() -> None:
    words = say("say new york now", each=1.0)
    one = replace_forms(words, parse_vocabulary("new york => Gotham")).words
    assert [(word.text, word.start, word.end) for word in one] == [
        (" say", 0.0, 1.0), (" Gotham", 1.0, 3.0), (" now", 3.0, 4.0),
    ]  # fmt: skip
    same = replace_forms(words, parse_vocabulary("new york => Old Berlin")).words
    assert [word.span for word in same] == [word.span for word in words]
    more = replace_forms(words, parse_vocabulary("york => a City")).words
    assert [(word.text, round(word.start, 3), round(word.end, 3)) for word in more[2:4]] == [
        (" a", 2.0, 2.2), (" City", 2.2, 3.0),
    ]  # fmt: skip


def test_languages_without_spaces_have_forms_too() -> None:
    words = tuple(Word(Span(n, n + 1), text) for n, text in enumerate([" 我", "在", "东", "京", "。"]))
    found = replace_forms(words, parse_vocabulary("东京 => 北京市")).words
    assert [word.text for word in found] == [" 我", "在", "北京市", "。"]
    assert (found[2].start, found[2].end) == (2, 4)


def test_a_pause_parts_words() -> None:
    first, second = say("new york")
    later = Word(second.span.shift(5.0), second.text)
    vocabulary = parse_vocabulary("new york => NYC")
    assert replace_forms((first, later), vocabulary).words == (first, later)


_letters = st.sampled_from(["a", "b", "ab", "ba", "A", "Ab", "c"])
_texts = st.lists(_letters, min_size=1, max_size=3).map(" ".join)
_signs = st.sampled_from(["", "", "", ",", ".", "?", "(", "»"])
_spoken = st.lists(st.tuples(_letters, _signs), max_size=10).map(
    lambda items: say(" ".join(f"{sign}{word}" if sign == "(" else f"{word}{sign}" for word, sign in items))
)


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    """Terms of few letters, so that forms lie inside each other and beside each other."""
    terms = draw(st.lists(st.tuples(_texts, st.lists(_texts, max_size=2)), min_size=1, max_size=4))
    try:
        return parse_vocabulary("\n".join(f"{' | '.join(forms)} => {term}" if forms else term for term, forms in terms))
    except FormatError:
        assume(False)
        raise


@given(_spoken, vocabularies())
@settings(max_examples=examples(300), deadline=None)
def test_replacing_keeps_all_else(words: tuple[Word, ...], vocabulary: Vocabulary) -> None:
    """Words that are no forms stay as they are, times run on inside the same stretch, and punctuation stays."""
    found = replace_forms(words, vocabulary)
    assert replace_forms(words, Vocabulary((Term("zzz"),))).words == words
    spans = [word.span for word in found.words]
    assert spans == sorted(spans)
    assert all(before.end <= after.start + 1e-9 for before, after in pairwise(spans))
    assert bool(spans) == bool(words)
    if words:
        assert (spans[0].start, spans[-1].end) == (words[0].start, words[-1].end)

    def punctuation(items: Sequence[Word]) -> str:
        return "".join(sign for word in items for sign in word.text if unicodedata.category(sign)[0] == "P")

    assert punctuation(found.words) == punctuation(words)
    covered = [item.span for item in found.replacements]
    untouched = [word for word in words if not any(span.start < word.end and word.start < span.end for span in covered)]
    assert all(word in found.words for word in untouched)
    assert all(item.before != item.after for item in found.replacements)
    assert bool(found.replacements) == ([word.text for word in found.words] != [word.text for word in words])
    if all(" " not in form for form in vocabulary.forms):  # one word each: nothing new can come about beside it
        for word in words:
            if not any(word.span.start == span.start for span in covered):
                core = word.text.strip(" ,.?(»")
                term = vocabulary.forms.get(core.casefold())
                assert term is None or term.casefold() == core.casefold()


@given(_spoken, vocabularies())
@settings(max_examples=examples(300), deadline=None)
def test_replacing_twice_is_replacing_once(words: tuple[Word, ...], vocabulary: Vocabulary) -> None:
    once = replace_forms(words, vocabulary).words
    again = replace_forms(once, vocabulary)
    assert again.words == once
    assert again.replacements == ()


@dataclass
class Recogniser:
    """A recogniser of another package; it may take terms."""

    text: str
    takes_terms: bool = False
    told: list[tuple[str, ...]] = field(default_factory=list)

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Any = None,
        **more: Any,
    ) -> Transcription:
        self.told.append(tuple(more.get("terms", ())))
        return Transcription("en", None, say(self.text))


def test_every_recogniser_has_the_vocabulary() -> None:
    vocabulary = parse_vocabulary("cube control => kubectl\nHelm", name="terms.txt")
    plain = Recogniser("we run cube control with helm today")
    found = Pipeline(detector=Everything(), transcriber=plain, vocabulary=vocabulary).run(noise(4.0))
    assert "".join(word.text for word in found.words) == " we run kubectl with Helm today"
    assert found.provenance["vocabulary"] == {
        "name": "terms.txt",
        "terms": 2,
        "replacements": [
            {"start": 0.8, "end": 1.6, "before": "cube control", "after": "kubectl"},
            {"start": 2.0, "end": 2.4, "before": "helm", "after": "Helm"},
        ],
    }
    notes = found.provenance["notes"]
    assert "2 places were replaced by the vocabulary; the JSON lists them" in notes
    assert "the recogniser takes no words to expect: the vocabulary replaces forms alone" in notes
    assert set(plain.told) == {()}
    biased = Recogniser("we run it", takes_terms=True)
    found = Pipeline(detector=Everything(), transcriber=biased, vocabulary=vocabulary).run(noise(4.0))
    assert set(biased.told) == {("kubectl", "Helm")}
    assert not any("vocabulary" in note for note in found.provenance["notes"])
    without = Pipeline(detector=Everything(), transcriber=Recogniser("we run it")).run(noise(4.0))
    assert "vocabulary" not in without.provenance


def test_terms_are_ranked_by_their_sound() -> None:
    terms = ("Rostelecom", "kubectl", "Postgres", "Melchior", "Fuchshaim")
    assert rank_terms(terms, "then you type cube cuttle into it") == ("kubectl",)
    assert set(rank_terms(terms, "namens Melcher Sternfels von Fuchsheim.")) == {"Melchior", "Fuchshaim"}
    assert rank_terms(terms, "the weather is good today") == ()
    assert rank_terms(terms, "there is Postgres, of course") == (), "what is written already needs no help"
    assert rank_terms(("Иванова", "Сидоров"), "тогда Сидарав сказал") == ("Сидоров",)


@given(st.lists(st.text("abcdefgh", min_size=2, max_size=12), min_size=1, max_size=150, unique=True))
@settings(max_examples=examples(20), deadline=None)
def test_no_more_is_shown_than_there_is_room_for(terms: list[str]) -> None:
    tokenizer = _tokenizer()
    shown = WhisperSettings(prompt="a talk", hotwords="Whisper")
    bias = Bias(tokenizer, shown, terms)
    n_tokens = len(tokenizer.encode(" a talk", add_special_tokens=False).ids)
    n_tokens += len(tokenizer.encode(f" {bias.hotwords}", add_special_tokens=False).ids)
    assert n_tokens <= MAX_PROMPT_TOKENS
    listed = bias.hotwords.split(", ")
    assert listed[0] == "Whisper"
    assert len(listed) - 1 == len(terms) - bias.n_left_out
    assert [term for term in terms if term in listed] == listed[1:]


def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    from tests.sounds import SAMPLES

    return Tokenizer.from_file(str(SAMPLES / "whisper-nano" / "tokenizer.json"))


_ENDS = ("burg", "stadt", "wald", "kirchen", "dorf", "hausen", "brunn", "tal", "see", "linde", "grund", "rode", "moos")


def test_terms_that_are_near_come_first_where_not_all_fit() -> None:
    towns = [f"{first}{last}" for first in ("Ober", "Neu", "Alt", "Gross") for last in _ENDS]
    bias = Bias(_tokenizer(), WhisperSettings(), [*towns, "Fuchshaim"])
    assert bias.n_left_out > 0
    assert "Fuchshaim" not in bias.hotwords
    assert bias.hotwords_near("nothing of the kind", "nothing of the kind") is None
    near = bias.hotwords_near("Sternfels von Fuchsheim", "Sternfels von Fuchsheim")
    assert near == "Fuchshaim"
    held = bias.hotwords_near("Fuchsheim bei Oberburg", "bei Oberburg")
    assert held is not None
    assert held.startswith("Fuchshaim, ")
    assert "Oberburg" in held.split(", "), "what was written with its help is shown again"
    assert bias.is_recital(f"So, {towns[3]}, {towns[4].upper()}. {towns[5]} und")
    assert not bias.is_recital(f"So, {towns[3]}, {towns[5]}, {towns[4]}")
    small = Bias(_tokenizer(), WhisperSettings(), ["Fuchshaim"])
    assert (small.n_left_out, small.hotwords) == (0, "Fuchshaim")
    assert small.hotwords_near("Fuchsheim", "Fuchsheim") is None

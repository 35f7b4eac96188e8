"""Minutes by a language model: what it says is held against what it cites; whatever fails is one line."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counting import ends
from tests.formats_strategies import nasty_text
from tests.llm_server import serving
from tests.meetings import NAMES, meeting
from whisperdiar.errors import BackendError, InvalidOption
from whisperdiar.minutes.extract.compose import compose
from whisperdiar.minutes.extract.material import prepare
from whisperdiar.minutes.language import language
from whisperdiar.minutes.llm.citations import SECTIONS, Claim, check, measure_support, parse
from whisperdiar.minutes.llm.client import LanguageModel, check_address, endpoint, is_local
from whisperdiar.minutes.llm.writing import WrittenMinutes, split_windows, write
from whisperdiar.minutes.units import utterances
from whisperdiar.options import LlmOptions, MinutesOptions

EN = language("en")
ITEMS = utterances(meeting())


def number_of(words: str) -> int:
    return next(item.number for item in ITEMS if words in item.text)


BATTERY, PRICE, PROTOTYPE = (
    number_of("we've decided"),
    number_of("settle on a price"),
    number_of("prepare the prototype"),
)
GOOD = {
    "summary": [{"text": "They compared a rechargeable battery with a replaceable one.", "cite": [6, 7]}],
    "decisions": [{"text": "The lamp gets a rechargeable battery.", "cite": [BATTERY]}],
    "actions": [
        {
            "text": "Prepare the prototype of the housing.",
            "owner": "boris",
            "due": "end of next week",
            "cite": [PROTOTYPE],
        }
    ],
    "questions": [],
}


def written(reply: Any, *, window: int = 5000, **settings: Any) -> WrittenMinutes:
    options = MinutesOptions()
    material = prepare(meeting(), options)
    llm = LlmOptions(url="http://localhost", window=window, **settings)

    class Model:
        def answer(self, messages: Any) -> str:
            said = reply(messages)
            return said if isinstance(said, str) else json.dumps(said)

    return write(material, compose(material, options), Model(), name="tiny", options=options, llm=llm)


def test_what_is_supported_is_kept_with_its_evidence() -> None:
    made = written(lambda _: GOOD).minutes
    assert made.writer == "tiny"
    (decision,) = made.decisions
    assert decision.text == "The lamp gets a rechargeable battery."
    assert decision.evidence[0].text == "Okay, so we've decided that we will go with the rechargeable battery."
    (action,) = made.actions
    assert (action.owner, action.due and action.due.phrase) == ("Boris", "end of next week")
    assert made.questions == ()
    assert made.participants


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"text": "The lamp gets a rechargeable battery.", "cite": [9999]}, "does not exist"),
        ({"text": "The lamp gets a rechargeable battery.", "cite": [0]}, "does not exist"),
        ({"text": "The lamp gets a rechargeable battery."}, "cites nothing"),
        ({"text": "The company buys a football club in Spain.", "cite": [BATTERY]}, "is not supported"),
        ({"text": "Anna and Boris.", "cite": [BATTERY]}, "is not supported"),
    ],
)
def test_what_is_not_supported_is_struck_and_reported(item: dict[str, Any], reason: str) -> None:
    made = written(lambda _: {**GOOD, "decisions": [*GOOD["decisions"], item]})
    assert len(made.minutes.decisions) == 1
    (struck,) = made.struck
    assert reason in struck.reason
    assert any(item["text"] in note for note in made.minutes.notes)


def test_sentences_of_one_item_are_checked_one_by_one() -> None:
    text = f"The lamp gets a rechargeable battery [{BATTERY}]. The moon is made of cheese [{BATTERY}]."
    made = written(lambda _: {"decisions": [text]})
    assert [item.text for item in made.minutes.decisions] == ["The lamp gets a rechargeable battery."]
    assert [item.text for item in made.struck] == ["The moon is made of cheese."]


def test_owners_and_dates_that_nobody_named_are_left_out() -> None:
    item = {"text": "Prepare the prototype of the housing.", "owner": "Zorro", "due": "on Monday", "cite": [PROTOTYPE]}
    (action,) = written(lambda _: {"actions": [item]}).minutes.actions
    assert (action.owner, action.due) == (None, None)


def test_nothing_that_can_be_kept_is_an_error() -> None:
    for answer in ("", "I cannot help with that.", "{}", {"summary": [{"text": "Cheese.", "cite": [1]}]}):
        with pytest.raises(BackendError, match="nothing that could be kept"):
            written(lambda _, answer=answer: answer)


def test_long_meetings_are_read_in_windows_and_merged() -> None:
    asked: list[str] = []

    def reply(messages: list[dict[str, str]]) -> Any:
        asked.append(messages[1]["content"])
        return GOOD if f"[{BATTERY}]" in asked[-1] or len(asked) > 3 else {"summary": []}

    made = written(reply, window=80).minutes
    parts = [text for text in asked if text.startswith("Transcript:")]
    assert len(parts) == 3
    assert all(sum(f"[{item.number}] " in text for text in parts) == 1 for item in ITEMS)
    assert "rechargeable battery" in asked[-1]
    assert made.decisions


def test_a_failed_merge_leaves_the_parts() -> None:
    made = written(lambda messages: GOOD if messages[1]["content"].startswith("Transcript") else "?", window=100)
    assert {item.text for item in made.minutes.decisions} == {"The lamp gets a rechargeable battery."}


@given(st.integers(50, 400))
def test_windows_hold_every_utterance_once_and_are_not_too_long(words: int) -> None:
    parts = split_windows(ITEMS, words)
    assert [item for part in parts for item in part] == list(ITEMS)
    assert all(sum(len(item.words) for item in part) <= words for part in parts)


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(GOOD),
        f"Here you are:\n```json\n{json.dumps(GOOD, indent=2)}\n```\nAnything else?",
        f"<think>{{not json}}</think>{json.dumps(GOOD)}",
        f"Summary:\n- They compared a rechargeable battery with a replaceable one. [6, 7]\n\n## Decisions\n"
        f"1. The lamp gets a rechargeable battery [{BATTERY}].\n**Action items**\n"
        f"* Prepare the prototype of the housing [{PROTOTYPE}-{PROTOTYPE}].\n",
    ],
)
def test_answers_are_read_in_many_forms(answer: str) -> None:
    claims = parse(answer)
    assert [(claim.section, claim.cited) for claim in claims] == [
        ("summary", (6, 7)),
        ("decisions", (BATTERY,)),
        ("actions", (PROTOTYPE,)),
    ]
    assert claims[1].text == "The lamp gets a rechargeable battery."
    assert not check(claims, ITEMS, EN, NAMES, 0.3).struck


def test_what_is_whole_of_an_answer_that_was_cut_off_is_read() -> None:
    text = json.dumps(GOOD)
    claims = parse(text[: text.index('"actions"') + 30])
    assert [claim.section for claim in claims] == ["summary", "decisions"]
    assert all("{" not in claim.text for claim in claims)


def test_brackets_without_an_end_do_not_hold_the_reader() -> None:
    assert parse("[" + "1" * 5000) == ()
    assert parse("- a [" + "1, " * 5000) == ()


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | nasty_text,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SECTIONS, "text", "cite", "owner", "due"]), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(st.one_of(nasty_text, json_like.map(json.dumps), st.text(alphabet='{}[]"0123456789-,. a\n', max_size=60)))
def test_no_answer_breaks_the_reader_and_what_is_kept_is_supported(answer: str) -> None:
    done = check(parse(answer), ITEMS, EN, NAMES, 0.3)
    for claim in done.kept:
        for text, numbers in claim.sentences:
            assert numbers
            assert measure_support(text, [ITEMS[number - 1] for number in numbers], EN, NAMES) >= 0.3


def test_support_counts_forms_of_words_and_no_small_ones() -> None:
    said = [ITEMS[BATTERY - 1]]
    assert measure_support("They decide for rechargeable batteries.", said, EN, NAMES) > 0.6
    assert measure_support("They will be with the, of it.", said, EN, NAMES) < 0.7
    assert measure_support("", said, EN, NAMES) == 0.0
    claim = Claim("decisions", (("The rechargeable battery is bought.", (BATTERY,)),))
    assert check([claim], ITEMS, EN, NAMES, 0.6).kept
    assert not check([claim], ITEMS, EN, NAMES, 0.9).kept


def test_the_model_is_asked_as_openai_is() -> None:
    with serving(lambda body: f"{body['model']} says hello") as server:
        model = LanguageModel(LlmOptions(url=server.url, model="small", key="secret"))
        assert model.answer([{"role": "user", "content": "Привет"}]) == "small says hello"
        assert server.paths == ["/v1/chat/completions"]
        assert server.bodies[0]["messages"][0]["content"] == "Привет"
        assert server.headers[0]["Authorization"] == "Bearer secret"
        assert LanguageModel(LlmOptions(url=server.url)).name() == "tiny"
        assert "Authorization" not in server.headers[1]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((401, {}, b'{"error": {"message": "bad key secret given"}}'), "HTTP 401 \\(bad key \\*\\*\\* given\\)"),
        ((500, {}, b"<html>\n\x00"), "HTTP 500"),
        ((404, {}, b'{"error": "no such model"}'), "no such model.*llm_model"),
        ((302, {"Location": "http://127.0.0.1:9/x"}, b""), "redirects"),
        ((200, {}, b"<html>"), "no JSON"),
        ((200, {}, b'{"choices": []}'), "no text"),
        ((200, {}, b"[1]"), "no text"),
        ((200, {}, b'{"choices": [{"message": {"content": ""}}]}'), "answered nothing"),
        ((200, {"Content-Length": "900"}, b"{"), "connection broke|no JSON"),
    ],
)
def test_whatever_goes_wrong_is_one_line_without_the_key(reply: Any, message: str) -> None:
    with serving(lambda _: reply) as server:
        model = LanguageModel(LlmOptions(url=server.url, model="m", key="secret", timeout=5, pause=0))
        with pytest.raises(BackendError, match=message) as caught:
            model.answer([{"role": "user", "content": "x"}])
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        (429, {"Retry-After": "0"}, b'{"error": {"message": "slow down"}}'),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""),
        (429, {"Retry-After": "soon"}, b""),
        (500, {}, b"<html>"),
        (503, {}, b""),
        (529, {}, b""),
        (200, {}, b"<html>"),
        (200, {}, b'{"choices": [{"mess'),
        (200, {"Content-Length": "900"}, b"{"),
    ],
)
def test_what_may_pass_is_asked_again(reply: Any) -> None:
    """Twice the failure, then the answer; and a failure that stays is told after as many tries as there are."""
    for n_failures, n_asked in ((2, 3), (99, 4)):
        count = iter(range(100))
        with serving(lambda _, n=n_failures, count=count: reply if next(count) < n else "there") as server:
            model = LanguageModel(LlmOptions(url=server.url, model="m", timeout=5, pause=0))
            if n_failures == 2:
                assert model.answer([]) == "there"
            else:
                with pytest.raises(BackendError):
                    model.answer([])
            assert len(server.bodies) == n_asked


def test_a_pause_is_as_long_as_the_server_asks_and_grows_where_it_does_not_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("whisperdiar.minutes.llm.client.time.sleep", slept.append)
    replies = iter([(429, {"Retry-After": "7"}, b""), (502, {}, b""), (502, {}, b""), "there"])
    with serving(lambda _: next(replies)) as server:
        assert LanguageModel(LlmOptions(url=server.url, model="m", pause=2.0)).answer([]) == "there"
    assert [pause for pause in slept if pause] == [7.0, 4.0, 8.0]


def test_a_server_that_wants_hours_is_not_waited_for() -> None:
    with serving(lambda _: (429, {"Retry-After": "7200"}, b"")) as server:
        with pytest.raises(BackendError, match="HTTP 429"):
            LanguageModel(LlmOptions(url=server.url, model="m", timeout=5)).answer([])
        assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_refusal_that_stays_is_not_asked_again(status: int) -> None:
    with serving(lambda _: (status, {}, b'{"error": "no"}')) as server:
        with pytest.raises(BackendError, match=f"HTTP {status}"):
            LanguageModel(LlmOptions(url=server.url, model="m", timeout=5)).answer([])
        assert len(server.bodies) == 1


def test_a_model_that_takes_no_temperature_is_asked_without_from_then_on() -> None:
    said = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported."

    def reply(body: dict[str, Any]) -> Any:
        return (400, {}, json.dumps({"error": {"message": said}}).encode()) if "temperature" in body else "hello"

    with serving(reply) as server:
        model = LanguageModel(LlmOptions(url=server.url, model="m"))
        assert [model.answer([]), model.answer([])] == ["hello", "hello"]
        assert ["temperature" in body for body in server.bodies] == [True, False, False]
    with serving(lambda body: "hello" if body["temperature"] == 0 else "") as server:
        assert LanguageModel(LlmOptions(url=server.url, model="m")).answer([]) == "hello"


def answering(fails: Any) -> tuple[Any, list[str]]:
    """What answers well, but for the questions for which `fails` holds; and the questions."""
    asked: list[str] = []

    def reply(messages: list[dict[str, str]]) -> Any:
        asked.append(messages[1]["content"])
        if fails(len(asked), asked[-1]):
            raise BackendError("x: HTTP 500 (broken)")
        return GOOD if asked[-1].startswith("Transcript:") else "?"

    return reply, asked


def test_what_was_answered_is_kept_where_one_request_fails() -> None:
    plain = compose(prepare(meeting(), MinutesOptions()), MinutesOptions())
    n_parts = len(split_windows(ITEMS, 80))
    assert n_parts == 3
    for lost in range(1, n_parts + 1):
        reply, asked = answering(lambda n, _, lost=lost: n == lost)
        done = written(reply, window=80)
        assert len([text for text in asked if text.startswith("Transcript:")]) == n_parts
        (failure,) = done.failures
        assert failure == f"part {lost} of 3 has no answer (x: HTTP 500 (broken))"
        assert any(failure in note for note in done.minutes.notes)
        assert "The lamp gets a rechargeable battery." in [item.text for item in done.minutes.decisions]
        starts = {min(word.start for word in item.words) for item in split_windows(ITEMS, 80)[lost - 1]}
        for section in SECTIONS:
            own = [item for item in getattr(plain, section) if item.evidence[0].span.start in starts]
            assert set(own) <= set(getattr(done.minutes, section)), "the part is told without the model"


def test_a_merge_that_fails_leaves_the_parts() -> None:
    reply, _ = answering(lambda _, text: not text.startswith("Transcript:"))
    done = written(reply, window=80)
    assert "not joined" in done.failures[0]
    assert done.minutes.decisions[0].text == "The lamp gets a rechargeable battery."


def test_a_server_that_is_gone_is_not_asked_for_every_part() -> None:
    reply, asked = answering(lambda n, _: n > 1)
    done = written(reply, window=50)
    n_parts = len(split_windows(ITEMS, 50))
    assert n_parts > 4
    assert len([text for text in asked if text.startswith("Transcript:")]) == 3
    assert len(done.failures) == n_parts - 1
    reply, asked = answering(lambda *_: True)
    with pytest.raises(BackendError, match="HTTP 500"):
        written(reply, window=50)
    assert len(asked) == 2


def test_a_slow_server_is_not_waited_for() -> None:
    with (
        serving(lambda _: "late", delay=1.0) as server,
        pytest.raises(BackendError, match=r"no answer within 0\.2 seconds"),
    ):
        LanguageModel(LlmOptions(url=server.url, model="m", timeout=0.2)).answer([])


def test_a_server_that_sends_its_headers_byte_by_byte_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        over = threading.Event()

        def drip() -> None:
            other, _ = server.accept()
            with other, contextlib.suppress(OSError):
                other.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.05):
                    other.sendall(b"a")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        model = LanguageModel(LlmOptions(url=f"http://127.0.0.1:{port}", model="m", timeout=0.3))
        with pytest.raises(BackendError, match=r"no answer within 0\.3 seconds"):
            ends(lambda: model.answer([]))
        over.set()
        thread.join()


def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    key = "very-secret-key"
    said = "They compared a rechargeable battery with a replaceable one"
    answer = {
        "summary": [{"text": f"{said} {key}.", "cite": [6, 7]}, {"text": f"Nobody said {key}.", "cite": [1]}],
        "actions": [{"text": "Prepare the prototype of the housing.", "owner": key, "due": key, "cite": [PROTOTYPE]}],
    }
    escaped = json.dumps(answer).replace("very", "".join(f"\\u{ord(c):04x}" for c in "very"))
    for reply in (json.dumps(answer), escaped):
        done = written(lambda _, reply=reply: reply, key=key)
        assert done.minutes.summary[0].text.startswith(said)
        assert "***" in done.minutes.summary[0].text
        assert done.struck
        assert key not in repr(done)
    with serving(lambda _: "hello") as server:
        model = LanguageModel(LlmOptions(url=server.url, model=f"my {key}\x1b[31m\nmodel", key=key))
        assert model.name() == "my *** [31m model"
        model.answer([])
        assert server.bodies[0]["model"] == f"my {key}\x1b[31m\nmodel"


def test_what_steers_terminals_is_left_out() -> None:
    (claim,) = parse('{"actions": [{"text": "\\u001b[31mred\\u202e text", "owner": "\\u0007x", "cite": [1]}]}')
    assert (claim.text, claim.owner) == ("[31mred text", "x")


def test_an_absent_server_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BackendError, match="cannot be reached"):
        LanguageModel(LlmOptions(url=f"http://127.0.0.1:{port}", model="m")).answer([])
    with pytest.raises(BackendError, match="cannot be reached"):
        LanguageModel(LlmOptions(url=f"http://127.0.0.1:{port}")).name()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions"),
        ("https://x.org/openai/v1/chat/completions", "https://x.org/openai/v1/chat/completions"),
    ],
)
def test_addresses_are_completed(url: str, expected: str) -> None:
    assert endpoint(url, "chat/completions") == expected


def test_addresses_that_cannot_be_meant_are_refused() -> None:
    for url in ("localhost:11434", "file:///etc/passwd", "ftp://x", "http://a b"):
        with pytest.raises(InvalidOption):
            LlmOptions(url=url)
    for url in ("http://user:password@x.org", "http://x.org:port", "http://"):
        with pytest.raises(InvalidOption) as caught:
            check_address(url)
        assert "password@" not in str(caught.value)
    assert "secret" not in repr(LlmOptions(url="http://x", key="secret"))
    assert is_local("http://127.0.0.1:1/v1")
    assert is_local("http://[::1]/v1")
    assert not is_local("http://10.0.0.1/v1")

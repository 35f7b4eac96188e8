"""Settings of minutes, and of the language model that may write them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_at_least_one, check_numbers, check_ranges
from whisperdiar.options.command_line import LLM_TIMEOUT_S, LLM_WINDOW_WORDS, MINUTES_SHARE
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class MinutesOptions:
    """How minutes are made without a language model.

    Attributes:
        length: words of evidence that the summary may rest on; None for `length_share` of the meeting's words.
        length_share: the same as a share.
        outcomes_share: decisions and actions rest on this share of the words at most.
        fewest_outcomes_share: on this share at least, where enough is not unlikely.
        language: ISO 639-1 code; None for the transcript's.
        day: of the meeting, from which "next Friday" is counted; None keeps such phrases only.
        media: link to the recording; None for no links.

    Raises:
        InvalidOption: a length below 1, or a share that is none.
    """

    length: int | None = None
    length_share: float = MINUTES_SHARE
    outcomes_share: float = 0.04
    fewest_outcomes_share: float = 0.04
    language: str | None = None
    day: datetime.date | None = None
    media: str | None = None

    def __post_init__(self) -> None:
        check_at_least_one(self, "length")
        check_ranges(self, ("length_share", 0.0, 1.0), ("outcomes_share", 0.0, 1.0))
        check_ranges(self, ("fewest_outcomes_share", 0.0, self.outcomes_share))
        check_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmOptions:
    """A language model behind an interface like OpenAI's.

    Attributes:
        url: of the server, with or without ``/v1`` or ``/chat/completions`` at its end.
        model: its name there; None for the first one that the server lists.
        key: sent as a bearer token; None for none. Never shown.
        timeout: seconds for one answer; no longer pause is made between two tries either.
        retries: how often a request is made again that failed in a way that may pass (HTTP 429 and 5xx, a connection
            or an answer that broke).
        pause: seconds before the first of them, doubled for each further one; a server that says how long it wants
            (``Retry-After``) is waited for so long.
        window: words of the transcript in one request.
        support: share of a sentence's content words that must be in the utterances that it cites.

    Raises:
        InvalidOption: the address is none of HTTP, or a number is out of range.
    """

    url: str
    model: str | None = None
    key: str | None = None
    timeout: float = LLM_TIMEOUT_S
    retries: int = 3
    pause: float = 1.0
    window: int = LLM_WINDOW_WORDS
    support: float = 0.3

    def __post_init__(self) -> None:
        if not self.url.lower().startswith(("http://", "https://")) or any(c.isspace() for c in self.url):
            raise InvalidOption(
                _("--llm {url!r}: give an address such as http://localhost:11434/v1").format(url=self.url)
            )
        if not self.timeout > 0:
            raise InvalidOption(
                _("--llm-timeout {timeout:g}: give a number of seconds above zero").format(timeout=self.timeout)
            )
        check_ranges(self, ("window", 50, 1_000_000), ("support", 0.0, 1.0))
        check_numbers(self)
        check_ranges(self, ("retries", 0, 20), ("pause", 0.0, 3600.0))

    def __repr__(self) -> str:
        return f"LlmOptions(url={self.url!r}, model={self.model!r})"

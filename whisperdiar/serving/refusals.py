"""Refusals: what is answered in place of a result, in the shape of OpenAI's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.errors import InvalidOption, describe_error
from whisperdiar.serving.tasks import Failure
from whisperdiar.text.messages import to_english

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_STATUS = {"request": 400, "cancelled": 499, "crash": 500, "limit": 413, "server": 500, "stopping": 503}
_STOPPING_S = 10


class Refusal(Exception):
    """A request that gets no result.

    Attributes:
        status: of HTTP.
        message: one line in English for a person.
        code: a word for programs.
        param: which field of the request is at fault.
        headers: that go with the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = to_english(message)
        self.code, self.param = code, param
        self.headers = dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def refuse_value(param: str, error: InvalidOption | str) -> Refusal:
    """A parameter that cannot be meant."""
    message = describe_error(error) if isinstance(error, InvalidOption) else error
    return Refusal(400, message, code="invalid_value", param=param)


def refuse_work(failure: Failure) -> Refusal:
    """Work that came to nothing. Clients of OpenAI send what failed with 500 again, unless they are told not to: a
    recording that ended one worker would end the next one, too."""
    if failure.kind == "stopping":
        return refuse_for_now(_STOPPING_S, failure.message, status=503, code=failure.code or "stopping")
    again = {"x-should-retry": "false"} if failure.kind != "cancelled" else {}
    return Refusal(_STATUS[failure.kind], failure.message, code=failure.code, param=failure.param, headers=again)


def refuse_for_now(retry_after_s: int, message: str, *, status: int = 429, code: str = "queue_full") -> Refusal:
    """Come again later."""
    return Refusal(status, message, code=code, headers={"Retry-After": str(retry_after_s)})

"""Language model client for OpenAI's interface (chat completions): a conversation → the answer's text.

A request that fails in a way that may pass is made again, after a pause that grows. Only the standard library is used.
Redirects are not followed, so that neither the transcript nor the key ends
up with anybody but the one who was named; the key is in no message.
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import math
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any
from urllib.parse import urlsplit

from whisperdiar.errors import BackendError, InvalidOption
from whisperdiar.options import LlmOptions
from whisperdiar.text.messages import _
from whisperdiar.version import __version__

Message = Mapping[str, str]

_LARGEST_BYTES = 16_000_000
_SHOWN = 200
_GRACE_SECONDS = 0.5
"""After its timeout a connection has so long to say itself that it ended."""
_BUSY = (408, 425, 429)
"""Refusals that pass, beside all that are the server's own fault (5xx)."""


class _Refused(BackendError):
    """A status that is no success; `detail` is what the server said."""

    def __init__(self, message: str, *, status: int, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class _Passing(BackendError):
    """A failure that may pass; `wait` is the pause in seconds that the server asked for, None where it did not."""

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class LanguageModel:
    """A model on a server. Nothing is sent before `answer` or `name` is asked for."""

    def __init__(self, options: LlmOptions) -> None:
        self.options = options
        self._name = options.model
        self._with_temperature = True  # until the server refuses it
        self._has_answered = False

    @property
    def host(self) -> str:
        """Where everything goes, for people."""
        return urlsplit(self.options.url).netloc

    def name(self) -> str:
        """The model's name for people; where none was given it is the first one that the server lists.

        Raises:
            BackendError: the server lists none.
        """
        return self._shorten(self._model())

    def _model(self) -> str:
        """The name as the server knows it."""
        if self._name is None:
            data = self._asked(endpoint(self.options.url, "models"), None)
            listed = data.get("data") if isinstance(data, dict) else None
            names = [item.get("id") for item in listed or () if isinstance(item, dict)]
            if not names or not isinstance(names[0], str):
                raise BackendError(_("{host}: it lists no model; name one with --llm-model").format(host=self.host))
            self._name = names[0]
        return self._name

    def answer(self, messages: Sequence[Message]) -> str:
        """What the model says to a conversation, most probable words first (temperature 0) where it allows that.

        Raises:
            BackendError: the server cannot be reached, takes too long, refuses, or answers something else; one line.
        """
        data = self._completion({"model": self._model(), "messages": [dict(item) for item in messages]})
        try:
            content = data["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise BackendError(
                _("{host}: the answer holds no text; is this a chat completions server?").format(host=self.host)
            ) from error
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if not isinstance(content, str) or not content.strip():
            raise BackendError(
                _("{host}: the model answered nothing; try another one with --llm-model").format(host=self.host)
            )
        return content

    def _completion(self, body: Mapping[str, Any]) -> Any:
        """A chat completion; a model that takes no temperature is asked without one, now and from then on."""
        url = endpoint(self.options.url, "chat/completions")
        plain = {**body, "stream": False}
        if not self._with_temperature:
            return self._asked(url, plain)
        try:
            return self._asked(url, {**plain, "temperature": 0})
        except _Refused as error:
            if error.status not in (400, 422) or "temperature" not in error.detail.lower():
                raise
            self._with_temperature = False
        return self._asked(url, plain)

    def _asked(self, url: str, body: Any) -> Any:
        """The answer to a request, which is made again where its failure may pass."""
        for attempt in range(self.options.retries):
            try:
                return self._json(url, body)
            except _Passing as error:
                wait = self.options.pause * 2**attempt if error.wait is None else error.wait
                if wait > self.options.timeout:
                    raise
            time.sleep(wait)
        return self._json(url, body)

    def _json(self, url: str, body: Any) -> Any:
        raw = self._send(url, None if body is None else json.dumps(body).encode("ascii"))
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise _Passing(
                _("{host}: the answer is no JSON; check the address given with --llm").format(host=self.host)
            ) from error
        self._has_answered = True
        return answer

    def _send(self, url: str, data: bytes | None) -> bytes:
        """What a server answers; given up in time also where headers come byte by byte, or no name server answers."""
        done: Future[bytes] = Future()

        def work() -> None:
            try:
                done.set_result(self._exchange(url, data))
            except BaseException as error:  # raised again below, in the thread that asked
                done.set_exception(error)

        threading.Thread(target=work, name="whisperdiar-llm", daemon=True).start()
        try:
            return done.result(timeout=self.options.timeout + _GRACE_SECONDS)
        except FutureTimeout as error:
            raise BackendError(f"{self.host}: {self._limit()}") from error

    def _limit(self) -> str:
        return _("no answer within {timeout:g} seconds; raise --llm-timeout or take a faster model").format(
            timeout=self.options.timeout
        )

    def _exchange(self, url: str, data: bytes | None) -> bytes:
        headers = {"Accept": "application/json", "User-Agent": f"whisperdiar/{__version__}"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self.options.key:
            headers["Authorization"] = f"Bearer {self.options.key}"
        try:
            request = urllib.request.Request(url, data=data, headers=headers)
            with _opener(url).open(request, timeout=self.options.timeout) as answer:
                return self._read(answer, time.monotonic() + self.options.timeout)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except TimeoutError as error:
            raise BackendError(f"{self.host}: {self._limit()}") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise BackendError(f"{self.host}: {self._limit()}") from error
            cause = self._shorten(str(getattr(error.reason, "strerror", None) or error.reason))
            # One that is not there at all is not waited for, one that was there a moment ago is.
            kind = _Passing if self._has_answered else BackendError
            raise kind(
                _("{host}: cannot be reached ({cause}); is the server running?").format(host=self.host, cause=cause)
            ) from error
        except (OSError, ValueError, EOFError, _http_error_types()) as error:
            raise _Passing(
                _("{host}: the connection broke ({cause}); try again").format(
                    host=self.host, cause=self._shorten(str(error))
                )
            ) from error

    def _read(self, answer: Any, deadline: float) -> bytes:
        """All of an answer; a server that sends a byte now and then does not hold us for ever."""
        parts: list[bytes] = []
        size = 0
        while part := answer.read1(65536):
            parts.append(part)
            size += len(part)
            if size > _LARGEST_BYTES:
                raise ValueError(_("the answer is larger than 16 MB"))
            if time.monotonic() > deadline:
                raise TimeoutError
        return b"".join(parts)

    def _refusal(self, error: urllib.error.HTTPError) -> BackendError:
        if 300 <= error.code < 400:
            cause = _("it redirects to another address, which is not followed; give that one with --llm")
            return BackendError(f"{self.host}: {cause}")
        try:
            said = json.loads(error.read(65536))
            detail = said["error"]["message"] if isinstance(said["error"], dict) else said["error"]
        except (ValueError, KeyError, TypeError, OSError, RecursionError):
            detail = error.reason
        hint = {
            401: _("; put the key into WHISPERDIAR_LLM_KEY"),
            403: _("; check the key in WHISPERDIAR_LLM_KEY"),
            404: _("; check the address and --llm-model"),
            429: _("; wait and try again"),
        }.get(error.code, "")
        message = f"{self.host}: HTTP {error.code} ({self._shorten(str(detail))}){hint}"
        if error.code in _BUSY or error.code >= 500:
            return _Passing(message, wait=_asked_pause(error.headers.get("Retry-After")))
        return _Refused(message, status=error.code, detail=str(detail))

    def _shorten(self, text: str) -> str:
        """One short line without the key, which some servers repeat."""
        if self.options.key:
            text = text.replace(self.options.key, "***")
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def endpoint(url: str, what: str) -> str:
    """The address of a call below a server's: with ``/v1`` where the server's has no path."""
    base = url.split("#")[0].rstrip("/").removesuffix("/chat/completions")
    if not urlsplit(base).path.strip("/"):
        base += "/v1"
    return f"{base}/{what}"


def check_address(url: str) -> None:
    """Raises InvalidOption where an address has no host, or carries a password, which would be seen by everybody."""
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises where it is no number
    except ValueError as error:
        raise InvalidOption(_("--llm: this address cannot be read ({error})").format(error=error)) from error
    if parts.username is not None or parts.password is not None:
        raise InvalidOption(_("--llm: leave the password out of the address; a key goes into WHISPERDIAR_LLM_KEY"))
    if not parts.hostname:
        raise InvalidOption(
            _("--llm {url!r}: no host; give an address such as http://localhost:11434/v1").format(url=url)
        )


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _asked_pause(value: str | None) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or a date (RFC 9110, 10.2.3); None for anything else."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Every redirect is an error."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Without a proxy for this machine itself."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if is_local(url):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _http_error_types() -> type[Exception]:
    import http.client

    return http.client.HTTPException

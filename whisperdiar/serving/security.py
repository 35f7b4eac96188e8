"""Security: who may ask, from where, and the headers of every answer.

A server without tokens listens on this machine alone, and still any page in a browser there can reach it: such a page
is told by its ``Origin``, and a name that was turned to 127.0.0.1 by its ``Host`` (DNS rebinding).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from whisperdiar.options import ServerOptions
from whisperdiar.serving.refusals import Refusal
from whisperdiar.text.messages import _

OPEN_PATHS = ("/health", "/", "/live", "/favicon.ico")
OPEN_FOLDER = "/page/"
"""What needs no token: whether the server lives, and the pages with which a person enters one."""
API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
_OPENAI_KEY = "openai-insecure-api-key."
_REASON_BYTES = 120
_HEADERS = {
    "content-security-policy": API_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware: refuses strangers, and adds headers to every answer that has not its own."""

    def __init__(self, app: ASGIApp, *, options: ServerOptions) -> None:
        self._app = app
        self._options = options
        self._digests = [_digest(item) for item in options.tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message)
            await send(message)

        try:
            self._check(scope)
        except Refusal as refusal:
            if scope["type"] == "websocket":
                await refuse_socket(WebSocket(scope, receive, send), refusal)
                return
            answer = JSONResponse(refusal.to_dict(), refusal.status, refusal.headers)
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._digests:
            path = scope["path"]
            is_open = scope["type"] == "http" and (path in OPEN_PATHS or path.startswith(OPEN_FOLDER))
            if not is_open and not self._is_known(headers):
                raise Refusal(
                    401,
                    _("no valid token: send it as `Authorization: Bearer TOKEN`"),
                    code="invalid_api_key",
                    headers={"WWW-Authenticate": 'Bearer realm="whisperdiar"'},
                )
        elif not _is_own_host(headers.get("host", "")):
            raise Refusal(
                403, _("this server is for this machine alone: ask it as 127.0.0.1 or localhost"), code="invalid_host"
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise Refusal(403, _("pages of other sites may not ask this server"), code="invalid_origin")

    def _is_known(self, headers: Headers) -> bool:
        """Whether the request shows one of the tokens: as Bearer or Token; as the password of Basic for clients that
        know nothing else; or as a protocol of a WebSocket, for which browsers set no headers. All are compared, and
        each in constant time."""
        scheme, _space, value = headers.get("authorization", "").partition(" ")
        given = value.strip()
        if not scheme:
            given = find_protocol_token(headers) or ""
        elif scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode("utf-8").partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif scheme.lower() not in ("bearer", "token"):
            return False
        digest = _digest(given)
        return any([hmac.compare_digest(digest, item) for item in self._digests])  # noqa: C419 - no early end


def find_protocol_token(headers: Headers) -> str | None:
    """The token among the protocols that a WebSocket offers: ``token, TOKEN`` as clients of Deepgram write it, or
    ``realtime, openai-insecure-api-key.TOKEN`` as those of OpenAI do."""
    offered = [item.strip() for item in headers.get("sec-websocket-protocol", "").split(",")]
    if len(offered) == 2 and offered[0].lower() in ("token", "bearer"):
        return offered[1]
    return next((item.removeprefix(_OPENAI_KEY) for item in offered if item.startswith(_OPENAI_KEY)), None)


async def refuse_socket(socket: WebSocket, refusal: Refusal) -> None:
    """Refuses a WebSocket that is not open yet: with an answer of HTTP where the server can give one."""
    answer = JSONResponse(refusal.to_dict(), refusal.status, refusal.headers)
    try:
        await socket.send_denial_response(answer)
    except RuntimeError:  # the extension is not there
        await socket.close(1008, refusal.message[:_REASON_BYTES])


def add_headers(message: MutableMapping[str, Any]) -> None:
    """Adds what an answer does not say itself."""
    own: Sequence[tuple[bytes, bytes]] = message.get("headers", ())
    names = {name.lower() for name, _value in own}
    more = [(name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in names]
    message["headers"] = [*own, *more]


def _digest(token: str) -> bytes:
    """Of one length, so that the time of a comparison tells nothing of that of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _is_own_host(host: str) -> bool:
    """Whether a Host header names this machine, with a port or not."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

"""Webhooks: the end of a job told to another server, signed as Standard Webhooks 1.0 has it.

    webhook-id: ID    webhook-timestamp: SECONDS    webhook-signature: v1,BASE64(HMAC-SHA256(secret, "ID.SECONDS.BODY"))

Only https, and no address of this machine or of a private network: the name is looked up once, all that it leads to is
looked at, and the connection goes to what was looked at. Redirects are not followed. A body names the job and no word.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import SplitResult, urlsplit

from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.text.messages import _
from whisperdiar.version import __version__

_TIMEOUT_S = 10.0
_PAUSES_S = (0.0, 2.0, 10.0, 60.0)
"""Before each try."""
_PREFIX = "whsec_"
_LONGEST_URL = 2000


def check_url(url: str, *, private: bool) -> SplitResult:
    """The parts of a webhook's URL, as far as they can be looked at without asking anybody.

    Raises:
        Refusal: no https, a password in it, or an address that is private.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise _refuse_url() from None
    if parts.scheme != "https" or not host or parts.username or parts.password or len(url) > _LONGEST_URL:
        raise _refuse_url()
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise _refuse_url()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" and not private:
            raise _refuse_url() from None
        return parts
    if not private and not is_public(address):
        raise _refuse_url()
    return parts


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is on the public network; one that holds another address inside is not."""
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or address.teredo
        if inside is not None or address in ipaddress.ip_network("64:ff9b::/32"):
            return False
    return address.is_global and not address.is_multicast


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message; a secret may be base64 behind ``whsec_``."""
    key = secret.encode("utf-8")
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret[len(_PREFIX) :], validate=True)
        except binascii.Error:
            key = secret.encode("utf-8")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


class Webhooks:
    """Tells other servers, some at a time, and again where that failed."""

    def __init__(
        self,
        secret: str | None,
        *,
        private: bool = False,
        on_event: Callable[..., None] = lambda _event, **_values: None,
    ) -> None:
        """Stores.

        Args:
            secret: None where there are no webhooks.
            private: whether private addresses will do.
            on_event: told of what was delivered and what was not, for the log.
        """
        self._secret, self._private, self._on_event = secret, private, on_event
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="webhook")
        self._stopped = threading.Event()

    def check(self, url: str) -> None:
        """Raises Refusal where nothing may be sent there."""
        if self._secret is None:
            raise refuse_value("webhook", _("webhook: this server has no WHISPERDIAR_WEBHOOK_SECRET to sign it with"))
        check_url(url, private=self._private)

    def send(self, url: str, message_id: str, data: Mapping[str, Any]) -> None:
        """Sends it later, from a thread of its own."""
        if not self._stopped.is_set():
            self._pool.submit(self._deliver, url, message_id, json.dumps(data).encode("utf-8"))

    def stop(self) -> None:
        """Gives up what was not delivered yet."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, url: str, message_id: str, body: bytes) -> None:
        for number, pause in enumerate(_PAUSES_S, start=1):
            if self._stopped.wait(pause):
                return
            try:
                status = self._post(url, message_id, body)
            except Refusal as refusal:
                self._on_event("webhook_refused", job=message_id, reason=refusal.code)
                return
            except (OSError, http.client.HTTPException) as error:
                self._on_event("webhook_failed", job=message_id, attempt=number, reason=type(error).__name__)
                continue
            if 200 <= status < 300:
                self._on_event("webhook_delivered", job=message_id, attempt=number)
                return
            self._on_event("webhook_failed", job=message_id, attempt=number, status=status)

    def _post(self, url: str, message_id: str, body: bytes) -> int:
        parts = check_url(url, private=self._private)
        host, port = parts.hostname or "", parts.port or 443
        address = self._look_up(host, port)
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"whisperdiar/{__version__}",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret or "", message_id, timestamp, body),
        }
        connection = _Connection(host, port, address=address)
        try:
            connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _look_up(self, host: str, port: int) -> str:
        """The first address of a name; one that is private among them refuses all."""
        found = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not self._private and not all(is_public(ipaddress.ip_address(item.partition("%")[0])) for item in found):
            raise _refuse_url()
        return found[0]


class _Connection(http.client.HTTPSConnection):
    """To an address that was looked at before; the certificate is still that of the name."""

    def __init__(self, host: str, port: int, *, address: str) -> None:
        self._address = address
        self._tls = ssl.create_default_context()
        super().__init__(host, port, timeout=_TIMEOUT_S, context=self._tls)

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _refuse_url() -> Refusal:
    return refuse_value("webhook", _("webhook: give an https address on the public network, without a password"))

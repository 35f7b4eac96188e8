"""Uploads: forms of HTTP, received piece by piece, files straight to disk under limits of size and time.

Files get names of the server's own; what a client calls them is text that people read, and never a path.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from whisperdiar.options import ServerOptions
from whisperdiar.serving.refusals import Refusal
from whisperdiar.text.messages import _

if TYPE_CHECKING:  # without the extra the command still says what it needs
    from starlette.requests import Request

MOST_FIELDS = 200
LARGEST_FIELD = 16 * 2**20
"""Bytes of all fields together; voices of known people come as data URLs: four of 10 s."""
_DRAINED = 64 * 2**20
"""Bytes that are read and thrown away before a refusal: many clients hear no answer before they have sent all."""
_DRAIN_S = 10.0
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received: where it lies, what the client calls it, and how many bytes it has."""

    path: Path
    name: str
    n_bytes: int


@dataclass(slots=True)
class Form:
    """Fields and files of a request, in a folder that is removed with `close` unless `keep` was called.

    Attributes:
        fields: name → values, in their order; names end in no brackets.
        files: name → file; one each.
    """

    folder: Path
    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """The last value of a field; None where it is missing or empty, as clients send what nobody chose."""
        values = self.fields.get(name)
        return (values[-1].strip() or None) if values else None

    def many(self, name: str) -> tuple[str, ...]:
        return tuple(self.fields.get(name, ()))

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Receiver:
    """Receives forms, so many at a time."""

    def __init__(self, folder: Path, options: ServerOptions) -> None:
        self.folder, self.options = folder, options
        self.n_open = 0
        self.n_bytes = 0

    async def receive(self, request: Request) -> Form:
        """The form of a request.

        Raises:
            Refusal: it is no form, too large, too slow, cut off, or there are too many at a time.
        """
        if self.n_open >= self.options.max_uploads:
            await drain(request)
            raise Refusal(
                429,
                _("too many uploads at once: come again later"),
                code="too_many_uploads",
                headers={"Retry-After": "5"},
            )
        self.n_open += 1
        made = Path(tempfile.mkdtemp(prefix="upload-", dir=self.folder))
        form = Form(made)
        try:
            await self._fill(form, request)
        except BaseException:
            form.close()
            raise
        finally:
            self.n_open -= 1
        return form

    async def _fill(self, form: Form, request: Request) -> None:
        from starlette.requests import ClientDisconnect

        limit = self.options.max_upload_mb * 1e6
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit + LARGEST_FIELD:
            await drain(request)
            raise self._too_large()
        parser = _open_parser(request, form, limit)
        stream = request.stream()
        until = time.monotonic() + self.options.upload_s
        try:
            while True:
                left = until - time.monotonic()
                if left <= 0:
                    raise Refusal(408, _("the upload took too long: send it faster, or a smaller one"), code="timeout")
                try:
                    chunk = await asyncio.wait_for(anext(stream), min(self.options.idle_s, left))
                except StopAsyncIteration:
                    break
                except asyncio.TimeoutError:
                    raise Refusal(408, _("the upload stopped: send it again"), code="timeout") from None
                self.n_bytes += len(chunk)
                if chunk:
                    await asyncio.to_thread(parser.write, chunk)
            parser.finish()
        except _TooLarge:
            await drain(request, stream)
            raise self._too_large() from None
        except ClientDisconnect:
            raise Refusal(400, _("the upload was cut off: send it again"), code="incomplete_upload") from None
        except Refusal:
            await drain(request, stream)
            raise
        finally:
            parser.close()

    def _too_large(self) -> Refusal:
        text = _("the recording is larger than {limit:g} MB: compress it, or start the server with --max-upload-mb")
        return Refusal(413, text.format(limit=self.options.max_upload_mb), code="file_too_large", param="file")


async def drain(request: Request, stream: Any = None) -> None:
    """Reads what a client is still sending, up to a limit, so that it hears the answer."""
    from starlette.requests import ClientDisconnect

    n_bytes, until = 0, time.monotonic() + _DRAIN_S
    stream = stream or request.stream()
    try:
        while n_bytes < _DRAINED and time.monotonic() < until:
            n_bytes += len(await asyncio.wait_for(anext(stream), until - time.monotonic()))
    except (StopAsyncIteration, asyncio.TimeoutError, ClientDisconnect, RuntimeError):
        return


def clean_name(name: str) -> str:
    """What a client calls a file as text on one line, without folders; ``recording`` where nothing is left."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in base)
    stem = " ".join(plain.split()).strip(". ")[:_LONGEST_NAME].strip()
    return stem or "recording"


class _TooLarge(Exception):
    """A file, or all fields together, are larger than they may be."""


def _open_parser(request: Request, form: Form, limit: float) -> Any:
    kind = request.headers.get("content-type", "")
    name = kind.partition(";")[0].strip().lower()
    if name == "multipart/form-data":
        return _Multipart(kind, form, limit)
    if name == "application/x-www-form-urlencoded":
        return _UrlEncoded(form)
    if not kind and request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return _UrlEncoded(form)
    raise Refusal(
        415, _("send the recording as multipart/form-data, as `curl -F file=@talk.wav` does"), code="unsupported_type"
    )


def _base_name(name: str) -> str:
    return name.removesuffix("[]")


class _UrlEncoded:
    """A form without files."""

    def __init__(self, form: Form) -> None:
        self._form, self._data = form, bytearray()

    def write(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > LARGEST_FIELD:
            raise _TooLarge

    def finish(self) -> None:
        try:
            pairs = parse_qsl(self._data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise _refuse_form() from error
        for name, value in pairs:
            self._form.fields.setdefault(_base_name(name), []).append(value)

    def close(self) -> None:
        """There is nothing open."""


class _Multipart:
    """RFC 7578 by python-multipart: headers and fields in memory, files to disk."""

    def __init__(self, kind: str, form: Form, limit: float) -> None:
        from python_multipart.multipart import MultipartParser, parse_options_header

        self._parse_options = parse_options_header
        boundary = parse_options_header(kind.encode("latin-1"))[1].get(b"boundary")
        if not boundary:
            raise _refuse_form()
        self._form, self._limit = form, limit
        self._n_fields = self._n_field_bytes = 0
        self._headers: dict[str, bytes] = {}
        self._header, self._value = bytearray(), bytearray()
        self._name, self._file_name = "", ""
        self._text: bytearray | None = None
        self._file: IO[bytes] | None = None
        self._n_bytes = 0
        self._whole = False
        callbacks: Any = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def write(self, data: bytes) -> None:
        from python_multipart.exceptions import FormParserError

        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _refuse_form() from error

    def finish(self) -> None:
        if not self._whole:
            raise Refusal(400, _("the upload was cut off: send it again"), code="incomplete_upload")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_part(self) -> None:
        self._n_fields += 1
        if self._n_fields > MOST_FIELDS:
            raise Refusal(400, _("the form has too many fields"), code="too_many_fields")
        self._headers = {}

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._count(end - start)

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def _end_header(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _end_headers(self) -> None:
        kind, options = self._parse_options(self._headers.get("content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise _refuse_form()
        self._name = _base_name(options[b"name"].decode("utf-8", "replace"))
        self._text = None if b"filename" in options else bytearray()
        if self._text is None:
            self._file_name = options[b"filename"].decode("utf-8", "replace")
            if self._name in self._form.files:
                raise Refusal(400, _("send one recording at a time"), code="too_many_files", param=self._name[:80])
            self._file = open(self._form.folder / f"{len(self._form.files)}.media", "xb")  # noqa: SIM115
            self._n_bytes = 0

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._text is not None:
            self._count(end - start)
            self._text += data[start:end]
            return
        self._n_bytes += end - start
        if self._n_bytes > self._limit:
            raise _TooLarge
        if self._file is not None:
            self._file.write(data[start:end])

    def _end_part(self) -> None:
        if self._text is not None:
            self._form.fields.setdefault(self._name, []).append(self._text.decode("utf-8", "replace"))
            return
        if self._file is not None:
            path = Path(os.fspath(self._file.name))
            self._file.close()
            self._file = None
            self._form.files[self._name] = Upload(path, clean_name(self._file_name), self._n_bytes)

    def _end(self) -> None:
        self._whole = True

    def _count(self, n_bytes: int) -> None:
        self._n_field_bytes += n_bytes
        if self._n_field_bytes > LARGEST_FIELD:
            raise _TooLarge


def _refuse_form() -> Refusal:
    return Refusal(400, _("this is no form as RFC 7578 has it: send it as `curl -F` does"), code="invalid_form")


def sweep_uploads(folder: Path, *, older_s: float = 0.0) -> Iterator[Path]:
    """Removes what a server that was killed has left so many seconds ago; gives the names."""
    for path in folder.glob("upload-*"):
        with contextlib.suppress(OSError):
            if older_s and path.stat().st_mtime > time.time() - older_s:
                continue
        shutil.rmtree(path, ignore_errors=True)
        yield path

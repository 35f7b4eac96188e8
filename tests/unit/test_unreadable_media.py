"""Files that cannot be read give one clear line; nothing but the file that is named is opened."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.media_files import (
    build,
    one_line,
    signal,
    write_media,
    write_wav,
)
from whisperdiar.errors import MediaError
from whisperdiar.media import load, probe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


def text_as_wav(folder: Path) -> Path:
    path = folder / "notes.wav"
    path.write_text("Minutes of the meeting:\n1. Nothing was recorded. Ünïcödé too.\n" * 50, encoding="utf-8")
    return path


def noise(name: str, size: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(np.random.default_rng(size).bytes(size))
        return path

    return make


def content(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


def silent_video(folder: Path) -> Path:
    return write_media(folder / "silent.mp4", video=1.0)


def no_samples(folder: Path) -> Path:
    return write_wav(folder / "header.wav", np.zeros((1, 0)))


def a_directory(folder: Path) -> Path:
    path = folder / "recordings.wav"
    path.mkdir(exist_ok=True)
    return path


def a_pipe(folder: Path) -> Path:
    path = folder / "pipe"
    if not path.exists():
        os.mkfifo(path)
    return path


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "missing.wav", "no such file"),
    "below-a-file": (lambda folder: text_as_wav(folder) / "x.wav", "no such file"),
    "directory": (a_directory, "is a directory"),
    "pipe": (a_pipe, "is a device or a pipe"),
    "device": (lambda _: Path("/dev/zero"), "is a device or a pipe"),
    "empty": (content("empty.mp3", b""), "is empty"),
    "text": (text_as_wav, "is a text file"),
    "plain-text": (content("notes.txt", b"No pictures are to be made of this.\n" * 20), "is a text file"),
    "noise": (noise("noise", 100_000), "no audio or video file"),
    "noise-mp3": (noise("noise.mp3", 20_000), "damaged"),
    "noise-aac": (noise("noise.aac", 50_000), "damaged"),
    "zeros": (content("zeros.wav", bytes(5000)), "no audio or video file"),
    "one-byte": (content("one.wav", b"R"), "is a text file"),
    "silent-video": (silent_video, "has no sound, only video"),
    "subtitles": (content("a.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"), "has no sound, only subtitle"),
    "no-samples": (no_samples, "holds no sound"),
    "long-name": (lambda folder: folder / ("x" * 300), "cannot be opened"),
    "zero-in-name": (lambda folder: Path(f"{folder}/a\0b"), "cannot be opened"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_each_unreadable_file_gives_one_clear_line(folder: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    make, cause = UNREADABLE[kind]
    path = make(folder)
    with pytest.raises(MediaError) as caught:
        load(path)
    assert cause in one_line(caught.value, path)
    assert capfd.readouterr() == ("", "")


def test_names_cannot_break_the_line(folder: Path) -> None:
    with pytest.raises(MediaError, match=r"two\\nlines") as caught:
        load(folder / "two\nlines.wav")
    one_line(caught.value, folder / "two\nlines.wav")


def test_probe_has_the_same_errors(folder: Path) -> None:
    with pytest.raises(MediaError, match="is a text file"):
        probe(text_as_wav(folder))
    assert probe(silent_video(folder)).tracks == ()


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything; become nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        path = write_wav(Path(name) / "secret.wav", signal(0.2))
        load(path)  # imports what root alone may be able to import
        path.chmod(0)
        with without_privileges(), pytest.raises(MediaError, match="no permission to read it") as caught:
            load(path)
        one_line(caught.value, path)


@pytest.mark.parametrize(
    "name",
    ["http://127.0.0.1:{port}/a.wav", "concat:{good}|{good}", "file:{good}", "rtsp://x/y", "data:audio/wav;base64,AA"],
)
def test_urls_and_protocols_are_refused(folder: Path, name: str) -> None:
    good = write_wav(folder / "good.wav", signal(0.5))
    with listener() as (port, contacts):
        for path in (name.format(port=port, good=good), Path(name.format(port=port, good=good))):
            with pytest.raises(MediaError, match="only local files are read") as caught:
                load(path)
            one_line(caught.value, name.format(port=port, good=good))
    assert not contacts


def test_standard_input_is_refused() -> None:
    with pytest.raises(MediaError, match="standard input") as caught:
        load("-")
    one_line(caught.value, "-:")


def test_a_local_name_may_look_like_a_url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(folder / "call: 12:30.wav", signal(0.5))
    monkeypatch.chdir(folder)
    assert load("call: 12:30.wav").duration == 0.5


@contextmanager
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port that takes note of who connects."""
    contacts: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                contacts.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], contacts
        finally:
            stop.set()
            thread.join()


PLAYLISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{good}\n#EXT-X-ENDLIST\n",
    "hls.wav": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{good}\n#EXT-X-ENDLIST\n",
    "net.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {good}\n",
    "list.txt": "ffconcat version 1.0\nfile {good}\n",
    "plain.m3u": "{good}\n",
    "list.pls": "[playlist]\nFile1={good}\n",
    "call.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
    "dash.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{good}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_does_not_lead_to_other_files(folder: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    build(folder, "good.ts", "aac")
    path = folder / name
    with listener() as (port, contacts):
        path.write_text(PLAYLISTS[name].format(good="good.ts", port=port))
        with pytest.raises(MediaError, match="is a playlist") as caught:
            load(path)
    one_line(caught.value, path)
    assert not contacts
    assert capfd.readouterr() == ("", "")

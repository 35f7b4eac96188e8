"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperdiar.errors import FormatError, OutputError
from whisperdiar.system import files
from whisperdiar.system.files import read_text, write_bytes, write_text

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and pipes of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: str | Path, data: bytes = b"new") -> str:
    with pytest.raises(OutputError) as caught:
        write_bytes(path, data)
    message = str(caught.value)
    assert "\n" not in message
    assert "Errno" not in message
    assert caught.value.__cause__ is not None
    return message


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user whom permissions bind: root passes over them."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


def test_text_is_written_as_utf_8_with_its_own_line_ends(tmp_path):
    path = tmp_path / "talk.srt"
    write_text(path, "שלום\r\n日本\n")
    assert path.read_bytes() == "שלום\r\n日本\n".encode()
    write_text(str(path), "")
    assert path.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_character_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "talk.srt"
    write_text(path, "old")
    with pytest.raises(OutputError, match="half a character"):
        write_text(path, "\ud800")
    assert path.read_text() == "old"


@posix
def test_a_new_file_gets_the_permissions_of_any_new_file(tmp_path):
    for mask in (0o022, 0o077, 0o002):
        before = os.umask(mask)
        try:
            write_text(tmp_path / f"ours{mask}", "x")
            (tmp_path / f"theirs{mask}").write_text("x")
        finally:
            os.umask(before)
        assert mode(tmp_path / f"ours{mask}") == mode(tmp_path / f"theirs{mask}") == 0o666 & ~mask


@posix
@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o755, 0o666])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path, permissions):
    path = tmp_path / "talk.srt"
    path.write_text("old")
    path.chmod(permissions)
    write_text(path, "new")
    assert mode(path) == permissions
    assert path.read_text() == "new"


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_root_replaces_keeps_its_owner(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_text("old")
    os.chown(path, 65534, 65534)
    write_text(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_reader_keeps_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_text("old")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, OSError])
@pytest.mark.parametrize("step", ["replace", "fdopen"])
def test_whatever_interrupts_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error, step):
    path = tmp_path / "talk.srt"
    path.write_text("old")

    def interrupt(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(files.os, step, interrupt)
    with pytest.raises(OutputError if error is OSError else error):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_ctrl_c_while_writing_leaves_nothing_half_written(tmp_path):
    """The real signal, in the middle of the bytes."""
    code = f"""
import os, signal, whisperdiar.system.files as files
real = files.os.fdopen
class Slow:
    def __init__(self, stream): self.stream = stream
    def __enter__(self): return self
    def __exit__(self, *rest): self.stream.close()
    def write(self, data):
        self.stream.write(data[:3]); self.stream.flush()
        os.kill(os.getpid(), signal.SIGINT)
        self.stream.write(data[3:])
    def __getattr__(self, name): return getattr(self.stream, name)
files.os.fdopen = lambda *args: Slow(real(*args))
files.write_bytes({str(tmp_path / "talk.srt")!r}, b"new text")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"KeyboardInterrupt" in done.stderr
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_disk_that_is_full_leaves_the_old_file(tmp_path):
    """A limit on the size of files fails in the middle of the bytes, as a full disk does."""
    path = tmp_path / "talk.srt"
    path.write_text("old")
    code = f"""
import resource
from whisperdiar.errors import OutputError
from whisperdiar.system.files import write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_bytes({str(path)!r}, b"x" * 1_000_000)
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == f"{path}: the file would be larger than a limit allows; raise it or choose another disk\n"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_no_space_is_told_in_one_line():
    assert refusal("/dev/full") == "/dev/full: no space is left on the device; make room or choose another folder"
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_missing_folder(tmp_path):
    assert refusal(tmp_path / "no" / "talk.srt").endswith("its folder does not exist; make it first")
    assert not (tmp_path / "no").exists()


def test_a_file_in_place_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "no folder" in refusal(tmp_path / "file" / "talk.srt")


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "folder").mkdir()
    assert refusal(tmp_path / "folder").endswith("this is a folder; give the name of a file in it")
    assert "this is a folder" in refusal(f"{tmp_path}{os.sep}missing{os.sep}")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["folder"]


@posix
def test_a_name_as_long_as_can_be_and_one_longer(tmp_path):
    longest = tmp_path / ("x" * 251 + ".srt")
    write_text(longest, "x")
    assert longest.read_text() == "x"
    assert "name is too long" in refusal(tmp_path / ("x" * 252 + ".srt"))


def test_a_name_that_no_file_can_have(tmp_path):
    message = refusal(f"{tmp_path}{os.sep}a\0b")
    assert "no file can have this name" in message
    assert "\0" not in message


@posix
def test_a_strange_name_is_shown_on_one_line(tmp_path):
    message = refusal(tmp_path / "no" / "a\nb\udcff")
    assert "a\\nb\\udcff" in message


@posix
def test_no_permission_in_the_folder(unprivileged):
    unprivileged.chmod(0o555)
    assert "no permission to write there" in refusal(unprivileged / "talk.srt")
    unprivileged.chmod(0o755)
    assert list(unprivileged.iterdir()) == []


@posix
def test_a_write_protected_file_is_not_replaced(unprivileged):
    path = unprivileged / "talk.srt"
    path.write_text("old")
    path.chmod(0o444)
    assert "no permission to write there" in refusal(path)
    assert path.read_text() == "old"
    assert list(unprivileged.iterdir()) == [path]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc here")
def test_a_file_system_that_takes_no_files():
    assert refusal("/proc/talk.srt").startswith("/proc/talk.srt: ")


@posix
def test_a_symbolic_link_stays_and_its_target_changes(tmp_path):
    (tmp_path / "there").mkdir()
    target, link, far = tmp_path / "there" / "real.srt", tmp_path / "link.srt", tmp_path / "far.srt"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(Path("there") / "real.srt")
    far.symlink_to("link.srt")
    write_text(far, "new")
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert mode(target) == 0o600
    assert link.is_symlink()
    assert far.is_symlink()


@posix
def test_a_link_to_nothing_yet_makes_its_target(tmp_path):
    link = tmp_path / "link.srt"
    link.symlink_to("later.srt")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "later.srt").read_text() == "new"


@posix
def test_links_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "links lead in a circle" in refusal(tmp_path / "a")


@posix
def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    write_bytes(path, b"x" * 100_000)
    reader.join(10)
    assert found == [b"x" * 100_000]
    assert stat.S_ISFIFO(path.stat().st_mode)


@posix
def test_a_device_is_written_to_and_stays():
    write_text("/dev/null", "x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


RUN = """
import sys
from whisperdiar.system.files import write_text
print('before', flush=True)
write_text(sys.argv[1], 'text\\n')
print('after')
"""


@posix
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_in_a_file_is_continued_not_replaced(name, tmp_path):
    if not os.path.exists(os.path.dirname(name) or "/"):
        pytest.skip(f"no {name} here")
    if name == "link":
        (tmp_path / "link").symlink_to("/dev/stdout")
        name = str(tmp_path / "link")
    output = tmp_path / "out.txt"
    with output.open("wb") as stream:
        subprocess.run([sys.executable, "-c", RUN, name], stdout=stream, check=True)
    assert output.read_text() == "before\ntext\nafter\n"


@posix
def test_standard_output_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", RUN, "/dev/stdout"], capture_output=True, check=True, text=True)
    assert done.stdout == "before\ntext\nafter\n"


@posix
def test_a_descriptor_that_is_not_open():
    assert "cannot be written" in refusal("/dev/fd/987")


@posix
def test_sync_waits_for_the_file_and_its_folder(tmp_path, monkeypatch):
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    write_text(tmp_path / "a", "x")
    assert synced == []
    write_text(tmp_path / "a", "y", sync=True)
    assert synced == [(tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino]


def test_text_is_read_with_or_without_a_byte_order_mark(tmp_path):
    path = tmp_path / "talk.rttm"
    for data in ("日本\r\n".encode(), "日本\r\n".encode("utf-8-sig")):
        path.write_bytes(data)
        assert read_text(str(path)) == "日本\r\n"


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path):
    (tmp_path / "latin.json").write_bytes("é".encode("latin-1"))
    for name, cause in {
        "latin.json": "this is no UTF-8 text (byte 0); is it the right file?",
        "missing.json": "there is no such file; check the name",
        "": "this is a folder; give the name of a file in it",
        "x" * 300: "it cannot be read (File name too long)",
    }.items():
        with pytest.raises(FormatError) as caught:
            read_text(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {cause}"
    with pytest.raises(FormatError, match="no file can have this name"):
        read_text(f"{tmp_path}/a\0b")


@posix
def test_a_file_without_permission_to_read(unprivileged):
    path = unprivileged / "talk.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(FormatError, match=r"cannot be read \(Permission denied\)"):
        read_text(path)


def test_a_text_in_utf_16_is_read_by_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "talk.TextGrid"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        mark = "" if encoding == "utf-16" else "\ufeff"
        path.write_bytes((mark + "始め\n").encode(encoding))
        assert read_text(path) == "始め\n"
    path.write_bytes("始め".encode("utf-16")[:-1])
    with pytest.raises(FormatError, match="no UTF-16 text"):
        read_text(path)


def test_a_file_that_is_there_is_replaced_only_where_that_is_allowed(tmp_path: Path, monkeypatch) -> None:
    """Also on a file system without hard links."""
    path = tmp_path / "talk.srt"
    for links in (True, False):
        if not links:
            monkeypatch.setattr(files.os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "none here")))
        path.unlink(missing_ok=True)
        write_text(path, "mine", replace=False)
        with pytest.raises(OutputError, match="it came into being while this was made"):
            write_text(path, "other", replace=False)
        with pytest.raises(OutputError, match="came into being"), files.stage(path, replace=False) as temporary:
            Path(temporary).write_text("other")
        assert path.read_text() == "mine"
        with files.stage(path) as temporary:
            Path(temporary).write_text("other")
        assert path.read_text() == "other"
        assert list(tmp_path.iterdir()) == [path]


@posix
def test_what_cannot_be_written_is_found_by_trying(unprivileged: Path) -> None:
    """The check and the writing agree about everything that can be wrong with a name."""
    (unprivileged / "sealed").mkdir()
    (unprivileged / "sealed").chmod(0o555)
    (unprivileged / "old.srt").write_text("old")
    (unprivileged / "old.srt").chmod(0o444)
    (unprivileged / "folder").mkdir()
    (unprivileged / "a").symlink_to("b")
    (unprivileged / "b").symlink_to("a")
    (unprivileged / "link.srt").symlink_to("later.srt")
    names = (
        "sealed/x.srt",
        "old.srt",
        "folder",
        "a",
        "none/x.srt",
        "old.srt/x.srt",
        "x" * 256,
        "x\0y",
        "link.srt",
        "x",
    )
    for name in (*names, "/dev/null", "/proc/x", "/dev/fd/987"):
        path = f"{unprivileged}/{name}" if not name.startswith("/") else name
        before = sorted(unprivileged.iterdir())
        expected = actual = None
        try:
            files.check_writable(path)
        except OutputError as error:
            expected = str(error)
        assert sorted(unprivileged.iterdir()) == before
        try:
            write_bytes(path, b"new")
        except OutputError as error:
            actual = str(error)
        assert expected == actual, name
    (unprivileged / "sealed").chmod(0o755)


@given(
    st.one_of(
        st.from_regex(r"\.?whisperdiar-([0-9]{1,7}-)?[0-9a-f]{14,17}\.(tmp|txt)", fullmatch=True), st.text(max_size=30)
    )
)
@settings(deadline=None)
def test_only_names_that_we_could_have_made_are_swept(name: str) -> None:
    if not name or set(name) & {"/", "\0"} or name in (".", "..") or not name.isprintable():
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text("x")
        os.utime(path, (0, 0))
        files.sweep(folder)
        ours = re.fullmatch(r"\.whisperdiar-([0-9]+-)?[0-9a-f]{16}\.tmp", name) is not None
        assert path.exists() != ours


def test_our_own_temporary_names_are_swept_when_they_are_left(tmp_path: Path) -> None:
    left = Path(files.temporary_beside(tmp_path / "talk.srt"))
    left.write_text("x")
    for age, stays in ((0, True), (7200, True), (8 * 86400, False)):  # this process runs
        os.utime(left, (time.time() - age,) * 2)
        files.sweep(tmp_path)
        assert left.exists() == stays


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("text", ['{"text": "Привет"}', "a", "", "<x>\n日本語</x>\n"])
def test_unicode_is_read_with_and_without_a_mark(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode(encoding))
    assert read_text(path) == text


def test_zeros_are_no_unicode_of_two_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(bytes(500))
    assert read_text(path) == "\0" * 500

"""Publishing of files: all of them or none, and errors that say what to do."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jepascore_core.errors import ExportError
from jepascore_core.exporters.publishing import explain, staged

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from jepascore_core.errors import ExportError
from jepascore_core.exporters.publishing import staged

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
targets = [Path(sys.argv[1]) / name for name in ("list.csv", "list.json")]
try:
    with staged(targets) as (first, second):
        if sys.argv[2] == "folder":
            first.mkdir()
            (first / "small").write_bytes(bytes(10))
            first = first / "large"
        first.write_bytes(bytes(1_000_000))
except ExportError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, kind):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), kind]
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[2]
    )
    assert "no space" in found.stdout
    assert "Free some" in found.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match="Choose another folder"), staged([tmp_path / "x"]) as (temporary,):
        temporary.write_text("x")


def test_errors_say_what_to_do():
    assert "is not writable" in explain(OSError(errno.EACCES, "Permission denied"), Path("/a/b"))
    assert "no space" in explain(OSError(errno.ENOSPC, "No space left on device"), Path("/a/b"))
    assert "another name" in explain(OSError(errno.EIO, "Input/output error"), Path("/a/b"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_if_the_second_file_cannot_be_published_the_first_is_taken_back(tmp_path, overwrite):
    first, second = tmp_path / "first", tmp_path / "second"
    if overwrite:
        first.write_text("old")
    with pytest.raises(ExportError, match="second is a folder"), staged([first, second], overwrite) as temporary:
        for path in temporary:
            path.write_text("new")
        second.mkdir()  # somebody was quicker
    assert (first.read_text() if overwrite else first.exists()) == ("old" if overwrite else False)
    assert sorted(item.name for item in tmp_path.iterdir()) == (["first", "second"] if overwrite else ["second"])


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    target = tmp_path / "list"
    for text, overwrite in (("first", False), ("second", True)):
        with staged([target], overwrite) as (temporary,):
            temporary.write_text(text)
        assert target.read_text() == text
    with pytest.raises(ExportError, match="already exists"), staged([target]):
        pass
    with pytest.raises(ExportError, match="already exists"), staged([other := tmp_path / "other"]) as (temporary,):
        temporary.write_text("late")
        other.write_text("quicker")
    assert other.read_text() == "quicker"
    assert len(list(tmp_path.iterdir())) == 2

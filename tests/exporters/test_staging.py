"""What a killed process leaves beside a target: found and put right by the next one, and never that of a living one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jepascore_core.curation import parse
from jepascore_core.errors import ExportError
from jepascore_core.exporters.publishing import staged
from jepascore_core.exporters.staging import recover
from tests.conftest import wait_until
from tests.exporters.exporting import export
from tests.exporters.images import index, make_source

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")

#: `jepascore export`, which stops in the middle of its list until it is killed.
STUCK = """
import sys, time
from jepascore_core.cli import app, exports

def stuck(*arguments, progress, **options):
    def stay(done, total):
        print("writing", flush=True)
        time.sleep(600)
    return export(*arguments, progress=stay, **options)

export, exports.export = exports.export, stuck
app(sys.argv[1:])
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("file_format", ["csv", "tree"])
def test_kill_9_of_an_export_on_the_command_line(store, tmp_path, monkeypatch, file_format):
    scores = index(store, make_source(tmp_path / "source"), monkeypatch)
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "x"
    dataset = store.catalogue.datasets()[0].name
    words = ["export", dataset, str(target), "--format", file_format]
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, *words],
        env={**os.environ, "JEPASCORE_HOME": str(store.home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        before = names(target.parent)
        assert len(before) == 2
        with pytest.raises(ExportError, match="x is being written by another process"):
            export(store, scores, parse(""), target, file_format=file_format)
        with pytest.raises(ExportError, match="being written"):
            recover([target])
        assert names(target.parent) == before, "nothing of a living process is touched"
        process.kill()
    assert names(target.parent) == before
    export(store, scores, parse(""), target, file_format=file_format)
    assert names(target.parent) == ["x", "x.provenance.json"]


def killed_at(call: int, work: Callable[[], None], links: bool) -> bool:
    """Do some work in a process that gets SIGKILL before its n-th change of a name; says whether it came to that."""
    child = os.fork()
    if child == 0:
        left = call

        def dying(change):
            def counted(*arguments, **options):
                nonlocal left
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
                return change(*arguments, **options)

            return counted

        def no_link(*_):
            raise OSError(errno.EPERM, "Operation not permitted")

        os.link = dying(os.link) if links else no_link
        for name in ("replace", "rename", "unlink"):
            setattr(Path, name, dying(getattr(Path, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("kind", ["new", "overwritten", "folder"])
def test_killed_at_any_moment_both_have_their_names_or_none(tmp_path, kind, links):
    old = "old" if kind == "overwritten" else None
    seen = set()
    for call in range(50):
        folder = tmp_path / str(call)
        folder.mkdir()
        targets = [folder / "list", folder / "list.provenance.json"]
        if old is not None:
            for path in targets:
                path.write_text(old)
        if not killed_at(call, lambda targets=targets: _write_new(targets, kind), links):
            break
        recover(targets)
        seen.add(_texts(targets))
        assert len(names(folder)) == 2 - _texts(targets).count(None), "nothing is left behind"
    assert 4 < call < 49
    assert _texts(targets) == ("new", "new")
    # Without hard links nobody can tell whose a provenance file is, so it stays.
    assert seen <= {(old, old), ("new", "new")} | (set() if links else {(old, "new")})
    assert {(old, old), ("new", "new")} <= seen


def _write_new(targets, kind):
    with staged(targets, overwrite=kind == "overwritten") as (first, second):
        second.write_text("new")
        if kind == "folder":
            first.mkdir()
            first = first / "image"
        first.write_text("new")


def _texts(targets):
    paths = [path / "image" if path.is_dir() else path for path in targets]
    return tuple(path.read_text() if path.exists() else None for path in paths)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_folder_in_which_no_file_can_be_made_is_not_taken_for_a_busy_one():
    target = Path("/proc/self/fd/list.txt")
    with pytest.raises(ExportError, match=r"list.txt cannot be written: No such file") as raised, staged([target]):
        pass
    assert "another process" not in str(raised.value)
    recover([target])


def test_what_a_person_made_is_not_touched(tmp_path):
    target = tmp_path / "x"
    theirs = [".x.tmp", ".x.notes.tmp", ".x.jepascore.txt", ".y.0123abcd.tmp", ".x.0123abcd.bak", "x.0123abcd.tmp"]
    for name in theirs:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".x.0123abcd.tmp").write_text("of a process without a lock")
    recover([target])
    with staged([target]) as (temporary,):
        temporary.write_text("new")
    assert ".x.0123abcd.tmp" in names(tmp_path)
    assert (tmp_path / ".x.jepascore.lock").exists(), "something is left"
    recover([target])
    assert names(tmp_path) == sorted([*theirs, "x"])


def test_one_that_was_killed_while_it_put_right_is_followed_by_another(tmp_path):
    target = tmp_path / "x"

    def leave():
        with staged([target]) as (temporary,):
            temporary.mkdir()
            (temporary / "image").write_text("new")
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed_at(10**6, leave, links=True)
    for call in range(10):
        if not killed_at(call, lambda: recover([target]), links=True):
            break
        assert (tmp_path / ".x.jepascore.lock").exists()
    assert 0 < call < 9
    wait_until(lambda: names(tmp_path) == [], 1)

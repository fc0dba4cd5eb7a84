"""Patterns that name files: as bash expands them, and back into one source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jepascore_core.datasets.shards import expanded, is_pattern, joined, source_exists
from jepascore_core.errors import SourceError

PATTERNS = (
    "a/{000..012}.tar", "{8..11}.tar", "{003..001}", "{a,b}/{0..1}.tar", "x{1,{3..5}}y", "plain.tar", "{00008..10}",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_those_of_bash(pattern: str) -> None:
    found = subprocess.run(["bash", "-c", f"printf '%s\\n' {pattern}"], capture_output=True, text=True, check=True)
    assert set(expanded(pattern)) == set(found.stdout.splitlines())


@pytest.mark.parametrize("pattern", PATTERNS[:6])
def test_patterns_are_those_of_webdataset(pattern: str) -> None:
    braceexpand = pytest.importorskip("braceexpand")
    assert set(expanded(pattern)) == set(braceexpand.braceexpand(pattern))


def test_braces_in_the_name_of_a_file_are_a_name(tmp_path: Path) -> None:
    for name in ("{a,b}.tar", "{x}.tar"):
        (tmp_path / name).touch()
        assert not is_pattern(tmp_path / name)
    assert list(expanded("{x}.tar")) == ["{x}.tar"]
    assert source_exists(tmp_path / "{a,b}.tar")
    assert not source_exists(tmp_path / "{c,d}.tar")


def test_several_paths_are_one_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/0.tar", "a/1.tar", "b/c/0.tar"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    source = joined(["a/0.tar", "b/c/0.tar", str(tmp_path / "a" / "1.tar")])
    assert list(expanded(source)) == [f"{tmp_path}/{name}" for name in ("a/0.tar", "b/c/0.tar", "a/1.tar")]
    assert joined(["a"]) == "a"
    for wrong in ("a", "x,y.tar", "x}.tar"):
        with pytest.raises(SourceError, match="give the folder that contains them"):
            joined(["a/0.tar", wrong])

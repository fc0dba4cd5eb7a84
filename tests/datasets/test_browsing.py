"""Folders that may be looked through, what is counted in them, and what is out of bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jepascore_core.datasets import browsing
from jepascore_core.datasets.browsing import ROOTS_VARIABLE, FolderCount, data_roots, look_into
from jepascore_core.errors import SourceError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in ("birds/crow/1.png", "birds/crow/2.JPG", "birds/owl/3.webp", "empty/readme.txt", ".hidden/4.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name in ("top.png", "list.csv", "all.zip", "notes.txt"):
        (root / name).touch()
    (tmp_path / "outside").mkdir()
    (root / "way-out").symlink_to(tmp_path / "outside")
    (root / "way-in").symlink_to(root / "birds")
    return root


def test_a_folder_with_counts(root: Path) -> None:
    found = look_into(str(root), [str(root)])
    assert [(item.name, item.num_images, item.is_least) for item in found.folders] == [
        ("birds", 3, False), ("empty", 0, False), ("way-in", 3, False),
    ]  # fmt: skip
    assert (found.num_images, [name for name, _ in found.files]) == (1, ["all.zip", "list.csv"])
    assert found.above == ((str(root), str(root)),)
    below = look_into(str(root / "birds" / "crow"), [str(root)])
    assert (below.num_images, below.folders) == (2, ())
    assert [name for name, _ in below.above] == [str(root), "birds", "crow"]
    assert below.above[-1][1] == below.path


def test_the_roots_are_a_list_of_their_own(root: Path) -> None:
    first, second = str(root), str(root.parent / "outside")
    found = look_into(None, [first, second])
    assert found.folders == (FolderCount(first, first, 4), FolderCount(second, second, 0))


def test_a_folder_of_shards_can_be_used_and_lists_only_some(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "MAX_FILES", 3)
    for number in range(5):
        (root / "empty" / f"{number:05d}.tar").touch()
    found = look_into(str(root / "empty"), [str(root)])
    assert ([name for name, _ in found.files], found.num_more_files) == (["00000.tar", "00001.tar", "00002.tar"], 2)
    assert (found.num_images, found.is_empty) == (0, False)
    (root / "saved").mkdir()
    assert look_into(str(root / "saved"), [str(root)]).is_empty
    (root / "saved" / "dataset_dict.json").touch()
    assert not look_into(str(root / "saved"), [str(root)]).is_empty


@pytest.mark.parametrize("path", ["..", "way-out", "../outside", "/", "birds/../../outside"])
def test_nothing_else_is_looked_into(root: Path, path: str) -> None:
    with pytest.raises(SourceError, match=ROOTS_VARIABLE):
        look_into(str(root / path), [str(root)])


def test_what_cannot_be_read_is_said(root: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        look_into(str(root / "gone"), [str(root)])
    with pytest.raises(SourceError, match="cannot be read"):
        look_into(str(root / "top.png"), [str(root)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_folder_has_no_count(root: Path) -> None:
    (root / "empty").chmod(0)
    try:
        assert look_into(str(root), [str(root)]).folders[1].num_images is None
    finally:
        (root / "empty").chmod(0o700)


def test_counts_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(item.is_least for item in look_into(str(root), [str(root)], seconds=-1).folders)
    monkeypatch.setattr(browsing, "MOST_IMAGES", 1)
    assert look_into(str(root), [str(root)]).folders[0].is_least
    monkeypatch.setattr(browsing, "MAX_FOLDERS", 1)
    found = look_into(str(root), [str(root)])
    assert (len(found.folders), found.num_more) == (1, 2)


def test_roots_follow_the_environment_or_what_is_known(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOTS_VARIABLE, os.pathsep.join([str(root), str(root / "birds"), "/there/is/nothing"]))
    assert data_roots(["/tmp/other/images"]) == (str(root),)
    monkeypatch.delenv(ROOTS_VARIABLE)
    monkeypatch.setattr(Path, "home", lambda: root / "birds")
    assert data_roots() == (str(root / "birds"),)
    assert data_roots([str(root / "birds"), "/there/is/nothing"]) == (str(root),)

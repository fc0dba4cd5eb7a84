"""Walking folders: layouts, order, what is passed over, and symlinks that must not lead out."""

import os
import socket
from collections import Counter
from pathlib import Path

import pytest

from jepascore_core.datasets.candidates import Candidate, SourceOptions
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.sources import detect_kind, scan, source_path
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
    return root


def scanned(source: Path, **options: str) -> list[Candidate | SampleFailure]:
    return list(scan(source, SourceOptions(**options), source).items)


def rows(source: Path, **options: str) -> list[tuple[str, str | None, str | None]]:
    items = scanned(source, **options)
    assert all(isinstance(item, Candidate) for item in items), items
    return [(item.sample_key, item.split, item.label) for item in items if isinstance(item, Candidate)]


def failures(source: Path, **options: str) -> dict[str, str]:
    return {item.sample_key: item.message for item in scanned(source, **options) if isinstance(item, SampleFailure)}


def test_class_folders_are_labels(tmp_path: Path):
    make(tmp_path, "cat/2.png", "cat/1.JPG", "dog/deep/er/3.webp", "top.png")
    assert detect_kind(tmp_path) == "imagefolder"
    assert rows(tmp_path) == [
        ("top.png", None, None),
        ("cat/1.JPG", None, "cat"),
        ("cat/2.png", None, "cat"),
        ("dog/deep/er/3.webp", None, "dog"),
    ]


@pytest.mark.parametrize("first", ["train", "Training", "val", "valid", "validation", "dev", "test", "testing"])
def test_split_folders_are_splits_and_the_next_level_is_the_label(tmp_path: Path, first: str):
    make(tmp_path, f"{first}/cat/1.png", f"{first}/2.png", "train/dog/x/3.png")
    assert set(rows(tmp_path)) == {
        (f"{first}/cat/1.png", first, "cat"),
        (f"{first}/2.png", first, None),
        ("train/dog/x/3.png", "train", "dog"),
    }


def test_a_class_named_test_among_other_classes_is_a_class(tmp_path: Path):
    make(tmp_path, "test/1.png", "control/2.png")
    assert rows(tmp_path) == [("control/2.png", None, "control"), ("test/1.png", None, "test")]


def test_a_flat_folder_has_no_labels_and_leaves_sub_folders_alone(tmp_path: Path):
    make(tmp_path, "b.png", "a.png", "sub/c.png")
    assert rows(tmp_path, kind="flat") == [("a.png", None, None), ("b.png", None, None)]


def test_other_files_are_counted_and_hidden_ones_are_not(tmp_path: Path):
    make(tmp_path, "a.png", "readme.txt", "x/notes.TXT", "x/model.pt", "x/none", "x/long.extension_without_end")
    make(tmp_path, ".hidden.png", ".git/b.png", "__MACOSX/._a.png")
    plan = scan(tmp_path, SourceOptions(kind="imagefolder"), tmp_path)
    assert [item.sample_key for item in plan.items] == ["a.png"]
    assert plan.ignored == Counter({".txt": 2, ".pt": 1, "(other)": 2})


def test_images_in_foreign_formats_are_not_passed_over(tmp_path: Path):
    make(tmp_path, "a.heic", "b.psd", "c.dng")
    assert len(rows(tmp_path)) == 3


def test_names_with_unicode_spaces_newlines_and_odd_bytes_lead_back_to_their_files(tmp_path: Path):
    names = ["ä ö/日本.png", "a b/new\nline.png", 'q\'uote/"x".png', "<b>/&amp;.png", "a\\xff/1.png"]
    try:
        make(tmp_path, *names, os.fsdecode(b"caf\xe9/\xff\xfe.png"), os.fsdecode(b"a\xff/1.png"))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    items = [item for item in scanned(tmp_path) if isinstance(item, Candidate)]
    assert len({item.sample_key for item in items}) == len(items) == 7
    assert set(names) < {item.sample_key for item in items}
    for item in items:
        assert (item.sample_key + item.uri + str(item.label)).encode()
        content = read_bytes(item.uri).decode("utf-8", "surrogateescape")
        assert content == item.sample_key or item.sample_key.startswith("./")
    assert {item.label for item in items} >= {"caf\\xe9", "a\\xff"}


def test_the_order_is_fixed(tmp_path: Path):
    make(tmp_path, *(f"c{number % 3}/{number * 7919 % 101:03d}.png" for number in range(60)))
    keys = [key for key, _, _ in rows(tmp_path)]
    assert keys == sorted(keys)


def test_symlinks_inside_are_followed_once_and_those_that_lead_out_are_failures(tmp_path: Path):
    source = make(tmp_path / "source", "cat/1.png")
    outside = make(tmp_path / "outside", "secret.png", "more/2.png")
    (source / "cat" / "in.png").symlink_to(source / "cat" / "1.png")
    (source / "cat" / "out.png").symlink_to(outside / "secret.png")
    (source / "cat" / "relative.png").symlink_to("../../outside/secret.png")
    (source / "away").symlink_to(outside)
    (source / "root").symlink_to(source)
    (source / "cat" / "up").symlink_to("..")
    (source / "cat" / "dangling.png").symlink_to("nowhere.png")
    (source / "readme.txt").symlink_to(source / "cat" / "1.png")
    (source / "again").symlink_to(source / "cat")
    (source / "again2").symlink_to(source / "cat")
    items = scanned(source)
    assert {item.uri for item in items if isinstance(item, Candidate)} == {str(source / "cat" / "1.png")}
    found = failures(source)
    assert found.keys() >= {"cat/out.png", "cat/relative.png", "away", "root", "cat/up", "cat/dangling.png", "again2"}
    for key in ("cat/out.png", "cat/relative.png", "away"):
        assert "points outside" in found[key]
        assert "root" in found[key], "the remedy"
    assert "already read" in found["root"]


def test_a_further_root_may_be_linked_to(tmp_path: Path):
    source = make(tmp_path / "source", "cat/1.png")
    other = make(tmp_path / "other", "2.png")
    (source / "dog").symlink_to(other)
    assert rows(source, root=str(other)) == [("cat/1.png", None, "cat"), ("dog/2.png", None, "dog")]


def test_a_source_that_is_a_symlink_itself_is_followed(tmp_path: Path):
    make(tmp_path / "real", "cat/1.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert rows(tmp_path / "link") == [("cat/1.png", None, "cat")]


def test_folders_named_like_images_hold_images_or_are_failures(tmp_path: Path):
    make(tmp_path, "series.jpg/1.png", "a.png")
    (tmp_path / "empty.jpg").mkdir()
    assert "folder" in failures(tmp_path)["empty.jpg"]
    assert [item.sample_key for item in scanned(tmp_path) if isinstance(item, Candidate)] == [
        "a.png",
        "series.jpg/1.png",
    ]


def test_sockets_and_pipes_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as endpoint:
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        endpoint.bind("socket.png")
        assert failures(tmp_path).keys() == {"pipe.png", "socket.png"}


def test_a_tree_deeper_than_a_path_may_be_long_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path, "a.png")
    monkeypatch.chdir(tmp_path)
    depth = 0
    try:
        for _ in range(2100):  # built, and removed, step by step: no call can name its end
            Path("d").mkdir()
            os.chdir("d")
            depth += 1
        found = scanned(tmp_path, kind="imagefolder")
    finally:
        for _ in range(depth):
            os.chdir("..")
            Path("d").rmdir()
    assert [type(item) for item in found] == [Candidate, SampleFailure]
    assert "cannot be listed" in found[1].message


@pytest.mark.skipif(os.geteuid() == 0, reason="for root every folder is readable")
def test_a_locked_folder_is_a_failure(tmp_path: Path):
    make(tmp_path, "cat/1.png", "dog/2.png")
    (tmp_path / "dog").chmod(0)
    try:
        assert "permission" in failures(tmp_path)["dog"].lower()
    finally:
        (tmp_path / "dog").chmod(0o755)


def test_sources_that_are_none_are_refused_with_a_remedy(tmp_path: Path):
    make(tmp_path, "single.png", "text.txt", "a.tar", "a.rar", "empty/readme.md")
    for path, words in (
        (tmp_path / "missing", "does not exist"),
        (tmp_path / "single.png", "folder that contains it"),
        (tmp_path / "text.txt", "not a supported kind"),
        (tmp_path / "a.tar", "not a tar"),
        (tmp_path / "a.rar", "unpack"),
        (tmp_path / "empty", "contains no image"),
    ):
        with pytest.raises(SourceError, match=words):
            detect_kind(path)
    with pytest.raises(SourceError, match="imagefolder, flat"):
        scan(tmp_path, SourceOptions(kind="folder"), tmp_path)
    with pytest.raises(SourceError, match="not a folder"):
        scan(tmp_path / "text.txt", SourceOptions(kind="flat"), tmp_path)
    with pytest.raises(SourceError, match="is a folder, so it cannot be read as zip"):
        scan(tmp_path, SourceOptions(kind="zip"), tmp_path)


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path):
    make(tmp_path / "source", "cat/1.png")
    with pytest.raises(SourceError, match="gone is not a folder"):
        scan(tmp_path / "source", SourceOptions(root=str(tmp_path / "gone")), tmp_path)


@pytest.mark.parametrize("name", ["cat/1.png", "1.png", "train/cat/1.png"])
def test_columns_are_refused_where_there_is_no_table(tmp_path: Path, name: str):
    make(tmp_path, name)
    for option in ("path_column", "label_column", "split_column"):
        with pytest.raises(SourceError, match="without a column 'species'"):
            scan(tmp_path, SourceOptions(**{option: "species"}), tmp_path)


def test_an_empty_text_is_not_the_current_folder():
    for empty in ("", " "):
        with pytest.raises(SourceError, match="The source is empty"):
            source_path(empty)
    assert source_path(".") == Path.cwd()


def test_options_survive_json():
    options = SourceOptions(kind="table", root="/data")
    assert SourceOptions.from_dict(options.to_dict()) == options

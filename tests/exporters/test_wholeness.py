"""What holds for every format: the same bytes again, all or nothing, nothing replaced, nothing outside its folder."""

from __future__ import annotations

import pytest
from PIL import Image

from jepascore_core.curation import parse
from jepascore_core.errors import ExportError
from jepascore_core.exporters import FORMATS, SPECS, ExportOptions
from jepascore_core.exporters.places import PathAllocator, safe_name
from tests.exporters.exporting import export, export_bytes
from tests.exporters.images import ALL, KEPT, index, make_source, snapshot


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_samples_give_the_same_bytes(store, scores, tmp_path, file_format):
    for name in "ab":
        export(store, scores, KEPT, tmp_path / name, file_format=file_format)
    if not SPECS[file_format].is_folder:
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        return
    one, two = ({str(p.relative_to(tmp_path / n)): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
                for n in "ab")  # fmt: skip
    assert one == two
    assert one


@pytest.mark.parametrize("file_format", FORMATS)
def test_nobody_kept_is_an_empty_export(store, scores, tmp_path, file_format):
    report = export(store, scores, parse("score > 99"), tmp_path / "none", file_format=file_format)
    assert report.num_rows == 0
    assert report.path.exists()


@pytest.mark.parametrize("file_format", [name for name in FORMATS if SPECS[name].has_images])
@pytest.mark.parametrize("harm", ["vanished", "changed", "cancelled"])
def test_all_or_nothing(store, monkeypatch, tmp_path, file_format, harm):
    source = make_source(tmp_path / "source")
    scores = index(store, source, monkeypatch)
    target = tmp_path / "out"
    target.mkdir()
    victim = source / "test" / "d.png"
    if harm == "vanished":
        victim.unlink()
    elif harm == "changed":
        Image.new("RGB", (5, 5)).save(victim)

    def cancel(done, total):
        if harm == "cancelled" and done >= total:
            raise KeyboardInterrupt

    wanted = KeyboardInterrupt if harm == "cancelled" else ExportError
    with pytest.raises(wanted) as caught:
        export(store, scores, parse(""), target / "x", file_format=file_format, progress=cancel)
    if harm != "cancelled":
        assert "test/d.png" in str(caught.value)
        assert "Nothing was exported" in str(caught.value)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_to_what_is_not_there(store, monkeypatch, tmp_path, link):
    source = make_source(tmp_path / "source")
    scores = index(store, source, monkeypatch)
    (source / "test" / "d.png").unlink()
    with pytest.raises(ExportError, match="Nothing was exported"):
        export(store, scores, parse(""), tmp_path / "x", file_format="tree", options=ExportOptions("kept", link=link))
    assert not (tmp_path / "x").exists()


def test_a_folder_is_never_replaced(store, scores, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    for overwrite in (False, True):
        with pytest.raises(ExportError, match="is a folder"):
            export(store, scores, KEPT, target, file_format="tree", overwrite=overwrite)
    (target / "x").write_text("mine")
    with pytest.raises(ExportError, match="is a folder"):
        export(store, scores, KEPT, target, file_format="webdataset")
    assert (target / "x").read_text() == "mine"


def test_a_source_is_never_overwritten(store, monkeypatch, tmp_path):
    source = make_source(tmp_path / "source", ("a/1.png", "a/2.png"))
    table = tmp_path / "images.csv"
    table.write_text("path\nsource/a/1.png\nsource/a/2.png\n")
    scores, before = index(store, table, monkeypatch), snapshot(tmp_path)
    for target in (table, source / "a" / "1.png", tmp_path / "source" / ".." / "images.csv"):
        with pytest.raises(ExportError, match="is a source of the dataset"):
            export(store, scores, parse(""), target, file_format="csv", overwrite=True)
    assert snapshot(tmp_path) == before


def test_options_that_cannot_be(store, scores, tmp_path):
    with pytest.raises(ExportError, match="cannot link images"):
        export(store, scores, KEPT, tmp_path / "x.csv", options=ExportOptions("kept", link="symlink"))
    with pytest.raises(ExportError, match="Unknown way to place images"):
        export(store, scores, KEPT, tmp_path / "x", file_format="tree", options=ExportOptions("kept", link="move"))
    with pytest.raises(ExportError, match="cannot hold verdicts"):
        export(store, scores, KEPT, tmp_path / "x", file_format="indices", options=ALL)
    with pytest.raises(ExportError, match="is a folder"):
        export_bytes(store, scores, KEPT, "tree")


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/etc/passwd", "a\0b", "con.png", "a/../../b", "x" * 400 + ".png", "..", "", "a\\..\\b"]
)
def test_no_name_leads_out_of_the_export(tmp_path, key):
    for label in (None, "..", "a/b", ""):
        found = PathAllocator().of(key, label, ".png")
        path = (tmp_path / found).resolve()
        assert path.is_relative_to(tmp_path)
        assert path != tmp_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_places_are_never_shared():
    places = PathAllocator()
    found = [places.of(key, "l", ".png") for key in ("a.png", "A.png", "./a.png", "l/a.png", "b", "b.png")]
    assert len({path.casefold() for path in found}) == 6
    assert safe_name("a:b*") == "a_b_"

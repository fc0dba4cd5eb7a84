"""The embedded demo: what it holds, that it is the same bytes every time, and that no half of it is ever seen."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepascore_core.datasets import demo, demo_folder
from jepascore_core.datasets.demo import KINDS, PER_KIND, build_demo, load_digit_images
from jepascore_core.errors import SourceError


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_demo(tmp_path_factory.mktemp("home") / "demos" / demo.DEMO_NAME)


@pytest.fixture(scope="module")
def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def digest(folder: Path) -> str:
    """One hash over the names and bytes of all files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def pixels(table: Path, row: dict[str, str]) -> np.ndarray:
    with Image.open(table.parent / row["path"]) as image:
        assert (image.mode, image.size) == ("L", (32, 32))
        return np.asarray(image).astype(float)


def test_holds_all_digits_and_the_planted_contaminants(rows):
    counts = Counter(row["contaminant"] for row in rows)
    assert {kind: counts[kind] for kind in KINDS} == dict.fromkeys(KINDS, PER_KIND)
    assert {int(row["source_index"]) for row in rows} == set(range(1797))
    assert len(rows) == 1797 + PER_KIND * (len(KINDS) - 1)  # a wrong label moves a digit, the other kinds add one
    assert {row["split"] for row in rows} == {"train", "test"}


def test_every_row_has_its_own_file_and_no_file_is_left_over(table, rows):
    paths = {row["path"] for row in rows}
    assert len(paths) == len(rows)
    assert paths == {path.relative_to(table.parent).as_posix() for path in table.parent.rglob("*.png")}
    assert all(row["path"].startswith(f"digits/{row['label']}/") for row in rows)


def test_numbers_in_names_do_not_tell_contaminants_from_digits(rows):
    numbers = [int(Path(row["path"]).stem) for row in rows if row["contaminant"]]
    assert min(numbers) < 40
    assert max(numbers) > 140
    assert 60 < np.mean(numbers) < 130


def test_contaminants_are_what_their_kind_says(table, rows):
    originals, labels = load_digit_images()
    for row in rows:
        image, source = pixels(table, row), originals[int(row["source_index"])].astype(float)
        change = np.abs(image - source).mean()
        label_is_true = int(row["label"]) == labels[int(row["source_index"])]
        assert label_is_true == (row["contaminant"] != "wrong_label")
        match row["contaminant"]:
            case "" | "wrong_label" | "exact_duplicate":
                assert change == 0
            case "inverted":
                assert np.array_equal(image, 255 - source)
            case "rotated":
                assert any(np.array_equal(np.rot90(image, turns), source) for turns in (2, 3))
                assert int(row["label"]) != 0
            case "near_duplicate":
                assert 0 < change < 25
            case _:
                assert change > 8


def test_exact_duplicates_share_their_bytes_with_a_clean_file(table, rows):
    clean = {row["source_index"]: row["path"] for row in rows if not row["contaminant"]}
    for row in rows:
        if row["contaminant"] == "exact_duplicate":
            twin = table.parent / clean[row["source_index"]]
            assert (table.parent / row["path"]).read_bytes() == twin.read_bytes()


def test_same_seed_same_bytes_other_seed_others(table, tmp_path):
    assert digest(build_demo(tmp_path / "again").parent) == digest(table.parent)
    assert digest(build_demo(tmp_path / "other", seed=1).parent) != digest(table.parent)


def test_a_finished_demo_is_left_alone_and_an_older_one_is_rebuilt(tmp_path, monkeypatch):
    folder = tmp_path / "demo"
    table = build_demo(folder)
    before = table.stat().st_mtime_ns
    assert build_demo(folder) == table
    assert table.stat().st_mtime_ns == before
    with monkeypatch.context() as patch:
        patch.setattr(demo, "RECIPE_VERSION", demo.RECIPE_VERSION + 1)
        build_demo(folder)
    assert table.stat().st_mtime_ns != before
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_an_interrupted_build_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_folder.csv, "writer", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SourceError, match="contains other files"):
        build_demo(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert build_demo(tmp_path / "empty").is_file()


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, labels = load_digit_images()
    reference = load_digits()
    assert np.array_equal(labels, reference.target)
    centres = images[:, 5:-4:3, 5:-4:3].astype(float)  # the middle pixel of each of the 8 x 8 cells
    assert centres.shape == reference.images.shape
    assert np.corrcoef(centres.ravel(), reference.images.ravel())[0, 1] > 0.98

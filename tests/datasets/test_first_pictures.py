"""The first pictures of a source, before it is added: of each class, in bounded time, and nothing is written."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from jepascore_core.datasets.candidates import Candidate
from jepascore_core.datasets.first_pictures import FirstOfClasses, FirstPicture, open_pictures
from jepascore_core.datasets.preview import archive_report, reading_report
from tests.datasets.images import write_image


@pytest.mark.parametrize(
    ("labels", "number", "expected"),
    [
        ("aaaabb", 4, "a0 a1 b4 b5"),
        ("aaaabb", 3, "a0 a1 b4"),
        ("abcdef", 3, "a0 b1 c2"),
        ("ababab", 5, "a0 a2 a4 b1 b3"),
        ("aaa", 8, "a0 a1 a2"),
        ("ab", 0, ""),
    ],
)
def test_the_first_of_each_class_before_the_second(labels: str, number: int, expected: str) -> None:
    first = FirstOfClasses(number)
    for place, label in enumerate(labels):
        first.add(Candidate(f"{label}{place}", "", label))
    assert " ".join(item.sample_key for item in first.chosen()) == expected


def test_without_labels_they_are_the_first() -> None:
    first = FirstOfClasses(2)
    for key in "xyz":
        first.add(Candidate(key, ""))
    assert [item.sample_key for item in first.chosen()] == ["x", "y"]


def test_no_further_picture_is_opened_when_time_is_over(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 1)
    data = (tmp_path / "a.png").read_bytes()
    candidates = [Candidate(key, key) for key in "abc"]
    assert [item.sample_key for item in open_pictures(candidates, lambda _: data, seconds=-1.0)] == ["a"]
    assert len(open_pictures(candidates, lambda _: data, seconds=60.0)) == 3


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes; the first picture of one is broken."""
    for number, name in enumerate(["cat/0.png", "cat/1.png", "dog/2.png"]):
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, number)
    (tmp_path / "pets" / "cat" / "0.png").write_bytes(b"this is no image")
    return tmp_path / "pets"


def check(pictures: tuple[FirstPicture, ...]) -> None:
    """Three pictures, of which one says why it cannot be read."""
    assert [(item.sample_key, item.label) for item in pictures] == [
        ("cat/0.png", "cat"),
        ("cat/1.png", "cat"),
        ("dog/2.png", "dog"),
    ]
    assert [item.thumbnail is None for item in pictures] == [True, False, False]
    assert pictures[0].problem
    for item in pictures[1:]:
        assert Image.open(io.BytesIO(item.thumbnail or b"")).format == "WEBP"


def test_of_a_folder_and_of_an_archive(pets: Path, tmp_path: Path) -> None:
    assert reading_report(pets).pictures == ()
    check(reading_report(pets, num_pictures=8).pictures)
    assert "pictures" not in reading_report(pets, num_pictures=8).to_dict()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(pets.rglob("*.png")):
            archive.write(path, Path("wrapper") / path.relative_to(pets))
    before = sorted(tmp_path.rglob("*"))
    check(reading_report(tmp_path / "a.zip", num_pictures=8).pictures)
    with (tmp_path / "a.zip").open("rb") as upload:
        check(archive_report(upload, "a.zip", num_pictures=8).pictures)
    assert sorted(tmp_path.rglob("*")) == before

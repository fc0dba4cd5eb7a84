"""Zip archives: unpacked in whole or continued, and refused when they are not to be trusted."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jepascore_core.datasets import archives
from jepascore_core.datasets.archives import ArchiveLimits, unpack
from jepascore_core.datasets.candidates import Candidate, SourceOptions
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.sources import detect_kind, scan
from jepascore_core.errors import RunCancelled, SourceError, UnsafeArchiveError
from jepascore_core.records.datasets import SampleFailure
from tests.datasets.images import encode, noise
from tests.datasets.test_reading import digits, write_idx

PNG = encode(noise(), "PNG")


def make_zip(path: Path, members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, data)
    return path


def scanned(archive: Path, **options: str) -> list[Candidate | SampleFailure]:
    return list(scan(archive, SourceOptions(**options), archive.parent / "work").items)


def rows(archive: Path, **options: str) -> list[tuple[str, str | None, str | None]]:
    return [(item.sample_key, item.split, item.label) for item in scanned(archive, **options)]


def nothing_written(folder: Path) -> bool:
    return not any(path.is_file() for path in folder.rglob("*"))


def test_class_folders_in_a_zip(tmp_path: Path):
    archive = make_zip(
        tmp_path / "a.zip", {"cat/1.png": PNG, "dog/2.png": PNG, "readme.txt": b"", "__MACOSX/._1.png": b""}
    )
    assert detect_kind(archive) == "zip"
    plan = scan(archive, SourceOptions(), tmp_path / "work")
    items = list(plan.items)
    assert plan.kind == "zip"
    assert [(item.sample_key, item.label) for item in items] == [("cat/1.png", "cat"), ("dog/2.png", "dog")]
    assert plan.ignored == {".txt": 1}
    assert read_bytes(items[0].uri) == PNG
    assert Path(items[0].uri).stat().st_mtime_ns == archive.stat().st_mtime_ns


def test_folders_that_only_wrap_others_are_stepped_over(tmp_path: Path):
    wrapped = {"my data/v1/cat/1.png": PNG, "my data/v1/dog/2.png": PNG}
    assert rows(make_zip(tmp_path / "a.zip", wrapped)) == [("cat/1.png", None, "cat"), ("dog/2.png", None, "dog")]
    assert rows(make_zip(tmp_path / "b.zip", {"train/cat/1.png": PNG})) == [("train/cat/1.png", "train", "cat")]
    assert rows(make_zip(tmp_path / "c.zip", {"photos/1.png": PNG})) == [("photos/1.png", None, None)]
    assert rows(make_zip(tmp_path / "d.zip", {"cat/1.png": PNG})) == [("cat/1.png", None, "cat")]
    assert rows(make_zip(tmp_path / "d.zip", {"1.png": PNG})) == [("1.png", None, None)]


def test_a_table_in_a_zip_describes_its_images(tmp_path: Path):
    members = {"x/images/1.png": PNG, "x/labels.csv": b"path,kind\nimages/1.png,cat\n../../../etc/passwd,dog\n"}
    archive = make_zip(tmp_path / "a.zip", members)
    good, bad = scanned(archive, label_column="kind")
    assert isinstance(good, Candidate)
    assert (good.sample_key, good.label) == ("images/1.png", "cat")
    assert isinstance(bad, SampleFailure)
    assert "outside" in bad.message


def test_idx_files_in_a_zip(tmp_path: Path):
    images = write_idx(tmp_path / "train-images-idx3-ubyte.gz", digits(3))
    archive = make_zip(tmp_path / "a.zip", {images.name: images.read_bytes()})
    assert [key for key, _, _ in rows(archive)] == ["train/00000", "train/00001", "train/00002"]


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/evil.png", "C:/evil.png", "..\\evil.png", "\\evil.png"]
)
def test_a_member_that_would_leave_the_folder_refuses_the_archive(tmp_path: Path, name: str):
    archive = make_zip(tmp_path / "a.zip", {"1.png": PNG, name: PNG})
    with pytest.raises(UnsafeArchiveError, match="outside the target folder"):
        scanned(archive)
    assert nothing_written(tmp_path / "work")
    assert not (tmp_path / "evil.png").exists()


def test_backslashes_separate_folders_as_windows_writes_them(tmp_path: Path):
    assert rows(make_zip(tmp_path / "a.zip", {"cat\\1.png": PNG})) == [("cat/1.png", None, "cat")]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_symlinks_and_devices_refuse_the_archive(tmp_path: Path, kind: int):
    def change(info: zipfile.ZipInfo) -> None:
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16

    with pytest.raises(UnsafeArchiveError, match="symlink"):
        scanned(make_zip(tmp_path / "a.zip", {"cat": b"/etc"}, change))


def test_an_encrypted_member_refuses_the_archive(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"1.png": PNG})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(UnsafeArchiveError, match="encrypted"):
        scanned(archive)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (ArchiveLimits(members=1), "2 members"),
        (ArchiveLimits(member_bytes=1000), "more than the limit of 1000"),
        (ArchiveLimits(total_bytes=3000), "unpacks to"),
        (ArchiveLimits(ratio=50, ratio_from=100_000), "bombs"),
    ],
)
def test_limits_refuse_before_anything_is_written(tmp_path: Path, limits: ArchiveLimits, words: str):
    archive = make_zip(tmp_path / "a.zip", {"1.png": PNG, "2.bmp": bytes(200_000)})
    with pytest.raises(UnsafeArchiveError, match=words):
        unpack(archive, tmp_path / "work", lambda: None, limits)
    assert nothing_written(tmp_path / "work")


def test_the_default_limits_refuse_a_bomb(tmp_path: Path):
    with pytest.raises(UnsafeArchiveError, match="bombs"):
        scanned(make_zip(tmp_path / "a.zip", {"bomb.bmp": bytes(70_000_000)}))


def test_what_is_no_zip_is_refused(tmp_path: Path):
    for number, data in enumerate((b"", b"not a zip", make_zip(tmp_path / "x.zip", {"1.png": PNG}).read_bytes()[:-30])):
        archive = tmp_path / f"{number}.zip"
        archive.write_bytes(data)
        with pytest.raises(SourceError, match="not a readable zip"):
            scanned(archive)


def test_an_archive_without_images_is_refused(tmp_path: Path):
    with pytest.raises(SourceError, match="no image"):
        scanned(make_zip(tmp_path / "a.zip", {"readme.md": b"hello"}))


def test_an_error_about_what_is_in_an_archive_names_the_archive(tmp_path: Path):
    archive = make_zip(tmp_path / "notes.zip", {"readme.txt": b"no image"})
    with pytest.raises(SourceError) as error:
        scanned(archive)
    assert str(archive) in str(error.value)
    assert str(archive.parent / "work") not in str(error.value)


def test_damaged_and_unusable_members_are_failures(tmp_path: Path):
    good, bad = encode(noise(1), "PNG"), encode(noise(2), "PNG")
    members = {
        "cat/good.png": good,
        "cat/bad.png": bad,
        "cat/" + "n" * 300 + ".png": PNG,
        "cat/good.png/below.png": PNG,
    }
    archive = make_zip(tmp_path / "a.zip", members)
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as opened:
        data[opened.getinfo("cat/bad.png").header_offset + 60] ^= 0xFF
    archive.write_bytes(data)
    for _ in range(2):  # the second time from the record of the extraction
        items = scanned(archive)
        assert [item.sample_key for item in items if isinstance(item, Candidate)] == ["cat/good.png"]
        failed = {item.sample_key: item.message for item in items if isinstance(item, SampleFailure)}
        assert "damaged" in failed["cat/bad.png"]
        assert "name" in failed["cat/" + "n" * 300 + ".png"]
        assert "name" in failed["cat/good.png/below.png"]
        assert len(failed) == 3


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_the_same_name(tmp_path: Path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("cat/1.png", PNG)
        opened.writestr("cat/1.png", b"other")
    failure, candidate = scanned(archive)
    assert read_bytes(candidate.uri) == PNG
    assert isinstance(failure, SampleFailure)
    assert "same name" in failure.message
    assert failure.sample_key != candidate.sample_key


def test_an_interrupted_extraction_continues(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {f"cat/{number}.png": encode(noise(number), "PNG") for number in range(6)})
    work = tmp_path / "work"
    ticks = 0

    def stop_at_the_fourth() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 4:
            raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        unpack(archive, work, stop_at_the_fourth)
    (partial,) = work.iterdir()
    assert partial.suffix == ".part"
    finished = sorted(partial.rglob("*.png"))
    assert len(finished) == 3
    before = [(path.stat().st_ino, path.name) for path in finished]
    folder = unpack(archive, work, lambda: None).folder
    assert len(list(folder.rglob("*.png"))) == 6
    assert [((folder / "cat" / name).stat().st_ino, name) for _, name in before] == before, "not extracted twice"
    assert not partial.exists()


def test_a_complete_extraction_is_used_again(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"cat/1.png": PNG})
    first = scanned(archive)
    inode = Path(first[0].uri).stat().st_ino
    assert scanned(archive) == first
    assert Path(first[0].uri).stat().st_ino == inode


def test_a_changed_archive_is_unpacked_beside_the_earlier_one_and_older_ones_go(tmp_path: Path):
    archive = tmp_path / "a.zip"
    other = make_zip(tmp_path / "other.zip", {"x/1.png": PNG})
    scanned(other)
    folders = []
    for number in range(4):
        make_zip(archive, {f"cat/{number}.png": PNG})
        os.utime(archive, ns=(number, number * 10**9))
        (item,) = scanned(archive)
        assert item.sample_key == f"cat/{number}.png"
        folders.append(Path(item.uri).parent.parent)
    assert [folder.exists() for folder in folders] == [False, False, True, True]
    assert len(list((tmp_path / "work").iterdir())) == 3, "another archive's stays"


def test_a_full_disk_is_told_before_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "_SPARE_BYTES", 10**18)
    with pytest.raises(SourceError, match="free"):
        scanned(make_zip(tmp_path / "a.zip", {"1.png": PNG}))

"""Tars as they are found: odd names, links, and every way of being cut off, damaged, compressed or something else."""

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
from pathlib import Path

import pytest

from jepascore_core.datasets.item_uris import item_title
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.sources import detect_kind
from jepascore_core.errors import SourceError
from tests.datasets.tars import keys, planned, png, write_tar


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_names_are_taken_as_they_are_since_nothing_is_unpacked(tmp_path: Path, form: int):
    names = ["./a.png", "/etc/b.png", "../../c.png", "ü/日本.png", "d" * 300 + ".png", "e#%23 f.png", "g\nh.png",
             "\udcff.png", "UP.PNG", "v1.2/i.png"]  # fmt: skip
    found, failures, _ = planned(
        write_tar(tmp_path / "a.tar", [(name, png(n)) for n, name in enumerate(names)], form), folders="none"
    )
    assert failures == []
    assert keys(found) == ["a", "/etc/b", "../../c", "ü/日本", "d" * 300, "e#%23 f", "g\nh", "./\\xff", "UP", "v1.2/i"]
    assert [read_bytes(item.uri) for item in found] == [png(n) for n in range(len(names))]
    for item in found:
        item.uri.encode()
    assert [item_title(item.uri) for item in found][4:8] == ["d" * 300, "e#%23 f", "g\nh", "\\xff"]


def test_links_devices_and_sparse_members_are_failures(tmp_path: Path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as sink:
        for name, kind in (("a.png", tarfile.SYMTYPE), ("b.png", tarfile.LNKTYPE), ("c.png", tarfile.FIFOTYPE),
                           ("d", tarfile.DIRTYPE), ("e.html", tarfile.SYMTYPE)):  # fmt: skip
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            sink.addfile(member)
        member = tarfile.TarInfo("z.png")
        member.size = len(png())
        sink.addfile(member, io.BytesIO(png()))
    found, failures, _ = planned(path)
    assert keys(found) == ["z"]
    assert {failure.sample_key: failure.message.split(":")[0] for failure in failures} == {
        "a.png": "The member is a link to /etc/passwd",
        "b.png": "The member is a link to /etc/passwd",
        "c.png": "The member is a pipe or device, not a file",
    }
    (tmp_path / "s").mkdir()
    with (tmp_path / "s" / "hole.png").open("wb") as sink:
        sink.truncate(10**7)
        sink.write(png())
    for form in ("gnu", "posix"):
        command = [
            "tar",
            "--sparse",
            f"--format={form}",
            "-cf",
            str(tmp_path / f"{form}.tar"),
            "-C",
            str(tmp_path / "s"),
            ".",
        ]
        subprocess.run(command, check=True)
        found, failures, _ = planned(tmp_path / f"{form}.tar")
        assert (keys(found), keys(failures)) == ([], ["hole.png"])
        assert "stored as a sparse file" in failures[0].message


def test_what_precedes_the_end_of_a_truncated_tar_are_samples(tmp_path: Path):
    path = write_tar(tmp_path / "a.tar", [(f"{n}.png", png(n)) for n in range(4)])
    whole = path.read_bytes()
    place = planned(path)[0][3].uri.rpartition("#")[2]
    start = int(place.partition("+")[0])
    for length, key, words in (
        (start + 10, "3.png", "The tar ends inside this member: download a.tar again"),
        (start - 100, "a.tar", "ends in the middle of a header after the member 2.png"),
    ):
        path.write_bytes(whole[:length])
        found, failures, _ = planned(path)
        assert (keys(found), keys(failures)) == (["0", "1", "2"], [key])
        assert words in failures[0].message
    path.write_bytes(whole[: start - 512] + b"x" * 512 + whole[start:])
    found, failures, _ = planned(path)
    assert (keys(found), keys(failures)) == (["0", "1", "2"], ["a.tar"])
    assert "is damaged (" in failures[0].message
    assert "after the member 2.png" in failures[0].message


def test_headers_that_claim_impossible_sizes_end_the_tar(tmp_path: Path):
    for number, size in enumerate((-1, -1024, -(2**40))):
        member = tarfile.TarInfo("b.png")
        member.size = size
        bad = member.tobuf(tarfile.GNU_FORMAT)
        path = write_tar(tmp_path / f"{number}.tar", {"a.png": png()})
        data = path.read_bytes()[: 512 + 512 * -(-len(png()) // 512)]
        path.write_bytes(data + bad + bytes(1024))
        found, failures, _ = planned(path)
        assert (keys(found), keys(failures)) == (["a"], [path.name])
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 10**11
    path.write_bytes(data + member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    _, failures, _ = planned(path)
    assert "a header of 1000" in failures[0].message


@pytest.mark.parametrize(
    ("name", "pack", "words"),
    [
        ("a.tar.gz", gzip.compress, r"compressed \(gzip\).*`gzip -dc .*/a\.tar\.gz > .*/a\.tar`"),
        ("a.tgz", gzip.compress, r"`gzip -dc .*/a\.tgz > .*/a\.tar`"),
        ("a.tar", gzip.compress, r"`gzip -dc .*/a\.tar > .*/a-unpacked\.tar`"),
        ("a.tar.bz2", bz2.compress, r"`bzip2 -dc "),
        ("a.tar.xz", lzma.compress, r"`xz -dc "),
        ("a.tar.zst", lambda data: b"\x28\xb5\x2f\xfd" + data, r"`zstd -dc "),
        ("a.tar", lambda data: b"no tar" * 200, "is not a tar"),
        ("a.tar", lambda data: b"", "is empty"),
        ("a.tar", lambda data: data[:100], "is not a tar"),
    ],
)
def test_what_is_compressed_or_no_tar_is_refused_with_advice(tmp_path: Path, name: str, pack, words: str):
    path = write_tar(tmp_path / name, {"a.png": png()})
    path.write_bytes(pack(path.read_bytes()))
    with pytest.raises(SourceError, match=words):
        detect_kind(path)
    with pytest.raises(SourceError, match=words):
        planned(tmp_path)
    write_tar(tmp_path / "b.tar", {"b.png": png(1)})
    found, failures, _ = planned(tmp_path)
    assert (keys(found), keys(failures)) == (["b"], [name])


def test_the_advice_for_a_compressed_tar_works(tmp_path: Path):
    path = write_tar(tmp_path / "a b.tar.gz", {"a.png": png()})
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(SourceError) as caught:
        detect_kind(path)
    subprocess.run(str(caught.value).split("`")[1], shell=True, check=True)
    assert keys(planned(tmp_path / "a b.tar")[0]) == ["a"]


def test_what_follows_the_end_of_a_tar_is_said(tmp_path: Path):
    path = write_tar(tmp_path / "a.tar", {"a.png": png(1)})
    data = path.read_bytes()
    for more, words in (
        (data, "if tars were joined"),
        (bytes(3 * 2**20), r"Nothing but zero bytes"),
        (bytes(9000), None),
    ):
        path.write_bytes(data + more)
        found, failures, _ = planned(path)
        assert (keys(found), len(failures)) == (["a"], int(words is not None))
        assert words is None or words in failures[0].message

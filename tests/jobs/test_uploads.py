"""Files that were uploaded one by one become one archive: the same ones the same archive, none lost."""

from __future__ import annotations

import zipfile
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.jobs.uploads import pack

NAMES = st.text("ab/. ", min_size=1, max_size=6).filter(lambda name: name.strip("/. "))


@given(st.lists(st.tuples(NAMES, st.binary(max_size=9)), min_size=1, max_size=5))
def test_all_files_are_in_the_archive(files):
    with zipfile.ZipFile(pack((name, BytesIO(content)) for name, content in files)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.read(name) for name in archive.namelist()) == sorted(content for _, content in files)
        assert len(set(archive.namelist())) == len(files)


def test_the_same_files_are_the_same_archive():
    files = [("x/b.png", b"2"), ("x/a.png", b"1")]
    first, second = (pack((name, BytesIO(content)) for name, content in order).read() for order in (files, files[::-1]))
    assert first == second


def test_folders_stay_and_equal_names_are_numbered():
    files = [("cat/one.png", BytesIO(b"1")), ("cat/one.png", BytesIO(b"2")), ("c\\d.png", BytesIO(b"3"))]
    with zipfile.ZipFile(pack(files)) as archive:
        assert sorted(archive.namelist()) == ["c/d.png", "cat/one (2).png", "cat/one.png"]

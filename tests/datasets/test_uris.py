"""Paths survive the way to text and back, whatever bytes they hold."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.uris import Roots, clean_text, path_to_uri, sample_key, uri_to_path

file_names = st.binary(min_size=1, max_size=30).filter(lambda raw: b"\0" not in raw and b"/" not in raw)


@given(file_names)
def test_a_path_of_any_bytes_becomes_utf8_and_comes_back(raw: bytes):
    path = "/" + os.fsdecode(raw)
    uri = path_to_uri(path)
    assert uri.encode()
    assert uri_to_path(uri) == path


@given(st.lists(file_names, min_size=2, max_size=8, unique=True))
def test_different_paths_have_different_keys_of_valid_text(raws: list[bytes]):
    keys = [sample_key(os.fsdecode(raw)) for raw in raws]
    assert len(set(keys)) == len(keys)
    assert all(key.encode() for key in keys)


def test_keys_that_look_escaped_are_not_confused_with_escaped_ones():
    assert sample_key("a\\xff.png") != sample_key(os.fsdecode(b"a\xff.png"))
    assert sample_key(os.fsdecode(b"a\\xff\xfe")) != sample_key(os.fsdecode(b"a\xff\xfe"))
    assert sample_key("ordinary/ä name\n.png") == "ordinary/ä name\n.png"


@given(st.text(st.characters(), max_size=20))
def test_any_text_becomes_writable(text: str):
    assert clean_text(text).encode().decode() == clean_text(text)


def test_lone_surrogates_are_made_visible():
    assert clean_text(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert clean_text("broken \ud800 json").startswith("broken \\x")


def test_roots_contain_themselves_and_what_is_below_but_no_namesakes(tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir()
    roots = Roots([folder])
    assert roots.contain(str(folder))
    assert roots.contain(f"{folder}/a/b.png")
    assert not roots.contain(f"{folder}_other/b.png")
    assert not roots.contain(str(tmp_path))
    assert Roots(["/"]).contain("/anything")


def test_content_id_is_the_xxh3_of_the_bytes():
    assert content_id(b"") == "99aa06d3014798d86001c324468d497f"
    assert content_id(b"a") != content_id(b"b")

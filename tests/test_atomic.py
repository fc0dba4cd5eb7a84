"""Files and folders appear whole or not at all, and nothing is left behind."""

import threading

import pytest

from jepascore_core.atomic import atomic_path, put_in_place, write_atomically


def test_a_failed_flush_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        write_atomically(tmp_path / "a.bin", b"data")
    assert list(tmp_path.iterdir()) == []
    write_atomically(tmp_path / "a.bin", b"data", is_durable=False)
    assert (tmp_path / "a.bin").read_bytes() == b"data"


def test_a_file_stays_as_it_was_until_its_successor_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, b"before")
    with pytest.raises(ValueError, match="halfway"), atomic_path(path) as temporary:
        temporary.write_text("aft")
        assert path.read_text() == "before"
        raise ValueError("halfway")
    assert path.read_text() == "before"
    with atomic_path(path) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_with_all_that_is_in_it(tmp_path):
    folder = tmp_path / "folder"
    with pytest.raises(ValueError, match="halfway"), atomic_path(folder) as temporary:
        temporary.mkdir()
        (temporary / "one").write_text("1")
        raise ValueError("halfway")
    assert list(tmp_path.iterdir()) == []
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        (temporary / "one").write_text("1")
        assert not folder.exists()
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert list(tmp_path.iterdir()) == [folder]


def test_threads_that_write_the_same_file_do_not_meet(tmp_path):
    path, names, both = tmp_path / "a.txt", [], threading.Barrier(2)

    def write(text):
        with atomic_path(path) as temporary:
            temporary.write_text(text)
            names.append(temporary)
            both.wait(timeout=60)

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 2
    assert path.read_text() in ("one", "two")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_unfinished_under_a_given_name_can_be_put_in_place_later(tmp_path):
    partial = tmp_path / "folder.part"
    partial.mkdir()
    (partial / "one").write_text("1")
    put_in_place(partial, tmp_path / "folder")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["one"]

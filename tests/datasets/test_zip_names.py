"""Names in zip archives whose encoding nobody states: guessed, said, and settled by an option."""

import io
import unicodedata
import zipfile
from pathlib import Path

import pytest

from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.sources import scan
from jepascore_core.datasets.zip_names import guess_encoding
from jepascore_core.errors import SourceError
from tests.datasets.images import write_image


def packed(path: Path, members: dict[bytes, bytes]) -> Path:
    """A zip whose names are these bytes, without the flag that says UTF-8."""
    sink = io.BytesIO()
    stand_ins = {f"{number:04d}{'x' * (len(name) - 4)}": name for number, name in enumerate(members)}
    with zipfile.ZipFile(sink, "w") as archive:
        for stand_in, name in stand_ins.items():
            archive.writestr(zipfile.ZipInfo(stand_in), members[name])
    raw = sink.getvalue()
    for stand_in, name in stand_ins.items():
        raw = raw.replace(stand_in.encode(), name)
    path.write_bytes(raw)
    return path


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return write_image(tmp_path / "one.png").read_bytes()


def read(path: Path, **options: str) -> tuple[dict[str, str | None], ScanPlan]:
    plan = scan(path, SourceOptions(**options), path.parent / "work")
    return {item.sample_key: item.label for item in plan.items if isinstance(item, Candidate)}, plan


def test_utf_8_without_the_flag(tmp_path: Path, image: bytes):
    words = [unicodedata.normalize("NFD", word) for word in ("Caf\u00e9", "\u00c4pfel")]
    found, plan = read(packed(tmp_path / "a.zip", {f"birds/{word}/0ab.png".encode(): image for word in words}))
    assert set(found.values()) == set(words)
    assert (plan.encoding, plan.questions) == ("utf-8", [])


def test_a_table_inside_whose_accents_are_composed(tmp_path: Path, image: bytes):
    names = {unicodedata.normalize("NFD", f"img/Caf\u00e9{n}.png").encode(): image for n in range(2)}
    table = {b"labels.csv": "path,label\nimg/Caf\u00e90.png,a\nimg/Caf\u00e91.png,b\n".encode()}
    found, plan = read(packed(tmp_path / "a.zip", names | table))
    assert {unicodedata.normalize("NFC", key): label for key, label in found.items()} == {
        "img/Caf\u00e90.png": "a",
        "img/Caf\u00e91.png": "b",
    }
    assert plan.ignored == {}


def test_a_code_page_is_guessed_asked_about_and_settled(tmp_path: Path, image: bytes):
    words = ("\u732b", "\u72d7")
    path = packed(tmp_path / "a.zip", {f"{word}/0abc.png".encode("gbk"): image for word in words})
    found, plan = read(path)
    assert set(found.values()) == set(words)
    (question,) = plan.questions
    assert (question.flag, question.chosen, plan.encoding) == ("--encoding", "gbk", "gbk")
    assert "read as gbk: \u732b/0abc.png" in question.text
    assert {"big5", "cp437"} <= set(question.choices)
    found, plan = read(path, encoding="CP437")
    assert (set(found.values()), plan.questions) == ({word.encode("gbk").decode("cp437") for word in words}, [])
    with pytest.raises(SourceError, match=r"not valid utf-8 .*give another encoding"):
        read(path, encoding="utf8")
    with pytest.raises(SourceError, match='Unknown encoding "klingon"'):
        read(path, encoding="klingon")
    assert set(read(path)[0].values()) == set(words), "each reading has its own extraction"


@pytest.mark.parametrize(
    ("encoding", "words", "accepted"),
    [
        ("cp437", ("Caf\u00e9", "\u00c4pfel", "Stra\u00dfe"), {"cp437", "cp850"}),
        ("cp1252", ("Caf\u00e9", "\u00c4pfel", "ma\u00f1ana"), {"cp1252", "cp1250"}),
        ("gbk", ("\u732b", "\u72d7", "\u5c0f\u9e1f", "\u98ce\u666f\u7167\u7247"), {"gbk"}),
        ("cp932", ("\u306d\u3053", "\u3044\u306c", "\u5199\u771f"), {"cp932"}),
        ("cp866", ("\u043a\u043e\u0448\u043a\u0430", "\u0441\u043e\u0431\u0430\u043a\u0430"), {"cp866"}),
        ("cp1251", ("\u043a\u043e\u0448\u043a\u0430", "\u0441\u043e\u0431\u0430\u043a\u0430"), {"cp1251"}),
        ("utf-8", ("\u732b", "Caf\u00e9"), {"utf-8"}),
    ],
)
def test_guesses(encoding: str, words: tuple[str, ...], accepted: set[str]):
    assert guess_encoding([f"{word}/1.png".encode(encoding) for word in words]) in accepted


def test_members_without_extension_are_images_if_they_begin_like_one(tmp_path: Path, image: bytes):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("cat/1", image)
        archive.writestr("dog/2", image)
        archive.writestr("dog/LICENSE", "text")
    found, plan = read(tmp_path / "a.zip")
    assert found == {"cat/1": "cat", "dog/2": "dog"}
    assert plan.ignored.examples == {"(other)": "dog/LICENSE"}


def test_the_text_of_a_table_may_be_in_a_code_page(tmp_path: Path, image: bytes):
    (tmp_path / "1.png").write_bytes(image)
    (tmp_path / "t.csv").write_bytes("path,label\n1.png,Caf\u00e9\n".encode("cp1252"))
    with pytest.raises(SourceError, match="say how it is encoded"):
        read(tmp_path / "t.csv")
    assert read(tmp_path / "t.csv", encoding="cp1252")[0] == {"1.png": "Caf\u00e9"}

"""A report: one file with all that it shows and nothing else, whatever a dataset holds."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from jepascore_core import open_dataset
from jepascore_core.curation import Curation, parse
from jepascore_core.curation.evaluation.evaluate import evaluate
from jepascore_core.errors import ExportError
from jepascore_core.report.about_images import MAX_CLASSES, PER_CLASS
from jepascore_core.report.content import Gallery, Picture, Report, Section, Table
from jepascore_core.report.gather import gather_report
from jepascore_core.report.page import GONE, report_html
from jepascore_core.report.write import SIDE, small_picture, write_report
from jepascore_core.scores.score_set import no_scores
from jepascore_core.storage.store import Store
from tests.browser.pictures import write_digits
from tests.conftest import add_dataset, make_samples, make_store
from tests.pages.situations import Found, put


class Parts(HTMLParser):
    """Elements of a page, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words: list[str] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.sources += [value for name, value in attributes if name in ("src", "href") and value]

    def handle_data(self, text: str) -> None:
        if self._open not in ("script", "style"):
            self.words.append(text)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def titles(report: Report) -> list[str]:
    return [section.title for section in report.sections]


def section(report: Report, title: str) -> Section:
    return next(item for item in report.sections if item.title == title)


@pytest.fixture
def home_store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "home")


@pytest.fixture
def measured(home_store: Store) -> Found:
    return put(home_store, "finished")


def test_a_measured_dataset_has_every_section(home_store: Store, measured: Found):
    assert measured.scores is not None
    rules = evaluate(home_store, measured.scores, parse("class_percentile >= 25"))
    report = gather_report(home_store, measured.scores, "ViT", rules, "mine")
    assert titles(report) == [
        "What it is",
        "What is not in it",
        "Scores",
        "Is the score worth acting on?",
        "Extremes",
        "Duplicates",
        "Labels",
        "Recipe mine",
    ]
    assert "36 samples" in section(report, "What it is").texts[0]
    (reasons,) = section(report, "What is not in it").tables
    assert reasons.rows == (("1", "The file is truncated.", "cat/broken.png"),)
    assert "36 of 36 samples measured" in section(report, "Scores").texts[0]


def test_extremes_are_those_of_the_scores(home_store: Store, measured: Found):
    assert measured.scores is not None
    least, most, *by_class = section(gather_report(home_store, measured.scores, "ViT"), "Extremes").galleries
    keys = [sample.sample_key for sample in measured.samples]
    assert [picture.sample_key for picture in least.pictures] == keys[: len(least.pictures)]
    assert [picture.sample_key for picture in most.pictures] == keys[::-1][: len(most.pictures)]
    assert least.pictures[0].caption == "0.0 · cat"
    assert [gallery.title for gallery in by_class[:2]] == ["cat: least likely", "cat: most likely"]
    assert [picture.sample_key for picture in by_class[0].pictures] == keys[:PER_CLASS]


def test_what_rules_drop_is_counted(home_store: Store, measured: Found):
    assert measured.scores is not None
    rules = evaluate(home_store, measured.scores, parse("class_percentile >= 25"))
    found = section(gather_report(home_store, measured.scores, "ViT", rules), "Rules")
    assert found.texts[:2] == ("Rules: class_percentile >= 25", "27 of 36 samples kept (75.0\xa0%), 9 dropped.")
    clauses, classes = found.tables
    assert clauses.rows == (("class_percentile >= 25", "9", "9"),)
    assert classes.rows == (("cat", "12", "3"), ("dog", "12", "3"), ("emu", "12", "3"))


def test_images_alone_make_a_shorter_report_with_their_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    folder = write_digits(tmp_path / "secret place" / "digits", 20)
    first = min(folder.glob("*/*.png"))
    (first.parent / "copy.png").write_bytes(first.read_bytes())
    open_dataset(folder)
    store = Store(tmp_path / "home")
    (dataset,) = store.catalogue.datasets()
    report = gather_report(store, no_scores(dataset.dataset_id), "")
    assert titles(report) == ["What it is", "Duplicates"]
    assert "Not measured yet: no scores." in report.about
    size = write_report(store, dataset.dataset_id, report, tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert size == len(page.encode()) < 200_000
    parts = Parts(page)
    assert "1 group of identical files: keeping one of each would drop 1 sample." in parts.text
    shown = sum(len(gallery.pictures) for item in report.sections for gallery in item.galleries)
    assert len(parts.sources) == shown
    assert all(source.startswith("data:image/webp;base64,") for source in parts.sources)
    assert "secret place" not in page
    with pytest.raises(ExportError, match="exists"):
        write_report(store, dataset.dataset_id, report, tmp_path / "out.html")


def test_a_page_with_figures_asks_for_nothing(home_store: Store, measured: Found, tmp_path: Path):
    assert measured.scores is not None
    report = gather_report(home_store, measured.scores, "ViT")
    write_report(home_store, measured.dataset.dataset_id, report, tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.count("Plotly.newPlot(") == 1
    assert not [source for source in Parts(page).sources if source.startswith("http")]
    assert GONE in page, "the images of this dataset do not exist"


def test_no_text_of_a_dataset_is_markup():
    evil = '<img src=x onerror="alert(1)">&'
    picture = Picture(evil, "0", evil)
    report = Report(
        evil, (evil,), (Section(evil, (evil,), (Table((evil,), ((evil,),)),), (Gallery(evil, (picture,)),)),)
    )
    for data in (None, b"webp"):
        page = report_html(report, lambda _, data=data: data)
        assert "<img src=x" not in page
        assert Parts(page).text.count(evil) == 9


def test_the_number_of_pictures_has_a_limit(home_store: Store):
    labels = [f"class {number:03d}" for number in range(40) for _ in range(PER_CLASS + 3)]
    dataset = add_dataset(home_store, "many", make_samples(labels))
    report = gather_report(home_store, no_scores(dataset.dataset_id), "")
    galleries = section(report, "What it is").galleries
    assert [len(gallery.pictures) for gallery in galleries] == [PER_CLASS] * MAX_CLASSES
    assert f"{MAX_CLASSES} largest classes" in " ".join(section(report, "What it is").texts)


def test_a_picture_is_small_also_without_a_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    (tmp_path / "images").mkdir()
    Image.new("RGB", (900, 300), "red").save(tmp_path / "images" / "wide.png")
    (sample,) = open_dataset(tmp_path / "images")
    store = Store(tmp_path / "home")
    (dataset,) = store.catalogue.datasets()
    asked = Picture(sample.sample_key, sample.content_id, "")
    for path in store.thumbs_folder.rglob("*.webp"):
        path.unlink()
    data = small_picture(store, dataset.dataset_id, asked)
    assert data is not None
    with Image.open(io.BytesIO(data)) as image:
        assert max(image.size) == SIDE
    (tmp_path / "images" / "wide.png").unlink()
    assert small_picture(store, dataset.dataset_id, asked) is None


def test_a_recipe_of_nothing_is_said(home_store: Store, measured: Found):
    assert measured.scores is not None
    evaluation = evaluate(home_store, measured.scores, Curation())
    found = section(gather_report(home_store, measured.scores, "ViT", evaluation), "Rules")
    assert found.texts[0] == "Rules: all"
    assert re.match(r"36 of 36 samples kept \(100", found.texts[1])

"""Runs: datasets are added, read, and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from jepascore_core.jobs.indexing import CANCELLED_AGAIN, leave_unfinished
from jepascore_core.records.datasets import DatasetState
from jepascore_core.storage.store import Store
from pages.ui.runs import texts as runs_texts
from pages.ui.widgets import texts as widget_texts
from tests.conftest import add_dataset, make_samples
from tests.pages.reading import labels, one, said
from tests.pages.situations import put
from tests.pages.test_runs import PAGE, choose_backbone, open_failures

pytestmark = pytest.mark.usefixtures("no_worker")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of two classes with one image each."""
    for label in ("cat", "dog"):
        path = tmp_path / "photographs" / label / "one.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(path)
    return tmp_path / "photographs"


# Nothing there yet: adding data


def test_nothing_yet(open_page: Callable[..., AppTest]) -> None:
    app = open_page(PAGE)
    assert app.get("expander")[0].proto.expanded
    assert labels(app, "button") == ["Check", "Add"]
    assert "New run" not in said(app)


@pytest.mark.parametrize(
    ("name", "path", "sentence"),
    [
        ("", "", runs_texts.GIVE_SOURCE),
        ("photographs", "", runs_texts.GIVE_SOURCE),
        ("", "/", runs_texts.no_name("/")),
        ("photographs", "/there/is/nothing", "/there/is/nothing does not exist or cannot be reached: check the path."),
    ],
)
def test_what_cannot_be_added(
    open_page: Callable[..., AppTest], home_store: Store, name: str, path: str, sentence: str
) -> None:
    app = open_page(PAGE)
    one(app, "text_input", "Name").set_value(name)
    one(app, "text_input", "Path").set_value(path)
    one(app, "button", "Add").click().run()
    assert sentence in said(app)
    assert sentence in said(app.run()), "whatever makes the page run again"
    assert one(app, "text_input", "Name").value == name
    assert home_store.catalogue.datasets() == []


def test_a_folder_is_added_and_chosen(open_page: Callable[..., AppTest], home_store: Store, photographs: Path) -> None:
    put(home_store, "finished", "a first one")
    app = open_page(PAGE)
    assert not app.get("expander")[0].proto.expanded
    one(app, "text_input", "Name").set_value(" holidays ")
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Add").click().run()
    added = home_store.catalogue.dataset("holidays")
    assert (added.state, added.kind, added.source) == (DatasetState.INDEXING, "imagefolder", str(photographs))
    assert "**holidays** · Indexing" in said(app)
    assert one(app, "selectbox", "Dataset").value == app.query_params["dataset"] == added.dataset_id
    assert (one(app, "text_input", "Name").value, one(app, "text_input", "Path").value) == ("", "")
    assert not app.get("expander")[0].proto.expanded


def test_options_of_a_table(open_page: Callable[..., AppTest], home_store: Store, photographs: Path) -> None:
    table = photographs / "photographs.csv"
    table.write_text("where,what\ncat/one.png,cat\n")
    app = open_page(PAGE)
    for label, text in {
        "Name": "listed",
        "Path": str(table),
        "Path column": "where",
        "Label column": "what",
        runs_texts.ROOT: str(photographs),
    }.items():
        one(app, "text_input", label).set_value(text)
    one(app, "selectbox", "Kind").set_value("table")
    one(app, "button", "Add").click().run()
    assert "listed" in said(app)
    added = home_store.catalogue.dataset("listed")
    assert added.kind == "table"
    assert added.options | {"path_column": "where", "label_column": "what", "root": str(photographs)} == added.options


def test_a_name_that_is_taken(open_page: Callable[..., AppTest], home_store: Store, photographs: Path) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    one(app, "text_input", "Name").set_value("digits")
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Add").click().run()
    assert "The name 'digits' is taken by a dataset with another source" in said(app)
    assert "Choose another name" in said(app)
    one(app, "text_input", "Name").set_value("photographs")
    one(app, "button", "Add").click().run()
    assert "with another source" not in said(app)


def test_a_zip_is_kept_where_the_worker_finds_it(open_page: Callable[..., AppTest], home_store: Store) -> None:
    image, archive = BytesIO(), BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PNG")
    with ZipFile(archive, "w") as sink:
        sink.writestr("cat/one.png", image.getvalue())
    app = open_page(PAGE)
    app.button_group[0].set_value(runs_texts.WAYS["files"]).run()
    assert "Path" not in labels(app, "text_input")
    one(app, "text_input", "Name").set_value("uploaded")
    one(app, "file_uploader", runs_texts.FILES).set_value(("images.zip", archive.getvalue(), "application/zip"))
    one(app, "button", "Add").click().run()
    assert "**uploaded** · Indexing" in said(app)
    added = home_store.catalogue.dataset("uploaded")
    assert added.kind == "zip"
    assert Path(added.source).parent == home_store.home / "uploads"
    assert Path(added.source).read_bytes() == archive.getvalue()


def test_an_upload_replaces_nothing_unasked(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "finished")
    archive = BytesIO()
    with ZipFile(archive, "w") as sink:
        sink.writestr("cat/one.png", b"")
    before = home_store.catalogue.dataset("digits")
    app = open_page(PAGE)
    app.button_group[0].set_value(runs_texts.WAYS["files"]).run()
    one(app, "text_input", "Name").set_value("digits")
    one(app, "file_uploader", runs_texts.FILES).set_value(("images.zip", archive.getvalue(), "application/zip"))
    one(app, "button", "Add").click().run()
    assert "The name 'digits' is taken by a dataset with" in said(app)
    assert home_store.catalogue.dataset("digits") == before
    assert list((home_store.home / "uploads").iterdir()) == []
    one(app, "checkbox", runs_texts.REPLACE).check()
    one(app, "button", "Add").click().run()
    wanted = home_store.catalogue.dataset("digits").wanted or {}
    assert Path(wanted["source"]).parent == home_store.home / "uploads"


def test_a_dataset_is_moved_from_its_card(
    open_page: Callable[..., AppTest], home_store: Store, photographs: Path
) -> None:
    put(home_store, "finished")
    app = open_page(PAGE)
    one(app, "text_input", "New path").set_value(str(photographs / "nowhere"))
    one(app, "button", "Move").click().run()
    assert "does not exist" in said(app)
    one(app, "text_input", "New path").set_value(str(photographs))
    one(app, "button", "Move").click().run()
    wanted = home_store.catalogue.dataset("digits").wanted or {}
    assert (wanted["source"], wanted["anyway"]) == (str(photographs), False)


def test_an_upload_needs_a_file(open_page: Callable[..., AppTest], home_store: Store) -> None:
    app = open_page(PAGE)
    app.button_group[0].set_value(runs_texts.WAYS["files"]).run()
    one(app, "text_input", "Name").set_value("uploaded")
    one(app, "button", "Add").click().run()
    assert runs_texts.GIVE_SOURCE in said(app)


# Said before it is done


def test_a_check_says_how_a_folder_would_be_read_and_names_it(
    open_page: Callable[..., AppTest], home_store: Store, photographs: Path
) -> None:
    (photographs / "notes.txt").write_text("x")
    app = open_page(PAGE)
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Check").click().run()
    words = said(app)
    assert "**Read as** · a folder of images in folders" in words
    assert "**Samples** · 2 samples" in words
    assert "cat 1" in words and "dog 1" in words
    assert "**Skipped** · 1 " in words
    assert [item.proto.imgs[0].caption for item in app.get("image")] == ["cat", "dog"]
    assert not list((home_store.home / "thumbs").rglob("*.webp")), "nothing is written"
    assert home_store.catalogue.datasets() == []
    assert one(app, "text_input", "Name").value == "photographs"
    one(app, "button", "Add").click().run()
    assert home_store.catalogue.dataset("photographs").kind == "imagefolder"
    assert "Read as" not in said(app)


def test_a_name_that_a_check_filled_in_follows_the_path_and_one_that_was_typed_stays(
    open_page: Callable[..., AppTest], home_store: Store, photographs: Path
) -> None:
    app = open_page(PAGE)
    one(app, "text_input", "Path").set_value(str(photographs.parent / "mistyped"))
    one(app, "button", "Check").click().run()
    assert one(app, "text_input", "Name").value == "mistyped"
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Check").click().run()
    assert one(app, "text_input", "Name").value == "photographs"
    one(app, "text_input", "Path").set_value(str(photographs / "cat"))
    one(app, "button", "Add").click().run()
    assert [dataset.name for dataset in home_store.catalogue.datasets()] == ["cat"]
    one(app, "text_input", "Name").set_value("mine")
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Check").click().run()
    assert one(app, "text_input", "Name").value == "mine"


def test_a_check_of_a_folder_that_moved_says_how_decisions_come_along(
    open_page: Callable[..., AppTest], home_store: Store, photographs: Path
) -> None:
    found = put(home_store, "finished")  # whose source is no folder of this machine
    app = open_page(PAGE)
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Check").click().run()
    assert "datasets move" not in said(app)
    image = next(photographs.rglob("*.png"))
    copied = photographs / found.samples[0].sample_key
    copied.parent.mkdir(exist_ok=True)
    copied.write_bytes(image.read_bytes())
    one(app, "button", "Check").click().run()
    assert f"`jepascore datasets move digits {photographs}`" in said(app)


def test_a_name_is_the_last_part_of_the_path_unless_one_is_given(
    open_page: Callable[..., AppTest], home_store: Store, photographs: Path
) -> None:
    app = open_page(PAGE)
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Add").click().run()
    assert home_store.catalogue.dataset("photographs").source == str(photographs)


def test_a_guess_is_a_question_and_the_answer_is_an_option(
    open_page: Callable[..., AppTest], home_store: Store, photographs: Path
) -> None:
    (photographs / "cat").rename(photographs / "train")
    app = open_page(PAGE)
    one(app, "text_input", "Path").set_value(str(photographs))
    one(app, "button", "Check").click().run()
    assert "is named like a split" in said(app)
    assert one(app, "selectbox", runs_texts.QUESTIONS["folders"]).value == "classes"
    one(app, "selectbox", runs_texts.QUESTIONS["folders"]).set_value("splits").run()
    assert "**Splits** · the folders' names: dog 1, train 1" in said(app)
    assert one(app, "selectbox", runs_texts.QUESTIONS["folders"]).value == "splits"
    assert runs_texts.you_chose("splits", "The folder train is named like a split") in said(app)
    one(app, "button", "Add").click().run()
    assert home_store.catalogue.dataset("photographs").options["folders"] == "splits"


def test_a_check_of_nothing_and_of_what_is_not_there(open_page: Callable[..., AppTest], home_store: Store) -> None:
    app = open_page(PAGE)
    one(app, "button", "Check").click().run()
    assert "Read as" not in said(app)
    one(app, "text_input", "Path").set_value("/there/is/nothing")
    one(app, "button", "Check").click().run()
    assert "/there/is/nothing does not exist or cannot be reached" in said(app)


def test_a_check_of_an_upload_unpacks_nothing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    image, archive = BytesIO(), BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PNG")
    with ZipFile(archive, "w") as sink:
        sink.writestr("cat/one.png", image.getvalue())
    app = open_page(PAGE)
    app.button_group[0].set_value(runs_texts.WAYS["files"]).run()
    one(app, "file_uploader", runs_texts.FILES).set_value(("pets.zip", archive.getvalue(), "application/zip"))
    one(app, "button", "Check").click().run()
    assert "**Read as** · a zip archive" in said(app)
    assert one(app, "text_input", "Name").value == "pets"
    assert not (home_store.home / "uploads").exists()


# Indexing


def test_indexing(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "indexing")
    app = open_page(PAGE)
    assert "**digits** · Indexing" in said(app)
    assert "400 of 1,000 files indexed · 100 images/s · 6.0 s left" in said(app)
    assert "Reading and checking every image" in said(app)
    assert "0 samples" not in said(app)
    one(app, "button", "Cancel").click().run()
    assert "**digits** · Cancelling" in said(app)
    assert one(app, "button", "Cancel").disabled
    assert home_store.catalogue.dataset(found.dataset.dataset_id).cancel_requested


def test_an_index_that_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "index failed")
    app = open_page(PAGE)
    assert "**digits** · Failed" in said(app)
    assert "The folder is gone: check the path." in said(app)
    choose_backbone(app)
    one(app, "button", "Start").click().run()
    assert "The dataset 'digits' is not indexed yet (failed)." in said(app)
    assert "**digits** · Failed" in said(app), "an error above hides nothing below"
    assert "The dataset 'digits' is not indexed yet (failed)." in said(app.run()), "whatever makes the page run again"
    one(app, "button", "Resume").click().run()
    assert home_store.catalogue.dataset(found.dataset.dataset_id).state is DatasetState.INDEXING
    assert "**digits** · Indexing" in said(app)
    assert "(failed)" not in said(app.run())


def test_an_index_that_is_there(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE)
    assert "36 samples · 3 classes\n" in said(app)
    assert "/images/digits" in said(app)
    assert "1 unreadable file" in labels(app, "expander")
    open_failures(app, f"dataset-{found.dataset.dataset_id}")
    assert "**1** while decoding (OSError)" in said(app)
    assert "cat/broken.png: The file is truncated." in said(app)
    assert labels(app, "download_button") == [widget_texts.ALL_FAILURES]
    one(app, "button", runs_texts.RESCAN).click().run()
    assert home_store.catalogue.dataset(found.dataset.dataset_id).state is DatasetState.INDEXING


def test_images_without_labels(open_page: Callable[..., AppTest], home_store: Store) -> None:
    add_dataset(home_store, "flat", make_samples([None, None]))
    assert "2 samples · no labels\n" in said(open_page(PAGE))


def test_an_index_stands_although_the_next_one_failed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    changes = {"error": "The folder is gone: check the path.", "ignored": {".txt": 2, ".json": 1}}
    home_store.catalogue.update_dataset(found.dataset.dataset_id, **changes)
    app = open_page(PAGE)
    assert "**digits** · Ready" in said(app)
    assert "36 samples · 3 classes · 3 other files skipped (e.g. .txt, .json)\n" in said(app)
    assert "The folder is gone: check the path. The dataset is unchanged." in said(app)
    one(app, "button", runs_texts.RESCAN).click().run()
    assert "The folder is gone" not in said(app)


def test_reading_again_that_was_cancelled(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    leave_unfinished(home_store, found.dataset)
    app = open_page(PAGE)
    assert "**digits** · Ready, rescan cancelled" in said(app)
    assert runs_texts.cancelled(CANCELLED_AGAIN) in said(app)
    assert "36 samples · 3 classes\n" in said(app)
    assert "files indexed" not in said(app)
    one(app, "button", "Resume").click().run()
    assert home_store.catalogue.dataset(found.dataset.dataset_id).state is DatasetState.INDEXING


def test_a_first_reading_that_was_cancelled(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "indexing")
    home_store.catalogue.update_dataset(found.dataset.dataset_id, state=DatasetState.CANCELLED, message="Cancelled")
    app = open_page(PAGE)
    assert "**digits** · Cancelled" in said(app)
    assert "400 of 1,000 files indexed" in said(app)
    assert runs_texts.cancelled("Cancelled") in said(app)


def test_a_dataset_is_forgotten(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    one(app, "button", runs_texts.REMOVE_DATASET).click().run()
    assert home_store.catalogue.datasets() == []
    assert "dataset" not in app.query_params
    assert "New run" not in said(app)
    assert home_store.measured_keys(), runs_texts.REMOVE_ABOUT


def test_a_dataset_is_not_forgotten_while_it_is_measured(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put(home_store, "running")
    (remove,) = [block.proto for block in open_page(PAGE).get("popover") if block.proto.popover.label == "Remove"]
    assert remove.popover.disabled
    assert "cancel it first" in remove.popover.help

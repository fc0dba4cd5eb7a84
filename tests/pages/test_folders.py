"""Runs: look through folders, upload files and folders, see what was found before anything is added."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from jepascore_core.datasets.browsing import ROOTS_VARIABLE
from jepascore_core.storage.store import Store
from pages.ui.app import state
from pages.ui.runs import texts
from tests.pages.reading import labels, one, said
from tests.pages.test_runs import PAGE

pytestmark = pytest.mark.usefixtures("no_worker")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("birds/crow/1.png", "birds/crow/2.png", "birds/owl/3.png", "plain/4.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (tmp_path / "pictures" / "list.csv").write_text("path\nbirds/crow/1.png\n")
    monkeypatch.setenv(ROOTS_VARIABLE, str(tmp_path / "pictures"))
    return tmp_path / "pictures"


def browse(app: AppTest) -> AppTest:
    app.session_state[state.FOLDERS_OPEN] = True
    return app.run()


def test_a_folder_is_found_previewed_and_added(
    open_page: Callable[..., AppTest], home_store: Store, pictures: Path
) -> None:
    app = open_page(PAGE)
    assert not [label for label in labels(app, "button") if "image" in label]
    app = browse(app)
    assert f"**{pictures}** · 4 images" in said(app).replace("\\", "")
    assert [label for label in labels(app, "button") if " · " in label] == ["birds · 3 images", "plain · 1 image"]
    app.button(key=f"open-{pictures / 'birds'}").click().run()
    assert app.query_params[state.FOLDER] == str(pictures / "birds")
    app.button(key="use-folder").click().run()
    assert not app.exception
    assert state.FOLDER not in app.query_params
    assert (one(app, "text_input", "Path").value, one(app, "text_input", "Name").value) == (
        str(pictures / "birds"), "birds",
    )  # fmt: skip
    assert "**Samples** · 3 samples" in said(app)
    assert "crow 2" in said(app)
    one(app, "button", "Add").click().run()
    assert home_store.catalogue.dataset("birds").source == str(pictures / "birds")


def test_a_table_is_chosen_by_itself(open_page: Callable[..., AppTest], pictures: Path) -> None:
    app = browse(open_page(PAGE))
    app.button(key=f"use-{pictures / 'list.csv'}").click().run()
    assert one(app, "text_input", "Path").value == str(pictures / "list.csv")
    assert "**Paths** · column path of list.csv" in said(app)


def test_a_link_out_of_bounds_shows_the_roots(open_page: Callable[..., AppTest], pictures: Path) -> None:
    app = browse(open_page(PAGE, folder="/etc"))
    assert "is not below a folder that may be looked through" in said(app)
    assert f"open-{pictures}" in [button.key for button in app.button]


def png() -> bytes:
    image = BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PNG")
    return image.getvalue()


def test_files_are_added_as_one_archive(open_page: Callable[..., AppTest], home_store: Store) -> None:
    app = open_page(PAGE)
    app.button_group[0].set_value(texts.WAYS["files"]).run()
    files = [(name, png(), "image/png") for name in ("b.png", "a.png")]
    one(app, "file_uploader", texts.FILES).set_value(files)
    one(app, "button", "Check").click().run()
    assert not app.exception
    assert "**Samples** · 2 samples" in said(app)
    one(app, "text_input", "Name").set_value("mine")
    one(app, "button", "Add").click().run()
    added = home_store.catalogue.dataset("mine")
    assert added.kind == "zip"
    assert Path(added.source).parent == home_store.home / "uploads"


def test_a_folder_is_uploaded_with_its_folders(open_page: Callable[..., AppTest], home_store: Store) -> None:
    app = open_page(PAGE)
    app.button_group[0].set_value(texts.WAYS["folder"]).run()
    files = [(f"pets/{label}/one.png", png(), "image/png") for label in ("cat", "dog")]
    one(app, "file_uploader", texts.FOLDER).set_value(files)
    one(app, "button", "Check").click().run()
    assert not app.exception
    assert one(app, "text_input", "Name").value == "pets"
    assert "cat 1, dog 1" in said(app)
    one(app, "button", "Add").click().run()
    assert home_store.catalogue.dataset("pets").kind == "zip"


def test_all_classes_are_listed(open_page: Callable[..., AppTest], tmp_path: Path) -> None:
    for number in range(7):
        path = tmp_path / "many" / f"class {number}" / "one.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(png())
    app = open_page(PAGE)
    one(app, "text_input", "Path").set_value(str(tmp_path / "many"))
    one(app, "button", "Check").click().run()
    table = app.dataframe[0].value
    assert len(table) == 7
    assert list(table[texts.ALL_CLASSES])[:2] == ["class 0", "class 1"]

"""The frame of every page, the error boundary, and the line of what is under way."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from jepascore_core.jobs.demos import DEFAULT_DEMO
from jepascore_core.jobs.process import worker_lock
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from pages.ui.app.frame import MENU, ROOT
from pages.ui.home import texts as home_texts


def test_the_menu_names_the_pages_that_exist(open_page: Callable[..., AppTest]) -> None:
    app = open_page()
    assert not app.exception
    links = [link.proto.label for link in app.sidebar.get("page_link")]
    assert links == [label for path, label, _ in MENU if (ROOT / path).is_file()]
    assert links[0] == "Home"


def test_an_empty_home_says_what_to_do(open_page: Callable[..., AppTest]) -> None:
    app = open_page()
    assert app.title[0].value == "Home"
    assert home_texts.EMPTY_TITLE in [item.value for item in app.subheader]
    assert not app.sidebar.caption


def test_home_lists_datasets_and_escapes_their_names(open_page: Callable[..., AppTest], home_store: Store) -> None:
    home_store.catalogue.add_dataset("![x](http://evil.example)", "/data", "folder", {})
    app = open_page()
    assert not app.exception
    assert home_texts.EMPTY_TITLE not in [item.value for item in app.subheader]
    assert not any("![x](" in item.value for item in app.markdown)


def test_what_is_under_way_has_a_line(open_page: Callable[..., AppTest], home_store: Store) -> None:
    catalogue = home_store.catalogue
    dataset = catalogue.add_dataset("digits", "/data", "folder", {})
    catalogue.update_dataset(dataset.dataset_id, state="ready", num_total=10, num_indexed=10)
    run = catalogue.add_run(ResolvedRequest(dataset.dataset_id, BackboneRef("bundled:tiny"), MeasurementSpec(), "cpu"))
    catalogue.update_run(run.run_id, state=RunState.QUEUED, num_total=10)
    app = open_page()
    assert not app.exception
    bars = [bar.proto for bar in app.sidebar.get("progress")]
    assert len(bars) == 1
    assert bars[0].text.replace("\\", "") == "digits, tiny (bundled) · Waiting"
    catalogue.update_run(run.run_id, state=RunState.FINISHED)
    assert not app.run().sidebar.get("progress")


def fail_in_many_ways() -> None:
    import streamlit as st

    from jepascore_core.errors import SourceError
    from pages.ui.app.errors import errors_shown

    @st.fragment
    @errors_shown()
    def part() -> None:
        raise SourceError("The part is missing.")

    part()
    with errors_shown():
        st.write("before")
        raise SourceError("The folder ![x](http://evil.example) is gone. Run `jepascore doctor`.")
    st.write("after")


def test_an_error_that_is_meant_for_people_is_one_sentence() -> None:
    app = AppTest.from_function(fail_in_many_ways, default_timeout=30).run()
    assert not app.exception
    assert [item.value for item in app.markdown] == ["before", "after"]
    assert app.error[0].value == "The part is missing\\."
    assert "![" not in app.error[1].value
    assert "`jepascore doctor`" in app.error[1].value


def test_any_other_error_keeps_its_traceback() -> None:
    def page() -> None:
        from pages.ui.app.errors import errors_shown

        with errors_shown():
            raise ZeroDivisionError

    app = AppTest.from_function(page, default_timeout=30).run()
    assert len(app.exception) == 1
    assert not app.error


def test_a_broken_catalogue_is_one_sentence_too(open_page: Callable[..., AppTest], home_store: Store) -> None:
    home_store.catalogue.path.write_bytes(b"this is no database" * 100)
    app = open_page()
    assert not app.exception
    assert any("cannot be used" in item.value for item in app.error)


def test_the_demo_is_one_click_away(open_page: Callable[..., AppTest], home_store: Store) -> None:
    app = open_page()
    with worker_lock(home_store.home):  # as if a worker lived, so that none is started for this test
        next(button for button in app.button if button.label == home_texts.ADD_DEMO).click().run(timeout=60)
    assert not app.exception
    assert [dataset.name for dataset in home_store.catalogue.datasets()] == [DEFAULT_DEMO.name]
    asked = reversed(home_store.catalogue.runs(active_only=True))
    assert tuple(run.backbone.name for run in asked) == DEFAULT_DEMO.backbones, "the first is measured first"
    assert home_texts.EMPTY_TITLE not in [item.value for item in app.subheader]

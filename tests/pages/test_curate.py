"""Curate: rules from the URL, chips, the bar, recipes, exports."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation.columns.cache import Columns
from jepascore_core.curation.decisions import decide
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.saved_recipes import saved_recipes
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from pages.ui.curate import texts as curate_texts
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample
from tests.embeddings.clumps import flipped, put_clumps
from tests.pages.reading import said
from tests.pages.situations import measure_again, put

PAGE = "pages/curate.py"


def metrics(app: AppTest) -> dict[str, str]:
    return {item.label: item.value for item in app.metric}


def chips(app: AppTest) -> list[str]:
    return [item.proto.popover.label for item in app.get("popover") if "-chip-" in item.proto.id]


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_without_rules_everything_is_kept(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert not app.exception
    assert metrics(app) == {
        "Kept": "36", "Dropped": "0", "Not measured": "0", curate_texts.MANUAL: "0", curate_texts.UNREADABLE: "1",
    }  # fmt: skip
    assert chips(app) == []


def test_rules_come_from_the_url_and_go_with_their_chip(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    rules = 'class_percentile >= 25 and label != "emu"'
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules=rules)
    assert metrics(app)["Kept"] == "18"
    assert app.text_input(key="query-bar").value == rules
    assert [chip.rpartition(" · ")[2] for chip in chips(app)] == ["drops 9", "drops 12"]
    next(button for button in app.button if (button.key or "").startswith("remove-1")).click().run()
    assert metrics(app)["Kept"] == "27"
    assert app.query_params["rules"] == "class_percentile >= 25"
    assert app.text_input(key="query-bar").value == "class_percentile >= 25"


def test_typing_rules(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    app.text_input(key="query-bar").set_value("all | budget 6 balanced").run()
    assert metrics(app)["Kept"] == "6"
    app.text_input(key="query-bar").set_value("percentile >= five").run()
    assert not app.exception
    assert "Expected a number" in app.error[0].value
    assert app.code[0].value == "percentile >= five\n              ^"
    app.text_input(key="query-bar").set_value("").run()
    assert metrics(app)["Kept"] == "36"


def test_a_mistyped_rule_leaves_what_the_last_right_ones_came_to(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules="class_percentile >= 25")
    for typed in ("class_percentil >= 25", "drop the worst 5%"):
        app.text_input(key="query-bar").set_value(typed).run()
        assert not app.exception
        assert app.text_input(key="query-bar").value == app.query_params["rules"] == typed
        assert (metrics(app)["Kept"], len(chips(app))) == ("27", 1)
        assert curate_texts.shown_instead("class") in app.warning[0].value
        assert app.button(key="add-score") and app.get("download_button")
    # A link to it says the same, on Review as well.
    copied = {name: str(app.query_params[name]) for name in ("dataset", "rules", "last-rules")}
    for page in (PAGE, "pages/review.py"):
        again = open_page(page, **copied)
        assert not again.exception
        assert 'Unknown name "drop" (character 1)' in again.error[0].value.replace("\\", "")
        assert "class" in again.warning[0].value
    app.button(key="add-score").click().run()
    assert app.query_params["rules"] == "class_percentile >= 25 and class_percentile >= 5"
    assert "last-rules" not in app.query_params
    assert not app.error


def test_the_forms_add_a_rule(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules='label = "cat"')
    app.button(key="add-score").click().run()
    assert app.query_params["rules"] == 'label = "cat" and class_percentile >= 5'
    app.button(key="add-duplicates").click().run()
    app.button(key="add-budget").click().run()
    assert app.query_params["rules"] == 'label = "cat" and class_percentile >= 5 | one per exact | budget 1000'
    assert not app.exception
    assert app.button(key="add-class").disabled


def test_label_issues_have_a_form(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_clumps(home_store, flipped([7]))
    app = open_page(PAGE)
    field(app, "multiselect", curate_texts.LOOKS_LIKE).select("dog").run()
    app.button(key="add-labels").click().run()
    assert app.query_params["rules"] == 'label_issue < 0.9 or likely_label != "dog"'
    assert metrics(app)["Dropped"] == "1"


def field(app: AppTest, kind: str, label: str) -> Any:
    return next(item for item in getattr(app, kind) if item.label == label)


def test_a_rule_may_be_an_alternative(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules='class_percentile >= 25 and label != "emu"')
    app.number_input(key="image-low").set_value(64).run()
    app.selectbox(key="combine-image").set_value(2).run()
    app.button(key="add-image").click().run()
    assert app.query_params["rules"] == 'class_percentile >= 25 and (label != "emu" or width >= 64)'
    assert metrics(app)["Kept"] == "27"
    assert not app.exception


def test_the_agreement_of_backbones_is_a_form(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert app.button(key="add-agreement").disabled
    measure_again(home_store, found)
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    app.button(key="add-agreement").click().run()
    rules = app.query_params["rules"]
    assert rules.startswith("not at least 2 of (class_percentile[")
    assert rules.count("< 5") == 2
    assert not app.exception


def test_columns_of_a_table_and_splits_are_a_form(open_page: Callable[..., AppTest], home_store: Store) -> None:
    samples = [make_sample(f"{n}.png", "a", "train" if n % 2 else "test", year=2000 + n) for n in range(6)]
    dataset = add_dataset(home_store, "d", samples)
    values = {sample.sample_key: 1.0 for sample in samples}
    add_measurements(home_store, dataset, add_backbone(home_store), values, samples=samples)
    app = open_page(PAGE, dataset=dataset.dataset_id)
    field(app, "multiselect", "Splits to keep").set_value(["train"]).run()
    app.button(key="add-columns").click().run()
    app.selectbox(key="columns-name").set_value("year").run()
    field(app, "checkbox", curate_texts.IS_NUMBER).check().run()
    app.number_input(key="columns-low").set_value(2003).run()
    app.button(key="add-columns").click().run()
    assert metrics(app)["Kept"] == "2"
    app.selectbox(key="columns-name").set_value("sample key").run()
    field(app, "text_input", curate_texts.PATTERN).set_value("5*").run()
    field(app, "checkbox", curate_texts.NEGATE).check().run()
    app.button(key="add-columns").click().run()
    assert app.query_params["rules"] == 'split = "train" and meta["year"] >= 2003 and not key like "5*"'
    assert metrics(app)["Kept"] == "1"
    assert not app.exception


def test_rules_that_no_address_can_carry_are_refused(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    rules = f'key like "{"x" * 4062}*" and width >= 1'
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules=rules)
    app.button(key="add-budget").click().run()
    assert app.query_params["rules"] == rules
    app.button(key="add-score").click().run()
    assert app.query_params["rules"] == rules
    assert app.warning[0].value == curate_texts.too_long(4096)


def test_decisions_of_people_count(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    first = found.samples[0]
    decide(home_store, found.dataset.dataset_id, [(first.sample_key, first.content_id)], "keep", "ada")
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules="class_percentile >= 25")
    assert (metrics(app)["Kept"], metrics(app)[curate_texts.MANUAL]) == ("28", "1")


def test_a_baseline_is_added_by_the_form_and_worked_out(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert not any(curate_texts.BASELINES_ABOUT in item.value for item in app.caption)
    next(item for item in app.selectbox if item.label == curate_texts.SCORE).set_value("knn").run()
    assert any(curate_texts.BASELINES_ABOUT in item.value for item in app.caption)
    app.button(key="add-score").click().run()
    assert app.query_params["rules"] == "class_percentile[knn] >= 5"
    # Every embedding of these tests is the same, so all are as typical.
    assert metrics(app)["Kept"] == "36"
    app.text_input(key="query-bar").set_value("percentile[mahalanobis] >= 60").run()
    assert (metrics(app)["Kept"], metrics(app)["Dropped"]) == ("0", "36")
    assert not app.exception


def test_recipes_are_saved_opened_duplicated_and_removed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = open_page(PAGE, dataset=dataset_id, rules="class_percentile >= 25")
    next(item for item in app.text_input if item.label == curate_texts.SAVE_AS).set_value("mine").run()
    press(app, "Save")
    assert [item.name for item in saved_recipes(home_store, dataset_id)] == ["mine"]
    assert any(curate_texts.kept_when_saved(27, 36) in item.value for item in app.markdown)
    press(app, "Duplicate")
    assert [item.name for item in saved_recipes(home_store, dataset_id)] == ["mine (2)", "mine"]
    press(app, curate_texts.WHAT_CHANGED)
    assert "27 samples kept, as before" in app.success[0].value.replace("\\", "")
    app.text_input(key="query-bar").set_value("").run()
    press(app, "Open")
    assert metrics(app)["Kept"] == "27"
    press(app, curate_texts.SHOW_DIFFERENCES)
    assert any("Both keep 27 samples" in item.value for item in app.markdown)
    name = next(item for item in app.text_input if item.label == curate_texts.SAVE_AS)
    name.set_value("mine").run()
    press(app, "Save")
    assert "already" in app.error[0].value
    press(app, "Remove")
    assert [item.name for item in saved_recipes(home_store, dataset_id)] == ["mine"]
    assert not app.exception


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jepascore_core.exporters.requests.start_worker", lambda *_: False)


def ask_for_a_tree(open_page: Callable[..., AppTest], dataset_id: str, path: Path) -> AppTest:
    app = open_page(PAGE, dataset=dataset_id, rules="class_percentile >= 25")
    next(item for item in app.selectbox if item.label == "Format").set_value("tree").run()
    next(item for item in app.text_input if item.label == curate_texts.path_on_server(True)).set_value(str(path)).run()
    assert any(f"ImageFolder('{path}')" in item.value for item in app.code)
    return press(app, "Write Folder of images")


def test_folders_are_written_by_the_worker(
    open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path, no_process: None
) -> None:
    found = put(home_store, "finished")
    dataset_id = found.dataset.dataset_id
    app = ask_for_a_tree(open_page, dataset_id, tmp_path / "out")
    assert not app.exception
    assert any("out" in item.value and "Waiting" in item.value for item in app.markdown)
    (request,) = home_store.catalogue.exports()
    home_store.catalogue.update_export(
        request.export_id, state=RunState.RUNNING, num_total=100, num_written=40, rate=10.0, heartbeat=time.time()
    )
    # Another visit, as after a reload, sees it, too.
    app = open_page(PAGE, dataset=dataset_id)
    shown = [item.value.replace("\\", "") for item in app.caption]
    assert "40 of 100 samples written · 10 images/s · 6.0 s left" in shown
    press(app, "Cancel")
    assert home_store.catalogue.export(request.export_id).state is RunState.CANCELLED, "no worker lives"
    app = open_page(PAGE, dataset=dataset_id)
    assert curate_texts.NOTHING_LEFT in said(app)
    press(app, "Try again")
    # The images of this situation do not exist: all or nothing.
    Worker(home_store).handle(JobKind.EXPORT, request.export_id)
    app.run()
    assert "Nothing was exported" in app.error[0].value.replace("\\", "")
    assert curate_texts.NOTHING_LEFT in app.error[0].value.replace("\\", "")
    assert not (tmp_path / "out").exists()
    press(app, curate_texts.REMOVE_FROM_LIST)
    assert home_store.catalogue.exports() == []
    assert not app.exception


def test_a_folder_that_cannot_be_written_is_said_at_once(
    open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path, no_process: None
) -> None:
    found = put(home_store, "finished")
    app = ask_for_a_tree(open_page, found.dataset.dataset_id, tmp_path)
    assert "is a folder" in app.error[0].value
    assert "is a folder" in app.run().error[0].value, "whatever makes the page run again"
    assert home_store.catalogue.exports() == []


def test_large_lists_are_written_by_the_worker(
    open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path, no_process: None, monkeypatch
) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert not [item for item in app.button if item.label == "Write Text list"]
    monkeypatch.setattr("jepascore_core.exporters.sizes.DOWNLOAD_ROWS", 35)
    app.run()
    next(item for item in app.text_input if item.label == curate_texts.path_on_server(False)).set_value(
        str(tmp_path / "kept.txt")
    ).run()
    press(app, "Write Text list")
    (request,) = home_store.catalogue.exports()
    Worker(home_store).handle(JobKind.EXPORT, request.export_id)
    app.run()
    assert len((tmp_path / "kept.txt").read_text().splitlines()) == 36
    assert any("36 samples written to" in item.value.replace("\\", "") for item in app.caption)
    assert not app.exception


@pytest.mark.parametrize("situation", ["indexing", "index failed", "waiting", "failed"])
def test_nothing_to_curate_yet(open_page: Callable[..., AppTest], home_store: Store, situation) -> None:
    found = put(home_store, situation)
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert not app.exception
    assert not app.metric


def test_while_a_run_goes_on(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "running")
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules="score >= 0")
    assert not app.exception
    assert int(metrics(app)["Not measured"]) > 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the columns were asked for by name, and "compiled" for each time rules became SQL."""
    wanted: list[str] = []
    cache_query, relation = Columns.cache_query, Compiler.relation

    def counted_query(columns: Columns, key: Sequence[Any], *arguments: Any) -> str:
        wanted.append(str(key[0]))
        return cache_query(columns, key, *arguments)

    def counted_relation(compiler: Compiler) -> str:
        wanted.append("compiled")
        return relation(compiler)

    monkeypatch.setattr(Columns, "cache_query", counted_query)
    monkeypatch.setattr(Compiler, "relation", counted_relation)
    return wanted


EVALUATION = ("rules", "compiled", "decided", "step", "verdicts")


@pytest.mark.parametrize("draw", ["", " diverse"])
def test_a_click_evaluates_once(
    open_page: Callable[..., AppTest], home_store: Store, counted: list[str], draw: str
) -> None:
    """Counts, previews, histograms and the size of the list, and the check for slow work, share one evaluation."""
    found = put(home_store, "finished")
    rules = f"class_percentile >= 25 | one per exact | budget 20{draw}"
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules=rules)
    counted.clear()
    next(button for button in app.button if (button.key or "").startswith("remove-1")).click().run()
    assert not app.exception
    assert app.query_params["rules"] == f"class_percentile >= 25 | budget 20{draw}"
    assert {name: counted.count(name) for name in EVALUATION} == dict.fromkeys(EVALUATION, 1)


def test_saving_a_recipe_evaluates_once(
    open_page: Callable[..., AppTest], home_store: Store, counted: list[str]
) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id, rules="class_percentile >= 25 | budget 20 diverse")
    next(item for item in app.text_input if item.label == curate_texts.SAVE_AS).set_value("mine").run()
    counted.clear()
    press(app, "Save")
    assert not app.exception
    assert [item.recipe.result["kept"] for item in saved_recipes(home_store, found.dataset.dataset_id)] == [20]
    assert {name: counted.count(name) for name in EVALUATION} == dict.fromkeys(EVALUATION, 1)

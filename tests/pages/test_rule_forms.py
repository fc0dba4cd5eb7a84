"""Curate's forms: what a rule drops is said while it is made, chips open in the form that made them, starters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.curation import parse, parse_clause, to_text
from jepascore_core.curation.columns.layouts import compute_layout
from jepascore_core.curation.columns.regions import mark_region, name_region
from jepascore_core.curation.rules.shapes import form_of
from jepascore_core.storage.store import Store
from pages.ui.curate import texts
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample
from tests.embeddings.clumps import flipped, put_clumps
from tests.pages.reading import said
from tests.pages.situations import measure_again, put

PAGE = "pages/curate.py"


def opened(app: AppTest, key: str) -> AppTest:
    """Open a form or chip."""
    app.session_state[key] = True
    return app.run()


def change(app: AppTest) -> object:
    return next(button for button in app.button if button.label == texts.CHANGE)


#: Rules and the form that shows each, None = as text.
RULES = {
    "class_percentile >= 7": "score",
    "12.5 <= percentile <= 80": "score",
    "split_percentile[knn] <= 90": "score",
    "3 <= score <= 30.25": "score",
    "score[norm] >= 1": "score",
    'percentile["timm:resnet18.test"] >= 5': "score",
    "percentile[paper] >= 5": None,
    "one per exact": "duplicates",
    "one per near 0.07 keep largest": "duplicates",
    "one per perceptual": None,
    "not leak": "duplicates",
    "not label_conflict(0.02)": "duplicates",
    "leak": None,
    'label in ("cat", "emu")': "class",
    'label != "dog"': "class",
    'label = "gone"': "class",
    "class_size >= 3": "class",
    "class_size <= 3": None,
    "label_issue < 0.7": "labels",
    'label_issue < 0.7 or likely_label not in ("cat")': None,
    'label_issue < 0.7 or likely_label != "dog"': "labels",
    "label_issue >= 0.7": None,
    'split = "train"': "columns",
    "split is missing": None,
    'key like "cat/*"': "columns",
    'not key = "cat/0000.png"': "columns",
    'meta["year"] >= 2003': "columns",
    'meta["year"] < 2003': "columns",
    'meta["year"] = "2003"': "columns",
    "64 <= width <= 640": "image",
    "width < 640": None,
    "not grey": "image",
    "grey": "image",
    'in region "corner"': "region",
    "budget 7": "budget",
    "budget 7 per class seed 3": "budget",
    "budget 7 per split": None,
    "budget 7 balanced": "budget",
    "budget 7 diverse": "budget",
    "budget 7 clusters 5 seed 2": "budget",
    "budget 7 highest width": None,
    "width >= 5 or height >= 5": None,
    'not at least 2 of (percentile["a"] < 5, percentile["b"] < 5)': "agreement",
    'not at least 2 of (percentile["a"] < 5, percentile["b"] < 6)': None,
}
#: What the dataset has not, so that the page does not get as far as the chips, or needs long to compute.
ELSEWHERE = ('percentile["a"]', "not in", "in region")


@pytest.mark.parametrize(("rule", "form"), [item for item in RULES.items() if "not in" not in item[0]])
def test_the_form_that_fits_a_rule(rule: str, form: str | None) -> None:
    assert form_of(parse_clause(rule)) == form


@pytest.fixture
def years(home_store: Store) -> str:
    """A dataset with classes, splits and a column, under two backbones."""
    samples = [make_sample(f"{c}/{n:04d}.png", c, "train" if n % 2 else "test", year=2000 + n)
               for c in ("cat", "dog", "emu") for n in range(6)]  # fmt: skip
    dataset = add_dataset(home_store, "years", samples)
    for name in ("timm:vit_tiny_patch16_224.test", "timm:resnet18.test"):
        values = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
        add_measurements(home_store, dataset, add_backbone(home_store, name), values, samples=samples)
    return dataset.dataset_id


def chip_key(text: str) -> str:
    """The chip of the only rule; the page writes it in its own words."""
    return f"chip-0-{to_text(parse(text)).removeprefix('all | ')}"


@pytest.mark.parametrize("rule", [rule for rule in RULES if not any(part in rule for part in ELSEWHERE)])
def test_a_chip_opens_with_what_its_rule_says(
    open_page: Callable[..., AppTest], home_store: Store, years: str, rule: str
) -> None:
    """Nothing was changed yet, so there is nothing to apply; whatever the form shows is the rule itself."""
    text = f"all | {rule}" if rule.startswith(("one", "budget")) else rule
    vit = home_store.catalogue.datasets() and next(
        choice for choice in home_store.catalogue.backbones().values() if "vit" in choice.name
    )
    app = open_page(PAGE, dataset=years, rules=text, backbone=f"{vit.backbone_id}")
    assert not app.error
    app = opened(app, chip_key(text))
    assert not app.exception
    assert not app.error
    assert change(app).disabled
    assert "Alone it drops" in said(app) or "for colour" in said(app)


def test_a_chip_is_changed_in_its_form(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    rules = 'class_percentile >= 25 and label != "emu"'
    app = opened(open_page(PAGE, dataset=found.dataset.dataset_id, rules=rules), "chip-0-class_percentile >= 25")
    key = "change-0-class_percentile >= 25"
    app.slider(key=f"{key}-range").set_value((50.0, 100.0)).run()
    assert texts.effect_text(18) in said(app)
    app.button(key=f"{key}-save").click().run()
    assert app.query_params["rules"] == 'class_percentile >= 50 and label != "emu"'
    assert not app.exception


def test_a_rule_of_any_shape_is_changed_as_text(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    rules = 'label = "cat" or class_percentile >= 25'
    app = opened(open_page(PAGE, dataset=found.dataset.dataset_id, rules=rules), f"chip-0-{rules}")
    field = app.text_input(key=f"change-0-{rules}-text")
    field.set_value("label = ").run()
    assert "Expected a text in double quotes" in app.error[0].value.replace("\\", "")
    app.text_input(key=f"change-0-{rules}-text").set_value('label = "cat"').run()
    change(app).click().run()
    assert app.query_params["rules"] == 'label = "cat"'


def test_a_form_says_what_its_rule_drops(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert texts.effect_text(0) not in said(app)
    app = opened(app, "form-score")
    assert texts.effect_text(3) in said(app)
    for percentile, dropped in ((20.0, 6), (50.0, 18), (0.5, 0)):
        app.slider(key="score-range").set_value((percentile, 100.0)).run()
        assert texts.effect_text(dropped) in said(app)
    app.button(key="add-score").click().run()
    assert not app.session_state["form-score"], "the form closes"
    assert not app.exception


def test_what_takes_long_is_not_counted_in_a_form(
    open_page: Callable[..., AppTest], home_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = put(home_store, "finished")
    monkeypatch.setattr("jepascore_core.curation.precompute.step.QUICK_IMAGES", 1)
    app = opened(open_page(PAGE, dataset=found.dataset.dataset_id), "form-duplicates")
    app.selectbox(key="duplicates-kind").set_value(texts.NEAR).run()
    assert "Not counted yet" in said(app)
    assert not app.button(key="add-duplicates").disabled


def test_starters_say_what_they_drop_and_add_their_rule(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put_clumps(home_store, flipped([7, 12]))
    app = open_page(PAGE, dataset=scores.dataset_id)
    for _ in range(200):
        shown = {button.key: button for button in app.button if (button.key or "").startswith("starter-")}
        if not any("counting" in button.label for button in shown.values()):
            break
        app.run()
    assert "drops 2" in shown["starter-labels"].label
    assert shown["starter-exact"].disabled
    assert set(shown) == {
        f"starter-{name}" for name in ("unlikely", "exact", "near", "labels", "blurry", "dark", "odd size", "balance")
    }
    app.button(key="starter-labels").click().run()
    assert app.query_params["rules"] == "label_issue < 0.9"
    assert not [button for button in app.button if (button.key or "").startswith("starter-")]
    app = opened(app, "form-starters")
    assert not [button for button in app.button if button.key == "starter-labels"], "it is a rule already"
    assert app.button(key="starter-unlikely").disabled, "all scores of these are the same"
    assert not app.exception


@pytest.mark.parametrize("situation", ["running", "finished"])
def test_starters_of_a_dataset_that_is_still_measured(
    open_page: Callable[..., AppTest], home_store: Store, situation: str
) -> None:
    found = put(home_store, situation)
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    assert not app.exception
    assert not app.error
    assert app.button(key="starter-unlikely")


def test_the_agreement_of_two_backbones_is_changed(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    app = open_page(PAGE, dataset=found.dataset.dataset_id)
    app.button(key="add-agreement").click().run()
    rules = app.query_params["rules"]
    app = opened(app, f"chip-0-{rules}")
    assert change(app).disabled
    app.number_input(key=f"change-0-{rules}-cut").set_value(20.0).run()
    change(app).click().run()
    assert app.query_params["rules"].count("< 20") == 2


def test_a_named_region_is_a_rule_by_its_form(open_page: Callable[..., AppTest], home_store: Store) -> None:
    scores = put_clumps(home_store, ["cat", "dog"] * 20)
    app = opened(open_page(PAGE, dataset=scores.dataset_id), "form-region")
    assert texts.NO_REGIONS in said(app)
    assert app.button(key="add-region").disabled
    layout = compute_layout(home_store, scores, "pca")
    region = mark_region(home_store, scores, layout, [(-2.0, -2.0), (0.0, -2.0), (0.0, 2.0), (-2.0, 2.0)])
    app = opened(app.run(), "form-region")
    assert texts.NO_REGIONS in said(app), "what has no name is not offered"
    name_region(home_store, scores.dataset_id, region.name, "corner")
    app = opened(app.run(), "form-region")
    assert texts.effect_text(region.num_images) in said(app)
    app.button(key="add-region").click().run()
    assert app.query_params["rules"] == 'not in region "corner"'
    app = opened(app, 'chip-0-not in region "corner"')
    app.segmented_control(key='change-0-not in region "corner"-action').set_value(texts.KEEP_ONLY).run()
    change(app).click().run()
    assert app.query_params["rules"] == 'in region "corner"'
    assert not app.exception


def test_a_region_that_is_not_in_a_recipe_fits_its_form() -> None:
    assert form_of(parse_clause('not in region "corner"')) == "region"
    assert form_of(parse_clause('in region "corner" or grey')) is None

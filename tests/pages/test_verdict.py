"""The verdict: the first thing on Trust, and a badge beside the backbone on every page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from jepascore_core.formatting import PERCENT
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import trust_verdict
from jepascore_core.trust.planted.requests import request_planted
from jepascore_core.trust.verdict import NOT_TRIED_YET
from pages.ui.trust import texts as trust_texts
from pages.ui.widgets import texts as widget_texts
from tests.pages.reading import dataset_rows, links, said
from tests.pages.situations import measure_again, put
from tests.trust.planted.conftest import FEW, put_digits, work
from tests.trust.test_confounds import put_measured

ONE_BACKBONE = ("explore", "labels", "trust", "curate", "review", "duplicates", "distributions", "runs")
GREY = ":gray-badge[:material/help: Not tried]"


def badges(app: AppTest) -> list[str]:
    """Labels of the badges."""
    found = [block.proto.popover.label for block in app.main.get("popover") if block.type == "popover"]
    return [label for label in found if "-badge[" in label]


@pytest.mark.parametrize("page", ONE_BACKBONE)
def test_every_page_has_a_badge_beside_the_backbone(
    open_page: Callable[..., AppTest], home_store: Store, page: str
) -> None:
    put(home_store, "finished")
    app = open_page(f"pages/{page}.py")
    assert badges(app) == [GREY]
    assert NOT_TRIED_YET in said(app)
    assert (widget_texts.ON_TRUST in [label for label, _ in links(app)]) and not app.exception


def test_home_has_one_for_each_backbone_of_a_dataset(open_page: Callable[..., AppTest], home_store: Store) -> None:
    found = put(home_store, "finished")
    measure_again(home_store, found)
    (row,) = dataset_rows(open_page())
    assert [line["badge"]["colour"] for line in row["lines"]] == ["grey", "grey"]
    assert [line["badge"]["help"] for line in row["lines"]] == [NOT_TRIED_YET, NOT_TRIED_YET]


def test_several_backbones_have_a_badge_each_that_says_whose_it_is(
    open_page: Callable[..., AppTest], home_store: Store
) -> None:
    found = put(home_store, "finished")
    second = measure_again(home_store, found)
    app = open_page("pages/compare.py")
    assert len(badges(app)) == 2
    assert any("ResNet" in label for label in badges(app)), second.name


@pytest.mark.parametrize("situation", ["indexing", "waiting", "failed"])
def test_without_scores_there_is_none(open_page: Callable[..., AppTest], home_store: Store, situation: str) -> None:
    put(home_store, situation)
    for page in (None, "pages/runs.py", "pages/trust.py", "pages/distributions.py"):
        assert badges(open_page(page)) == []


def test_trust_begins_with_the_sentence_in_its_colour(open_page: Callable[..., AppTest], home_store: Store) -> None:
    put_measured(home_store)
    app = open_page("pages/trust.py", open="checks")
    text = said(app)
    assert "Do not cut by the score untested: it mostly orders your images by brightness" in text
    assert not app.error, "a verdict against a score is no error"
    assert "jepascore trust verdict toy -b" in text
    assert "jepascore trust plant toy -b" in text
    assert ":red-badge[:material/error: Do not cut untested]" in badges(app)
    assert badges(open_page("pages/curate.py")) == badges(app), "Trust has kept what it computed"


@pytest.mark.usefixtures("no_worker")
def test_planted_defects_change_the_badge_and_new_images_make_it_stale(
    open_page: Callable[..., AppTest], home_store: Store, tmp_path: Path
) -> None:
    scores = put_digits(home_store, tmp_path / "digits")
    request_planted(home_store, scores, FEW)
    assert "are being planted" in said(open_page("pages/explore.py"))
    work(home_store)
    verdict = trust_verdict(home_store, scores)
    assert verdict.checks[0].colour != "grey", "the worker evaluates what it measured"
    assert verdict.recommended is not None
    app = open_page("pages/trust.py")
    assert verdict.sentence in said(app)
    assert next(block.value for block in app.code) == verdict.rule
    assert trust_texts.VERDICT_RULE.replace(PERCENT, " %") in said(app)

    # A measurement of another dataset changes nothing; a new image does.
    put_digits(home_store, tmp_path / "others", name="others", count=30)
    assert trust_verdict(home_store, scores) == verdict
    put_digits(home_store, tmp_path / "digits", count=95)
    stale = trust_verdict(home_store, ScoreSet(scores.dataset_id, scores.key))
    assert stale.checks[0].is_stale
    assert stale.badge.endswith("stale")

"""`js.curate`: the same verdicts, decisions, recipes and files as the app and the command line have."""

import dataclasses
import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

import jepascore_core as js
from jepascore_core.cli import app
from jepascore_core.curation import Curation, parse
from jepascore_core.curation.columns import cache
from jepascore_core.curation.decisions import current_decisions
from jepascore_core.curation.recipes import to_yaml
from jepascore_core.curation.saved_recipes import saved_recipe
from jepascore_core.errors import (
    DatasetNotReadyError,
    ExportError,
    JepaScoreError,
    RuleError,
    RuleSyntaxError,
    UnknownNameError,
)
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample, make_samples
from tests.curation.test_evaluation import measured, scored, verdicts
from tests.exporters.images import index, make_source

ROWS = [("a", number) for number in range(10)] + [("b", number) for number in range(10)] + [(None, None), ("b", None)]
LIKELY = js.col("class_percentile") >= 30


@pytest.fixture(autouse=True)
def home(store, monkeypatch):
    """Everything is in the home of the store, which is audited."""
    monkeypatch.setenv("JEPASCORE_HOME", str(store.home))


@pytest.mark.parametrize(
    "rules",
    [
        [LIKELY, js.col("label") == "b", js.budget(3)],
        [LIKELY & (js.col("label") == "b"), js.budget(3)],
        [LIKELY, 'label = "b" | budget 3'],
        ["class_percentile >= 30", js.rule('label = "b"'), "all | budget 3"],
        'class_percentile >= 30 and label = "b" | budget 3',
        parse('class_percentile >= 30 and label = "b" | budget 3'),
        (rule for rule in (LIKELY, js.col("label") == "b", js.budget(3))),
    ],
)
def test_expressions_texts_and_steps_say_the_same(store, rules):
    scores = scored(store, ROWS)
    curated = js.curate("d", rules)
    assert curated.rules == 'class_percentile >= 30 and label = "b" | budget 3'
    wanted = verdicts(store, scores, 'class_percentile >= 30 and label = "b" | budget 3')
    found = {key: [name for name, verdict in wanted.items() if verdict == key] for key in ("keep", "drop", "unscored")}
    assert [curated.kept(), curated.dropped(), curated.unscored()] == list(found.values())
    assert curated.counts.kept == 3
    assert len(curated) == len(ROWS) == curated.counts.kept + curated.counts.dropped + curated.counts.unscored


def test_without_rules_everything_is_kept(store):
    scored(store, ROWS)
    for curated in (js.curate("d"), js.curate("d", ""), js.curate("d", Curation())):
        assert curated.counts.kept == len(ROWS)
        assert curated.rules == ""
    assert repr(curated) == "<CuratedDataset d: 22 kept, 0 dropped>"


def test_a_table_has_a_row_a_sample(store):
    scores = scored(store, ROWS)
    curated = js.curate("d", [LIKELY, js.col("label") == "b"])
    table = curated.to_pandas()
    assert list(table) == [
        "sample_key", "uri", "label", "split", "score", "class_percentile", "percentile", "verdict", "reason",
    ]  # fmt: skip
    wanted = verdicts(store, scores, 'class_percentile >= 30 and label = "b"')
    assert dict(zip(table["sample_key"], table["verdict"], strict=True)) == wanted
    assert set(table["reason"].dropna()) == {"class_percentile >= 30", 'label = "b"'}
    assert table["score"].isna().sum() == 2
    assert repr(curated) == "<CuratedDataset d: 7 kept, 14 dropped, 1 not measured>"


def test_the_verdict_on_its_scores_is_that_of_the_command(store):
    scored(store, ROWS)
    found = js.curate("d").trust_verdict
    assert (found.colour, found.recommended) == ("grey", None)
    assert "plant defects" in found.sentence


def test_a_preview_is_the_same_part_of_a_list_each_time(store):
    scored(store, ROWS)
    curated = js.curate("d", LIKELY)
    preview = curated.preview(4)
    pd.testing.assert_frame_equal(preview, curated.preview(4))
    assert len(preview) == 4
    assert set(preview["sample_key"]) < set(curated.dropped())
    assert set(curated.preview(100, "kept")["sample_key"]) == set(curated.kept())
    with pytest.raises(UnknownNameError, match='Unknown list of samples "keep"'):
        curated.preview(which="keep")


def test_decisions_override_and_are_undone(store):
    scores = scored(store, ROWS)
    curated = js.curate("d", LIKELY)
    wanted = curated.dropped()[:2]
    decided = curated.decide(pd.Series(wanted), "keep", why="rare").decide(curated.kept()[0], "drop")
    assert set(wanted) < set(decided.kept())
    assert decided.counts.decided == 3
    assert decided.to_pandas().set_index("sample_key")["reason"][curated.kept()[0]] == "decision"
    journal = current_decisions(store, scores.dataset_id)
    assert {item.sample_key: item.verdict for item in journal} == {
        **dict.fromkeys(wanted, "keep"),
        curated.kept()[0]: "drop",
    }
    assert {item.why for item in journal} == {"rare", ""}
    # What was curated before stays what it was; what is curated from now on knows them.
    assert curated.counts.decided == 0
    assert not set(wanted) & set(curated.kept())
    assert js.curate("d", LIKELY).counts == decided.counts
    undone = decided.undo().undo()
    assert undone.counts == curated.counts
    with pytest.raises(RuleError, match="no decision, tag or label of d to undo"):
        undone.undo()
    assert undone.redo().redo().counts == decided.counts
    with pytest.raises(RuleError, match="no decision, tag or label of d to redo"):
        undone.redo()
    assert decided.decide(wanted, "undecided").counts.decided == 1


def test_a_decision_about_nothing_is_refused(store):
    scored(store, ROWS)
    curated = js.curate("d")
    with pytest.raises(UnknownNameError, match="Nothing was recorded"):
        curated.decide([curated.kept()[0], "nowhere.png"], "drop")
    for samples, verdict in (([], "drop"), (curated.kept()[0], "dorp")):
        with pytest.raises(RuleError, match="keep, drop, undecided"):
            curated.decide(samples, verdict)
    assert js.curate("d").counts.decided == 0


def test_tags_and_labels_are_seen_by_rules_and_undone(store):
    scored(store, ROWS)
    curated = js.curate("d", 'label = "b"')
    tagged = curated.tag("blurred").tag("dark", curated.dropped()[0], why="night")
    assert tagged.with_rules(js.tag("blurred")).kept() == curated.kept()
    assert tagged.with_rules(js.tag("dark") & ~js.tag("blurred")).kept() == curated.dropped()[:1]
    fewer = tagged.untag("blurred", which="kept")
    assert fewer.with_rules(js.tag("blurred")).counts.kept == 0
    assert fewer.undo().with_rules(js.tag("blurred")).counts.kept == curated.counts.kept
    wrong = curated.kept()[:2]
    relabelled = curated.relabel(wrong, "a")
    assert relabelled.with_rules(js.relabelled("a")).kept() == wrong
    frame = relabelled.to_pandas().set_index("sample_key")
    assert list(frame.loc[wrong, "label"]) == ["b", "b"]
    assert list(frame.loc[wrong, "corrected_label"]) == ["a", "a"]
    assert relabelled.relabel(wrong[0], None).with_rules(js.relabelled()).kept() == wrong[1:]
    with pytest.raises(UnknownNameError, match='Did you mean "blurred"'):
        curated.untag("blured")


def test_files_are_those_of_the_command_line(store, tmp_path, monkeypatch):
    scores = index(store, make_source(tmp_path / "source"), monkeypatch)
    name = store.catalogue.dataset(scores.dataset_id).name
    curated = js.curate(name, js.col("score") >= 3)
    report = curated.export(tmp_path / "python.csv", which="all")
    words = ["export", name, str(tmp_path / "command.csv"), "--rules", "score >= 3", "--which", "all"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "python.csv").read_bytes() == (tmp_path / "command.csv").read_bytes()
    one, two = (json.loads((tmp_path / f"{stem}.csv.provenance.json").read_text()) for stem in ("python", "command"))
    for provenance in (one, two):
        del provenance["created_at"], provenance["list"]["name"]
    assert one == two
    assert (report.num_rows, report.counts) == (len(curated), curated.counts)
    curated.export(tmp_path / "all.jsonl", which="all")
    listed = pd.read_json(tmp_path / "all.jsonl", lines=True)
    assert list(listed["sample_key"]) == list(curated.to_pandas()["sample_key"])
    told = []
    curated.export(str(tmp_path / "tree"), format="tree", link="symlink", progress=lambda *at: told.append(at))
    assert told[-1] == (curated.counts.kept,) * 2
    assert sum(path.is_symlink() for path in (tmp_path / "tree").rglob("*")) == curated.counts.kept
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(ExportError, match="exists"):
        curated.export(tmp_path / "kept.txt")
    curated.export(tmp_path / "kept.txt", overwrite=True, root=tmp_path)
    assert len((tmp_path / "kept.txt").read_text().splitlines()) == curated.counts.kept


def test_a_recipe_is_saved_with_decisions(store):
    scores = scored(store, ROWS)
    curated = js.curate("d", LIKELY)
    decided = curated.decide(curated.dropped()[0], "keep")
    saved = decided.save("strict")
    assert saved_recipe(store, scores.dataset_id, "strict").recipe == saved
    assert saved.name == "strict"
    assert dataclasses.replace(saved, name="d") == decided.recipe
    assert saved.result == {"kept": 15, "dropped": 5, "unscored": 2}
    assert "class_percentile >= 30" in to_yaml(decided.recipe)
    with pytest.raises(RuleError, match="already"):
        curated.save("strict")
    assert curated.save("strict", overwrite=True).decisions == ()


def test_a_notebook_shows_counts_with_every_text_escaped(store):
    measured(store, make_samples(["<i>", "b", None]), [1, 2, None], name="<b>d</b>")
    curated = js.curate("<b>d</b>", [js.col("percentile") < 90, js.col("label") != "<script>alert(1)</script>"])
    shown = curated._repr_html_()
    assert set(re.findall(r"<(/?\w+)", shown)) == {
        f"{end}{tag}" for tag in ("p", "b", "table", "thead", "tbody", "tr", "th", "td") for end in ("", "/")
    }
    assert "&lt;b&gt;d&lt;/b&gt;" in shown
    assert "<td>percentile &lt; 90</td>" in shown
    assert "<td>label != &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;</td>" in shown
    assert "<td>not measured</td><td>1</td><td>33.3 %</td>" in shown
    assert "decided" not in shown
    assert "<td>decided by a person</td><td>1</td>" in curated.decide(curated.kept()[0], "drop")._repr_html_()


def test_a_backbone_is_named_where_there_are_several(store):
    samples = make_samples(["a"] * 4)
    dataset = add_dataset(store, "d", samples)
    keys = [sample.sample_key for sample in samples]
    for name, values in (("timm:one", range(4)), ("timm:two", range(4, 0, -1))):
        scores = dict(zip(keys, map(float, values), strict=True))
        add_measurements(store, dataset, add_backbone(store, name), scores, samples=samples)
    with pytest.raises(JepaScoreError, match=re.escape('choose one with backbone="...": timm:')):
        js.curate("d", js.col("percentile") >= 50)
    assert js.curate("d", js.col("percentile") >= 50, backbone="timm:one").kept() == keys[2:]
    both = (js.col("percentile") >= 50) & (js.col("score", backbone="timm:two") <= 2)
    curated = js.curate("d", both, backbone="timm:one")
    assert curated.kept() == keys[2:]
    assert "one" in curated.backbone
    assert curated.with_rules(js.col("percentile", backbone="timm:two") >= 50).kept() == keys[:2]
    with pytest.raises(UnknownNameError, match=r"not measured with zebra\. Measure it first with js\.score_dataset"):
        js.curate("d", backbone="zebra")


def test_another_definition_is_another_score(store):
    scored(store, ROWS)
    assert js.curate("d", definition="paper").recipe.definition == "paper"
    with pytest.raises(UnknownNameError, match='Unknown definition "best"'):
        js.curate("d", definition="best")


def test_a_dataset_that_was_opened_or_lies_somewhere(store, tmp_path, monkeypatch):
    source = make_source(tmp_path / "source")
    index(store, source, monkeypatch)
    opened = js.open_dataset(source)
    curated = js.curate(opened, js.col("score") >= 3)
    assert curated.kept() == js.curate(source, js.col("score") >= 3).kept()
    assert opened.image(curated.kept()[0]).size == (12, 8)
    make_source(source, ("cat/new.png",), (9, 9))
    js.open_dataset(source)
    with pytest.raises(UnknownNameError, match="Open it again"):
        js.curate(opened)


def test_what_a_rule_needs_is_computed_first(store):
    samples = [make_sample(f"{number:02d}.png", "a") for number in range(20)]
    measured(store, samples, range(20))
    told = []
    curated = js.curate("d", js.col("percentile[knn]") >= 50, progress=lambda *at: told.append(at))
    assert told[-1][1] == 1.0
    assert "nearest neighbours of 20 images" in told[0][0]
    assert curated.counts.kept >= 10
    told.clear()
    curated.with_rules(~js.flag("near_duplicate", 0.1), progress=lambda *at: told.append(at))
    assert "near duplicates" in told[0][0]


def test_a_curation_outlives_what_is_held_in_memory(store, monkeypatch):
    scored(store, ROWS)
    curated = js.curate("d", LIKELY)
    kept = curated.kept()
    monkeypatch.setattr(cache, "MAX_COLUMNS", 8)
    monkeypatch.setattr(cache, "BUSY_SECONDS", 0.0)
    for limit in range(5):
        curated.with_rules(js.col("percentile") >= limit)
    assert curated.kept() == kept
    assert list(curated.to_pandas()["verdict"]).count("keep") == len(kept)


@pytest.mark.parametrize(
    ("rules", "error", "said"),
    [
        (js.col("width"), TypeError, "Rules must be expressions"),
        ([js.col("width")], TypeError, "Compare it first"),
        (5, TypeError, "Rules must be expressions"),
        ([None], TypeError, "not None"),
        ("percentil >= 5", RuleSyntaxError, 'Did you mean "percentile"?'),
        ([js.budget(1), js.budget(2)], RuleError, "only one budget"),
        (js.meta("year") >= 5, RuleError, 'Unknown column "year" in d'),
        (js.col("percentile", backbone="x") >= 5, UnknownNameError, "Nothing was measured with the backbone 'x'"),
    ],
)
def test_what_is_wrong_with_rules_is_said_at_once(store, rules, error, said):
    scored(store, ROWS)
    with pytest.raises(error, match=re.escape(said)):
        js.curate("d", rules)


def test_rules_that_no_recipe_could_hold_are_refused(store):
    scored(store, ROWS)
    nested = LIKELY
    for _ in range(30):
        nested = (nested & LIKELY) | LIKELY
    with pytest.raises(RuleSyntaxError, match="nested too deeply"):
        js.curate("d", nested)


def test_datasets_that_cannot_be_curated(store):
    with pytest.raises(UnknownNameError, match="not a file or folder"):
        js.curate("nowhere")
    add_dataset(store, "bare", make_samples(["a"]))
    with pytest.raises(UnknownNameError, match=r"any backbone yet\. Measure it first with js\.score_dataset"):
        js.curate("bare")
    store.catalogue.add_dataset("raw", "/images/raw", "imagefolder", {})
    with pytest.raises(DatasetNotReadyError):
        js.curate("raw")

"""Commands on a catalogue that holds something already: what they print, to whom, and with which exit code."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from jepascore_core.cli import system
from jepascore_core.cli.runs import EXPLAINED
from jepascore_core.errors import JepaScoreError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.datasets import DatasetRecord, DatasetState, SampleFailure
from jepascore_core.records.runs import Run, RunState
from tests.cli.conftest import Cli
from tests.conftest import add_backbone, add_dataset, add_measurements, add_run, make_samples

NUM_SAMPLES = 12
FAILURE = SampleFailure("b/[bad].png", "/images/bad.png", "decode", "OSError", "Damaged PNG file: copy it again.")


@pytest.fixture
def dataset(cli: Cli) -> DatasetRecord:
    """Twelve samples of two classes, measured, and one that could not be read."""
    store = cli.store
    samples = make_samples(["a", "b"] * (NUM_SAMPLES // 2))
    dataset = add_dataset(store, "toy", samples, [FAILURE])
    scores = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
    add_measurements(store, dataset, add_backbone(store), scores, samples=samples)
    return dataset


@pytest.fixture
def run(cli: Cli, dataset: DatasetRecord) -> Run:
    """A finished run with a failure."""
    store = cli.store
    counts = {"num_total": NUM_SAMPLES + 1, "num_measured": NUM_SAMPLES, "num_failed": 1}
    run = add_run(store, dataset, add_backbone(store), message="12 images measured, 1 failed", **counts)
    store.catalogue.add_run_failures(run.run_id, [FAILURE])
    return run


@pytest.mark.parametrize("words", ["datasets", "datasets list", "runs", "runs list"])
def test_an_empty_home_has_empty_lists(cli: Cli, words: str):
    assert cli(*words.split(), "--json").json == []
    assert cli(*words.split()).code == 0


@pytest.mark.parametrize("words", ["datasets", "datasets list"])
def test_datasets_are_listed(cli: Cli, dataset: DatasetRecord, words: str):
    (row,) = cli(*words.split(), "--json").json
    assert (row["name"], row["state"], row["num_indexed"], row["num_failed"]) == ("toy", "ready", NUM_SAMPLES, 1)
    assert row["num_indexed"] + row["num_failed"] + row["num_pending"] == row["num_total"]
    answer = cli(*words.split())
    assert answer.code == 0
    assert dataset.source in answer.out


@pytest.mark.parametrize("words", ["runs", "runs list"])
def test_runs_are_listed_and_their_short_id_leads_to_them(cli: Cli, run: Run, words: str):
    (row,) = cli(*words.split(), "--json").json
    assert (row["run_id"], row["state"], row["num_pending"]) == (run.run_id, "finished", 0)
    answer = cli(*words.split())
    (line,) = [line for line in answer.out.splitlines() if "finished" in line]
    assert "12/13" in line
    short = line.split()[0]
    assert run.run_id.startswith(short)
    assert cli("runs", "failures", short, "--json").json == [FAILURE.to_dict() | {"content_id": ""}]


def test_a_failed_run_is_listed_with_its_reason(cli: Cli, dataset: DatasetRecord):
    add_run(cli.store, dataset, add_backbone(cli.store), RunState.FAILED, message="The weights are gone.")
    assert "failed: The weights are gone." in cli("runs").err


@pytest.mark.parametrize("kind", ["datasets", "runs"])
def test_failures_as_table_json_and_file(cli: Cli, run: Run, kind: str, tmp_path: Path):
    words = (kind, "failures", "toy" if kind == "datasets" else run.run_id)
    answer = cli(*words)
    assert FAILURE.sample_key in answer.out
    assert FAILURE.message in answer.out
    (row,) = cli(*words, "--json").json
    assert (row["sample_key"], row["stage"]) == (FAILURE.sample_key, "decode")
    out = tmp_path / "failures.csv"
    answer = cli(*words, "--out", out)
    assert (answer.code, answer.out) == (0, "")
    with out.open(newline="", encoding="utf-8") as lines:
        assert [line["message"] for line in csv.DictReader(lines)] == [FAILURE.message]
    assert "already exists" in cli(*words, "--out", out).sentence
    assert cli(*words, "--out", out, "--overwrite").code == 0
    assert "does not exist" in cli(*words, "--out", tmp_path / "nowhere" / "x.csv").sentence


def test_removing_asks_first(cli: Cli, dataset: DatasetRecord):
    answer = cli("remove", "toy", typed="n\n")
    assert answer.code == 130
    assert "was not removed" in answer.err
    assert cli("remove", "toy", typed="").code == 130
    assert [record["name"] for record in cli("datasets", "--json").json] == ["toy"]
    answer = cli("remove", "toy", typed="y\n")
    assert answer.code == 0
    assert "untouched" in answer.err
    assert cli("datasets", "--json").json == []


def test_removing_without_being_asked(cli: Cli, dataset: DatasetRecord):
    answer = cli("remove", "toy", "--yes", "--json")
    assert (answer.code, answer.json["dataset_id"]) == (0, dataset.dataset_id)


def test_a_queued_run_is_cancelled_at_once_and_resumed(cli: Cli, dataset: DatasetRecord):
    run = add_run(cli.store, dataset, add_backbone(cli.store), RunState.QUEUED)
    answer = cli("runs", "cancel", run.run_id, "--json")
    assert (answer.code, answer.json["state"]) == (0, "cancelled")
    answer = cli("runs", "follow", run.run_id)
    assert (answer.code, answer.out) == (130, "")
    assert "Cancelled." in answer.err
    answer = cli("runs", "follow", run.run_id, "--json")
    assert (answer.code, answer.json["state"]) == (130, "cancelled")
    answer = cli("runs", "resume", run.run_id, "--detach", "--json")
    assert (answer.code, answer.json["state"]) == (0, "queued")
    assert "cancelled" in cli("runs", "cancel", run.run_id).err
    assert "is already" in cli("runs", "cancel", run.run_id).err


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED])
def test_a_run_that_measured_nothing_is_forgotten(cli: Cli, dataset: DatasetRecord, state: RunState):
    run = add_run(cli.store, dataset, add_backbone(cli.store), state, num_total=9, num_measured=4, num_reused=4)
    cli.store.catalogue.add_run_failures(run.run_id, [FAILURE])
    answer = cli("runs", "forget", run.run_id, "--json")
    assert (answer.code, answer.json["run_id"]) == (0, run.run_id)
    assert cli("runs", "--json").json == []
    assert cli.store.catalogue.run_failures(run.run_id) == []
    assert cli.store.measured_keys(), "measurements are kept"
    assert "Unknown run" in cli("runs", "forget", run.run_id).sentence


def test_other_runs_are_not_forgotten(cli: Cli, dataset: DatasetRecord):
    backbone = add_backbone(cli.store)
    for state, counts, reason in (
        (RunState.QUEUED, {}, "is queued. Cancel it first"),
        (RunState.RUNNING, {}, "is running. Cancel it first"),
        (RunState.FINISHED, {}, "it documents how"),
        (RunState.CANCELLED, {"num_total": 9, "num_measured": 5, "num_reused": 4}, "it documents how"),
    ):
        run = add_run(cli.store, dataset, backbone, state, **counts)
        assert reason in cli("runs", "forget", run.run_id).sentence
        assert cli.store.catalogue.run(run.run_id) == run


def test_following_a_failed_run_ends_with_one_and_its_record(cli: Cli, dataset: DatasetRecord):
    run = add_run(cli.store, dataset, add_backbone(cli.store), RunState.FAILED, message="The weights are gone.")
    answer = cli("runs", "follow", run.run_id, "--json")
    assert (answer.code, answer.json["message"]) == (1, "The weights are gone.")
    assert answer.sentence == "The weights are gone."


def test_following_a_finished_run_points_to_its_failures(cli: Cli, run: Run):
    answer = cli("runs", "follow", run.run_id)
    assert (answer.code, answer.out) == (0, "")
    assert "12 images measured, 1 failed." in answer.err
    assert f"jepascore runs failures {run.run_id}" in answer.err


def test_an_ambiguous_run_asks_for_more_characters(cli: Cli, dataset: DatasetRecord):
    for name in ("timm:one", "timm:two"):
        add_run(cli.store, dataset, add_backbone(cli.store, name))
    assert "2 runs begin with '0'" in cli("runs", "cancel", "0").sentence


def test_no_characters_are_no_run(cli: Cli, run: Run):
    assert 'Unknown run ""' in cli("runs", "cancel", "").sentence
    assert cli("runs", "forget", "").code == 1


def test_an_index_can_be_cancelled_from_elsewhere(cli: Cli, dataset: DatasetRecord):
    assert "is not being indexed: it is ready" in cli("datasets", "cancel", "toy").err
    cli.store.catalogue.update_dataset(dataset.dataset_id, state=DatasetState.INDEXING)
    answer = cli("datasets", "cancel", "toy", "--json")
    assert (answer.code, answer.json["cancel_requested"]) == (0, True)
    assert "Asked the worker to stop" in cli("datasets", "cancel", "toy").err


def test_export_writes_the_list_and_says_what_is_in_it(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    out = tmp_path / "kept.csv"
    answer = cli("export", "toy", out, "--min-percentile", "20", "--json")
    assert answer.code == 0
    with out.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == answer.json["num_rows"] < NUM_SAMPLES
    provenance = json.loads(Path(answer.json["provenance_path"]).read_text())
    assert provenance["list"]["num_rows"] == len(rows)
    assert "already exists" in cli("export", "toy", out).sentence
    answer = cli("export", "toy", out, "--overwrite")
    assert (answer.code, answer.out) == (0, "")
    assert str(out) in answer.err


def test_export_of_what_was_not_measured_says_what_to_do(cli: Cli, tmp_path: Path):
    add_dataset(cli.store, "raw", make_samples("ab"))
    answer = cli("export", "raw", tmp_path / "x.csv")
    assert answer.code == 1
    assert "jepascore score" in answer.sentence
    assert list(tmp_path.glob("x.*")) == []


def test_export_lists_what_it_knows_where_a_name_is_wrong(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    assert "xyz" in cli("export", "toy", tmp_path / "x.xyz").sentence
    assert "timm" in cli("export", "toy", tmp_path / "x.csv", "-b", "timm:other").sentence
    limited = ("export", "toy", tmp_path / "x.csv", "--min-percentile", "5", "--label", "aa")
    assert 'Unknown class "aa".' in cli(*limited).sentence
    assert "add one, such as" in cli("export", "toy", tmp_path / "x.csv", "--label", "a").sentence
    assert list(tmp_path.glob("x.csv*")) == []


def test_a_recipe_that_cannot_be_written_is_said_before_anything_is(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    out, recipe = tmp_path / "kept.csv", tmp_path / "recipe.yaml"
    assert cli("export", "toy", out, "--min-percentile", "20", "--save-recipe", recipe).code == 0
    saved = recipe.read_bytes()
    same = cli("export", "toy", tmp_path / "other.csv", "--save-recipe", tmp_path / "other.csv")
    assert "cannot be both the export and the recipe" in same.sentence
    assert "cannot go to standard output" in cli("export", "toy", "-", "--format", "csv").sentence
    answer = cli("export", "toy", tmp_path / "other.csv", "--save-recipe", recipe)
    assert (answer.code, "already exists" in answer.sentence) == (1, True)
    assert list(tmp_path.glob("other.csv*")) == []
    assert recipe.read_bytes() == saved
    answer = cli("export", "toy", tmp_path / "other.csv", "--recipe", recipe, "--definition", "paper")
    assert "cannot be combined with rules" in answer.sentence


def test_the_reasons_of_a_few_failed_runs_are_enough(cli: Cli, dataset: DatasetRecord):
    backbone = add_backbone(cli.store)
    for number in range(EXPLAINED + 2):
        add_run(cli.store, dataset, backbone, RunState.FAILED, message=f"reason {number}.")
    told = cli("runs").err
    assert [f"reason {number}." in told for number in range(EXPLAINED + 2)] == [False, False, *[True] * EXPLAINED]
    assert "2 more failed: `jepascore runs follow ID` shows the reason." in told


def test_backbones_are_listed_and_searched(cli: Cli):
    everything = cli("backbones", "--json").json
    names = {spec["name"] for spec in everything}
    assert {"bundled:digits-vit", "timm:vit_small_patch14_dinov2.lvd142m"} <= names
    found = cli("backbones", "digits", "--json").json
    assert {spec["name"] for spec in found} == {"bundled:digits-small", "bundled:digits-vit"}
    assert "bundled:digits-vit" in cli("backbones", "digits").out
    assert cli("backbones", "no such thing", "--json").json == []


def test_nobody_works_here(cli: Cli):
    nothing = {kind.value: 0 for kind in JobKind}
    status = {"alive": False, "pid": None, "unfinished": nothing, "preparations": []}
    assert cli("worker", "status", "--json").json == status
    assert "No worker is running" in cli("worker", "status").err
    assert cli("worker", "stop", "--json").json == {"stopped": False, "pid": None}
    assert cli("worker", "stop").code == 0


def test_the_doctor_finds_nothing_or_says_what(cli: Cli, dataset: DatasetRecord, monkeypatch: pytest.MonkeyPatch):
    answer = cli("doctor", "--json")
    assert (answer.code, answer.json["problems"]) == (0, [])
    assert answer.json["home"] == str(cli.home)
    assert "cpu" in answer.json["devices"]
    answer = cli("doctor")
    assert "No problems found." in answer.err
    shard = next(cli.home.glob("measurements/*/*/part-*.parquet"))
    shard.write_bytes(b"PAR1")
    monkeypatch.setattr(system, "PACKAGES", ("no-such-package",))
    answer = cli("doctor", "--json")
    assert answer.code == 1
    assert any(shard.name in problem for problem in answer.json["problems"])
    assert any("no-such-package" in problem for problem in answer.json["problems"])
    assert shard.name in cli("doctor").err


def test_the_app_refuses_a_port_that_is_taken(cli: Cli):
    with system.socket.create_server(("127.0.0.1", 0)) as taken:
        answer = cli("app", "--port", str(taken.getsockname()[1]))
    assert answer.code == 1
    assert "is in use" in answer.sentence


def test_the_app_takes_the_next_port_if_it_may_choose(monkeypatch: pytest.MonkeyPatch):
    with system.socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(system, "DEFAULT_PORT", port)
        assert port < system._free_port() < port + system.PORTS_TRIED
        monkeypatch.setattr(system, "PORTS_TRIED", 1)
        with pytest.raises(JepaScoreError, match="are in use"):
            system._free_port()

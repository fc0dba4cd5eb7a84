"""`jepascore runs delete`."""

from __future__ import annotations

from jepascore_core.records.runs import RunState
from tests.cli.conftest import Cli
from tests.conftest import add_backbone, add_dataset, add_measurements, add_run, make_samples


def put_run(cli: Cli) -> str:
    """A run cancelled after two of four images; its id."""
    samples = make_samples("aabb")
    dataset, backbone = add_dataset(cli.store, "birds", samples), add_backbone(cli.store)
    some = {sample.sample_key: 1.0 for sample in samples[:2]}
    add_measurements(cli.store, dataset, backbone, some, samples=samples)
    return add_run(cli.store, dataset, backbone, RunState.CANCELLED, num_total=4, num_measured=2).run_id


def test_it_asks_and_says_what_goes(cli: Cli) -> None:
    run_id = put_run(cli)
    answer = cli("runs", "delete", run_id, typed="n\n")
    assert answer.code == 130 and "This deletes 2 measurements of birds." in answer.err
    assert cli.store.catalogue.run(run_id) and cli.store.measured_keys()
    answer = cli("runs", "delete", run_id, typed="y\n")
    assert answer.code == 0 and "2 measurements of birds deleted." in answer.err
    assert cli.store.catalogue.runs() == [] and cli.store.measured_keys() == []


def test_json(cli: Cli) -> None:
    run_id = put_run(cli)
    found = cli("runs", "delete", run_id, "--yes", "--json").json
    assert (found["run_ids"], found["num_measurements"], found["num_kept"]) == ([run_id], 2, 0)


def test_an_active_run_is_cancelled_first(cli: Cli) -> None:
    run_id = put_run(cli)
    cli.store.catalogue.update_run(run_id, state=RunState.RUNNING)
    answer = cli("runs", "delete", run_id, "--yes")
    assert answer.code == 1 and "Cancel it first" in answer.sentence


def test_commands_show_no_part_unasked(cli: Cli) -> None:
    put_run(cli)
    answer = cli("export", "birds", cli.home.parent / "kept.txt", "--min-percentile", "5")
    assert answer.code == 0 and "only 2 of 4 images scored" in answer.err
    whole = add_backbone(cli.store, "timm:resnet18.a1")
    dataset, samples = cli.store.catalogue.dataset("birds"), make_samples("aabb")
    add_measurements(cli.store, dataset, whole, {item.sample_key: 1.0 for item in samples}, samples=samples)
    answer = cli("export", "birds", cli.home.parent / "all.txt", "--min-percentile", "5")
    assert answer.code == 0 and "only" not in answer.err

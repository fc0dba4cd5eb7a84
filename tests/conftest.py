"""Real stores for tests: datasets with a manifest on disk, and measurements with the scores that a test asks for."""

from __future__ import annotations

import os
import time

# Read when torch is loaded: spinning threads would starve the tests that run beside them (runs.WORKER_ENVIRONMENT).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Each process of xdist, and whatever it starts, computes with its share of the processors: three that take all of two
# each wait for one another, and took 1.5 times the work. What threads do to kernels, tests/jacobian sees.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))

# Tests wait for their workers: with a tenth of the weight of what runs beside them these took three times as long.
os.environ.setdefault("JEPASCORE_NICENESS", "0")

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from jepascore_core.datasets.manifest import write_empty_part, write_part
from jepascore_core.records.backbones import BackboneInfo, BackboneRef, Preprocessing
from jepascore_core.records.datasets import DatasetRecord, DatasetState, Sample, SampleFailure
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import Run, RunState
from jepascore_core.score import score_of_log_spectrum
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.audit import audit
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA
from jepascore_core.storage.store import Store
from tests import guardian

#: How long an example takes, or is drawn, says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

#: Tests in real browsers: one worker's, whose other work goes on while these wait for pages. Journeys, which wait for
#: measurements, are another's, or the two would be the longest by far.
BROWSER = "tests/browser/"
JOURNEYS = f"{BROWSER}test_journey.py"


def pytest_configure(config: pytest.Config) -> None:
    """No server, worker or browser outlives the run, however that ends; workers of xdist are part of theirs."""
    if not hasattr(config, "workerinput"):
        guardian.guard()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take long come first, so that no worker is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.nodeid.startswith(BROWSER), item.path not in slow))


class Modules(LoadScopeScheduling):
    """A module is run by one worker, in one go: what its tests share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return BROWSER if module.startswith(BROWSER) and module != JOURNEYS else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Modules:
    """In place of xdist's own groups, whose marks do nothing since pytest 9.1 took the field they write to away."""
    config.option.loadscopereorder = False
    return Modules(config, log)


SPEC = MeasurementSpec()
CALIBRATED = MeasurementSpec("calibrated", probes=4)


def make_sample(
    key: str, label: str | None = None, split: str | None = None, content: str | None = None, **metadata: Any
) -> Sample:
    """A manifest row; samples with the same `content` (by default the key) have the same bytes."""
    return Sample(
        sample_key=key,
        uri=f"/images/{key}",
        label=label,
        split=split,
        content_id=xxhash.xxh3_128_hexdigest((key if content is None else content).encode()),
        width=64,
        height=48,
        num_bytes=1000,
        modified_ns=1,
        metadata=metadata,
    )


def make_samples(labels: Iterable[str | None]) -> list[Sample]:
    """One sample a label, with keys "a/0000.png", "b/0001.png" and so on; every fourth is of the split "test"."""
    return [
        make_sample(f"{label or 'none'}/{number:04d}.png", label, "train" if number % 4 else "test")
        for number, label in enumerate(labels)
    ]


def add_dataset(
    store: Store,
    name: str,
    samples: Sequence[Sample],
    failures: Sequence[SampleFailure] = (),
    state: DatasetState = DatasetState.READY,
) -> DatasetRecord:
    """A dataset with an index of these samples, in two parts where there are enough of them."""
    dataset_id = store.catalogue.add_dataset(name, f"/images/{name}", "imagefolder", {}).dataset_id
    folder = store.dataset_folder(dataset_id) / "v1"
    half = len(samples) // 2
    write_part(folder, samples[:half], ())
    write_part(folder, samples[half:], failures)
    if not samples:
        write_empty_part(folder, {})
    store.catalogue.update_dataset(
        dataset_id,
        version="v1",
        state=state,
        num_total=len(samples) + len(failures),
        num_indexed=len(samples),
        num_failed=len(failures),
    )
    return store.catalogue.dataset(dataset_id)


def add_backbone(store: Store, name: str = "timm:vit_tiny_patch16_224.test", **changes: Any) -> BackboneInfo:
    """A backbone in the catalogue; `changes` are fields of `BackboneInfo`."""
    library, _, rest = name.partition(":")
    slug = "".join(letter if letter.isalnum() else "-" for letter in name).lower()
    values: dict[str, Any] = {
        "backbone_id": f"{slug}-{xxhash.xxh3_64_hexdigest(repr((name, changes)).encode())[:12]}",
        "name": name,
        "library": library,
        "architecture": rest.partition(".")[0],
        "pooling": "token",
        "dimension": 8,
        "preprocessing": Preprocessing(224, 224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        "weights_hash": xxhash.xxh3_128_hexdigest(name.encode()),
        "num_parameters": 1000,
    }
    info = BackboneInfo(**{**values, **changes})
    store.catalogue.save_backbone(info)
    return info


def make_measurement(content_id: str, score: float, rank: int = 6, dimension: int = 8) -> Measurement:
    """A measurement with this score under the "rank" definition; null singular values are 1e-7."""
    logs = np.full(dimension, np.log(1e-7))
    logs[:rank] = score / rank + np.linspace(1, -1, rank)
    return Measurement(
        content_id=content_id,
        log_singular_values=logs.astype(np.float32),
        rank=rank,
        score=score,
        score_paper=float(score_of_log_spectrum(logs, rank, "paper")),
        embedding=np.ones(dimension, dtype=np.float16),
        seconds=0.01,
    )


def add_measurements(
    store: Store,
    dataset: DatasetRecord,
    backbone: BackboneInfo,
    scores: Mapping[str, float],
    *,
    samples: Sequence[Sample],
    spec: MeasurementSpec = SPEC,
    ranks: Mapping[str, int] | None = None,
) -> ScoreSet:
    """Measure the samples whose keys are in `scores` (one that shares its bytes with another counts once)."""
    rank_of = ranks or {}
    usual = backbone.dimension - 2
    rows = {
        sample.content_id: make_measurement(sample.content_id, scores[key], rank_of.get(key, usual), backbone.dimension)
        for sample in samples
        if (key := sample.sample_key) in scores
    }
    measurements = list(rows.values())
    half = len(measurements) // 2
    for part in (measurements[:half], measurements[half:]):
        if part:
            store.write_measurements(backbone.backbone_id, spec, part)
    return ScoreSet(dataset.dataset_id, spec.key(backbone.backbone_id))


def add_estimates(
    store: Store,
    dataset: DatasetRecord,
    backbone: BackboneInfo,
    scores: Mapping[str, float],
    half_width: float,
    *,
    samples: Sequence[Sample],
) -> ScoreSet:
    """Calibrated scores with intervals of `half_width` nats to both sides."""
    rows = [
        {"content_id": sample.content_id, "rank": backbone.dimension - 2}
        | dict.fromkeys(("score", "score_paper"), scores[key])
        | dict.fromkeys(("lower", "lower_paper"), scores[key] - half_width)
        | dict.fromkeys(("upper", "upper_paper"), scores[key] + half_width)
        for sample in samples
        if (key := sample.sample_key) in scores
    ]
    store.write_shard(backbone.backbone_id, CALIBRATED, pa.Table.from_pylist(rows, CALIBRATED_SCHEMA))
    return ScoreSet(dataset.dataset_id, CALIBRATED.key(backbone.backbone_id))


def add_run(
    store: Store,
    dataset: DatasetRecord,
    backbone: BackboneInfo,
    state: RunState = RunState.FINISHED,
    spec: MeasurementSpec = SPEC,
    **changes: Any,
) -> Run:
    """A run in the catalogue; `changes` are columns such as num_total or heartbeat."""
    run = store.catalogue.add_run(ResolvedRequest(dataset.dataset_id, BackboneRef(backbone.name), spec, "cpu"))
    store.catalogue.update_run(run.run_id, backbone_id=backbone.backbone_id, state=state, **changes)
    return store.catalogue.run(run.run_id)


def make_store(home: Path) -> Store:
    """An empty store."""
    return Store(home)


@pytest.fixture
def store(tmp_path: Path) -> Iterable[Store]:
    """An empty store, audited at the end of the test."""
    store = make_store(tmp_path / "home")
    yield store
    assert audit(store) == []


def wait_until(condition: Callable[[], bool], seconds: float = 240.0) -> None:
    """Look again and again until something holds that another process or thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> BackboneRef:
    """timm's smallest transformer with random weights, saved as timm saves them."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "test_vit.safetensors"
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), path)
    return BackboneRef("timm:test_vit", str(path), image_size=32, mean=(0.5,) * 3, std=(0.5,) * 3)

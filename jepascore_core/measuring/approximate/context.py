"""Input of a calibrated run: a dataset's images, and their existing measurements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.progress import RunProgress, Stage
from jepascore_core.measuring.task import Measure, MeasureTask
from jepascore_core.records.approximation import ApproximationPlan, nested_sizes
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.store import Store


@dataclass(frozen=True, eq=False)
class Context:
    """One run. `images` and `labels` by content id; an image in several classes has the first of their labels.

    `task` is that of the run; every stage measures a variant of it with `measure_images`.
    """

    task: MeasureTask
    measure_images: Measure
    progress: RunProgress
    dataset: DatasetRecord
    plan: ApproximationPlan
    images: dict[str, PendingImage]
    labels: dict[str, str | None]

    @property
    def store(self) -> Store:
        """The store of the measurements."""
        return self.task.store

    @property
    def backbone(self) -> Backbone:
        """The encoder."""
        return self.task.backbone

    @property
    def spec(self) -> MeasurementSpec:
        """The measurement spec of the run."""
        return self.task.spec

    @property
    def backbone_id(self) -> str:
        """Id of the backbone."""
        return self.backbone.info.backbone_id

    @property
    def dimension(self) -> int:
        """K."""
        return self.backbone.info.dimension

    @property
    def nested(self) -> MeasurementSpec:
        """The spec of the sketches of all compared sizes."""
        return self.spec.nested(nested_sizes(self.dimension)[-1])

    def having(self, spec: MeasurementSpec) -> set[str]:
        """Return the content ids of the dataset's images that were measured under a spec."""
        sql = f"SELECT content_id FROM ({self.store.shards_sql(spec.key(self.backbone_id))})"
        return self.images.keys() & set(self.store.query(sql)["content_id"].to_pylist())

    def pending(self, content_ids: Collection[str]) -> list[PendingImage]:
        """Return the images to measure, ordered by content id, without those that failed."""
        return [self.images[item] for item in sorted(content_ids) if item not in self.progress.failed_ids]

    def measure(self, task: MeasureTask, images: Sequence[PendingImage], stage: Stage) -> None:
        """Measure images as a stage of the run."""
        self.progress.begin(stage, len(images))
        self.measure_images(task, images)
        self.progress.report(stage.message)


def open_context(
    task: MeasureTask, measure_images: Measure, progress: RunProgress, dataset: DatasetRecord, plan: ApproximationPlan
) -> Context:
    """Read the dataset's distinct images."""
    rows = task.store.query(
        "SELECT content_id, min(sample_key) AS sample_key, arg_min(uri, sample_key) AS uri, min(label) AS label "
        f"FROM ({task.store.manifest_sql(dataset)}) GROUP BY content_id"
    ).to_pylist()
    labels = {row["content_id"]: row.pop("label") for row in rows}
    images = {row["content_id"]: PendingImage(**row) for row in rows}
    return Context(task, measure_images, progress, dataset, plan, images, labels)

"""The home folder: Parquet shards of measurements, read through DuckDB, and the catalogue beside them.

A shard is written under a temporary name, flushed and renamed: a reader sees all of it or none. Readers list the
folder, so any number of processes can read while one writes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.atomic import write_atomically
from jepascore_core.errors import DatasetNotReadyError
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.records.pilots import Pilot
from jepascore_core.score import Definition
from jepascore_core.storage.catalogue import Catalogue, new_id
from jepascore_core.storage.home import home_folder
from jepascore_core.storage.measurement_sql import (
    INTERVAL_COLUMNS,
    MEASUREMENT_SCHEMA,
    NO_QUALITY,
    NO_SHARDS,
    SCORE_COLUMN,
    SPREAD_COLUMN,
    VIEW_SCORES,
    calibrated_sql,
    parquet_sql,
    with_other_definitions,
)
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.queries import QueryEngine
from jepascore_core.storage.ties import comparable, midrank
from jepascore_core.storage.uploaded_files import forget_upload

_VIEW_COLUMNS = frozenset(VIEW_SCORES.values())


class Store(QueryEngine):
    """One home folder. Cheap to create; thread-safe."""

    def __init__(self, home: Path | None = None) -> None:
        super().__init__()
        self.home = home or home_folder()
        self.home.mkdir(parents=True, exist_ok=True)
        self.catalogue = Catalogue(self.home / "catalogue.sqlite")

    # Paths

    @property
    def thumbs_folder(self) -> Path:
        """Root folder of the previews."""
        return self.home / "thumbs"

    def dataset_folder(self, dataset_id: str) -> Path:
        """Return the folder of one dataset: its index versions, unpacked archives and caches."""
        return self.home / "datasets" / dataset_id

    def index_folder(self, dataset: DatasetRecord) -> Path:
        """Return the folder of the dataset's current index.

        Raises:
            DatasetNotReadyError: if no index is complete yet.
        """
        if dataset.version is None:
            raise DatasetNotReadyError(
                f"The dataset {dataset.name!r} is not indexed yet ({dataset.state}). "
                "Wait for its index to complete, or resume it on the Runs page or with `jepascore add`."
            )
        return self.dataset_folder(dataset.dataset_id) / dataset.version

    def remove_dataset(self, dataset: DatasetRecord) -> None:
        """Remove a dataset with its hidden datasets: catalogue rows, index and unpacked archive.

        Source images are not touched.
        """
        hidden = [item for item in self.catalogue.datasets(hidden=True) if item.parent_id == dataset.dataset_id]
        self.catalogue.remove_dataset(dataset.dataset_id)
        for item in hidden:
            shutil.rmtree(self.dataset_folder(item.dataset_id), ignore_errors=True)
        shutil.rmtree(self.dataset_folder(dataset.dataset_id), ignore_errors=True)
        forget_upload(self.home, dataset.source, self.catalogue.datasets())

    def measurement_folder(self, key: MeasurementKey) -> Path:
        """Return the folder of the shards of one backbone under one measurement spec."""
        return self.home / "measurements" / key.backbone_id / key.spec_id

    # Measurements

    def write_measurements(self, backbone_id: str, spec: MeasurementSpec, rows: Sequence[Measurement]) -> Path:
        """Write one shard, visible only when complete; return its path."""
        columns = {
            name: [getattr(row, name) for row in rows] for name in MEASUREMENT_SCHEMA.names if name not in _VIEW_COLUMNS
        }
        for definition, name in VIEW_SCORES.items():
            columns[name] = [getattr(row.views, definition, None) for row in rows]
        return self.write_shard(backbone_id, spec, pa.table(columns, schema=MEASUREMENT_SCHEMA))

    def write_shard(self, backbone_id: str, spec: MeasurementSpec, table: pa.Table) -> Path:
        """Write a table of `MEASUREMENT_SCHEMA`, or of `CALIBRATED_SCHEMA` for a calibrated spec, as one shard."""
        folder = self.measurement_folder(spec.key(backbone_id))
        folder.mkdir(parents=True, exist_ok=True)
        spec_file = folder / "spec.json"
        if not spec_file.exists():
            write_atomically(spec_file, json.dumps(spec.to_dict(), indent=2).encode())
        path = folder / f"part-{new_id()}.parquet"
        write_parquet(path, table)
        return path

    def measured_keys(self) -> list[MeasurementKey]:
        """Return the keys of all scores and embeddings. Nested sketches only serve calibrations and are left out."""
        return [key for key in self.stored_keys() if key.is_listed]

    def stored_keys(self) -> list[MeasurementKey]:
        """Return the keys of all shards, including those that only serve calibrations."""
        parts = (self.home / "measurements").glob("*/*/part-*.parquet")
        return sorted({MeasurementKey(part.parent.parent.name, part.parent.name) for part in parts})

    def spec(self, key: MeasurementKey) -> MeasurementSpec:
        """Return the measurement spec of a folder of shards."""
        path = self.measurement_folder(key) / "spec.json"
        return MeasurementSpec.from_dict(json.loads(path.read_text()))

    def has_views(self, key: MeasurementKey) -> bool:
        """Whether the views of images were measured; False also where nothing was."""
        return (self.measurement_folder(key) / "spec.json").is_file() and self.spec(key).has_views

    def spectrum(self, key: MeasurementKey, content_id: str) -> npt.NDArray[np.float64] | None:
        """Return the singular values of one image, [K] descending; None if not measured, or if its views were."""
        rows = self.query(
            f"SELECT log_singular_values FROM ({self.measurements_sql(key)}) WHERE content_id = ?",
            [content_id],
        ).to_pylist()
        logs = rows[0]["log_singular_values"] if rows else None
        return None if logs is None else np.exp(np.asarray(logs, dtype=np.float64))

    # SQL over shards and manifests

    def manifest_sql(self, dataset: DatasetRecord) -> str:
        """Return a SELECT over the dataset's manifest: fields of `Sample` and `ImageQuality`, and user columns.

        Quality is NULL in indexes of earlier releases; user columns are named `meta.<name>`.
        """
        parts = parquet_sql(sorted(self.index_folder(dataset).glob("manifest-*.parquet")))
        return f"{parts} UNION ALL BY NAME {NO_QUALITY}"

    def shards_sql(self, key: MeasurementKey) -> str:
        """Return a SELECT over the shards of one backbone and spec as stored; an empty relation if there are none."""
        parts = self._parts(key)
        # By name, because shards of earlier releases lack newer columns.
        return f"{NO_SHARDS} UNION ALL BY NAME {parquet_sql(parts)}" if parts else NO_SHARDS

    def _parts(self, key: MeasurementKey) -> list[Path]:
        return sorted(self.measurement_folder(key).glob("part-*.parquet"))

    def shard_names(self, key: MeasurementKey) -> list[str]:
        """Return the names of all shards that `measurements_sql` reads."""
        return [part.name for read in self._read_keys(key) for part in self._parts(read)]

    def _read_keys(self, key: MeasurementKey) -> list[MeasurementKey]:
        """Return the key itself and, for calibrated scores, those of the exact scores and of the sketches."""
        if not key.is_calibrated or not self._parts(key):
            return [key]
        spec = self.spec(key)
        return [key, spec.exact.key(key.backbone_id), spec.sketch().key(key.backbone_id)]

    def measurements_sql(self, key: MeasurementKey) -> str:
        """Return a SELECT over all measurements of one backbone and spec; an empty relation if there are none.

        Besides the fields of `records.Measurement`: `is_exact`, the score under the other definitions (`score_tail`,
        `score_top`: NULL without a spectrum or views), the spread over views under each (`view_spread_rank`, ...), and
        the limits of the interval that contains the exact score (`lower`, `upper`; `lower_paper`, `upper_paper`; ...):
        both equal the score if it is exact, NULL if unknown.
        A calibrated spec shows the exact score of every image that has one; spectra are those of exact measurements.
        """
        shards = [self.shards_sql(read) for read in self._read_keys(key)]
        if len(shards) > 1:
            return with_other_definitions(calibrated_sql(*shards))
        if key.is_exact:
            ends = "score AS lower, score AS upper, score_paper AS lower_paper, score_paper AS upper_paper"
            return with_other_definitions(f"SELECT *, {ends}, true AS is_exact FROM ({shards[0]})")
        ends = ", ".join(f"NULL::DOUBLE AS {end}" for name in ("rank", "paper") for end in INTERVAL_COLUMNS[name])
        return with_other_definitions(f"SELECT *, {ends}, false AS is_exact FROM ({shards[0]})")

    def scored_sql(self, dataset: DatasetRecord, key: MeasurementKey, definition: Definition = "rank") -> str:
        """Return a SELECT of measured samples: manifest columns plus score, its interval, rank and percentiles.

        The exact score is between `lower` and `upper`; `is_exact` says whether the score is exact; see
        `measurements_sql`. `view_spread` is the standard deviation over views.

        `class_percentile` and `percentile` are mid-rank percentiles in (0, 100) within the label and the dataset: the
        share of samples that score lower plus half the share that score the same (ties.py). Unlabelled samples form a
        class.
        """
        column, (lower, upper) = SCORE_COLUMN[definition], INTERVAL_COLUMNS[definition]
        measured, compared = self.measurements_sql(key), comparable("score")
        return f"""
            WITH scored AS (
                SELECT manifest.*, measured.rank, measured.{column} AS score,
                    measured.{lower} AS lower, measured.{upper} AS upper, measured.is_exact,
                    measured.{SPREAD_COLUMN[definition]} AS view_spread
                FROM ({self.manifest_sql(dataset)}) AS manifest
                JOIN ({measured}) AS measured USING (content_id) WHERE measured.{column} IS NOT NULL
            )
            SELECT *, {midrank(compared, "label")} AS class_percentile, {midrank(compared)} AS percentile FROM scored
        """

    def pending_samples(self, dataset: DatasetRecord, key: MeasurementKey, pilot: Pilot | None = None) -> pa.Table:
        """Return one sample (content_id, sample_key, uri) for each distinct image that no shard has, of a pilot or all.

        Ordered by content id, which is a hash: the first ones measured are a random sample of every class.
        """
        return self.query(f"""
            SELECT content_id, min(sample_key) AS sample_key, arg_min(uri, sample_key) AS uri
            FROM ({self._piloted_sql(dataset, pilot)}) AS manifest
            ANTI JOIN ({self.measurements_sql(key)}) AS measured USING (content_id)
            GROUP BY content_id ORDER BY content_id
        """)

    def count_images(self, dataset: DatasetRecord, pilot: Pilot | None = None) -> int:
        """Count the distinct images (content ids) of a dataset, or of a pilot of it."""
        sql = f"SELECT count(DISTINCT content_id) AS n FROM ({self._piloted_sql(dataset, pilot)})"
        return int(self.query(sql)["n"][0].as_py())

    def _piloted_sql(self, dataset: DatasetRecord, pilot: Pilot | None) -> str:
        """Return a SELECT of the samples that a pilot measures, all without one."""
        manifest = self.manifest_sql(dataset)
        if pilot is None:
            return manifest
        of = "label" if pilot.per_class else "1"
        chosen = f"""SELECT content_id FROM (SELECT DISTINCT content_id, {of} AS part FROM ({manifest}))
            QUALIFY row_number() OVER (PARTITION BY part ORDER BY content_id) <= {int(pilot.num_images)}"""
        return f"SELECT * FROM ({manifest}) WHERE content_id IN ({chosen})"

    def uri_of(self, dataset_id: str, content_id: str) -> str | None:
        """Return the uri of an image, or None if the dataset does not have it."""
        dataset = self.catalogue.find_dataset(dataset_id)
        if dataset is None or dataset.version is None:
            return None
        sql = f"SELECT uri FROM ({self.manifest_sql(dataset)}) WHERE content_id = ? LIMIT 1"
        rows = self.query(sql, [content_id]).to_pylist()
        return str(rows[0]["uri"]) if rows else None

"""The schema of measurements and the SQL that reads scores from shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from jepascore_core.records.quality import QUALITY_NUMBERS
from jepascore_core.score import DEFINITIONS, TAIL_DROPS_ONE_IN, TOP_K, Definition

#: What each view of an image scores under each definition; NULL where the image itself was measured.
VIEW_SCORES: dict[Definition, str] = {name: f"view_scores_{name}" for name in DEFINITIONS}

MEASUREMENT_SCHEMA = pa.schema(
    [
        ("content_id", pa.string()),
        ("log_singular_values", pa.list_(pa.float32())),
        ("rank", pa.int32()),
        ("score", pa.float64()),
        ("score_paper", pa.float64()),
        ("embedding", pa.list_(pa.float16())),
        ("seconds", pa.float64()),
        ("features", pa.list_(pa.float32())),
        *((name, pa.list_(pa.float64())) for name in VIEW_SCORES.values()),
    ]
)


#: Rows of a calibrated spec: predictions. The shards of its sketch have the other columns of the image.
CALIBRATED_SCHEMA = pa.schema(
    [
        ("content_id", pa.string()),
        ("rank", pa.int32()),
        *((name, pa.float64()) for name in ("score", "lower", "upper", "score_paper", "lower_paper", "upper_paper")),
    ]
)


SCORE_COLUMN: dict[Definition, str] = {
    "rank": "score", "paper": "score_paper", "tail": "score_tail", "top": "score_top",
}  # fmt: skip


#: Standard deviation of the scores of an image's views; NULL for one view and if the image itself was measured.
SPREAD_COLUMN: dict[Definition, str] = {name: f"view_spread_{name}" for name in DEFINITIONS}


#: Limits of the interval that contains the exact score.
INTERVAL_COLUMNS: dict[Definition, tuple[str, str]] = {
    "rank": ("lower", "upper"),
    "paper": ("lower_paper", "upper_paper"),
    "tail": ("lower_tail", "upper_tail"),
    "top": ("lower_top", "upper_top"),
}


#: Slice of a stored spectrum that other definitions sum, as in `score_of_log_spectrum`: first to last index.
_SUMMED: dict[Definition, str] = {
    "tail": f"[(rank + {TAIL_DROPS_ONE_IN - 1}) // {TAIL_DROPS_ONE_IN} + 1 : rank]",
    "top": f"[1 : least(rank, {TOP_K})]",
}


NO_SHARDS = (
    "SELECT NULL::VARCHAR AS content_id, NULL::FLOAT[] AS log_singular_values, NULL::INTEGER AS rank, "
    "NULL::DOUBLE AS score, NULL::DOUBLE AS score_paper, NULL::FLOAT[] AS embedding, NULL::DOUBLE AS seconds, "
    f"NULL::FLOAT[] AS features, {', '.join(f'NULL::DOUBLE[] AS {name}' for name in VIEW_SCORES.values())} WHERE false"
)

#: Manifests of earlier releases lack these columns.
NO_QUALITY = (
    f"SELECT {', '.join(f'NULL::FLOAT AS {name}' for name in QUALITY_NUMBERS)}, "
    "NULL::UBIGINT AS phash, NULL::SMALLINT AS quality_version, NULL::UBIGINT AS phash_mirrored WHERE false"
)


def parquet_sql(paths: Sequence[Path], options: str = "union_by_name = true") -> str:
    """Return a SELECT of all rows of some files, matched by column name, or with other options of DuckDB."""
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"SELECT * FROM read_parquet([{quoted}], {options})"


def with_other_definitions(measured: str) -> str:
    """Return a SELECT of measured rows with all definitions' scores and spreads, and the intervals of exact ones."""
    sums = ", ".join(
        "CASE WHEN log_singular_values IS NOT NULL "
        f"THEN coalesce(list_sum(log_singular_values{part}::DOUBLE[]), 0) "
        f"WHEN {VIEW_SCORES[name]} IS NOT NULL THEN {_expected(VIEW_SCORES[name])} END AS score_{name}"
        for name, part in _SUMMED.items()
    )
    sums += "".join(f", list_stddev_samp({VIEW_SCORES[name]}) AS {SPREAD_COLUMN[name]}" for name in DEFINITIONS)
    ends = ", ".join(
        f"CASE WHEN is_exact THEN score_{name} END AS {end}"
        for name in _SUMMED
        for end in (f"lower_{name}", f"upper_{name}")
    )
    return f"SELECT *, {ends} FROM (SELECT *, {sums} FROM ({measured}))"


def _expected(scores: str) -> str:
    """Return what `score.expected_score` computes of a list of scores; the smallest one is taken out of the sum."""
    return f"list_min({scores}) - ln(list_avg(list_transform({scores}, lambda x: exp(list_min({scores}) - x))))"


def calibrated_sql(calibrated: str, exact: str, sketch: str) -> str:
    """Return a SELECT of calibrated rows, with the exact score instead of the predicted one if there is one."""
    columns = {"score": ("score", "lower", "upper"), "score_paper": ("score_paper", "lower_paper", "upper_paper")}
    scores = ", ".join(
        f"coalesce(exact.{score}, calibrated.{name}) AS {name}" for score, names in columns.items() for name in names
    )
    return f"""
        SELECT content_id, exact.log_singular_values, coalesce(exact.rank, calibrated.rank) AS rank, {scores},
            coalesce(exact.embedding, sketch.embedding) AS embedding,
            coalesce(exact.seconds, sketch.seconds) AS seconds,
            coalesce(exact.features, sketch.features) AS features, exact.score IS NOT NULL AS is_exact,
            {", ".join(f"NULL::DOUBLE[] AS {name}" for name in VIEW_SCORES.values())}
        FROM ({calibrated}) AS calibrated LEFT JOIN ({exact}) AS exact USING (content_id)
            LEFT JOIN ({sketch}) AS sketch USING (content_id)
    """

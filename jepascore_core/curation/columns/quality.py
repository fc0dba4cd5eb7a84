"""Image quality as columns for rules: what an index holds, and the issues that follow from it within a dataset."""

from __future__ import annotations

from jepascore_core.records.quality import QUALITY_NUMBERS

#: Limits of the issues. Those of dark, light, odd aspect and odd size are CleanVision's; that of low information is its
#: limit for greyscale images. Of 400 photographs of flowers the least sharp has 65, blurred by 4 pixels of 224 the
#: sharpest of ten has 4.
DARK_P99, LIGHT_P5 = 0.32, 0.95
LOW_ENTROPY = 3.0
BLURRY_SHARPNESS = 50.0
ODD_ASPECT = 0.35
ODD_SIZE_IQR = 3.0
WIDE_BORDER = 0.1

#: Issues in the order in which a sample with several lists them.
ISSUES = {
    "dark": f"brightness_p99 < {DARK_P99}",
    "light": f"brightness_p5 > {LIGHT_P5}",
    "low information": f"entropy < {LOW_ENTROPY}",
    "blurry": f"sharpness < {BLURRY_SHARPNESS}",
    "odd size": "odd_size",
    "odd aspect": f"least(width / height, height / width) < {ODD_ASPECT}",
    "border": f"border > {WIDE_BORDER}",
}
NO_ISSUE = "none"
#: The column that names them.
QUALITY_ISSUE = "quality_issue"

_DERIVED = {"bytes_per_pixel": "num_bytes / (width::DOUBLE * height)"}


def quality_sql(manifest: str, name: str) -> str:
    """SELECT of one column, called {name}, in order of sample key and uri; NULL where quality was not measured."""
    if name == QUALITY_ISSUE:
        return _issue_sql(manifest)
    value = _DERIVED.get(name, f'"{name}"')
    return f'SELECT ({value})::DOUBLE AS "{{name}}" FROM ({manifest}) ORDER BY sample_key, uri'


def _issue_sql(manifest: str) -> str:
    """Names of all issues of a sample, separated by a comma; "none" where there is none.

    A size is odd where the root of the area is more than three interquartile ranges outside the quartiles of the
    dataset; where at least half of the samples have one size, every other size is odd.
    """
    cases = ", ".join(f"CASE WHEN {condition} THEN '{issue}' END" for issue, condition in ISSUES.items())
    return f"""
        WITH sized AS (SELECT *, sqrt(width::DOUBLE * height) AS side FROM ({manifest})),
        quartiles AS (
            SELECT quantile_cont(side, 0.25) AS q1, quantile_cont(side, 0.75) AS q3 FROM sized
        ),
        judged AS (
            SELECT *, CASE WHEN q3 > q1
                THEN side < q1 - {ODD_SIZE_IQR} * (q3 - q1) OR side > q3 + {ODD_SIZE_IQR} * (q3 - q1)
                ELSE side <> q1 END AS odd_size
            FROM sized, quartiles
        )
        SELECT CASE WHEN quality_version IS NOT NULL
            THEN coalesce(nullif(concat_ws(', ', {cases}), ''), '{NO_ISSUE}') END AS "{{name}}"
        FROM judged ORDER BY sample_key, uri
    """


#: Columns of rules that are numbers about a picture.
QUALITIES = (*QUALITY_NUMBERS, *_DERIVED)

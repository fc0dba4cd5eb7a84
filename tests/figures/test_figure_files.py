"""Figures as files: their data as a table that no spreadsheet runs, and a page that needs no network."""

import csv
import io

import plotly.graph_objects as go
import pytest

from jepascore_core.figures import agreement as agreement_figures
from jepascore_core.figures import scores as figures
from jepascore_core.figures.files import figure_csv, figure_html, file_name, picture_config
from jepascore_core.views.agreement import agreement, percentile_scatter
from jepascore_core.views.distribution import HistogramOptions, histograms
from jepascore_core.views.extremes import class_summaries
from tests.figures.test_figures import EVIL, every_figure, scored  # noqa: F401 - the fixture


def rows_of(figure):
    return list(csv.DictReader(io.StringIO(figure_csv(figure))))


def test_bars_are_counts_at_their_scores(scored):  # noqa: F811
    store, sets = scored
    view = histograms(store, sets[:1], HistogramOptions(bins=10))
    rows = rows_of(figures.histogram_figure(view, share=False))
    assert tuple(int(row["Samples"]) for row in rows) == view.series[0].counts
    centres = [float(row["JEPA-SCORE (nats), higher = more likely"]) for row in rows]
    assert centres == pytest.approx([(a + b) / 2 for a, b in zip(view.edges, view.edges[1:], strict=False)])
    assert "id" not in rows[0]


def test_points_have_their_sample_keys_and_texts_are_disarmed(scored):  # noqa: F811
    store, sets = scored
    scatter = percentile_scatter(store, *sets)
    rows = rows_of(agreement_figures.percentile_scatter_figure(scatter))
    assert [row["id"] for row in rows] == [point.sample_key for point in scatter.points]
    formula = go.Figure(go.Scatter(x=[1], y=[2], name="=cmd()", customdata=["@key"]))
    assert (rows_of(formula)[0]["series"], rows_of(formula)[0]["id"]) == ("'=cmd()", "'@key")


def test_a_heat_map_is_a_row_a_cell(scored):  # noqa: F811
    store, sets = scored
    found = agreement(store, sets, least=0)
    rows = rows_of(agreement_figures.agreement_figure(found))
    assert [(row["row"], row["column"]) for row in rows] == [(a, b) for a in found.titles for b in found.titles]
    assert float(rows[1]["value"]) == pytest.approx(found.spearman[0][1])


def test_boxes_are_their_quartiles(scored):  # noqa: F811
    store, sets = scored
    summaries = class_summaries(store, sets[0])
    rows = rows_of(figures.class_overview_figure(summaries))
    assert [float(row["median"]) for row in rows] == [summary.median for summary in summaries]


def test_every_figure_has_data_and_a_page(scored):  # noqa: F811
    for name, figure in every_figure(*scored).items():
        assert len(rows_of(figure)) > 0, name
    page = figure_html(figure, f"Balance of {EVIL}")
    assert "<title>Balance of &lt;a href=" in page
    assert '<script src="http' not in page


def test_file_names_are_safe_and_pictures_sharp():
    assert file_name("jepascore", "Spearman's ρ: a/b \\ c", "..") == "jepascore-Spearman-s-ρ-a-b-c"
    assert file_name("///") == "figure"
    assert len(file_name("x" * 500)) == 80
    assert picture_config("a")["toImageButtonOptions"] == {"format": "png", "filename": "a", "scale": 2}
    assert picture_config("a", "svg")["toImageButtonOptions"]["format"] == "svg"

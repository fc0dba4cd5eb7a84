"""Figures show what the view-models say, name their units, carry sample keys, and disarm names."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from jepascore_core.curation import evaluate, parse, summarize
from jepascore_core.figures import agreement as agreement_figures
from jepascore_core.figures import scores as figures
from jepascore_core.figures.files import figure_csv
from jepascore_core.views.agreement import agreement, percentile_scatter
from jepascore_core.views.curation import before_after
from jepascore_core.views.detail import sample_detail
from jepascore_core.views.distribution import HistogramOptions, histograms
from jepascore_core.views.extremes import class_summaries
from jepascore_core.views.overlaps import overlap_curves
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample, make_samples

ROOT = Path(__file__).parents[2]
EVIL = '<a href="javascript:x">&\nb</a>'


@pytest.fixture
def scored(store):
    samples = [make_sample(f"{EVIL}/{n}.png", (EVIL, "b", None)[n % 3], "train") for n in range(24)]
    dataset = add_dataset(store, EVIL.replace("\n", " "), [*samples, make_sample("pending.png", "b")])
    rng = np.random.default_rng(0)
    sets = [
        add_measurements(
            store, dataset, add_backbone(store, name),
            {s.sample_key: float(v) for s, v in zip(samples, rng.normal(10, 3, 24), strict=True)}, samples=samples,
        )
        for name in ("timm:one", "timm:two")
    ]  # fmt: skip
    return store, sets


def every_figure(store, sets):
    detail = sample_detail(store, sets[0], f"{EVIL}/0.png")
    return {
        "histogram": figures.histogram_figure(histograms(store, sets[:1])),
        "lines": figures.histogram_figure(histograms(store, sets, HistogramOptions(group_by="label")), share=False),
        "place": figures.place_figure(detail.place),
        "spectrum": figures.spectrum_figure(detail.spectrum),
        "scatter": agreement_figures.percentile_scatter_figure(percentile_scatter(store, *sets)),
        "classes": figures.class_overview_figure(class_summaries(store, sets[0])),
        "agreement": agreement_figures.agreement_figure(agreement(store, sets, least=0)),
        "kendall": agreement_figures.agreement_figure(agreement(store, sets, least=0), "kendall"),
        "overlap": agreement_figures.overlap_figure(overlap_curves(store, sets)),
        "before and after": figures.before_after_figure(
            before_after(store, evaluate(store, sets[0], parse("class_percentile >= 30")))
        ),
        "balance": figures.class_balance_figure(
            summarize(store, evaluate(store, sets[0], parse("class_percentile >= 30"))).balance
        ),
    }


def luminance(colour):
    """Relative luminance of red, green and blue from 0 to 1, as WCAG defines it."""
    linear = np.where(colour <= 0.03928, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def rgb(text):
    return np.array([int(text[place : place + 2], 16) for place in (1, 3, 5)]) / 255


def texts(value, key=""):
    """All texts of a figure but the customdata, which is not shown."""
    if isinstance(value, dict):
        return [text for name, item in value.items() if name != "customdata" for text in texts(item, name)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item, key)]
    return [value] if isinstance(value, str) else []


def test_every_figure_is_transparent_labelled_and_harmless(scored):
    for name, figure in every_figure(*scored).items():
        values = json.loads(figure.to_json())
        layout = {key: value for key, value in values["layout"].items() if key != "template"}
        assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)", name
        assert "title" not in layout, name
        assert "color" not in layout.get("font", {}), name
        if name not in ("agreement", "kendall"):
            assert layout["xaxis"]["title"]["text"], name
        for text in [*texts(values["data"]), *texts(layout)]:
            assert "<a" not in text, name
            assert "\n" not in text, name


def test_points_are_as_plain_on_dark_ground_as_on_light(scored):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    marker = every_figure(*scored)["scatter"].data[0].marker
    contrasts = []
    for name in ("light", "dark"):
        ground = rgb(theme[name]["backgroundColor"])
        seen = marker.opacity * rgb(marker.color) + (1 - marker.opacity) * ground
        dark, light = sorted([luminance(seen), luminance(ground)])
        contrasts.append((light + 0.05) / (dark + 0.05))
    assert min(contrasts) >= 3, "what WCAG asks of graphics"
    assert max(contrasts) < 1.1 * min(contrasts)


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def grounds():
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    return {name: rgb(theme[name]["backgroundColor"]) for name in ("light", "dark")}


def seen(colour, opacity, ground):
    """A colour as it is seen on a ground: "#rrggbb" or "rgba(r,g,b,a)"."""
    if colour.startswith("rgba"):
        *parts, alpha = (float(part) for part in colour[5:-1].split(","))
        return opacity * alpha * np.array(parts) / 255 + (1 - opacity * alpha) * ground
    return opacity * rgb(colour) + (1 - opacity) * ground


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_mark_is_plain_on_its_ground(scored, theme):
    """3:1, what WCAG asks of graphics: of bars themselves or their outline, of lines and of points."""
    ground = grounds()[theme]
    for name, figure in every_figure(*scored).items():
        for trace in figure.data:
            marker, opacity = trace.marker if "marker" in trace else None, 1.0
            colours = []
            if trace.type in ("bar", "box"):
                opacity = marker.opacity or 1.0
                outline = [marker.line.color] if trace.type == "bar" and marker.line.width else []
                colours = [[marker.color, *outline]]
            elif trace.type.startswith("scatter") and trace.mode == "markers":
                opacity, colours = marker.opacity or 1.0, [[marker.color]]
            elif trace.type.startswith("scatter") and trace.line.width and trace.line.color:
                colours = [[trace.line.color]]
            for choices in colours:
                best = max(contrast(seen(colour, opacity, ground), ground) for colour in choices)
                assert best >= 3, (name, trace.name, choices, best)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("colour", figures.PALETTE)
def test_the_palette_is_plain_on_both_grounds_and_on_the_halo(theme, colour):
    ground = grounds()[theme]
    assert contrast(rgb(colour), ground) >= 3
    # A dashed line over bars of its own colour and over the ground: its dashes or its halo stand out.
    assert contrast(rgb(colour), rgb(figures.HALO)) >= 3


def test_scores_say_unit_and_direction(scored):
    made = every_figure(*scored)
    for name in ("histogram", "lines", "place", "classes"):
        assert made[name].layout.xaxis.title.text == "JEPA-SCORE (nats), higher = more likely"
    per_dimension = histograms(scored[0], scored[1], HistogramOptions(per_dimension=True))
    title = figures.histogram_figure(per_dimension).layout.xaxis.title.text
    assert title == "JEPA-SCORE (nats per dimension), higher = more likely"


def test_histogram_shows_counts_shares_medians_and_bins(scored):
    store, sets = scored
    view = histograms(store, sets, HistogramOptions(bins=10))
    counts, shares = figures.histogram_figure(view, share=False), figures.histogram_figure(view)
    for position, series in enumerate(view.series):
        assert tuple(counts.data[position].y) == series.counts
        assert sum(shares.data[position].y) == pytest.approx(100)
        assert [list(item) for item in counts.data[position].customdata] == [[position, place] for place in range(10)]
        assert f"n = 24, median {series.median:.1f}" in counts.data[position].name
    dashed = [shape for shape in counts.layout.shapes if shape.line.dash == "dash"]
    assert [shape.x0 for shape in dashed] == [series.median for series in view.series]
    assert isinstance(counts.data[0], go.Bar)
    first, last = shares.data[0].hovertext[0], shares.data[0].hovertext[-1]
    assert f"score ≤ {view.edges[1]:.1f}<br>" in first
    assert f"score > {view.edges[-2]:.1f}<br>" in last
    assert last.endswith("to 100.0")


def test_bars_of_outliers_say_where_they_begin(store):
    samples = make_samples(["a"] * 102)
    values = {s.sample_key: float(n) / 50 for n, s in enumerate(samples)}
    values |= {samples[0].sample_key: -88.7, samples[1].sample_key: -60.0, samples[-1].sample_key: 55.0}
    scores = add_measurements(store, add_dataset(store, "d", samples), add_backbone(store), values, samples=samples)
    view = histograms(store, [scores])
    figure = figures.histogram_figure(view)
    low, high = (f"{edge:.1f}".replace("-", "−") for edge in (view.edges[1], view.edges[-2]))
    axis = figure.layout.xaxis
    assert (axis.ticktext[0], axis.ticktext[-1]) == (f"≤ {low}", f"> {high}")
    assert (axis.tickvals[0], axis.tickvals[-1]) == (figure.data[0].x[0], figure.data[0].x[-1])
    assert all(view.edges[0] < place < view.edges[-1] for place in axis.tickvals)
    first, last = figure.data[0].hovertext[0], figure.data[0].hovertext[-1]
    assert f"score ≤ {low} (2 samples below the axis, from −88.7)" in first
    assert f"score > {high} (1 sample above the axis, up to 55.0)" in last
    rows = figure_csv(figure).splitlines()
    assert f"score ≤ {low} (2 samples below the axis, from −88.7)" in rows[1]
    assert f"score > {high} (1 sample above the axis, up to 55.0)" in rows[-1]
    inside = histograms(store, [scores], HistogramOptions(edges=(-100.0, 0.0, 100.0)))
    assert figures.histogram_figure(inside).layout.xaxis.ticktext is None


def test_kept_and_dropped_stand_on_top_of_each_other_under_all(scored):
    store, sets = scored
    view = before_after(store, evaluate(store, sets[0], parse("class_percentile >= 30")))
    kept, dropped, outline = figures.before_after_figure(view).data
    assert tuple(np.array(kept.y) + np.array(dropped.y)) == tuple(outline.y[:-1]) == view.series[0].counts
    assert tuple(outline.x) == view.edges
    everything = figures.before_after_figure(before_after(store, evaluate(store, sets[0], parse("all")))).data
    assert [trace.name.partition(" (")[0] for trace in everything] == ["Kept", "Before"]


def test_the_interval_of_an_estimate_is_a_bar_across_the_median(scored):
    store, sets = scored
    view = histograms(store, sets)
    figure = figures.histogram_figure(view, half_widths=(None, 2.25))
    (bar,) = [shape for shape in figure.layout.shapes if shape.y0 == shape.y1]
    median = view.series[1].median
    assert (bar.x0, bar.x1, bar.yref) == (median - 2.25, median + 2.25, "y domain")
    assert figure.data[1].name.endswith("each ± 2.2")
    assert "±" not in figure.data[0].name


def test_many_series_are_lines_in_different_strokes(store):
    samples = make_samples([f"c{n % 10}" for n in range(40)])
    dataset = add_dataset(store, "d", samples)
    values = {s.sample_key: float(n) for n, s in enumerate(samples)}
    scores = add_measurements(store, dataset, add_backbone(store), values, samples=samples)
    figure = figures.histogram_figure(histograms(store, [scores], HistogramOptions(group_by="label")))
    assert {type(trace) for trace in figure.data} == {go.Scatter}
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 10
    assert len(figure.layout.shapes) == 0


def test_a_long_legend_leaves_the_plot_its_height_and_tells_classes_of_long_datasets_apart(store):
    labels = [f"class {n} of plants with a long name, and more" for n in range(9)]
    samples = make_samples([label for label in labels for _ in range(2)])
    values = {s.sample_key: float(n) for n, s in enumerate(samples)}
    datasets = [f"photographs: of a field campaign, the {half} half" for half in ("first", "second")]
    one, two = (add_dataset(store, name, samples) for name in datasets)
    scores = add_measurements(store, one, add_backbone(store), values, samples=samples)
    sets = [scores, replace(scores, dataset_id=two.dataset_id)]
    figure = figures.histogram_figure(histograms(store, sets, HistogramOptions(group_by="label")))
    names = [trace.name for trace in figure.data]
    assert (
        figure.layout.height - figures.LEGEND_ROW * len(names)
        == figures.histogram_figure(histograms(store, sets)).layout.height
    )
    assert len({name.partition(" (n =")[0] for name in names[:9]}) == 9
    assert figures.LEGEND_LINE + figures.LEGEND_LETTER * max(map(len, names)) < figures.LEAST_WIDTH
    assert names[0].startswith("photographs…e first half: class 0 of plants")
    assert names[9].startswith("photographs… second half: class 0 of plants")


def test_a_mark_is_named_in_the_legend_where_no_bar_is(scored):
    store, sets = scored
    figure = figures.histogram_figure(histograms(store, sets[:1]), mark=10.5)
    (mark,) = [shape for shape in figure.layout.shapes if shape.x0 == 10.5]
    assert (mark.name, mark.showlegend, figure.layout.showlegend) == ("this sample", True, True)
    assert len(figure.layout.annotations) == 0


def test_the_legend_of_one_pair_needs_no_names(scored):
    store, sets = scored
    figure = agreement_figures.overlap_figure(overlap_curves(store, sets))
    assert [trace.name for trace in figure.data] == ["least likely", "most likely", "by chance"]


def test_the_legend_of_many_pairs_leaves_the_plot_its_height(scored):
    store, sets = scored
    (curve,) = overlap_curves(store, sets)
    one, many = agreement_figures.overlap_figure([curve]), agreement_figures.overlap_figure([curve] * 5)
    assert many.layout.height - one.layout.height == figures.LEGEND_ROW * 11


def test_nothing_to_show_is_an_empty_figure(store):
    dataset = add_dataset(store, "d", make_samples("a"))
    scores = add_measurements(store, dataset, add_backbone(store), {}, samples=[])
    assert len(figures.histogram_figure(histograms(store, [scores])).data) == 0
    assert len(figures.class_overview_figure(class_summaries(store, scores)).data[0].y) == 0
    assert figures.class_overview_figure([]).data[0].y == ()
    assert figures.class_balance_figure([]).data[0].x == ()


def test_spectrum_marks_the_rank_and_hides_null_directions(scored):
    store, sets = scored
    spectrum = sample_detail(store, sets[0], f"{EVIL}/0.png").spectrum
    figure = figures.spectrum_figure(spectrum)
    assert list(figure.data[-1].y) == list(spectrum.singular_values)
    assert figure.layout.shapes[0].x0 == 6.5
    assert figure.layout.annotations[0].text == "rank 6"
    low, high = figure.layout.yaxis.range
    assert np.log10(spectrum.singular_values[7]) < low < np.log10(spectrum.singular_values[5]) < high
    full = figures.spectrum_figure(replace(spectrum, rank=8))
    assert len(full.layout.shapes) == 0
    assert full.layout.yaxis.range[0] < np.log10(spectrum.singular_values[7])


def test_scatter_carries_keys_unchanged(scored):
    store, sets = scored
    scatter = percentile_scatter(store, *sets)
    trace = agreement_figures.percentile_scatter_figure(scatter).data[0]
    assert isinstance(trace, go.Scattergl)
    assert [tuple(item) for item in trace.customdata] == [(p.sample_key, p.content_id) for p in scatter.points]
    assert list(trace.x) == [p.first for p in scatter.points]
    assert list(trace.y) == [p.second for p in scatter.points]


def test_a_cross_shows_the_usual_interval_of_estimates(scored):
    store, sets = scored
    scatter = percentile_scatter(store, *sets)
    assert len(agreement_figures.percentile_scatter_figure(scatter).data) == 1
    figure = agreement_figures.percentile_scatter_figure(scatter, (None, 20.0))
    cross = figure.data[1]
    assert (cross.error_x.value, cross.error_y.value) == (0.0, 20.0)
    assert cross.y[0] + 20 <= 100
    assert figure.layout.showlegend


def test_class_boxes_are_the_quartiles(scored):
    store, sets = scored
    summaries = class_summaries(store, sets[0])
    figure = figures.class_overview_figure(summaries)
    box = figure.data[0]
    assert list(box.customdata) == [summary.label for summary in summaries]
    assert list(box.median) == [summary.median for summary in summaries]
    assert list(box.lowerfence) == [summary.minimum for summary in summaries]
    assert figure.layout.yaxis.ticktext[-1] == "(no label) (8)"


def test_agreement_shows_what_is_not_known(scored):
    store, sets = scored
    found = agreement(store, sets, least=0)
    figure = agreement_figures.agreement_figure(replace(found, spearman=((1.0, None), (None, 1.0))))
    assert [list(row) for row in figure.data[0].text] == [["1.00", "–"], ["–", "1.00"]]
    assert agreement_figures.agreement_figure(found).data[0].z[0][1] == found.spearman[0][1]
    assert agreement_figures.agreement_figure(found, "kendall").data[0].z[0][1] == found.kendall[0][1]


def test_balance_bars_add_up_to_the_class(scored):
    store, sets = scored
    balance = summarize(store, evaluate(store, sets[0], parse("class_percentile >= 30"))).balance
    figure = figures.class_balance_figure(balance)
    assert [trace.name for trace in figure.data] == ["kept", "not measured", "dropped"]
    assert [sum(values) for values in zip(*(trace.x for trace in figure.data), strict=True)] == [
        b.total for b in balance
    ]
    assert "after" in figure.data[0].hovertext[0]


def test_long_names_are_cut():
    assert figures.shown("x" * 100, 10) == "x" * 9 + "…"
    assert figures.shown("a\u2028b\x00<i>") == "a b &lt;i&gt;"

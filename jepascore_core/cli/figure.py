"""`jepascore figure`: write the paper's figures, drawn from stored scores, to files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jepascore_core.cli.data import Overwrite
from jepascore_core.cli.measured import Backbone, check_classes, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, say
from jepascore_core.cli.trust import check_new, write_html
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.errors import ExportError, JepaScoreError, SampleError, UnknownNameError, one_of
from jepascore_core.exporters.publishing import staged
from jepascore_core.figures.contact_sheet import extremes_sheet
from jepascore_core.formatting import score_text
from jepascore_core.scores.score_set import ScoredSample, ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.distribution import HistogramOptions, histograms
from jepascore_core.views.extremes import class_extremes, class_summaries
from jepascore_core.views.shapes import FINE_BINS

if TYPE_CHECKING:
    from jepascore_core.figures.scores import Shape

figure_app = typer.Typer(help="Write the paper's figures, drawn from your scores.", no_args_is_help=True)

SHAPES: tuple[Shape, ...] = ("histogram", "density", "ecdf")

Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(figure_app, name="figure")


@figure_app.command("extremes")
def extremes(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    out: Out = Path("extremes.png"),
    backbone: Backbone = None,
    label: Annotated[list[str] | None, typer.Option(help="Only this class (repeatable).")] = None,
    count: Annotated[int, typer.Option(min=1, max=20, help="Samples per block.")] = 6,
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Least likely, most likely and random samples of each class as a PNG (the paper's Figures 1, 4 and 5)."""
    _check_suffix(out, ".png")
    store = Store()
    record = store.catalogue.dataset(dataset)
    choice = find_measured(store, record, backbone, needs_scores=True)
    scores = choice.scores(record.dataset_id)
    known = [summary.label for summary in class_summaries(store, scores) if summary.num_scored]
    check_classes(store, scores, label or ())
    wanted = [name for name in known if not label or name in label]
    if not wanted:
        raise UnknownNameError(f"{dataset} has no measured class with this name: {', '.join(map(str, label or ()))}.")
    check_new(out, overwrite)

    def picture(sample: ScoredSample) -> Any:
        uri = store.uri_of(record.dataset_id, sample.content_id)
        if uri is None:
            raise SampleError("The image is no longer in the dataset.", "read")
        return decode(read_bytes(uri))

    found = class_extremes(store, scores, wanted, count)
    sheet = extremes_sheet(found, picture, f"{record.name}, {choice.title}: JEPA-SCORE in nats", count)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    with staged([out], overwrite) as (temporary,):
        temporary.write_bytes(buffer.getvalue())
    _report({"path": str(out), "backbone": choice.title, "classes": wanted}, json)


@figure_app.command("histograms")
def score_histograms(
    datasets: Annotated[list[str], typer.Argument(help="Datasets measured with the same backbone.")],
    out: Out = Path("histograms.html"),
    backbone: Backbone = None,
    shape: Annotated[str, typer.Option(help=f"One of: {', '.join(SHAPES)}.")] = SHAPES[0],
    overwrite: Overwrite = False,
    json: JsonFlag = False,
) -> None:
    """Score histograms of several datasets under one backbone as a page (the paper's Figure 3), with their medians."""
    from jepascore_core.figures.scores import histogram_figure

    _check_suffix(out, ".html")
    store = Store()
    named = [store.catalogue.dataset(name) for name in datasets]
    records = list({record.dataset_id: record for record in named}.values())
    first = find_measured(store, records[0], backbone, needs_scores=True)
    score_sets = [ScoreSet(record.dataset_id, first.key) for record in records]
    chosen = one_of(shape, SHAPES, "shape")
    check_new(out, overwrite)
    view = histograms(store, score_sets, HistogramOptions(bins=None if chosen == SHAPES[0] else FINE_BINS))
    if len(view.series) < len(records):
        raise JepaScoreError(f"Not all of these datasets are measured with {first.title}. Choose another --backbone.")
    write_html([histogram_figure(view, shape=chosen)], out, overwrite)
    series = [
        {"dataset": record.name, "num_scored": item.num_scored, "median": item.median}
        for record, item in zip(records, view.series, strict=True)
    ]
    _report({"path": str(out), "backbone": first.title, "series": series}, json)


def _check_suffix(out: Path, suffix: str) -> None:
    if out.suffix and out.suffix.lower() != suffix:
        raise ExportError(
            f"{out} cannot be written: the figure is a {suffix} file. Give a name that ends with {suffix}."
        )


def _report(facts: dict[str, Any], json: bool) -> None:
    if json:
        print_json(facts)
        return
    say(f"Wrote {facts['path']} ({facts['backbone']}).")
    for item in facts.get("series", ()):
        say(f"{item['dataset']}: median {score_text(item['median'])} nats over {item['num_scored']:,} samples.")

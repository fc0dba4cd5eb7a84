"""`jepascore map` and `jepascore regions`: compute the map of a dataset, and list what was marked on it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pyarrow.csv
import typer

from jepascore_core.atomic import atomic_path
from jepascore_core.cli.exports import do_steps_with_bar
from jepascore_core.cli.measured import Backbone, find_measured
from jepascore_core.cli.output import JsonFlag, print_json, print_table, say
from jepascore_core.curation.columns.layouts import compute_layout, read_places
from jepascore_core.curation.columns.regions import delete_region, name_region, region_list
from jepascore_core.curation.precompute.steps import pending_layout
from jepascore_core.embeddings.layout import LAYOUT_KINDS
from jepascore_core.errors import one_of
from jepascore_core.formatting import plural
from jepascore_core.storage.store import Store

Name = Annotated[str, typer.Argument(help="Name of the dataset.")]

regions_app = typer.Typer(no_args_is_help=True, help="Regions that were marked on the map.")


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("map")(compute_map)
    app.add_typer(regions_app, name="regions")


def compute_map(
    dataset: Name,
    backbone: Backbone = None,
    arrange: Annotated[str, typer.Option(help=f"One of: {', '.join(LAYOUT_KINDS)}.")] = "pacmap",
    out: Annotated[Path | None, typer.Option(help="Write content_id, x and y of every image to this CSV file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Compute the map of a dataset, which the app's Map shows: similar images side by side."""
    store, kind = Store(), one_of(arrange, LAYOUT_KINDS, "arrangement")
    record = store.catalogue.dataset(dataset)
    scores = find_measured(store, record, backbone).scores(record.dataset_id)
    do_steps_with_bar(store, scores, pending_layout(store, scores, kind))
    layout = compute_layout(store, scores, kind)
    if out is not None:
        with atomic_path(out) as temporary:
            pyarrow.csv.write_csv(read_places(store, scores, layout), temporary)
    if json:
        print_json(asdict(layout))
        return
    of_others = f", {layout.num_landmarks:,} of them arranged" if layout.num_landmarks < layout.num_images else ""
    say(
        f"Map of {record.name} ({layout.kind}): {plural(layout.num_images, 'image')}{of_others}, trustworthiness "
        f"{layout.trustworthiness:.3f}."
    )


@regions_app.command("list")
def list_regions(dataset: Name, json: JsonFlag = False) -> None:
    """List the regions that have a name."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = region_list(store, record.dataset_id)
    if json:
        print_json([asdict(region) for region in found])
        return
    rows = [(region.name, f"{region.num_images:,}", f'in region "{region.name}"') for region in found]
    print_table(f"Regions of {record.name}", ("region", "images", "rule"), rows)


@regions_app.command("name")
def name(
    dataset: Name,
    region: Annotated[str, typer.Argument(help="What the region is called now.")],
    new: Annotated[str, typer.Argument(help="Another name for it; rules go on with the one that they have.")],
    json: JsonFlag = False,
) -> None:
    """Give a region a name of your own."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = name_region(store, record.dataset_id, region, new)
    if json:
        print_json(asdict(found))
    else:
        say(f'{plural(found.num_images, "image")} of {record.name}: in region "{found.name}".')


@regions_app.command("delete")
def delete(
    dataset: Name, region: Annotated[str, typer.Argument(help="Name of the region.")], json: JsonFlag = False
) -> None:
    """Remove a region. Recipes keep what they recorded of it."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    delete_region(store, record.dataset_id, region)
    if json:
        print_json({"region": region})
    else:
        say(f"Removed the region {region} of {record.name}.")

"""`jepascore embeddings`: import embeddings that were computed elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jepascore_core.cli.output import JsonFlag, print_json, say
from jepascore_core.embeddings.own import match_vectors, read_vectors
from jepascore_core.jobs.own_embeddings import check_name, import_vectors
from jepascore_core.storage.store import Store

embeddings_app = typer.Typer(help="Import embeddings that were computed elsewhere.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(embeddings_app, name="embeddings")


@embeddings_app.callback()
def _group() -> None:
    """Keep `import` a command of the group, which has no other yet."""


@embeddings_app.command("import")
def import_(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    file: Annotated[Path, typer.Argument(help="A .npy file [rows, K], or a .parquet table with a column of lists.")],
    name: Annotated[str | None, typer.Option(help="Name of the embeddings (default: that of the file).")] = None,
    keys: Annotated[
        Path | None, typer.Option(help=".npy: a text file that names each row (default: in order of sample keys).")
    ] = None,
    keys_column: Annotated[
        str | None, typer.Option(help=".parquet: text column that names rows (default: the one that matches most).")
    ] = None,
    vector_column: Annotated[
        str | None, typer.Option(help=".parquet: column of vectors (default: the only column of lists).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be matched, and exit.")] = False,
    json: JsonFlag = False,
) -> None:
    """Import embeddings of a dataset as a backbone of their own; rows are named by sample key, path or content id."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    chosen = check_name(name or file.stem)
    found = match_vectors(store, record, read_vectors(file, keys, vector_column), keys_column)
    key = None if dry_run else import_vectors(store, record, chosen, found)
    if json:
        counts = {"num_rows": found.num_rows, "num_matched": len(found.content_ids), "num_images": found.num_images}
        left_out = {"num_unmatched": found.num_unmatched, "num_repeated": found.num_repeated}
        print_json({**counts, **left_out, "key": None if key is None else key.text, "message": found.text})
        return
    say(f"{found.text} Nothing was imported." if dry_run else f"own:{chosen}: {found.text}")

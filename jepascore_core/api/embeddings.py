"""`js.import_embeddings`: use embeddings that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.api.datasets import index_source
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.embeddings.own import MatchedVectors, as_vectors, match_vectors, read_vectors
from jepascore_core.jobs.own_embeddings import check_name, import_vectors
from jepascore_core.storage.store import Store


def import_embeddings(
    dataset: str | Path | Dataset,
    vectors: str | Path | npt.NDArray[Any],
    name: str | None = None,
    *,
    keys: Sequence[str] | str | Path | None = None,
    keys_column: str | None = None,
    vector_column: str | None = None,
    dry_run: bool = False,
) -> MatchedVectors:
    """Import embeddings of a dataset as the backbone `own:name`, and return what was matched.

    What needs no score works on them: near duplicates, baseline scores, label issues, diverse budgets, search.

    Args:
        dataset: name of a dataset, its source path, or the result of `open_dataset`.
        vectors: [rows, K], or a .npy file of that, or a .parquet table with a column of lists.
        name: of the embeddings; by default that of the file.
        keys: name of each row: sample key, absolute path or content id; or a text file with one a line. Without, rows
            are in order of the sample keys.
        keys_column: text column of a table that names its rows; by default the one that matches most.
        vector_column: column of a table with the vectors; by default the only one of lists.
        dry_run: only find what would be imported.

    Raises:
        SourceError: for vectors that cannot be read or matched, or that are not finite.
        UnknownNameError: for an unknown dataset, or an invalid name.
        DatasetNotReadyError: if the dataset has no index yet.

    Examples:
        >>> import jepascore_core as js
        >>> found = js.import_embeddings("rendered-demo", "clip.parquet", dry_run=True)  # doctest: +SKIP
    """
    store = Store()
    record = index_source(store, dataset)
    named = Path(keys) if isinstance(keys, str) else keys
    if isinstance(vectors, np.ndarray):
        file, default = as_vectors(vectors, named), "embeddings"
    else:
        file, default = read_vectors(Path(vectors), named, vector_column), Path(vectors).stem
    chosen = check_name(name or default)
    found = match_vectors(store, record, file, keys_column)
    if not dry_run:
        import_vectors(store, record, chosen, found)
    return found

"""Python code that reads an export, ready to paste."""

from __future__ import annotations

from pathlib import PurePath

from jepascore_core.exporters.formats import ExportFormat

_SNIPPETS: dict[ExportFormat, str] = {
    "txt": """
from pathlib import Path

keys = Path({path!r}).read_text(encoding="utf-8").splitlines()
""",
    "csv": """
import pandas as pd

# An apostrophe before = + - @ keeps spreadsheets from running a text;
# docs/curating.md says how it is removed.
samples = pd.read_csv({path!r}, dtype={{"label": str}})
""",
    "jsonl": """
import pandas as pd

samples = pd.read_json({path!r}, lines=True)
""",
    "parquet": """
import pandas as pd

samples = pd.read_parquet({path!r})
""",
    "yolo": """
# data.yaml:  train: {path}
from pathlib import Path

images = Path({path!r}).read_text(encoding="utf-8").splitlines()
""",
    "coco": """
import json
from pathlib import Path

listed = json.loads(Path({path!r}).read_text())
images, annotations = listed["images"], listed["annotations"]
""",
    "uids": """
import numpy as np

uids = np.load({path!r})  # sorted pairs of uint64, as datacomp's resharder takes them
""",
    "indices": """
import numpy as np
import torch
from torchvision.datasets import ImageFolder

dataset = torch.utils.data.Subset(ImageFolder({source!r}), np.load({path!r}).tolist())
""",
    "zip": """
import zipfile
from torchvision.datasets import ImageFolder

zipfile.ZipFile({path!r}).extractall("curated")
dataset = ImageFolder("curated")
""",
    "tree": """
from torchvision.datasets import ImageFolder

dataset = ImageFolder({path!r})
""",
    "imagefolder": """
from datasets import load_dataset

dataset = load_dataset("imagefolder", data_dir={path!r}, split="train")
""",
    "imagefolder_csv": """
from datasets import load_dataset

dataset = load_dataset("imagefolder", data_dir={path!r}, split="train")
""",
    "datasets": """
from datasets import load_from_disk

dataset = load_from_disk({path!r})
""",
    "webdataset": """
from pathlib import Path
import webdataset as wds

shards = sorted(map(str, Path({path!r}).glob("*.tar")))
dataset = wds.WebDataset(shards, shardshuffle=False).decode("pil")
""",
    "fiftyone": """
import fiftyone as fo

dataset = fo.Dataset.from_dir(
    dataset_dir={path!r},
    dataset_type=fo.types.FiftyOneImageClassificationDataset,
)
""",
}

_FILES = """
import numpy as np
import jepascore_core as js

dataset = js.open_dataset({name!r})
files = sorted([sample.sample_key for sample in dataset] + [failure.sample_key for failure in dataset.failures()])
kept = [files[position] for position in np.load({path!r})]
"""
_ROWS = """
import numpy as np
import pandas as pd

kept = pd.{reader}.iloc[np.load({path!r})]
"""
#: How pandas reads a table, by the suffix of the file; for a folder the table in it has to be named.
_READERS = {
    ".tsv": 'read_csv({source!r}, sep="\\t")',
    ".jsonl": "read_json({source!r}, lines=True)",
    ".parquet": "read_parquet({source!r})",
}
#: For datasets that are not class folders.
_BY_KIND: dict[tuple[ExportFormat, str], str] = {
    ("indices", "flat"): _FILES,
    ("indices", "table"): _ROWS,
    ("indices", "zip"): _FILES,
    ("indices", "tar"): _FILES,
    ("indices", "parquet"): _FILES,
    ("indices", "datasets"): _FILES,
    ("indices", "idx"): """
import numpy as np

positions = np.load({path!r}).tolist()  # items of the idx file, for torch.utils.data.Subset(MNIST(...), positions)
""",
    ("indices", "npz"): """
import numpy as np

images = np.load({source!r})["images"][np.load({path!r})]
""",
    ("zip", "flat"): """
import zipfile
from PIL import Image

archive = zipfile.ZipFile({path!r})
images = (Image.open(archive.open(name)) for name in archive.namelist()[:-1])
""",
    ("tree", "flat"): """
from pathlib import Path
from PIL import Image

images = (Image.open(file) for file in sorted(Path({path!r}).rglob("*.*")))
""",
}


def snippet(file_format: ExportFormat, path: str, source: str = "", kind: str = "imagefolder", name: str = "") -> str:
    """Return Python code that reads an export from `path`; the rest are source, kind and name of the dataset."""
    chosen = _BY_KIND.get((file_format, kind), _SNIPPETS[file_format])
    reader = _READERS.get(PurePath(source).suffix.lower(), "read_csv({source!r})").format(source=source)
    return chosen.format(path=path, source=source, name=name, reader=reader).strip()

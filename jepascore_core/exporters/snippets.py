"""How to read an export in Python, ready to paste."""

from __future__ import annotations

from jepascore_core.exporters.formats import ExportFormat

_SNIPPETS: dict[ExportFormat, str] = {
    "txt": """
from pathlib import Path

keys = Path({path!r}).read_text(encoding="utf-8").splitlines()
""",
    "csv": """
import pandas as pd

samples = pd.read_csv({path!r})
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

images = json.loads(Path({path!r}).read_text())["images"]
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


def snippet(file_format: ExportFormat, path: str, source: str = "") -> str:
    """Python that reads an export from `path`; `source` is the folder that its positions or images belong to."""
    return _SNIPPETS[file_format].format(path=path, source=source).strip()

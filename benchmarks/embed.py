"""How fast an embed run is, beside a plain torch DataLoader over the same files and the same encoder.

    python benchmarks/embed.py FOLDER --backbone timm:NAME --checkpoint FILE --mean 0.5 --std 0.5 --image-size 224

The plain way is what people write: a Dataset that opens a file with Pillow and preprocesses it as we do,
a DataLoader with two workers, and the encoder in inference mode, batch after batch. Ours is a whole embed run of the
worker's pipeline: it also verifies every file's content id, decodes it to the end and stores shards. Both take turns in
one process on the same images, ours first in every other round; the result is the median of the ratios. The time to
start the DataLoader's processes is counted, as a run has to start them, too; `--warm` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import machine, show
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_backbone
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.uris import path_to_uri
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.pipeline import measure_pending
from jepascore_core.measuring.specs import resolve_spec
from jepascore_core.measuring.task import MeasureTask
from jepascore_core.storage.store import Store

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Files(Dataset):
    """Images by path, preprocessed."""

    def __init__(self, paths: list[Path], backbone: Backbone) -> None:
        self._paths, self._backbone = paths, backbone

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self._paths[index]) as image:
            return self._backbone.preprocess(image.convert("RGB"))


def plain(paths: list[Path], backbone: Backbone, batch: int, workers: int, is_warm: bool) -> tuple[float, np.ndarray]:
    """Return images a second and embeddings [N, K] of the plain way."""
    loader = DataLoader(Files(paths, backbone), batch, num_workers=workers)
    started, found = time.perf_counter(), []
    with torch.inference_mode():
        for images in loader:
            if is_warm and not found:
                started = time.perf_counter()
            found.append(backbone.encoder(images.to(backbone.device)).cpu())
    number = len(paths) - (len(found[0]) if is_warm else 0)
    return number / (time.perf_counter() - started), torch.cat(found).numpy()


def ours(pending: list[PendingImage], backbone: Backbone) -> tuple[float, dict[str, np.ndarray]]:
    """Return images a second and embeddings by content id of an embed run."""
    with tempfile.TemporaryDirectory() as folder:
        store, spec = Store(Path(folder)), resolve_spec("embed")
        started = time.perf_counter()
        measure_pending(MeasureTask(store, backbone, spec), pending)
        seconds = time.perf_counter() - started
        shards = store.shards_sql(spec.key(backbone.info.backbone_id))
        rows = store.query(f"SELECT content_id, embedding FROM ({shards})").to_pylist()
    return len(pending) / seconds, {row["content_id"]: np.array(row["embedding"]) for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="timm:vit_tiny_patch16_224")
    parser.add_argument("--checkpoint")
    parser.add_argument("--mean", type=float)
    parser.add_argument("--std", type=float)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=720)
    parser.add_argument("--batch", type=int, default=32, help="of the plain way")
    parser.add_argument("--workers", type=int, default=2, help="of the plain way")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm", action="store_true", help="time the plain way from its second batch on")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    backbone = load_backbone(
        options.backbone,
        checkpoint=options.checkpoint,
        mean=options.mean,
        std=options.std,
        image_size=options.image_size,
        device=options.device,
    )
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in SUFFIXES)[: options.images]
    ids = [content_id(path.read_bytes()) for path in paths]
    pending = [PendingImage(name, str(path), path_to_uri(str(path))) for name, path in zip(ids, paths, strict=True)]
    distinct = list({image.content_id: image for image in pending}.values())
    rows = []
    for number in range(options.rounds):
        rates = {"ours": 0.0, "plain": 0.0}
        for way in ("ours", "plain") if number % 2 else ("plain", "ours"):
            if way == "ours":
                rates[way], own = ours(distinct, backbone)
            else:
                rates[way], usual = plain(paths, backbone, options.batch, options.workers, options.warm)
        difference = max(float(np.abs(own[name] - row).max()) for name, row in zip(ids, usual, strict=True))
        rows.append({**rates, "ratio": rates["ours"] / rates["plain"], "largest difference": difference})
    median = statistics.median(row["ratio"] for row in rows)
    show(
        f"{len(paths)} images, {options.backbone}: images a second",
        ["round", "ours", "plain", "ratio", "largest difference of an embedding"],
        [[number + 1, *(f"{value:.4g}" for value in row.values())] for number, row in enumerate(rows)],
        f"median ratio {median:.2f}; {machine()}",
    )
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "median_ratio": median, "rounds": rows}, indent=1))


if __name__ == "__main__":
    main()

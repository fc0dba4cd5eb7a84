"""What the worker is given: folders of images, and datasets made of them."""

import numpy as np
from PIL import Image

from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import request_dataset


def write_images(folder, count, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(path)
    return folder


def indexed(store, worker, folder, name="toy"):
    dataset = request_dataset(store, name, str(folder))
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    return store.catalogue.dataset(name)

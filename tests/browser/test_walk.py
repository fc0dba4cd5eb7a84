"""A person who clicks about at random: menu, back, forward, reload, other datasets, backbones and classes, decisions,
rules. After every step the page tells the truth, and the catalogue holds what was decided, nothing else.

JEPASCORE_WALK_STEPS and JEPASCORE_WALK_SEED take longer walks and other ones.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Error

from jepascore_core import open_dataset
from jepascore_core.curation.tags import create_tag
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.records.measurements import Measurement
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from pages.ui.app import state
from tests.browser.conftest import ROOT, Visit, screenshot, serve
from tests.browser.walking import WAYS, Walk, World, check_decisions, decisions_in, second_look, settle
from tests.browser.walking_explore import MORE_WAYS
from tests.browser.walking_map import MAP_WAYS
from tests.browser.walking_rules import RULE_WAYS
from tests.conftest import SPEC, add_backbone, add_run, make_measurement

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = int(os.environ.get("JEPASCORE_WALK_STEPS", "60"))
SEEDS = [int(seed) for seed in os.environ.get("JEPASCORE_WALK_SEED", "1").split()]
#: How many steps go by between two looks at the same address in a new tab.
STEPS_TO_SECOND_LOOK = 10
WHO = "walker"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("walk")
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEPASCORE_HOME", str(home))
        store = Store(home)
        whole, half = add_backbone(store), add_backbone(store, "timm:resnet18.test")
        for name, first, num_classes in (("digits", 0, 4), ("negatives", 500, 2)):
            write_images(folder / name, first, num_classes)
            opened = open_dataset(folder / name)
            by_content = {sample.content_id: opened.image(sample) for sample in opened}
            rows = [measured(image, content_id) for content_id, image in by_content.items()]
            part = rows[::2] if name == "digits" else rows
            dataset = next(item for item in store.catalogue.datasets() if item.name.startswith(name))
            create_tag(store, dataset.dataset_id, "blurred")
            for backbone, found in ((whole, rows), (half, [replace(row, score=-row.score) for row in part])):
                store.write_measurements(backbone.backbone_id, SPEC, found)
                ended = RunState.FINISHED if len(found) == len(rows) else RunState.CANCELLED
                add_run(store, dataset, backbone, ended, num_total=len(rows), num_measured=len(found))
        with serve(ROOT / "app.py", home) as server:
            yield World(server, store)


def write_images(folder: Path, first: int, num_classes: int) -> None:
    """Two dozen digits of each class, in negative unless they are the first ones, three of them twice."""
    images, labels = load_digit_images()
    chosen = [number for number in range(first, len(labels)) if labels[number] < num_classes][: 24 * num_classes]
    for number in chosen:
        path = folder / f"{folder.name} {labels[number]}" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(images[number])
        (ImageOps.invert(image) if first else image).save(path)
        if number in chosen[:3]:
            shutil.copy(path, path.with_stem(f"{path.stem}-copy"))


def measured(image: Image.Image, content_id: str) -> Measurement:
    """A small embedding of its pixels, and a score by how dark it is."""
    pixels = np.asarray(image.convert("L").resize((8, 8)), np.float16).ravel() / 255
    score = 100 - float(np.abs(pixels.astype(np.float64) - 0.3).sum())
    return replace(make_measurement(content_id, score), embedding=pixels)


@pytest.mark.timeout(60 + 20 * STEPS)
@pytest.mark.parametrize("seed", SEEDS)
def test_wherever_somebody_goes_the_page_tells_the_truth(visit: Callable[..., Visit], world: World, seed: int) -> None:
    who = {state.DATASET: world.store.catalogue.datasets()[0].dataset_id, state.WHO: f"{WHO}-{seed}"}
    tab = visit(f"{world.server.url}/?{urlencode(who)}")
    datasets = [dataset.dataset_id for dataset in world.store.catalogue.datasets()]
    walk = Walk(tab, world, random.Random(seed), {item: decisions_in(world, item) for item in datasets})
    walk.start = tab.page.evaluate("navigation.currentEntry.index")
    settle(walk)
    ways, weights = zip(*WAYS, *RULE_WAYS, *MORE_WAYS, *MAP_WAYS, strict=True)
    while len(walk.steps) < STEPS:
        (step,) = walk.random.choices(ways, weights)
        walk.steps.append(step.__name__)
        try:
            done = step(walk)
            walk.page.wait_for_timeout(100)
            walk.steps.pop()
            if done is None:
                continue
            walk.steps.append(done)
            settle(walk)
            check_decisions(walk)
            if len(walk.steps) % STEPS_TO_SECOND_LOOK == 0:
                second_look(walk, visit)
        except (AssertionError, Error) as error:
            screenshot(walk.page, f"walk-{seed}")
            what = str(error).partition("Aria snapshot")[0]
            way = "\n".join(f"{number}. {text}" for number, text in enumerate(walk.steps, start=1))
            raise AssertionError(f"seed {seed}, at {walk.page.url}:\n{way}\n{what}") from error

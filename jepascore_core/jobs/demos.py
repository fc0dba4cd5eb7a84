"""The embedded demos: which datasets come with the package, and which encoders measure them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jepascore_core.datasets.demo import DEMO_NAME, build_demo
from jepascore_core.datasets.rendered_demo import RENDERED_NAME, build_rendered_demo
from jepascore_core.records.datasets import DatasetRecord


@dataclass(frozen=True, slots=True)
class Demo:
    """A dataset that `build` writes into `folder` of the home folder.

    `backbones` measure it one after the other: pages show the latest of what is complete, so the one to show is last.
    """

    name: str
    folder: str
    build: Callable[[Path], Path]
    backbones: tuple[str, ...]


DIGITS_DEMO = Demo(DEMO_NAME, "demo", build_demo, ("bundled:digits-small", "bundled:digits-vit"))
RENDERED_DEMO = Demo(RENDERED_NAME, "rendered-demo", build_rendered_demo, ("bundled:rendered-b", "bundled:rendered-a"))
DEMOS = {"rendered": RENDERED_DEMO, "digits": DIGITS_DEMO}
#: What `jepascore demo`, `make run` and the button on the first page add.
DEFAULT_DEMO = RENDERED_DEMO


def is_default_demo(home: Path, dataset: DatasetRecord) -> bool:
    """Return whether a dataset of the home folder is the demo that the app opens."""
    return dataset.name == DEFAULT_DEMO.name and Path(dataset.source).is_relative_to(home / DEFAULT_DEMO.folder)

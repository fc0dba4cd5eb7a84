"""A source of images and short calls to index it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jepascore_core.datasets.indexing import IndexProgress, build_index
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import RunCancelled
from jepascore_core.records.datasets import Sample, SampleFailure
from tests.datasets.images import write_image


class Place:
    """Folders of one test, and short calls."""

    def __init__(self, root: Path) -> None:
        self.source, self.thumbs, self.work = root / "source", root / "thumbs", root / "work"
        self.root = root
        self.reports: list[IndexProgress] = []

    def index(
        self,
        name: str = "v1",
        previous: str | None = None,
        source: Path | None = None,
        on_progress: Callable[[IndexProgress], None] = lambda _: None,
        **options: int,
    ) -> IndexProgress:
        def check(progress: IndexProgress) -> None:
            assert progress.indexed + progress.failed + progress.pending == progress.total
            assert min(progress.pending, progress.indexed, progress.failed) >= 0
            assert progress.reused <= progress.indexed
            self.reports.append(progress)
            on_progress(progress)

        earlier = self.root / previous if previous else None
        arguments = (source or self.source, SourceOptions(), self.root / name, self.thumbs, self.work, earlier, check)
        return build_index(*arguments, **options)

    def rows(self, name: str = "v1") -> tuple[list[Sample], list[SampleFailure]]:
        dataset = Dataset(self.root / name)
        samples, failures = list(dataset), dataset.failures()
        keys = [row.sample_key for row in [*samples, *failures]]
        assert len(set(keys)) == len(keys), "every sample once"
        return sorted(samples, key=lambda row: row.sample_key), sorted(failures, key=lambda row: row.sample_key)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """150 images in three classes, every tenth one broken."""
    place = Place(tmp_path)
    for number in range(150):
        path = write_image(place.source / f"c{number % 3}" / f"{number:03d}.png", number)
        if number % 10 == 9:
            path.write_bytes(path.read_bytes()[:200])
    return place


def stop_at(call: int) -> Callable[[IndexProgress], None]:
    calls = 0

    def on_progress(_: IndexProgress) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise RunCancelled("stopped by the test")

    return on_progress

"""Test how far an encoder's embeddings of a dataset are from Gaussian, which decides whether scores are densities.

The theory asks for embeddings that are N(0, I). An invertible linear change of the embedding adds one and the same
constant to every score (rank definition, full rank), so neither mean nor covariance matter: embeddings are whitened
first, and what remains is their shape. Three things are tested: random one-dimensional projections, all of which are
standard normal exactly if the whole is (Cramer-Wold); the principal axes, because a random direction mixes so many of
them that clusters are hidden in it; and the lengths, which for a Gaussian in d dimensions are nearly all sqrt(d) (the
paper's sphere lemma). Everything is compared with a Gaussian sample of equal size that went through the same steps, so
that effects of a small number of images are not attributed to the encoder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.measured import stored_embeddings
from jepascore_core.embeddings.files import find_vectors, some_embeddings
from jepascore_core.errors import TooFewImagesError
from jepascore_core.scores.coverage import scores_state
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, table_of, version_key
from jepascore_core.storage.store import Store
from jepascore_core.trust.cache import cached_json, checks_folder, read_check

Values = npt.NDArray[np.float64]
Verdict = Literal["near", "some way off", "far"]

#: At most this many images are used, the first by content id, which is a hash: a random sample.
MAX_IMAGES = 4000
MIN_IMAGES = 64
PROJECTIONS = 256
#: Whitening with n images hides the shape of all but about n of their directions: images needed per direction.
IMAGES_PER_DIRECTION = 4
#: Embeddings are stored in half precision: variances below its rounding are null directions, not signal.
HALF_STEP = 2.0**-11
#: Upper limits of "near" and "some way off": excess of the mean distance of projections over a Gaussian sample's, the
#: same for the worst principal axis (a uniform distribution has a distance of 0.06, a fair coin of 0.34), and ratio of
#: the spread of lengths to a Gaussian sample's. The first of each pair was tested on Gaussian samples of 64 to 2,000
#: images and 24 to 384 dimensions: 105 of 105 were near, with excesses up to 0.002 and 0.033 and ratios up to 1.40
#: (benchmarks/gaussianity.py). The second is a convention. docs/trust.md says which departures they detect.
DISTANCE_LIMITS = (0.015, 0.05)
AXIS_LIMITS = (0.05, 0.15)
SPREAD_LIMITS = (1.5, 3.0)

#: Increased when the computation changes, so that older results are not used.
METHOD = 1
NAME = "gaussianity"

#: Projections are drawn up to this many standard deviations, with this many bins per square root of the image count.
REACH = 4.0
BINS_PER_ROOT, MIN_BINS, MAX_BINS = 1.5, 12, 64


@dataclass(frozen=True, slots=True)
class Gaussianity:
    """Shape of whitened embeddings beside that of a Gaussian sample of the same size.

    `num_directions` d of the K dimensions were tested, the widest ones. `isotropy` in (0, 1] is 1 when all of those had
    the same variance before whitening. `distance` is the mean Kolmogorov-Smirnov distance of random projections to
    the standard normal, `axis_distance` that of the worst principal axis, `spread` the standard deviation of
    length / sqrt(d); `normal_...` are the Gaussian sample's. `densities` [3][bins] are 10 %, median and 90 % of the
    projections' histograms as densities over `edges`; `lengths` and `normal_lengths` are shares in percent over
    `length_edges`.
    """

    num_images: int
    dimension: int
    num_directions: int
    isotropy: float
    distance: float
    normal_distance: float
    axis_distance: float
    normal_axis_distance: float
    spread: float
    normal_spread: float
    edges: tuple[float, ...]
    densities: tuple[tuple[float, ...], ...]
    length_edges: tuple[float, ...]
    lengths: tuple[float, ...]
    normal_lengths: tuple[float, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst result of projections, axes and lengths, in a word."""
        found = (
            (self.distance - self.normal_distance, DISTANCE_LIMITS),
            (self.axis_distance - self.normal_axis_distance, AXIS_LIMITS),
            (self.spread / self.normal_spread, SPREAD_LIMITS),
        )
        if all(value <= near for value, (near, _) in found):
            return "near"
        return "some way off" if all(value <= far for value, (_, far) in found) else "far"


def dataset_gaussianity(store: Store, scores: ScoreSet) -> Gaussianity:
    """Test the measured images of a dataset, from their stored embeddings; cached where those are materialized.

    Raises:
        TooFewImagesError: for fewer than 64 measured images.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """

    def compute() -> Gaussianity:
        vectors = find_vectors(table_of(store, scores))
        about = [METHOD, scores_state(store, scores), vectors.name if vectors else None]
        folder = checks_folder(store, scores)
        return _read(cached_json(folder, NAME, about, lambda: asdict(gaussianity(_some(store, scores, vectors)))))

    # The result does not depend on the definition of the score.
    return memoized(store, ("gaussianity", scores.dataset_id, scores.key, version_key(store, scores)), compute)


def stored_gaussianity(store: Store, scores: ScoreSet) -> tuple[Gaussianity, bool] | None:
    """Read what `dataset_gaussianity` computed, and whether it still holds; None where there is nothing."""
    found = read_check(store, scores, NAME, METHOD)
    return None if found is None else (_read(found[0]), found[1])


def _read(values: dict[str, Any]) -> Gaussianity:
    return Gaussianity(**{name: _tupled(value) for name, value in values.items()})


def _some(store: Store, scores: ScoreSet, vectors: Path | None) -> npt.NDArray[Any]:
    """Return embeddings [N, K], from the materialized file if there is one, else all from the shards."""
    return stored_embeddings(store, scores)[1] if vectors is None else some_embeddings(store, vectors, MAX_IMAGES)


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def gaussianity(embeddings: npt.NDArray[Any], seed: int = 0) -> Gaussianity:
    """Test embeddings [N, K] of any float type; rows that are not finite are left out.

    Raises:
        TooFewImagesError: for fewer than 64 of them.
    """
    values = embeddings[:MAX_IMAGES].astype(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < MIN_IMAGES:
        raise TooFewImagesError(
            f"The Gaussianity test needs at least {MIN_IMAGES} scored images ({len(values)} so far). "
            "Wait until more are scored."
        )
    white, variances = whiten(values, len(values) // IMAGES_PER_DIRECTION)
    rng = np.random.default_rng(seed)
    # As many directions as the embeddings have, even if fewer are tested: the same may happen to both.
    normal, _ = whiten(rng.standard_normal((len(values), len(variances))), white.shape[1])
    retained = variances[: white.shape[1]]
    directions = rng.standard_normal((white.shape[1], PROJECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    projected, projected_normal = white @ directions, normal @ directions
    lengths, normal_lengths = _lengths(white), _lengths(normal)
    bins = int(np.clip(BINS_PER_ROOT * np.sqrt(len(values)), MIN_BINS, MAX_BINS))
    edges = np.linspace(-REACH, REACH, bins + 1)
    length_edges = np.linspace(0.0, max(2.0, float(np.quantile(lengths, 0.995))), bins + 1)
    histograms = np.stack([_density(column, edges) for column in projected.T])  # [S, bins]
    return Gaussianity(
        num_images=len(values),
        dimension=values.shape[1],
        num_directions=white.shape[1],
        isotropy=float(retained.sum() ** 2 / (len(retained) * np.square(retained).sum())),
        distance=float(normal_distances(projected).mean()),
        normal_distance=float(normal_distances(projected_normal).mean()),
        axis_distance=float(normal_distances(white).max()),
        normal_axis_distance=float(normal_distances(normal).max()),
        spread=float(lengths.std()),
        normal_spread=float(normal_lengths.std()),
        edges=tuple(edges.tolist()),
        densities=tuple(tuple(row) for row in np.quantile(histograms, (0.1, 0.5, 0.9), axis=0).tolist()),
        length_edges=tuple(length_edges.tolist()),
        lengths=_shares(lengths, length_edges),
        normal_lengths=_shares(normal_lengths, length_edges),
    )


def whiten(values: Values, most: int) -> tuple[Values, Values]:
    """Whiten values [N, K] along their widest directions, at most `most`, to mean 0 and variance 1: [N, d].

    Also return the variances of all directions that are not null, descending.

    Raises:
        TooFewImagesError: if all rows are the same.
    """
    centred = values - values.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(values))
    variances, directions = variances[::-1], directions[:, ::-1]
    floor = HALF_STEP**2 * float(np.mean(values**2))
    real = int((variances > max(floor, np.finfo(np.float64).tiny)).sum())
    if not real:
        raise TooFewImagesError("The Gaussianity test needs embeddings that differ: all of these are the same.")
    retained = max(1, min(real, most))
    return centred @ directions[:, :retained] / np.sqrt(variances[:retained]), variances[:real]


def normal_distances(samples: Values) -> Values:
    """Compute the Kolmogorov-Smirnov distance of each column of `samples` [N, S] to the standard normal: [S]."""
    from scipy.special import ndtr

    count = len(samples)
    levels = ndtr(np.sort(samples, axis=0))
    steps = np.arange(count)[:, None] / count
    distances: Values = np.maximum(np.abs(levels - steps), np.abs(levels - steps - 1 / count)).max(axis=0)
    return distances


def _lengths(white: Values) -> Values:
    lengths: Values = np.linalg.norm(white, axis=1) / np.sqrt(white.shape[1])
    return lengths


def _density(values: Values, edges: Values) -> Values:
    counts, _ = np.histogram(values, edges)
    density: Values = counts / (len(values) * (edges[1] - edges[0]))
    return density


def _shares(values: Values, edges: Values) -> tuple[float, ...]:
    """Return the share of each bin in percent; values beyond the last edge count in the last bin."""
    counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
    return tuple((100 * counts / len(values)).tolist())

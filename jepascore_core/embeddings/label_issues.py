"""Label issues: labels that disagree with the embeddings of other images. Higher = more likely wrong.

Two classifiers judge each label without having seen the image: a k-NN vote (Wu et al. 2018: softmax of cosines, with
the temperature as there) and a logistic probe, cross-validated. Folds follow from content ids, so copies of an image
are never on both sides, and neither the order of the rows nor how often an image is repeated changes a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.baselines import Values, choose_knn_index, knn_index
from jepascore_core.embeddings.index import BUILD_SHARE, Floats, Progress, no_progress, subrange
from jepascore_core.embeddings.selection import LENGTH, Integers, rounded
from jepascore_core.errors import TooFewImagesError

#: Log probabilities [n, C] of rows [n] of the embeddings.
LogProbabilities = Callable[[Integers], Values]

#: Part of the names of cached files: incremented when the numbers change.
LABEL_ISSUES_VERSION = 1

NO_LABELS = (
    "Label issues need at least two classes of two different measured images each: no measured image here has a label. "
    "Put the images of each class in a folder, or name the column of labels when adding the dataset."
)
NUM_FOLDS = 5
NUM_NEIGHBOURS = 100
TEMPERATURE = 0.07
#: Share of a vote that is spread over all classes: 100 neighbours never rule out a class.
VOTE_FLOOR = 0.01
#: Inverse strengths of the probe's L2 penalty, as in scikit-learn, and the one for sets too small to choose. Each
#: fold uses the smallest one whose log loss on the next fold, fitted on the three others, is within a standard error
#: of the best (Hastie et al. 2009, 7.10): with a weak penalty the probe memorises wrong labels.
STRENGTHS, USUAL_STRENGTH = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), 1e-2
#: Maximum number of images to fit the probe on, and to choose its strength on; the first by content id, which is a
#: hash: a random sample.
MAX_FITTED, MAX_CHOSEN = 50_000, 5_000
MAX_STEPS = 1000
#: Values are rounded to this many decimals, far coarser than the noise of the fit, so that equal ones are equal on
#: every machine.
DECIMALS = 4

BLOCK = 1024
#: Share of the neighbour search in the total time.
_SEARCH_SHARE = 0.3
#: Multiply-adds per second on two cores, and passes over the data of one fit; see benchmarks/label_issues.py --cost.
_RATE, _PASSES = 1e10, 60


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """Evidence against the label of each of N samples; NaN and None if it cannot be judged.

    `label_issue` in [0, 1] is p(other) / (p(given) + p(other)), where p is the geometric mean of both classifiers'
    probabilities and "other" the likeliest label besides the given one, `likely_label`: above 0.5 the other one is more
    likely. The margins in [-1, 1] are p(given) - p(likeliest other) under one of them alone.
    """

    label_issue: Values
    likely_label: npt.NDArray[np.object_]
    knn_margin: Values
    probe_margin: Values


def label_issue_seconds(num_images: int, dimension: int, num_classes: int) -> float:
    """Predict how long `find_label_issues` takes on two cores."""
    fitted = min(num_images, MAX_FITTED) * (NUM_FOLDS - 1) / NUM_FOLDS
    chosen = len(STRENGTHS) * min(num_images * (NUM_FOLDS - 2) / NUM_FOLDS, MAX_CHOSEN)
    fits = 2 * _PASSES * NUM_FOLDS * (fitted + chosen) * num_classes * dimension
    searched = num_images * min(num_images, MAX_FITTED) * dimension
    return (fits + searched) / _RATE


def find_label_issues(
    content_ids: npt.NDArray[np.str_],
    labels: Sequence[str | None],
    embeddings: npt.NDArray[Any],
    progress: Progress = no_progress,
) -> LabelIssues:
    """Judge the labels of N samples by embeddings [N, K] of any float type.

    Samples without a label or a finite embedding cannot be judged, nor classes whose images are all in one fold, such
    as a class with a single image: there is nothing to compare them with.

    Raises:
        TooFewImagesError: if fewer than two classes can be judged.
    """
    pairs = LabelledPairs(content_ids, labels, embeddings)
    found = np.empty((3, len(pairs.codes)))
    other = np.empty(len(pairs.codes), np.int64)
    for rows, by_vote, by_probe in out_of_fold(pairs, embeddings[pairs.first], progress):
        given = pairs.codes[rows]
        lead, other[rows] = _lead((by_vote + by_probe) / 2, given)
        margins = (_lead(np.exp(by), given)[0] for by in (by_vote, by_probe))
        found[:, rows] = 1 / (1 + np.exp(lead)), *margins
    issue, knn_margin, probe_margin = (pairs.spread(values.round(DECIMALS)) for values in found)
    return LabelIssues(issue, pairs.spread_labels(other), knn_margin, probe_margin)


def out_of_fold(
    pairs: LabelledPairs, vectors: npt.NDArray[Any], progress: Progress = no_progress
) -> Iterator[tuple[Integers, Values, Values]]:
    """Yield blocks of rows [n] of pairs with embeddings [P, K], and log probabilities [n, C] of their classes.

    The probabilities are those of the vote and of the probe that were fitted without them.
    """
    votes = _votes(pairs, vectors, subrange(progress, 0.0, _SEARCH_SHARE))
    for fold in range(NUM_FOLDS):
        following = subrange(
            progress, *(_SEARCH_SHARE + (1 - _SEARCH_SHARE) * (fold + at) / NUM_FOLDS for at in (0, 1))
        )
        judged = np.flatnonzero(pairs.folds == fold)
        probe = _probe(pairs, vectors, fold, votes)
        for first in range(0, len(judged), BLOCK):
            following(first / len(judged))
            rows = judged[first : first + BLOCK]
            yield rows, votes(rows), probe(rows)
        following(1.0)


class LabelledPairs:
    """The P distinct pairs of content id and label that can be judged, in order of content ids.

    `contents`, `codes` (class, 0 to C - 1) and `folds` are [P], `first` the row of one sample of each pair.
    """

    def __init__(
        self, content_ids: npt.NDArray[np.str_], labels: Sequence[str | None], embeddings: npt.NDArray[Any]
    ) -> None:
        names = sorted({label for label in labels if label is not None})
        codes_of = {name: code for code, name in enumerate(names)}
        codes = np.array([-1 if label is None else codes_of[label] for label in labels], dtype=np.int64)
        rows = np.flatnonzero((codes >= 0) & np.isfinite(np.sum(embeddings, axis=1, dtype=np.float64)))
        codes = codes[rows]
        _, contents = np.unique(content_ids[rows], return_inverse=True)
        pairs, first, back = np.unique(contents * max(1, len(names)) + codes, return_index=True, return_inverse=True)
        contents, codes = contents[first], codes[first]
        folds = stratified_folds(contents, codes)
        num_folds = np.bincount(np.unique(codes * NUM_FOLDS + folds) // NUM_FOLDS, minlength=len(names))
        if not names:
            raise TooFewImagesError(NO_LABELS)
        if np.count_nonzero(num_folds > 1) < 2:
            raise TooFewImagesError(
                f"Label issues need at least two classes of two different measured images each: of {len(names)} "
                f"classes here, {np.count_nonzero(num_folds > 1)} have that. Measure more, or add labels."
            )
        judged = np.flatnonzero(num_folds[codes] > 1)
        kept = np.flatnonzero(num_folds > 1)
        self.names: list[str] = [names[code] for code in kept]
        self.codes: Integers = np.searchsorted(kept, codes[judged])
        self.contents: Integers = contents[judged]
        self.folds: Integers = folds[judged]
        self.first: Integers = rows[first[judged]]
        position = np.full(len(pairs), -1)
        position[judged] = np.arange(len(judged))
        self._pair: Integers = np.full(len(labels), -1)
        self._pair[rows] = position[back]

    def spread(self, values: Values) -> Values:
        """Return the values [P] of the pairs for every sample [N], NaN if it has none."""
        return np.where(self._pair < 0, np.nan, values[self._pair])

    def spread_labels(self, codes: Integers) -> npt.NDArray[np.object_]:
        """Return the labels of classes [P] for every sample [N], None if it has none."""
        found = np.array([*self.names, None], dtype=object)
        labels: npt.NDArray[np.object_] = found[np.where(self._pair < 0, -1, codes[self._pair])]
        return labels


def stratified_folds(contents: Integers, codes: Integers) -> Integers:
    """Return the fold of each pair [P] in order: the images of a class in turn, by content id.

    An image with several labels counts for the first of them.
    """
    images, first = np.unique(contents, return_index=True)
    place = np.empty(len(images), np.int64)
    place[np.argsort(codes[first], kind="stable")] = np.arange(len(images))
    return place[np.searchsorted(images, contents)] % NUM_FOLDS


def _lead(values: Values, given: Integers) -> tuple[Values, Integers]:
    """Return the lead of the given class [n] over the best other one in values [n, C], and that class."""
    rows = np.arange(len(values))
    rivals = values.copy()
    rivals[rows, given] = -np.inf
    other = np.argmax(rivals, axis=1)
    return values[rows, given] - values[rows, other], other


def _votes(pairs: LabelledPairs, vectors: npt.NDArray[Any], progress: Progress) -> LogProbabilities:
    """Vote among the nearest other images: weights are the softmax of cosines of centred embeddings."""
    near, weights = _neighbours(pairs.contents, vectors, progress)
    num_classes = len(pairs.names)

    def log_probabilities(rows: Integers) -> Values:
        cells = np.arange(len(rows))[:, None] * num_classes + pairs.codes[near[rows]]
        votes = np.bincount(cells.ravel(), weights[rows].ravel(), minlength=len(rows) * num_classes)
        shares = (1 - VOTE_FLOOR) * votes.reshape(len(rows), num_classes) + VOTE_FLOOR / num_classes
        found: Values = np.log(shares)
        return found

    return log_probabilities


def _neighbours(
    contents: Integers, vectors: npt.NDArray[Any], progress: Progress
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return the nearest rows of other images [P, k], and their weights [P, k], which sum to 1."""
    n = len(vectors)
    points = rounded(vectors - vectors.mean(axis=0, dtype=np.float64)).astype(np.float32)
    kind = choose_knn_index(n)
    index = knn_index(points, kind, subrange(progress, 0.0, BUILD_SHARE[kind]))
    searching = subrange(progress, BUILD_SHARE[kind], 1.0)
    repeats = int(np.bincount(contents).max())
    k = min(NUM_NEIGHBOURS, n - repeats)
    near: npt.NDArray[np.int32] = np.zeros((n, k), np.int32)
    weights: Floats = np.zeros((n, k), np.float32)
    for first in range(0, n, BLOCK):
        rows = np.arange(first, min(first + BLOCK, n))
        products, found = index.search(points[rows], k + repeats)
        cosines = products.astype(np.float64) / LENGTH**2
        cosines[(found < 0) | (contents[found] == contents[rows, None])] = -np.inf
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        cosines, near[rows] = np.take_along_axis(cosines, order, 1), np.take_along_axis(found, order, 1)
        shares = np.exp((cosines - cosines[:, :1]) / TEMPERATURE)
        weights[rows] = shares / shares.sum(axis=1, keepdims=True)
        searching(min(1.0, (first + BLOCK) / n))
    return near, weights


def _probe(pairs: LabelledPairs, vectors: npt.NDArray[Any], fold: int, votes: LogProbabilities) -> LogProbabilities:
    """Fit a logistic probe without a fold. Classes without images in the other folds are left to the votes."""
    others = np.flatnonzero(pairs.folds != fold)
    strength = _choose_strength(pairs, vectors, others, (fold + 1) % NUM_FOLDS, votes)
    return _fit(pairs, vectors, others[:MAX_FITTED], strength, votes)


def _choose_strength(
    pairs: LabelledPairs, vectors: npt.NDArray[Any], rows: Integers, held_out: int, votes: LogProbabilities
) -> float:
    checked, fitted = rows[pairs.folds[rows] == held_out][:MAX_CHOSEN], rows[pairs.folds[rows] != held_out][:MAX_CHOSEN]
    if not len(checked) or len(np.unique(pairs.codes[fitted])) < 2:
        return USUAL_STRENGTH
    places, given = np.arange(len(checked)), pairs.codes[checked]
    losses = np.stack([-_fit(pairs, vectors, fitted, at, votes)(checked)[places, given] for at in STRENGTHS])
    means = losses.mean(axis=1)
    best = int(np.argmin(means))
    error = float(losses[best].std()) / np.sqrt(len(checked))
    return STRENGTHS[int(np.flatnonzero(means <= means[best] + error)[0])]


def _fit(
    pairs: LabelledPairs, vectors: npt.NDArray[Any], fitted: Integers, strength: float, votes: LogProbabilities
) -> LogProbabilities:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=MAX_STEPS))
    model.fit(vectors[fitted].astype(np.float64), pairs.codes[fitted])
    known = model.classes_

    def log_probabilities(rows: Integers) -> Values:
        found: Values = model.predict_log_proba(vectors[rows].astype(np.float64))
        if len(known) == len(pairs.names):
            return found
        values = votes(rows)
        values[:, known] = found
        return values

    return log_probabilities

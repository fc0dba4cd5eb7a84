"""The samples that probes are trained and judged on: which are held out, and random subsets to compare with."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.measured import stored_embeddings
from jepascore_core.curation.cut_effect.statistics import Flags
from jepascore_core.curation.evaluation.evaluate import Evaluation
from jepascore_core.datasets.layout import held_out_kind
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.embeddings.label_issues import NUM_FOLDS, stratified_folds
from jepascore_core.embeddings.selection import Integers
from jepascore_core.errors import RuleError, TooFewImagesError
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

HeldOut = Literal["test", "validation", "folds"]

#: Images of a split that make it the held-out part, and images without a split that are enough to take folds of.
MIN_HELD_OUT, MIN_IMAGES = 50, 50
#: Folds are held out in turn until so many images were: their mean is then known to 0.3 points.
ENOUGH_HELD_OUT = 20_000
#: Folds of samples that are in no training set: copies of held-out images, other splits.
_NOWHERE = -1

NO_LABELS = (
    "What a cut does to a classifier cannot be said without labels: {found}. Put the images of each class in a folder, "
    "or name the column of labels when adding the dataset."
)
CHANGED = "The dataset has changed since this was requested. Request it again."


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What a curation does with each sample, ordered by key, of a dataset's version.

    Flags are 0 = dropped, 1 = kept, 2 = without a verdict, for want of a measurement.
    """

    version: str
    flags: npt.NDArray[np.uint8]

    @property
    def digest(self) -> str:
        """Hash that identifies it."""
        return hashlib.sha256(self.flags.tobytes()).hexdigest()[:20] + self.version

    def pack(self) -> str:
        """Return it as text."""
        return f"{self.version}:{base64.b64encode(zlib.compress(self.flags.tobytes())).decode()}"

    @classmethod
    def unpack(cls, text: str) -> Cut:
        """Invert `pack`."""
        version, _, packed = text.rpartition(":")
        return cls(version, np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8))


def cut_of(store: Store, evaluation: Evaluation) -> Cut:
    """Read what a curation does with each sample off its evaluation."""
    sql = f"""SELECT CASE verdict WHEN 'keep' THEN 1 WHEN 'drop' THEN 0 ELSE 2 END::UTINYINT AS flag
        FROM {evaluation.relation} ORDER BY row_id"""
    return Cut(str(evaluation.dataset.version), store.query(sql)["flag"].to_numpy())


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSamples:
    """The N labelled samples with an embedding, and which of them are held out when.

    Attributes:
        rows: rows of the dataset, ordered by key, [N].
        codes: class of each, 0 to C - 1, [N], of `names`.
        embeddings: [N, K], as stored.
        folds: fold of each, [N]; copies of an image share one, -1 is in none. Where a split is held out it is fold 0.
        firsts: whether a sample is the first one of its image and label on its side, [N]: only these are judged.
        judged: folds that are held out in turn.
        held_out: where these come from.
        split: name of the held-out split.
        num_left_out: samples of the dataset without a label or an embedding.
        num_copies: training samples left out because their image is held out, too.
    """

    rows: Integers
    codes: Integers
    names: tuple[str, ...]
    embeddings: npt.NDArray[np.float16]
    folds: Integers
    firsts: Flags
    judged: tuple[int, ...]
    held_out: HeldOut
    split: str | None
    num_left_out: int
    num_copies: int

    @property
    def may_train(self) -> Flags:
        """Samples that are trained on at all, [N]."""
        found: Flags = self.folds != _NOWHERE if self.held_out == "folds" else self.folds > 0
        return found

    def training(self, fold: int) -> Flags:
        """Return the samples to train on while a fold is held out, [N]."""
        found: Flags = (self.folds != _NOWHERE) & (self.folds != fold)
        return found

    def judged_in(self, fold: int) -> Integers:
        """Return the samples that are judged while a fold is held out."""
        return np.flatnonzero((self.folds == fold) & self.firsts)

    @property
    def num_elsewhere(self) -> int:
        """Number of samples that are in another held-out split."""
        return int((self.folds == _NOWHERE).sum()) - self.num_copies

    @property
    def num_judged(self) -> int:
        """Different images that are judged."""
        return sum(len(self.judged_in(fold)) for fold in self.judged)


def labelled_samples(store: Store, scores: ScoreSet, progress: Progress = no_progress) -> LabelledSamples:
    """Read labels, splits and embeddings of a dataset.

    Raises:
        TooFewImagesError: if it has no labels, or too few images to hold any out.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    base = columns(store).base(store.catalogue.dataset(scores.dataset_id))
    table = store.query(f"SELECT row_id, content_id, label, split FROM {base} ORDER BY row_id")
    num_samples = len(table)
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    finite = np.isfinite(embeddings).all(axis=1)
    content_ids, embeddings = content_ids[finite], embeddings[finite]
    ids = np.array(table["content_id"].to_pylist(), np.str_)
    at = np.minimum(np.searchsorted(content_ids, ids), max(0, len(content_ids) - 1))
    known = content_ids[at] == ids if len(content_ids) else np.zeros(len(ids), bool)
    usable = np.flatnonzero(known & table["label"].is_valid().to_numpy(zero_copy_only=False))
    labels = table["label"].to_numpy(zero_copy_only=False)[usable].astype(np.str_)
    names, codes = np.unique(labels, return_inverse=True)
    if len(usable) < MIN_IMAGES or len(names) < 2:
        classes = f"{len(usable):,} measured images have one, of {len(names):,} classes"
        needed = f"it takes {MIN_IMAGES} of two classes"
        raise TooFewImagesError(NO_LABELS.format(found=f"{classes}; {needed}"))
    splits = table["split"].take(usable).to_pylist()
    return _with_folds(usable, at[usable], codes, names, embeddings, splits, num_samples)


def _with_folds(
    rows: Integers,
    contents: Integers,
    codes: Integers,
    names: npt.NDArray[np.str_],
    embeddings: npt.NDArray[np.float16],
    splits: list[str | None],
    num_samples: int,
) -> LabelledSamples:
    kind, split = _held_out(splits)
    kinds = np.array([held_out_kind(name) or "" for name in splits], np.str_)
    is_held = kinds == kind
    pairs, first, back = np.unique(
        (contents * len(names) + codes) * 2 + is_held, return_index=True, return_inverse=True
    )
    firsts = np.zeros(len(rows), bool)
    firsts[first] = True
    num_copies, judged = 0, range(1)
    if kind == "folds":
        folds = stratified_folds(contents[first], codes[first])[back]
        needed = -(-ENOUGH_HELD_OUT * NUM_FOLDS // len(pairs))
        judged = range(min(NUM_FOLDS, needed))
    else:
        is_training = kinds == ""
        is_copy = is_training & np.isin(contents, contents[is_held])
        num_copies = int(is_copy.sum())
        folds = np.where(is_held, 0, np.where(is_training & ~is_copy, 1, _NOWHERE))
    return LabelledSamples(
        rows, codes, tuple(map(str, names)), embeddings[contents], folds, firsts, tuple(judged), kind, split,
        num_samples - len(rows), num_copies,
    )  # fmt: skip


def _held_out(splits: list[str | None]) -> tuple[HeldOut, str | None]:
    """Hold out the dataset's own test split or else its validation split, if they and the rest are large enough."""
    kinds = [held_out_kind(name) for name in splits]
    for kind in ("test", "validation"):
        found = [name for name, of in zip(splits, kinds, strict=True) if of == kind]
        if len(found) >= MIN_HELD_OUT and kinds.count(None) >= MIN_IMAGES:
            return kind, " and ".join(sorted({str(name) for name in found}))
    return "folds", None


def random_subset(eligible: Flags, codes: Integers, sizes: Integers, seed: int) -> Flags:
    """Draw as many of the eligible samples [N] of each class as `sizes` [C] says -> [N]."""
    rows = np.random.default_rng([seed, 20]).permutation(np.flatnonzero(eligible))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    there = np.bincount(codes[rows], minlength=len(sizes))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(there) - there, there)
    chosen = np.zeros(len(eligible), bool)
    chosen[rows[place < sizes[codes[rows]]]] = True
    return chosen


def kept_samples(samples: LabelledSamples, cut: Cut, num_samples: int) -> tuple[Flags, Flags]:
    """Return which trainable samples a cut keeps, and which it keeps or drops, [N] each.

    Raises:
        RuleError: if the cut is of another version of the dataset, or leaves nothing to compare.
    """
    if len(cut.flags) != num_samples:
        raise RuleError(CHANGED)
    flags = cut.flags[samples.rows]
    eligible = samples.may_train & (flags != 2)
    kept = eligible & (flags == 1)
    if kept.sum() == eligible.sum():
        raise RuleError("The cut drops no image that could be trained on: there is nothing to compare. Add a rule.")
    if len(np.unique(samples.codes[kept])) < 2:
        raise RuleError("The cut leaves fewer than two classes to train on: keep more.")
    return kept, eligible

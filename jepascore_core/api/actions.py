"""What people do to the samples of a curated dataset: decide, tag, relabel, undo and redo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import pyarrow as pa

from jepascore_core.curation.decisions import DecisionVerdict, decide
from jepascore_core.curation.journal import find_samples, redo, undo, user_name
from jepascore_core.curation.relabelling import relabel
from jepascore_core.curation.tags import add_tag, known_tag, remove_tag
from jepascore_core.errors import RuleError, one_of
from jepascore_core.exporters import WHICH, Which
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.storage.store import Store


class SampleActions:
    """Actions that are recorded in the home folder, like those in the app; each returns a new curated dataset."""

    store: Store
    scores: ScoreSet

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.store.catalogue.dataset(self.scores.dataset_id).name

    def _again(self) -> Self:
        raise NotImplementedError

    def _listed(self, which: Which) -> pa.Table:
        raise NotImplementedError

    def decide(self, samples: str | Iterable[str], verdict: DecisionVerdict, why: str = "") -> Self:
        """Decide about samples, whatever the rules say, in one action that `undo` undoes as a whole.

        Args:
            samples: one sample key or content id, or several.
            verdict: "keep", "drop", or "undecided" to let the rules apply again.
            why: a reason, which is recorded.

        Raises:
            UnknownNameError: if any of them is not a sample of the dataset; then nothing is recorded.
            RuleError: for any other verdict, or no samples.

        Examples:
            >>> import jepascore_core as js
            >>> curated = js.curate("digits-demo", "class_percentile >= 5", backbone="bundled:digits-vit")
            >>> wanted = curated.dropped()[:2]
            >>> decided = curated.decide(wanted, "keep", why="rare but valid")
            >>> decided.counts.kept - curated.counts.kept
            2
            >>> decided.undo().counts == curated.counts
            True
        """
        decide(self.store, self.scores.dataset_id, self._named(samples), verdict, user_name(), why)
        return self._again()

    def tag(
        self, name: str, samples: str | Iterable[str] | None = None, *, which: Which = "kept", why: str = ""
    ) -> Self:
        """Tag samples in one action that `undo` undoes as a whole; rules see it as `js.tag(name)`.

        Args:
            name: the tag.
            samples: sample keys or content ids; None = all that are kept, or those of another list.
            which: "kept", "dropped", "unscored" or "all", if no samples are given.
            why: a reason, which is recorded.

        Raises:
            UnknownNameError: if any of them is not a sample of the dataset; then nothing is recorded.
            RuleError: for an invalid name, or no samples.

        Examples:
            >>> import jepascore_core as js
            >>> unlikely = js.curate("digits-demo", "class_percentile < 5", backbone="bundled:digits-vit")
            >>> tagged = unlikely.tag("unlikely")
            >>> tagged.with_rules(js.tag("unlikely")).counts.kept == unlikely.counts.kept
            True
            >>> _ = tagged.undo()
        """
        add_tag(self.store, self.scores.dataset_id, self._chosen(samples, which), name, user_name(), why)
        return self._again()

    def untag(
        self, name: str, samples: str | Iterable[str] | None = None, *, which: Which = "kept", why: str = ""
    ) -> Self:
        """Remove a tag from samples like `tag`.

        Raises:
            UnknownNameError: if there is no such tag or sample.
            RuleError: for no samples.
        """
        known = known_tag(self.store, self.scores.dataset_id, name)
        remove_tag(self.store, self.scores.dataset_id, self._chosen(samples, which), known, user_name(), why)
        return self._again()

    def relabel(
        self, samples: str | Iterable[str], label: str | None, why: str = "", *, new_class: bool = False
    ) -> Self:
        """Correct the labels of samples in one action that `undo` undoes as a whole.

        The dataset keeps its own labels, which rules and percentiles go by; exports have the corrected ones beside
        them, and rules see them as `js.relabelled()`.

        Args:
            samples: one sample key or content id, or several.
            label: class that they belong to; None = the one of the dataset again.
            why: a reason, which is recorded.
            new_class: allow a label that no sample of the dataset has.

        Raises:
            UnknownNameError: if one of them is not a sample of the dataset, or the label not a class of it.
            RuleError: for no samples, or an invalid label.
        """
        given = {label: sample_table(self._named(samples))}
        relabel(self.store, self.scores.dataset_id, given, user_name(), why, new_classes=new_class)
        return self._again()

    def _chosen(self, samples: str | Iterable[str] | None, which: Which) -> pa.Table:
        """Return samples (sample key, content id) by name or, without names, those of a list."""
        if samples is not None:
            return sample_table(self._named(samples))
        return self._listed(one_of(which, WHICH, "list of samples"))

    def _named(self, samples: str | Iterable[str]) -> list[tuple[str, str]]:
        names = [samples] if isinstance(samples, str) else list(samples)
        return find_samples(self.store, self.scores.dataset_id, names)

    def undo(self) -> Self:
        """Undo your own last action that is still in effect (decision, tag or label), wherever it was made.

        Raises:
            RuleError: if there is none.
        """
        if undo(self.store, self.scores.dataset_id, user_name()) is None:
            raise RuleError(f"You have no decision, tag or label of {self.name} to undo.")
        return self._again()

    def redo(self) -> Self:
        """Redo what you last undid, unless you have done anything since.

        Raises:
            RuleError: if there is nothing to redo.
        """
        if redo(self.store, self.scores.dataset_id, user_name()) is None:
            raise RuleError(f"You have no decision, tag or label of {self.name} to redo.")
        return self._again()

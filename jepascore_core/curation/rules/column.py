"""What rules look at: the names of columns, and a column with what qualifies it."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.curation.columns.quality import QUALITIES, QUALITY_ISSUE
from jepascore_core.embeddings.baselines import BASELINES, NUM_NEIGHBOURS
from jepascore_core.errors import RuleError, one_of, unknown
from jepascore_core.score import DEFINITIONS

SCORES = ("score", "percentile", "class_percentile", "split_percentile")
#: Standard deviation of the scores of an image's views.
VIEW_SPREAD = "view_spread"
PROPERTIES = ("width", "height", "pixels", "aspect", "bytes", *QUALITIES)
COUNTS = ("class_size",)
#: What embeddings say of a given label: how likely it is wrong, and which other one is likeliest.
LABEL_ISSUE, LIKELY_LABEL = "label_issue", "likely_label"
#: What a reference dataset, which they name, says of a sample: how its score ranks there, and how far the nearest is.
REFERENCE_PERCENTILE, REFERENCE_DISTANCE = "reference_percentile", "reference_distance"
TEXTS = ("label", "split", "key", QUALITY_ISSUE, LIKELY_LABEL)
META = "meta"
#: Cosine of an image's embedding with that of words, or of a sample, which they name: similar("a watermark").
SIMILAR, SIMILAR_TO = "similar", "similar_to"
SIMILARITIES = (SIMILAR, SIMILAR_TO)
#: All that are written by their name alone; the columns of the user are written meta["..."].
COLUMNS = (*SCORES, VIEW_SPREAD, REFERENCE_PERCENTILE, REFERENCE_DISTANCE, *PROPERTIES, *COUNTS, LABEL_ISSUE, *TEXTS)


@dataclass(frozen=True, slots=True)
class Column:
    """What a condition compares: a score, an image property, a class size, a text, or (`meta`) a user column.

    `backbone` names one as "id@spec", by its name or title; None = that of the page or command. `definition` is a
    definition of the score or a baseline score; None = that of the page. Label issues have a backbone and no
    definition. `key` is the name of a `meta` column. `reference` names the dataset of a reference column; `k` says that
    the distance is that to the k-th nearest of it, None = the nearest. `query` are the words of `similar`, or the
    sample key of `similar_to`.

    Raises:
        RuleError: for an invalid column.
    """

    name: str
    backbone: str | None = None
    definition: str | None = None
    key: str | None = None
    reference: str | None = None
    k: int | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        if self.name not in (*COLUMNS, META, *SIMILARITIES):
            raise unknown("column", self.name, _names(), RuleError)
        if (self.is_label_issue or self.is_similarity or self.name == REFERENCE_DISTANCE) and self.definition:
            raise RuleError(f"{self.name} does not depend on a score: leave {self.definition} out.")
        if self.name == VIEW_SPREAD and self.definition in BASELINES:
            raise RuleError(f"{VIEW_SPREAD} is of a score, and {self.definition} has no views. Leave it out.")
        if not self._is_measured and (self.backbone or self.definition):
            raise RuleError(f"{self.name} does not depend on a backbone. Leave it out.")
        if self.is_reference != (self.reference is not None):
            raise RuleError('A reference column names its dataset, as reference_distance["name of a dataset"].')
        if self.name == REFERENCE_PERCENTILE and self.definition in BASELINES:
            raise RuleError(f"A baseline score is relative to its own dataset: leave {self.definition} out.")
        if self.k is not None and (self.name != REFERENCE_DISTANCE or not 1 <= self.k <= NUM_NEIGHBOURS):
            raise RuleError(
                f"Only {REFERENCE_DISTANCE} has a number of neighbours, 1 to {NUM_NEIGHBOURS}, not {self.k}."
            )
        if self.definition is not None:
            one_of(self.definition, (*DEFINITIONS, *BASELINES), "definition", RuleError)
        self._check_named()

    def _check_named(self) -> None:
        if (self.name == META) != (self.key is not None):
            raise RuleError('For a column of your own table write meta["its name"].')
        if self.is_similarity != bool(self.query):
            raise RuleError('Similarity needs words, as similar("a watermark"), or a sample, as similar_to("its key").')

    @property
    def _is_measured(self) -> bool:
        is_compared = self.is_label_issue or self.is_reference or self.is_similarity
        return self.is_score or is_compared or self.name == VIEW_SPREAD

    @property
    def is_score(self) -> bool:
        """Whether it needs a measurement."""
        return self.name in SCORES

    @property
    def is_label_issue(self) -> bool:
        """Whether it needs the embeddings of all images and their labels."""
        return self.name in (LABEL_ISSUE, LIKELY_LABEL)

    @property
    def is_similarity(self) -> bool:
        """Whether it compares embeddings with that of words or of a sample."""
        return self.name in SIMILARITIES

    @property
    def is_reference(self) -> bool:
        """Whether it compares with a reference dataset."""
        return self.name in (REFERENCE_PERCENTILE, REFERENCE_DISTANCE)

    @property
    def is_percentile(self) -> bool:
        """Whether its values lie between 0 and 100."""
        return self.name in (*SCORES[1:], REFERENCE_PERCENTILE)


def _names() -> tuple[str, ...]:
    return (*COLUMNS, 'meta["..."]', *SIMILARITIES)

"""What the whole dataset can be sorted by: keys, image properties, scores and baselines, the user's own columns."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jepascore_core.curation.columns.names import metadata_names, split_names
from jepascore_core.embeddings.baselines import BASELINES
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.browse import AT_RANDOM, BY_KEY
from pages.ui.app.store import store
from pages.ui.explore import texts


def sort_options(dataset_id: str, scores: Sequence[ScoreSet], measured: Sequence[MeasuredChoice]) -> dict[str, str]:
    """Return what the list can be sorted by -> its title; the first one is the default.

    The scores of the page's first backbone are named alone, since rules mean them where they name none.
    """
    found = {"score": texts.SORT_BY_SCORE} if scores else {}
    found |= {BY_KEY: texts.SORT_BY_KEY, AT_RANDOM: texts.SORT_AT_RANDOM, "label": texts.SORT_BY_CLASS}
    found |= {"split": texts.SORT_BY_SPLIT} if split_names(store(), dataset_id) else {}
    found |= texts.SORT_TITLES
    found |= {f"meta[{json.dumps(name, ensure_ascii=False)}]": name for name in metadata_names(store(), dataset_id)}
    for choice in measured:
        name = json.dumps(choice.key.text)
        is_named = choice.key.has_scores and not (scores and choice.key == scores[0].key)
        found |= {f"score[{name}]": texts.sort_by_score_of(choice.title)} if is_named else {}
        found |= {
            f"score[{name}, {baseline}]": texts.sort_by_baseline(baseline, choice.title) for baseline in BASELINES
        }
    return found

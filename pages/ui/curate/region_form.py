"""Draw the form for rules about a region that was marked on the map, by its name."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Clause
from jepascore_core.curation.columns.regions import region_list
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import Not
from jepascore_core.formatting import plural
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app.store import store
from pages.ui.curate import texts


def region_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    """Draw a choice of the named regions, and of what is done with the images in it."""
    was = old.rule if isinstance(old, Not) else old
    regions = {region.name: region.num_images for region in region_list(store(), scores.dataset_id)}
    titles = {name: f"{name} ({plural(number, 'image')})" for name, number in regions.items()}
    if isinstance(was, Marked) and was.value not in titles:
        titles[str(was.value)] = str(was.value)
    if not titles:
        st.markdown(texts.NO_REGIONS)
        return None
    at = list(titles).index(str(was.value)) if isinstance(was, Marked) else 0
    name = st.selectbox(texts.REGION, list(titles), at, titles.__getitem__, key=f"{key}-region")
    actions = [texts.LEAVE_OUT, texts.KEEP_ONLY]
    default = texts.KEEP_ONLY if isinstance(old, Marked) else texts.LEAVE_OUT
    what = st.segmented_control(texts.ACTION, actions, default=default, key=f"{key}-action", required=True)
    rule = Marked("region", name)
    return rule if what == texts.KEEP_ONLY else Not(rule)

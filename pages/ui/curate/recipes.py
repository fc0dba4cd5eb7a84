"""Save, open, duplicate, compare, download and upload recipes."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from jepascore_core.curation import Curation, Evaluation, to_text
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.recipes import Recipe, current_curation, from_yaml, make_recipe, to_yaml
from jepascore_core.curation.saved_recipes import (
    SavedRecipe,
    compare_recipes,
    describe_changes,
    duplicate_recipe,
    missing_scores,
    recipe_changes,
    remove_recipe,
    save_recipe,
    saved_recipes,
)
from jepascore_core.errors import JepaScoreError, RuleError, UnknownNameError
from jepascore_core.exporters import differing_csv
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app import state
from pages.ui.app.errors import show_error
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.curate.rule_bar import set_curation
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.precompute import is_ready

_MESSAGE = "recipe-message"
_NAME, _SAVE = "recipe-name", "recipe-save"


def is_saving() -> bool:
    """Return whether Save was clicked, which is known before the button is drawn."""
    return bool(st.session_state.get(_SAVE))


def draw_recipes(scores: ScoreSet, curation: Curation, evaluation: Evaluation | None = None) -> None:
    """Draw all about recipes in a closed expander, after saving the evaluated rules if that was requested."""
    if evaluation is not None and is_saving():
        _save(evaluation, st.session_state[_NAME])
    message = st.session_state.pop(_MESSAGE, None)
    if message:
        st.success(plain(message))
    saved = saved_recipes(store(), scores.dataset_id)
    # The key keeps it open when its title changes.
    with st.expander(texts.recipes(len(saved)), icon=":material/menu_book:", key="recipes"):
        _draw_save(scores, curation, evaluation is not None)
        for item in saved:
            _draw_one(item)
        if len(saved) > 1:
            _draw_compare(scores.dataset_id, saved)
        _draw_upload()


def _draw_save(scores: ScoreSet, curation: Curation, is_evaluated: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(texts.SAVE_AS, max_chars=100, width=280, key=_NAME)
        st.button(texts.SAVE, key=_SAVE, disabled=not name.strip(), icon=":material/save:")
    if is_saving() and not is_evaluated:
        is_ready(scores, curation, decisions_of(store(), scores.dataset_id), "saved")


def _save(evaluation: Evaluation, name: str) -> None:
    try:
        recipe = make_recipe(store(), evaluation, name)
        save_recipe(store(), evaluation.scores.dataset_id, recipe, evaluation=evaluation)
    except RuleError as error:
        show_error(error)
        return
    st.session_state[_MESSAGE] = texts.saved(recipe.name)


def _draw_one(saved: SavedRecipe) -> None:
    with st.container(border=True):
        recipe = saved.recipe
        kept = texts.kept_when_saved(recipe.result.get("kept", 0), recipe.num_samples)
        st.markdown(f"**{plain(saved.name)}** · {kept}, {plain(saved.changed_at[:16].replace('T', ' '))} UTC")
        missing = missing_scores(store(), saved.dataset_id, recipe)
        if missing:
            st.warning(plain(missing), icon=":material/hourglass_bottom:")
        st.code(to_text(saved.recipe.curation) or texts.EVERYTHING, language=None, wrap_lines=True)
        with st.container(horizontal=True):
            st.button(texts.OPEN, key=f"open-{saved.recipe_id}", on_click=_open, args=(saved.recipe,))
            st.button(
                texts.DUPLICATE,
                key=f"copy-{saved.recipe_id}",
                on_click=discard_result(duplicate_recipe),
                args=(store(), saved),
            )
            st.download_button(
                texts.YAML, to_yaml(saved.recipe), f"{saved.name}.yaml", "application/yaml",
                key=f"yaml-{saved.recipe_id}", on_click="ignore",
            )  # fmt: skip
            st.button(texts.REMOVE, key=f"del-{saved.recipe_id}", on_click=remove_recipe, args=(store(), saved))
            is_wanted = st.button(texts.WHAT_CHANGED, key=f"diff-{saved.recipe_id}")
        if is_wanted and _is_ready(saved, "changes"):
            changes = recipe_changes(store(), saved.dataset_id, saved.recipe)
            st.session_state[_MESSAGE] = f"{saved.name}: {describe_changes(changes)}"
            st.rerun()


def _is_ready(saved: SavedRecipe, key: str) -> bool:
    recipe = saved.recipe
    return is_ready(recipe.score_set(saved.dataset_id), current_curation(store(), recipe), recipe.decided, key)


def _open(recipe: Recipe) -> None:
    """Switch to the rules and scores of a recipe."""
    first = recipe.scores[0]
    state.write(state.BACKBONE, first.key.text)
    state.write(state.DEFINITION, recipe.definition)
    curation = recipe.curation
    with suppress(UnknownNameError):  # the page says which reference dataset is gone
        curation = current_curation(store(), recipe)
    set_curation(curation)


def _draw_compare(dataset_id: str, saved: tuple[SavedRecipe, ...]) -> None:
    names = {item.recipe_id: item for item in saved}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ids = list(names)
        first = st.selectbox(texts.COMPARE, ids, 0, format_func=lambda item: names[item].name, width=240)
        second = st.selectbox(texts.WITH, ids, 1, format_func=lambda item: names[item].name, width=240)
        is_wanted = st.button(texts.SHOW_DIFFERENCES)
    if not is_wanted or not all([_is_ready(names[first], "first"), _is_ready(names[second], "second")]):
        return
    found = compare_recipes(store(), dataset_id, names[first].recipe, names[second].recipe)
    one, two = plain(names[first].name), plain(names[second].name)
    st.markdown(texts.differences(found.both, one, found.only_first.count, two, found.only_second.count))
    for part in (found.only_first, found.only_second):
        if part.examples:
            st.code("\n".join(part.examples), language=None)
    if found.only_first.count or found.only_second.count:
        st.download_button(
            texts.DIFFERENCES_AS_CSV,
            differing_csv(store(), dataset_id, names[first].recipe, names[second].recipe),
            "differing.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _draw_upload() -> None:
    uploaded = st.file_uploader(texts.OPEN_FILE, type=["yaml", "yml"])
    if uploaded is None:
        return
    try:
        recipe = from_yaml(uploaded.getvalue().decode("utf-8"))
    except UnicodeDecodeError:
        show_error(RuleError(texts.NOT_TEXT))
        return
    except JepaScoreError as error:
        show_error(error)
        return
    st.button(texts.open_recipe(plain(recipe.name)), on_click=_open, args=(recipe,), type="primary")

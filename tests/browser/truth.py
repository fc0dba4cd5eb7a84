"""What a page shows, against what its URL says: the oracle of every test in a browser."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page

from jepascore_core.errors import DatasetNotReadyError
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.titles import DEFINITION_SHORT
from jepascore_core.storage.store import Store
from pages.ui.app import state
from pages.ui.compare import texts as compare_texts
from pages.ui.distributions import texts as distributions_texts
from pages.ui.duplicates import texts as duplicates_texts
from pages.ui.duplicates.page import DEFAULT_KEEPER
from pages.ui.explore import texts as explore_texts
from pages.ui.map import texts as map_texts
from pages.ui.review import texts as review_texts
from pages.ui.runs import add_data, new_run
from pages.ui.runs import texts as runs_texts
from pages.ui.sample import texts as sample_texts
from pages.ui.trust import texts as trust_texts
from pages.ui.widgets.choose_scores import measured_id
from pages.ui.widgets.texts import KEEPER_TITLES

#: Parameters that one widget chooses, by page where pages offer different things: identifier -> words.
TITLES: Mapping[str, Mapping[str, str]] = {
    state.DEFINITION: DEFINITION_SHORT,
    state.VIEW: explore_texts.VIEW_TITLES,
    state.DIRECTION: explore_texts.DIRECTION_TITLES,
    state.ORDER: explore_texts.CLASS_ORDER_TITLES,
    state.REVIEW: review_texts.KIND_TITLES,
    state.LEVEL: duplicates_texts.LEVELS,
    state.KEEPER: KEEPER_TITLES,
    f"compare/{state.CORRELATION}": compare_texts.MEASURES,
    f"trust/{state.CORRELATION}": trust_texts.MEASURES,
    state.WITHIN: compare_texts.WITHIN_TITLES,
    state.GROUP_BY: distributions_texts.GROUP_TITLES,
    state.SHAPE: distributions_texts.SHAPE_TITLES,
    state.UNIT: distributions_texts.UNIT_TITLES,
    state.SCALE: distributions_texts.SCALE_TITLES,
    state.LOOK: sample_texts.LOOK_TITLES,
    f"explore/{state.ACROSS}": explore_texts.SEARCH_ORDER_TITLES,
    state.DECIDED: explore_texts.DECISION_TITLES,
    state.PER_PAGE: explore_texts.PAGE_SIZES,
    state.ESTIMATOR: runs_texts.ESTIMATORS,
    state.WAY_IN: runs_texts.WAYS,
    state.POOLING: runs_texts.POOLINGS,
    state.PILOT: runs_texts.PILOTS,
    state.DEVICE: new_run.DEVICES,
    state.PRECISION: new_run.PRECISION_TITLES,
    state.LAYOUT: map_texts.LAYOUT_TITLES,
}
#: What is chosen where the URL says nothing, if not the first.
DEFAULTS: Mapping[str, str] = {state.KEEPER: KEEPER_TITLES[DEFAULT_KEEPER]}
#: What is chosen where the URL says nothing depends on more than the page.
NO_DEFAULT = (state.REVIEW, state.LEVEL, state.LAYOUT)
#: Fields that are empty where the URL says nothing.
TYPED = (state.SEARCH, state.FILTER, state.CHECKPOINT, state.MEAN, state.STD)
#: A part that the URL does not hold.
OWN_PARTS = ("recipes",)

#: The widgets of parameters, by name: what each shows, as a person reads it. And which parts of the page are open.
READ = """() => {
  const name = (box, prefix) => [...box.classList].find((item) => item.startsWith(prefix))?.slice(prefix.length);
  const seen = (e) => !e.closest('template');
  const all = (box, selector, look) => [...box.querySelectorAll(selector)].filter(seen).map(look);
  const show = (box) => {
    if (box.querySelector('[data-testid="stButtonGroup"]')) {
      return all(box, '[aria-checked="true"], [aria-pressed="true"]', (e) => e.textContent.trim());
    }
    if (box.querySelector('[data-testid="stMultiSelect"]')) {
      return all(box, '[data-tag]', (e) => e.getAttribute('aria-label'));
    }
    return all(box, 'input', (e) => e.type === 'checkbox' ? (e.checked ? 'on' : '') : e.value);
  };
  const widgets = {}, parts = {};
  for (const box of document.querySelectorAll('[class*="st-key-pick-"]')) {
    widgets[name(box, 'st-key-pick-')] = show(box);
  }
  for (const part of document.querySelectorAll('details')) {
    const box = part.closest('[class*="st-key-"]');
    if (box) parts[name(box, 'st-key-')] = part.open;
  }
  return {
    widgets, parts,
    exceptions: all(document, '[data-testid="stException"]', (e) => e.innerText.slice(0, 400)),
    dialogs: document.querySelectorAll('[data-testid="stDialog"]').length,
    url: location.href,
  };
}"""


@dataclass(frozen=True)
class Seen:
    """What a page shows now."""

    widgets: Mapping[str, Sequence[str]]
    parts: Mapping[str, bool]
    exceptions: Sequence[str]
    dialogs: int
    url: str

    @property
    def page(self) -> str:
        """The last part of the path; "" is home."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)


def look(page: Page) -> Seen:
    """Read a page."""
    found = page.evaluate(READ)
    return Seen(found["widgets"], found["parts"], found["exceptions"], found["dialogs"], found["url"])


def lies(seen: Seen, home: Path | None) -> list[str]:
    """Every widget that shows something else than the URL says; `home` knows the names of datasets and backbones."""
    names = _names(home) if home is not None and (home / "catalogue.sqlite").exists() else {}
    found = [f"an exception is shown: {text}" for text in seen.exceptions]
    for name, shown in seen.widgets.items():
        wanted = _wanted(seen, name, names)
        if wanted is not None and not _are_same(wanted, shown):
            found.append(f"{name} shows {list(shown)}, the URL says {wanted}: {seen.url}")
    opened = seen.parameters.get(state.OPENED, [])
    for name, is_open in seen.parts.items():
        if name not in OWN_PARTS and is_open != (name in opened) and (is_open or name != add_data.OPENED):
            found.append(f"{name} is {'open' if is_open else 'closed'}, unlike in the URL: {seen.url}")
    return found


def _names(home: Path) -> dict[str, str]:
    """What the URL calls datasets and backbones, and what people do."""
    store = Store(home)
    datasets = store.catalogue.datasets()
    names = {dataset.dataset_id: dataset.name for dataset in datasets}
    for dataset in datasets:
        with suppress(DatasetNotReadyError):
            names |= {measured_id(choice): choice.title for choice in measured_choices(store, dataset.dataset_id)}
    return names


def _wanted(seen: Seen, name: str, names: Mapping[str, str]) -> list[str] | None:
    """What a widget is to show; None where the URL leaves that open."""
    said = seen.parameters.get(name, [])
    titles = TITLES.get(f"{seen.page}/{name}") or TITLES.get(name)
    if titles is not None:
        if name in NO_DEFAULT and not said:
            return None
        return [titles[said[0]] if said and said[0] in titles else DEFAULTS.get(name, next(iter(titles.values())))]
    if name in (state.DATASET, state.BACKBONE, state.REFERENCE, state.DATASETS, state.BACKBONES):
        known = [names[item] for item in said if item in names]
        return known if known and len(known) == len(said) else None
    if name == state.LABEL:
        return _wanted_class(seen, said)
    if name == state.OFFLINE:
        return ["on" if said == [state.ON] else ""]
    if name == state.ONLY:
        return [runs_texts.FILTER_TITLES[item] for item in runs_texts.FILTER_TITLES if item in said]
    if name == state.SORT:
        # What a dataset can be sorted by depends on its columns and backbones.
        return [explore_texts.SORT_TITLES[said[0]]] if said and said[0] in explore_texts.SORT_TITLES else None
    if name == state.COLOUR:
        return [map_texts.COLOUR_TITLES[said[0]]] if said and said[0] in map_texts.COLOUR_TITLES else None
    if name in TYPED:
        return said or [""]
    return said or None


def _wanted_class(seen: Seen, said: Sequence[str]) -> list[str] | None:
    if said and said[0].startswith("class "):
        return [said[0].removeprefix("class ")]
    return None if said or seen.page == "compare" else ["All classes"]


def _are_same(wanted: Sequence[str], shown: Sequence[str]) -> bool:
    shown = [re.sub(r"^All [0-9,]+ classes$", "All classes", item) for item in shown]
    if len(wanted) == 1 and ":" in wanted[0] and len(shown) == 2:
        wanted = wanted[0].split(":")
    return len(wanted) == len(shown) and all(map(_is_said, wanted, shown))


def _is_said(wanted: str, shown: str) -> bool:
    """Titles of backbones come with what else is to be known about them."""
    try:
        return math.isclose(float(wanted), float(shown), abs_tol=1e-6)
    except ValueError:
        return re.fullmatch(rf"(?:≈ )?{re.escape(wanted)}(?: · .*)?", shown) is not None

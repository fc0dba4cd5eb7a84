"""The only place that names query parameters and session-state keys.

What a person looks at is in the URL: identifiers and choices, read with limits, because anybody can type a URL. Nothing
else is kept here; the catalogue holds everything that a person decided.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from jepascore_core.errors import matching

DATASET = "dataset"
DATASETS = "datasets"
BACKBONE = "backbone"
BACKBONES = "backbones"
DEFINITION = "definition"
LABEL = "class"
SAMPLE = "sample"
PER_GROUP = "n"
PAGE = "page"
ORDER = "order"
SEED = "seed"
ACROSS = "across"
#: What the whole dataset is sorted by, and in which direction.
SORT = "sort"
DIRECTION = "direction"
UP = "up"
GROUP_BY = "by"
UNIT = "unit"
RUN = "run"
RULES = "rules"
#: The last rules that were right, where those that were typed are not.
LAST_RULES = "last-rules"
REVIEW = "review"
AT = "at"
WHO = "who"
LEVEL = "level"
RADIUS = "radius"
KEEPER = "keeper"
CUT = "cut"
#: Whose embeddings say what a cut does, and what many do.
JUDGE = "judge"
CURVE_JUDGE = "curve-judge"
PAIR = "pair"
CORRELATION = "correlation"
VIEW = "view"
SIZE = "size"
SHOW = "show"
SEARCH = "q"
#: What images are compared with, words or a sample; by which backbone; and from which similarity on they are shown.
WORDS = "words"
LIKE = "like"
COMPARED_BY = "compared-by"
LEAST = "least"
SPAN = "span"
FILTER = "filter"
DECIDED = "decided"
PER_PAGE = "per"
WITHIN = "within"
SHAPE = "shape"
SCALE = "scale"
REFERENCE = "reference"
LOOK = "look"
#: How the map is laid out, and what its points are coloured by.
LAYOUT = "layout"
COLOUR = "colour"
#: What a new run is asked for, its cost probes, and where new images come from.
MEASURE_WITH = "with"
ESTIMATOR = "estimator"
PASSES = "passes"
FIDELITY = "fidelity"
CALIBRATION = "calibration"
COVERAGE = "coverage"
TOP = "top"
CONFIDENCE = "confidence"
#: Which backbones the table of them shows.
ONLY = "only"
CHECKPOINT = "checkpoint"
IMAGE_SIZE = "image-size"
MEAN = "mean"
STD = "std"
POOLING = "pooling"
PREPROCESSING = "preprocessing"
PILOT = "pilot"
PILOT_IMAGES = "pilot-images"
DEVICE = "device"
PRECISION = "precision"
OFFLINE = "offline"
PROBES = "probes"
VIEWS = "views"
AUGMENTATION = "augmentation"
WAY_IN = "from"
#: The folder of this machine that is looked into for images.
FOLDER = "folder"
#: What is opened, which bars of histograms are selected, and which part of a scatter.
OPENED = "open"
BARS = "bars"
AREA = "area"

#: Session state: the page that was last begun to be drawn.
PAGE_SHOWN = "page-shown"
#: The query string that the browser sent last.
ADDRESS = "address"
#: What was written into the URL lately.
WRITTEN = "written"
#: How many datasets this visit added.
NUM_ADDED = "num-added"
#: Whether the folders of this machine are looked through, and that one was just chosen.
FOLDERS_OPEN = "folders-open"
FOLDER_CHOSEN = "folder-chosen"
#: Files that were uploaded one by one, as one archive, with their ids.
PACKED = "add-packed"
#: Of a form that adds data, each followed by its number: the name that a check filled in; the form that was checked;
#: answers to its questions; what was found.
FILLED_IN = "add-filled-in"
CHECKED = "add-checked"
ANSWERS = "add-answers"
REPORT = "add-report"
#: The kind of picture that the camera of every figure saves.
PICTURE_KIND = "picture-kind"
#: Why what a form asked for cannot be done; followed by the form.
WHY_NOT = "why-not"

#: Session state: where Review was last told to be (what is gone through, and the sample key), and a mark that changes
#: whenever the page leads somewhere by itself.
TOLD = "told"
LED = "led"

#: Session state: a mark that changes whenever the sample window is led by the browser's history; the sample whose
#: details were drawn last, and in which of two places.
LED_SAMPLE = "led-sample"
DETAILED = "detailed"

#: What a link of the menu takes along from page to page.
CARRIED = (DATASET, BACKBONE, DEFINITION)
#: The same, as free text: the rules that Review goes by, and who reviews.
CARRIED_TEXTS = (RULES, LAST_RULES, WHO)

Choice = TypeVar("Choice", bound=str)

#: For as long after something was done, the browser may send an address that does not know of it.
LATE_SECONDS = 5.0
MAX_TEXT = 4096
MAX_ITEMS = 32
ON = "1"
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,199}")


def read_id(name: str) -> str | None:
    """An identifier, or None if there is none or it does not look like one."""
    value = st.query_params.get(name, "")
    return value if _IDENTIFIER.fullmatch(value) else None


def read_ids(name: str) -> tuple[str, ...]:
    """Repeated parameter: distinct identifiers in the order of the URL, at most `MAX_ITEMS`."""
    values = dict.fromkeys(value for value in st.query_params.get_all(name) if _IDENTIFIER.fullmatch(value))
    return tuple(values)[:MAX_ITEMS]


def read_text(name: str) -> str | None:
    """Free text, such as a sample key or a label; None if it is missing or longer than `MAX_TEXT` characters."""
    value = st.query_params.get(name)
    return value if value is not None and len(value) <= MAX_TEXT else None


def read_int(name: str, default: int, low: int, high: int) -> int:
    """A whole number, brought into [low, high]; `default` if it is missing or not a number."""
    value = st.query_params.get(name, "")
    return max(low, min(high, int(value))) if re.fullmatch(r"-?[0-9]{1,9}", value) else default


def read_number(name: str, default: float, low: float, high: float) -> float:
    """The same with up to six decimals."""
    value = st.query_params.get(name, "")
    known = re.fullmatch(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?", value)
    return max(low, min(high, float(value))) if known else default


def read_flag(name: str) -> bool:
    """Whether it is switched on."""
    return st.query_params.get(name) == ON


def read_choice(name: str, choices: Sequence[Choice], default: Choice) -> Choice:
    """One of `choices`, or `default`."""
    return matching(st.query_params.get(name), choices) or default


def read_texts(name: str, choices: Iterable[str] | None = None) -> tuple[str, ...]:
    """Repeated parameter: distinct items in the order of the URL, of `choices` or of up to `MAX_TEXT` characters."""
    found = dict.fromkeys(value for value in st.query_params.get_all(name) if 0 < len(value) <= MAX_TEXT)
    known = set(found if choices is None else choices)
    return tuple(value for value in found if value in known)[:MAX_ITEMS]


def read_range(name: str, low: float, high: float) -> tuple[float, float]:
    """Two numbers "a:b" with low <= a <= b <= high; the whole range for anything else."""
    found = re.fullmatch(
        r"(-?[0-9]{1,9}(?:\.[0-9]{1,6})?):(-?[0-9]{1,9}(?:\.[0-9]{1,6})?)", st.query_params.get(name, "")
    )
    first, last = (float(found[1]), float(found[2])) if found else (low, high)
    return (first, last) if low <= first <= last <= high else (low, high)


def write(name: str, value: str | float | Iterable[str] | None) -> None:
    """Put a value into the URL, or take it out with None, "" or False; says nothing to the browser if it is there."""
    if value is None or value == "" or value is False:
        wanted = []
    elif isinstance(value, str | float | int):
        wanted = [ON if value is True else f"{value:.9g}" if isinstance(value, float) else str(value)]
    else:
        wanted = list(value)[:MAX_ITEMS]
    if any(len(item) > MAX_TEXT for item in wanted):
        wanted = []
    catch_up()
    if st.query_params.get_all(name) != wanted:
        before = _query_string()
        _put(name, wanted)
        note = _Written(shown_page(), time.monotonic(), before, _query_string(), name, tuple(wanted))
        st.session_state[WRITTEN] = (*st.session_state.get(WRITTEN, ())[-MAX_ITEMS:], note)


@dataclass(frozen=True, slots=True)
class _Written:
    """That a parameter was written: on which page and when, and the query strings before and after."""

    page: str | None
    when: float
    before: str
    after: str
    name: str
    values: tuple[str, ...]


def catch_up() -> None:
    """Write again what was just written, where the browser does not know it yet.

    The browser sends its URL along with everything that is done, and what follows fast is sent before the last answer
    is there: fields that are filled in one after another, a part that is opened and typed in. Such a URL is the one
    before a write of the last seconds. Who goes back has it, too, and means it.
    """
    now, written = _query_string(), st.session_state.get(WRITTEN, ())
    recent = [item for item in written if item.page == shown_page() and time.monotonic() - item.when < LATE_SECONDS]
    if not recent or now == recent[-1].after:
        return
    known = [place for place, item in enumerate(recent) if item.before == now]
    if known and not goes_back():
        for item in recent[known[-1] :]:
            _put(item.name, item.values)
    else:
        forget_written()


def forget_written() -> None:
    """The browser's URL counts from now on, whatever it is."""
    st.session_state[WRITTEN] = ()


def _put(name: str, values: Sequence[str]) -> None:
    if values:
        st.query_params[name] = values
    elif name in st.query_params:
        del st.query_params[name]


def _query_string() -> str:
    """What the browser sent, and what was written since."""
    return str(getattr(get_script_run_ctx(suppress_warning=True), "query_string", ""))


def goes_back() -> bool:
    """Whether this run is for a visitor who went back or forward in the browser's history."""
    return bool(getattr(get_script_run_ctx(suppress_warning=True), "is_history_navigation", False))


def widget_key(name: str) -> str:
    """Session-state key of the widget that chooses a parameter."""
    return f"pick-{name}"


def drawn_key(key: str) -> str:
    """Session-state key of what was last drawn under the key of a widget."""
    return f"drawn-{key}"


def begin_page(title: str) -> None:
    """Note that a page begins to be drawn: the widgets of others are gone, whatever session state holds of them."""
    st.session_state[PAGE_SHOWN] = title


def shown_page() -> str | None:
    """Title of the page that was last begun; in a callback that of the page on which something was done."""
    value = st.session_state.get(PAGE_SHOWN)
    return None if value is None else str(value)


def done_key(name: str) -> str:
    """Session-state key of the last action of a gallery that was seen to."""
    return f"done-{name}"


def link(dataset_id: str, measured: str, definition: str, sample_key: str) -> str:
    """Query string that opens a sample, whatever else the URL says now."""
    return "?" + urlencode({DATASET: dataset_id, BACKBONE: measured, DEFINITION: definition, SAMPLE: sample_key})


def carried() -> dict[str, str]:
    """The parameters that a link to another page takes along."""
    found = {name: value for name in CARRIED if (value := read_id(name)) is not None}
    return found | {name: value for name in CARRIED_TEXTS if (value := read_text(name)) is not None}

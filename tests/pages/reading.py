"""What a person reads on a page and what the page lets them do, taken from an app that was run without a browser."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

from jepascore_core.formatting import PERCENT

TEXTS = ("title", "subheader", "markdown", "caption", "info", "success", "warning", "error", "toast")


def said(app: AppTest) -> str:
    """Every sentence of the page, the sidebar and an open dialog, as it is read: without Markdown's backslashes."""
    assert not app.exception, [item.message for item in app.exception]
    texts = [item.value for kind in TEXTS for item in app.get(kind)]
    texts += [bar.proto.text for bar in app.get("progress")]
    texts += [f"{metric.label} {metric.value}" for metric in app.metric]
    return _as_read(re.sub(r"\\(.)", r"\1", "\n".join(texts)))


def _as_read(text: str) -> str:
    """Which space stands before a percent sign is not seen."""
    return text.replace(PERCENT, " %")


def component(app: AppTest, key: str) -> Any:
    """The component with this key, as the browser gets it."""
    (found,) = [item.proto for item in app.get("bidi_component") if item.proto.id.endswith(f"-{key}")]
    return found


def report(app: AppTest, key: str, event: str, value: Any) -> AppTest:
    """Say to the page what the script of a component would, and run it."""
    states = app._tree.get_widget_states()
    name = _make_trigger_id(component(app, key).id, "events")
    states.widgets.add(id=name, json_trigger_value=json.dumps([{"event": event, "value": value}]))
    return app._run(states)


def decide_in(app: AppTest, key: str, kind: str, *, token: str | None = None, why: str = "", **more: Any) -> AppTest:
    """Press a key of Review or a decision bar: about the image that the page says, which then goes on to the next."""
    data = gallery_data(app, key)
    cards = {card["sample_key"]: card for card in data["cards"]}
    is_verdict = kind in ("keep", "drop", "undecided")
    samples = [[data["at"], cards[data["at"]]["content_id"]]] if is_verdict else []
    keys = list(cards)
    at = keys[min(keys.index(data["at"]) + 1, len(keys) - 1)] if data["stage"] and is_verdict else None
    action = {"token": token or uuid4().hex, "kind": kind, "samples": samples, "who": data["who"], "why": why}
    return report(app, key, "acted", {"actions": [action], "at": at} | more)


def gallery_data(app: AppTest, key: str) -> dict[str, Any]:
    """All that the component with this key is given."""
    found = component(app, key)
    return dict(json.loads(_as_read(json.dumps(json.loads(found.json), ensure_ascii=False))))


def sections(app: AppTest, key: str) -> list[dict[str, Any]]:
    """The blocks of the gallery with this key."""
    return list(gallery_data(app, key)["sections"])


def dataset_rows(app: AppTest) -> list[dict[str, Any]]:
    """The rows of the table of datasets."""
    return list(gallery_data(app, "datasets")["rows"])


def keys_of(section: dict[str, Any], tone: str | None = None) -> list[str]:
    """Sample keys of the tiles of a block, of one group of it if a tone is given."""
    return [tile["sample_key"] for tile in section["tiles"] if tone is None or tile["tone"] == tone]


def labels(app: AppTest, kind: str) -> list[str]:
    """Labels of all widgets of a kind, outside the sidebar."""
    return [item.label for item in app.main.get(kind)]


def one(app: AppTest, kind: str, label: str) -> Any:
    """The one widget of a kind with this label."""
    (found,) = [item for item in app.main.get(kind) if item.label == label]
    return found


def links(app: AppTest) -> list[tuple[str, str]]:
    """Links outside the sidebar: label and query string."""
    return [(link.value, link.proto.query_string) for link in app.main.get("page_link")]


def figure(app: AppTest, key: str) -> dict[str, Any]:
    """The plotly figure with this key."""
    (chart,) = [item for item in app.get("plotly_chart") if item.key == key]
    return dict(json.loads(chart.proto.spec))


def table(app: AppTest) -> list[dict[str, Any]]:
    """Rows of the first table."""
    rows = app.table[0].value.to_dict("records")
    return [{name: _as_read(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows]

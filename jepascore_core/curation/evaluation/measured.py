"""Find the measurements that rules name: by "id@spec", id, name or title of a backbone."""

from __future__ import annotations

from jepascore_core.errors import UnknownNameError
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store


def measured_as(store: Store, backbone: str) -> list[MeasurementKey]:
    """Return the keys of all measurements that have this "id@spec", id, name or title."""
    known = store.catalogue.backbones()
    return [
        key
        for key, title in measured_titles(store).items()
        if backbone in (key.text, key.backbone_id, title)
        or (key.backbone_id in known and known[key.backbone_id].name == backbone)
    ]


def find_measured(store: Store, backbone: str) -> MeasurementKey:
    """Find a measurement by "id@spec", id, name or title.

    Raises:
        UnknownNameError: if nothing, or more than one thing, fits.
    """
    found = measured_as(store, backbone)
    # A name stands for the scores of a backbone rather than for its embeddings alone.
    found = [key for key in found if key.has_scores] or found if len(found) > 1 else found
    listed = ", ".join(key.text for key in found or measured_titles(store)) or "nothing yet"
    if not found:
        raise UnknownNameError(f"Nothing was measured with the backbone {backbone!r}. Available: {listed}.")
    if len(found) > 1:
        raise UnknownNameError(f"The backbone {backbone!r} matches several measurements. Name one of {listed}.")
    return found[0]

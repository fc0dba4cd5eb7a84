"""Requests for sensitivity maps: what an encoder is most and least sensitive to in one image, computed by the worker.

A close-up is a folder of pictures, `closeups/<backbone id>/<content id>`: the input as the encoder sees it, and the
leading and trailing right singular vectors of its Jacobian, alone and over the input. It can be deleted at any time.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jepascore_core.atomic import write_atomically
from jepascore_core.errors import UnknownNameError
from jepascore_core.jobs.process import start_worker
from jepascore_core.jobs.queue import ring_bell
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.storage.store import Store

CloseupState = Literal["none", "waiting", "done", "failed"]
Look = Literal["over", "alone"]

#: Singular vectors at either end.
NUM_VECTORS = 4

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,199}")
_WANTED, _RESULT = "wanted.json", "closeup.json"


@dataclass(frozen=True, slots=True)
class Closeup:
    """State of a sensitivity map, and its singular values.

    The largest come first, then the smallest non-null ones in ascending order. `message` is the reason of a failure.
    """

    state: CloseupState
    leading: tuple[float, ...] = ()
    trailing: tuple[float, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class WantedCloseup:
    """What the worker needs: where the image is, and how to load the backbone."""

    dataset_id: str
    content_id: str
    backbone_id: str


def closeup_folder(home: Path, backbone_id: str, content_id: str) -> Path:
    """Return the folder of the pictures.

    Raises:
        UnknownNameError: for names that are not ids, which could lead outside the folder.
    """
    if not (_NAME.fullmatch(backbone_id) and _NAME.fullmatch(content_id)):
        raise UnknownNameError("These are not the ids of a sensitivity map.")
    return home / "closeups" / backbone_id / content_id


def picture_name(end: Literal["leading", "trailing"], place: int, look: Look) -> str:
    """Return the file name of the picture of a singular vector; `place` counts from 1, the outermost."""
    return f"{end}-{place}-{look}.png"


def read_closeup(home: Path, backbone_id: str, content_id: str) -> Closeup:
    """Return the state of a sensitivity map."""
    folder = closeup_folder(home, backbone_id, content_id)
    result = folder / _RESULT
    if result.is_file():
        found = json.loads(result.read_text())
        if found["message"]:
            return Closeup("failed", message=found["message"])
        return Closeup("done", tuple(found["leading"]), tuple(found["trailing"]))
    return Closeup("waiting" if (folder / _WANTED).is_file() else "none")


def request_closeup(store: Store, dataset_id: str, backbone_id: str, content_id: str) -> None:
    """Request a sensitivity map, again if it failed.

    Raises:
        UnknownNameError: if no run here recorded how to load the backbone.
    """
    backbone_ref(store, backbone_id)
    folder = closeup_folder(store.home, backbone_id, content_id)
    folder.mkdir(parents=True, exist_ok=True)
    if read_closeup(store.home, backbone_id, content_id).state == "failed":
        (folder / _RESULT).unlink(missing_ok=True)
    write_atomically(folder / _WANTED, json.dumps({"dataset_id": dataset_id}).encode())
    ring_bell(store.home)
    start_worker(store.home)


def wanted_closeup(store: Store, identifier: str) -> WantedCloseup | None:
    """Return what was requested under a queue identifier; None if it is done or removed."""
    backbone_id, _, content_id = identifier.partition("/")
    folder = closeup_folder(store.home, backbone_id, content_id)
    if (folder / _RESULT).is_file() or not (folder / _WANTED).is_file():
        return None
    dataset_id = json.loads((folder / _WANTED).read_text())["dataset_id"]
    return WantedCloseup(dataset_id, content_id, backbone_id)


def unfinished_closeups(store: Store) -> list[str]:
    """Return the queue identifiers of all unfinished requests."""
    folders = [path.parent for path in (store.home / "closeups").glob(f"*/*/{_WANTED}")]
    waiting = [folder for folder in folders if not (folder / _RESULT).is_file()]
    return sorted(f"{folder.parent.name}/{folder.name}" for folder in waiting)


def write_closeup(store: Store, wanted: WantedCloseup, closeup: Closeup, pictures: dict[str, bytes]) -> None:
    """Store a result; the pictures first, so that readers of the result find all of them."""
    folder = closeup_folder(store.home, wanted.backbone_id, wanted.content_id)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in pictures.items():
        write_atomically(folder / name, data)
    found = {"leading": closeup.leading, "trailing": closeup.trailing, "message": closeup.message}
    write_atomically(folder / _RESULT, json.dumps(found).encode())


def backbone_ref(store: Store, backbone_id: str) -> tuple[BackboneRef, str]:
    """Return how the newest run loaded a backbone, and on which device.

    Raises:
        UnknownNameError: if no run did.
    """
    for run in store.catalogue.runs():
        if run.backbone_id == backbone_id:
            return run.backbone, run.device
    raise UnknownNameError(
        "No run in this home folder used this backbone, so it is unknown how to load it. Start a run with it first."
    )

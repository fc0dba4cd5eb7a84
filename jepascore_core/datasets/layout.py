"""What folder names mean: splits, classes, or nothing, as for a wrapper folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jepascore_core.datasets.candidates import Question
from jepascore_core.datasets.listing import has_image_name, has_images, list_folder
from jepascore_core.datasets.uris import Roots, clean_text
from jepascore_core.errors import SourceError

#: Meanings of the first level of folders that can be given.
FOLDER_MEANINGS = ("splits", "classes", "none")

#: train, Validation, test_set, train2017, images_train, val-images...
_SPLIT = re.compile(
    r"(?:(?:images?|imgs?)[-_ ]?)?"
    r"(train|training|val|valid|validation|dev|eval|evaluation|test|testing)"
    r"(?:[-_ ]?(?:set|split|data|images?|imgs?))?[-_ ]?\d{0,4}",
    re.IGNORECASE,
)
#: A sequence number, not a year.
_COUNTED = re.compile(r"(?<!\d)\d{1,3}$")
_TRAINING = ("train", "training")
#: Folders that are splits if a training and a test set are beside them, but not otherwise.
_BESIDE_SPLITS = re.compile(r"(?:extra|unlabell?ed|hold[-_ ]?out)[-_ ]?\d{0,4}", re.IGNORECASE)
#: Folders that only contain images and have no meaning, if they have no siblings.
_CONTAINERS = frozenset(
    """
    images image imgs img pictures pics photos photographs jpegimages jpegs jpg jpeg png pngs frames data dataset
    datasets raw files all
    """.split()  # noqa: SIM905 - forty quoted names are not easier to read
)


class Said(NamedTuple):
    """Label and split of an image from its folders."""

    label: str | None
    split: str | None


NOTHING_SAID = Said(None, None)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the folders of a source mean. Those below `prefix` ("" or "dataset/") are `splits`, or else classes.

    `plain` are folders at the level of classes that are not classes, such as "train/images/"; `has_classes` says
    whether there are any classes.
    """

    prefix: str = ""
    splits: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    has_classes: bool = True
    questions: tuple[Question, ...] = field(default=(), compare=False)

    def of(self, relative: str) -> Said:
        """Return the label and split of an image from its path below the root."""
        if not relative.startswith(self.prefix):
            return NOTHING_SAID
        folders = relative[len(self.prefix) :].split("/")[:-1]
        split = None
        if self.splits:
            if not folders or folders[0] not in self.splits:
                return NOTHING_SAID
            split = folders.pop(0)
            if folders and f"{self.prefix}{split}/{folders[0]}/" in self.plain:
                del folders[0]
        label = folders[0] if folders and self.has_classes else None
        return Said(None if label is None else clean_text(label), None if split is None else clean_text(split))

    @property
    def split_folders(self) -> list[str]:
        """Paths of the split folders below the root, sorted."""
        return sorted(f"{self.prefix}{name}" for name in self.splits)


def is_split_name(name: str) -> bool:
    """Return whether a folder of this name is a split rather than a class."""
    return _SPLIT.fullmatch(name) is not None


def is_container(name: str) -> bool:
    """Return whether a folder of this name only contains images and has no meaning, such as `images`."""
    return name.casefold() in _CONTAINERS


def held_out_kind(split: str | None) -> str | None:
    """Return what a split is held out for: "test" or "validation"; None for a training set and anything else."""
    found = _SPLIT.fullmatch(split) if split else None
    if found is None or found.group(1).casefold() in _TRAINING:
        return None
    return "test" if found.group(1).casefold().startswith("test") else "validation"


def split_word(stem: str) -> str | None:
    """Return the split in a table's name: "train" for `labels_train`."""
    found = {word.casefold() for word in re.split(r"[^A-Za-z]+", stem) if _SPLIT.fullmatch(word)}
    return found.pop() if len(found) == 1 else None


def layout_of_paths(paths: Iterable[str]) -> Layout:
    """Return the splits that paths imply: if all are in folders named like splits, below common folders."""
    folders = {path.rpartition("/")[0] for path in paths}
    prefix = ""
    while True:
        first = {folder.partition("/")[0] for folder in folders}
        if are_splits(first) and all(map(is_split_name, first)):
            return Layout(prefix, frozenset(first), has_classes=False)
        if len(first) != 1 or first == {""}:
            return Layout(has_classes=False)
        prefix += f"{first.pop()}/"
        folders = {folder.partition("/")[2] for folder in folders}


def are_splits(names: Iterable[str]) -> bool:
    """Return whether all names are names of splits, and not merely numbered, such as test1 and test2."""
    kinds = [(match.group(1).casefold(), name) for name in names if (match := _SPLIT.fullmatch(name))]
    is_numbered = len(kinds) > 1 and len({kind for kind, _ in kinds}) == 1
    return bool(kinds) and not (
        is_numbered and all(name[-1].isdigit() and not name[-4:].isdigit() for _, name in kinds)
    )


def find_layout(root: str, allowed: Roots, meaning: str | None = None) -> Layout:
    """Find out what the folders below a root mean, without opening a file; each is listed until an image is found.

    `meaning` is splits, classes or none; None detects it.

    Raises:
        SourceError: if the root cannot be listed.
    """
    if meaning == "none":
        return Layout(has_classes=False)
    prefix = ""
    while True:
        names = _folders(root, prefix, allowed)
        found = _as_splits(root, prefix, names, allowed, meaning)
        if isinstance(found, Layout):
            return found
        only = _only(root, prefix, names, allowed)
        if only is None:
            return Layout(prefix, questions=found)
        wrapped = f"{prefix}{only}/"
        inner = [name for name in _folders(root, wrapped, allowed) if has_images(f"{root}/{wrapped}{name}", allowed)]
        if not is_container(only) and (not inner or _has_direct_images(f"{root}/{wrapped}")):
            return Layout(prefix)
        prefix = wrapped
        if not inner:
            return Layout(prefix)


def _folders(root: str, prefix: str, allowed: Roots) -> list[str]:
    """Return the names of the folders at a path below the root, and of symlinks to allowed ones."""
    folder = f"{root}/{prefix}".rstrip("/") or "/"
    try:
        listing = list_folder(folder)
    except OSError as error:
        if prefix:
            return []
        raise SourceError(f"The folder {root} cannot be listed ({error.strerror}): check it.") from error
    links = [name for name in listing.links if os.path.isdir(f"{folder}/{name}")]  # noqa: PTH112
    return sorted(listing.folders + [name for name in links if allowed.contain(os.path.realpath(f"{folder}/{name}"))])


def _as_splits(
    root: str, prefix: str, names: Sequence[str], allowed: Roots, meaning: str | None
) -> Layout | tuple[Question, ...]:
    """Return the layout if the sub-folders are splits; otherwise questions about them."""
    like_splits = [name for name in names if is_split_name(name)]
    if meaning == "classes" or (meaning is None and not like_splits):
        return ()
    found = [name for name in like_splits if has_images(f"{root}/{prefix}{name}", allowed)]
    others = [name for name in names if name not in like_splits and has_images(f"{root}/{prefix}{name}", allowed)]
    if meaning == "splits":
        everything = [*found, *others]
        return _splits(root, prefix, everything, allowed, ()) if len(everything) > 1 or found else ()
    if not are_splits(found):
        return ()
    kinds = {match.group(1).casefold() in _TRAINING for name in found if (match := _SPLIT.fullmatch(name))}
    if others and kinds != {True, False}:
        return (_question(found, others, "classes"),)
    strange = [name for name in others if not _BESIDE_SPLITS.fullmatch(name)]
    questions = (_question(found, strange, "splits"),) if strange else ()
    return _splits(root, prefix, [*found, *others], allowed, questions)


def _splits(root: str, prefix: str, names: Sequence[str], allowed: Roots, questions: tuple[Question, ...]) -> Layout:
    plain = set()
    for split in names:
        below = _folders(root, f"{prefix}{split}/", allowed)
        if any(map(is_container, below)):
            only = _only(root, f"{prefix}{split}/", below, allowed)
            if only is not None and is_container(only):
                plain.add(f"{prefix}{split}/{only}/")
    return Layout(prefix, frozenset(names), frozenset(plain), questions=questions)


def _only(root: str, prefix: str, names: Sequence[str], allowed: Roots) -> str | None:
    """Return the folder that contains images, if there is exactly one."""
    found: list[str] = []
    for name in names:
        if has_images(f"{root}/{prefix}{name}", allowed):
            found.append(name)
            if len(found) > 1:
                return None
    return found[0] if found else None


def _has_direct_images(folder: str) -> bool:
    try:
        listing = list_folder(folder)
    except OSError:
        return False
    return bool(listing.images) or any(map(has_image_name, listing.links))


def _question(splits: Sequence[str], others: Sequence[str], chosen: str) -> Question:
    named, beside = (
        ", ".join([*map(clean_text, some[:3]), *(["..."] if some[3:] else [])]) for some in (splits, others)
    )
    like = f"folders {named} are named like splits" if len(splits) > 1 else f"folder {named} is named like a split"
    text = f"The {like}, {beside} beside {'them' if len(splits) > 1 else 'it'} {'are' if len(others) > 1 else 'is'} not"
    return Question("folders", f"{text}: all are read as {chosen}.", ("splits", "classes"), chosen)

"""Texts of Map."""

from __future__ import annotations

from jepascore_core.curation.columns.layouts import KeptLayout
from jepascore_core.embeddings.layout import LayoutKind
from jepascore_core.formatting import plural

LAYOUT = "Arrange by"
LAYOUT_TITLES: dict[LayoutKind, str] = {"pca": "Overview", "pacmap": "Neighbours"}
LAYOUT_HELP = (
    "Overview: the two directions in which the embeddings differ most (PCA), there at once. Neighbours: similar images "
    "side by side, groups apart (PaCMAP), computed once in the background. Distances between far groups mean little."
)
COLOUR = "Colour by"
COLOUR_TITLES = {
    "label": "Class",
    "percentile": "Percentile",
    "class_percentile": "Percentile within class",
    "verdict": "Verdict of the rules",
    "split": "Split",
    "tag": "Tag",
    "label_issue": "Label issue",
    "nothing": "One colour",
}
#: What the ends of a scale of numbers stand for.
ENDS = {
    "percentile": ("least likely", "most likely"),
    "class_percentile": ("least likely of its class", "most likely of its class"),
    "label_issue": ("label fits", "label looks wrong"),
}
OVERVIEW_MEANWHILE = "Until then you see the overview."
REFRESH = "Use all of them"
MAP = "Map of the images"
DATASET_CHANGED = "The dataset has changed since this map was drawn. Reload the page."
NO_SUCH_POINT = "There is no such point on the map. Reload the page."
#: Texts that the script shows.
IN_BROWSER = {
    "move": "Move",
    "lasso": "Lasso",
    "lasso_help": "Draw around images to mark a region; holding Shift does it, too",
    "closer": "Zoom in",
    "farther": "Zoom out",
    "whole": "Whole map",
    "clear": "Clear region",
    "cleared": "Region cleared",
    "marked": "Region marked: the list shows its images",
    "legend": "Legend",
    "only": "Only these in colour; once more for all",
    "images": "images",
    "of": "of",
    "keys": "Arrow keys move, plus and minus zoom, 0 shows the whole map, Escape clears the region. "
    "The list beside the map shows the same images.",
    "no_webgl": "This browser cannot draw the map: WebGL is switched off. The list shows the same images.",
}
NOBODY_THERE = "There is no image in this region. Draw around some."
NAME_REGION = "Name the region"
NAME = "Name"
SAVE = "Save"


def named(name: str, number: int) -> str:
    """Confirm the name of a region."""
    return f'{plural(number, "image")}: in region "{name}"'


def coloured(title: str) -> str:
    """Name what gives the points their colours, on the line of choices."""
    return f"{COLOUR}: {title}"


def disagreement(title: str) -> str:
    """Name the disagreement with another backbone."""
    return f"Disagreement with {title}"


def ends_of_disagreement(title: str) -> tuple[str, str]:
    """Say what the ends of a scale of differences stand for."""
    return (f"less likely under {title}", f"more likely under {title}")


def about(layout: KeptLayout) -> str:
    """Say what a map is of, and how far it can be trusted."""
    how = "PCA" if layout.kind == "pca" else "PaCMAP"
    placed = layout.num_images - layout.num_landmarks
    others = f", {plural(placed, 'image')} placed among {layout.num_landmarks:,} others" if placed else ""
    return f"{how} of {plural(layout.num_images, 'image')}{others} · trustworthiness {layout.trustworthiness:.2f}"


ABOUT_HELP = (
    "Trustworthiness is 1 if the nearest images on the map are also the nearest by embedding, and 0.5 if they are "
    "any. It is that of 1,000 images and 10 neighbours each."
)


def so_far(mapped: int, measured: int) -> str:
    """Say that a map is of fewer images than are measured now."""
    return f"This map is of the {mapped:,} images that were measured when it was computed; {measured:,} are now."

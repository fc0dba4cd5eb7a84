"""Texts of the frame around every page."""

from __future__ import annotations

APP_NAME = "JEPA-SCORE"
#: What each page does for the reader: beside its title, and on Home.
PURPOSES = {
    "Home": "Find the odd and the typical images in your dataset.",
    "Runs": "Add images, choose backbones, start measuring and follow the progress.",
    "Explore": "Look at all images, filter and sort them; see the least and most likely of every class.",
    "Map": "See the whole dataset at once, similar images side by side; mark a region to look at it, or to cut it.",
    "Compare": "See on which images two or more backbones agree, and on which they do not.",
    "Distributions": "Compare scores across datasets: how familiar is an encoder with your data?",
    "Trust": "Can you trust the score on your data? Check it, and compare it with simpler scores.",
    "Curate": "Choose what to keep, preview what is dropped, export the list.",
    "Review": "Keep or drop one sample after another, with the keyboard.",
    "Duplicates": "Find exact and near duplicates, and keep one of each group.",
    "Labels": "Find images that look mislabelled, and keep or drop them.",
}
INTRO = (
    "JEPA-SCORE ranks every image by how familiar it looks to a vision model: higher is more likely. "
    "Look at both ends of each class, decide what to keep, and export the list."
)
ABOUT = f"**{APP_NAME}**: {PURPOSES['Home'][0].lower()}{PURPOSES['Home'][1:]} {INTRO}"
IN_PROGRESS = "In progress"

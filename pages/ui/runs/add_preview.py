"""Preview how a source would be read, with select boxes for uncertain guesses."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from jepascore_core.datasets.candidates import Question, SourceOptions
from jepascore_core.datasets.first_pictures import FirstPicture
from jepascore_core.datasets.preview import ReadingReport, archive_report, reading_report
from jepascore_core.errors import JepaScoreError
from jepascore_core.jobs.lost_sources import moved_here, moved_text
from jepascore_core.views.reading_text import MAX_NAMED, reading_rows
from pages.ui.app import state
from pages.ui.app.errors import show_error
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs import texts
from pages.ui.runs.uploads import Upload

#: Pictures that are shown before anything is added, and their width in pixels.
NUM_PICTURES, PICTURE_SIDE = 8, 80


def answered(options: SourceOptions, number: int) -> SourceOptions:
    """Return the options with the answers to the questions of the last check."""
    return replace(options, **st.session_state.get(f"{state.ANSWERS}-{number}", {}))


def draw_preview(source: str | None, upload: Upload | None, options: SourceOptions, number: int) -> None:
    """Draw how the source would be read, with a select box for each uncertain guess."""
    asked = (source, upload.identity if upload else None, tuple(options.to_dict().items()))
    try:
        guessed = _report("guessed", asked, source, upload, options)
        told = answered(options, number)
        report = guessed if told == options else _report("told", (asked, told), source, upload, told)
    except JepaScoreError as error:
        show_error(error)
        return
    with st.container(border=True):
        for title, text in reading_rows(report):
            st.markdown(f"**{title}** · {plain(text)}")
        _draw_names(report)
        _draw_pictures(report.pictures)
        for name in moved_here(store(), source) if source else ():
            st.warning(plain(moved_text(name, source or "")), icon=":material/drive_file_move:")
        for question in guessed.questions:
            _draw_question(question, number)


def _draw_names(report: ReadingReport) -> None:
    """Draw all classes and splits with their counts, where there are more than their line names."""
    for title, items in ((texts.ALL_SPLITS, report.splits), (texts.ALL_CLASSES, report.labels)):
        if len(items) > MAX_NAMED:
            with st.popover(texts.all_of(title, len(items))):
                st.dataframe([{title: item.name, texts.SAMPLES: item.count} for item in items], hide_index=True)


def _draw_pictures(pictures: Sequence[FirstPicture]) -> None:
    """Draw the first pictures of each class, and say why one cannot be read."""
    with st.container(horizontal=True, gap="small", key="first-pictures"):
        for item in pictures:
            if item.thumbnail is not None:
                st.image(item.thumbnail, plain(item.label or Path(item.sample_key).name), PICTURE_SIDE)
    for item in pictures:
        if item.problem:
            st.caption(plain(f"{item.sample_key}: {item.problem}"))


def _draw_question(question: Question, number: int) -> None:
    answers = st.session_state.setdefault(f"{state.ANSWERS}-{number}", {})
    key = f"add-answer-{question.option}-{number}"
    st.session_state[key] = answers.get(question.option, question.chosen)

    def answer() -> None:
        answers[question.option] = st.session_state[key]

    answer_now = answers.get(question.option, question.chosen)
    text = question.text if answer_now == question.chosen else texts.you_chose(answer_now, question.text)
    st.warning(plain(text), icon=":material/help:")
    st.selectbox(texts.QUESTIONS[question.option], question.choices, key=key, on_change=answer)


def _report(
    which: str, asked: Hashable, source: str | None, upload: Upload | None, options: SourceOptions
) -> ReadingReport:
    """Return the report, cached for the same source and options until Check is pressed again."""
    key = f"{state.REPORT}-{which}"
    known: Hashable
    report: ReadingReport | None
    known, report = st.session_state.get(key, (None, None))
    if known != asked or report is None:
        if upload is None:
            report = reading_report(source or "", options, num_pictures=NUM_PICTURES)
        else:
            report = archive_report(upload.archive(), f"{upload.name}.zip", options, NUM_PICTURES)
        st.session_state[key] = (asked, report)
    return report


def forget_reports(number: int) -> None:
    """Discard the report and the answers of the last check."""
    for which in ("guessed", "told"):
        st.session_state.pop(f"{state.REPORT}-{which}", None)
    st.session_state.pop(f"{state.ANSWERS}-{number}", None)

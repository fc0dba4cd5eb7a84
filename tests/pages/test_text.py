"""Hostile text in Markdown, judged by a Markdown parser."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pages.ui.app.text import plain

MARKUP = st.text(st.sampled_from("`![]()<>*_~:$#|\\-+.&;ax/ \n1"), max_size=40)


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").render(plain(text))


@given(st.one_of(MARKUP, st.text(max_size=60)))
def test_no_markup_comes_out_but_paragraphs_and_code(text: str) -> None:
    tags = set(re.findall(r"<(/?[a-z0-9]+)", rendered(text)))
    assert tags <= {"p", "/p", "code", "/code"}


@given(st.text(st.characters(exclude_characters="`", exclude_categories=("C", "Z")), min_size=1, max_size=40))
def test_text_without_backticks_is_shown_as_it_is(text: str) -> None:
    assert unescape(rendered(text)) == f"<p>{text}</p>\n"


@pytest.mark.parametrize("directive", [":red[x]", ":material/home:", "$x^2$", "https://x.example/a.png"])
def test_streamlits_own_directives_are_escaped(directive: str) -> None:
    assert not re.search(r"(?<!\\)[:$\[/]", plain(directive))


def test_commands_in_our_messages_stay_code() -> None:
    assert rendered("Run `jepascore doctor --json`.") == "<p>Run <code>jepascore doctor --json</code>.</p>\n"


def test_a_file_name_cannot_open_code_and_hide_a_link_behind_it() -> None:
    assert "<img" not in rendered("``x`y``![](http://evil.example/a.png)`")


def test_lines_are_joined() -> None:
    assert "\n" not in plain("a\r\n# b")


@pytest.mark.parametrize("name", ["val-643-classes", "ViT-Ti/16 (timm)", "a_b*c", "كلب-1", "<b>&amp;"])
def test_what_is_read_is_the_name(name: str) -> None:
    assert unescape(rendered(name)) == f"<p>{name}</p>\n"

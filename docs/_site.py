"""Hooks for mkdocs: the files that stand at the root of the repository are pages of the site, too."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
#: Files at the root of the repository, and what they are called on the site.
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "SECURITY.md": "SECURITY.md"}
ROOT_PAGES |= {"CHANGELOG.md": "CHANGELOG.md"}
_FROM_ROOT = re.compile(r"(?<=\]\()docs/")
_TO_ROOT = re.compile(rf"(?<=\]\()((?:\.\./)*)({'|'.join(map(re.escape, ROOT_PAGES))})(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages."""
    for name, uri in ROOT_PAGES.items():
        if (ROOT / name).is_file():
            files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links that are right in the repository into links that are right on the site."""
    if page.file.src_uri in ROOT_PAGES.values():
        return _TO_ROOT.sub(lambda found: ROOT_PAGES[found[2]], _FROM_ROOT.sub("", markdown))
    # docs/ is the root of the site: the repository's root is one folder further up.
    return _TO_ROOT.sub(lambda found: found[1].removeprefix("../") + ROOT_PAGES[found[2]], markdown)

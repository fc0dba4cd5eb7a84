"""Hooks for mkdocs: the files at the root of the repository and the notebook are pages of the site, too."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
#: Files at the root of the repository, and what they are called on the site.
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "SECURITY.md": "SECURITY.md"}
ROOT_PAGES |= {"CHANGELOG.md": "CHANGELOG.md"}
NOTEBOOK = ROOT / "docs" / "from-folder-to-list.ipynb"
_NOTEBOOK_LINK = re.compile(rf"(?<=\]\(){re.escape(NOTEBOOK.name)}(?=[)#])")
#: Blocks that tests run are marked in the repository; the site takes what follows the language for something else.
_MARKED = re.compile(r"^(```\w+) run$", re.MULTILINE)
_FROM_ROOT = re.compile(r"(?<=\]\()docs/")
_TO_ROOT = re.compile(rf"(?<=\]\()((?:\.\./)*)({'|'.join(map(re.escape, ROOT_PAGES))})(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages and that of the notebook."""
    page = NOTEBOOK.with_suffix(".md").name
    files.append(File.generated(config, page, content=notebook_page(json.loads(NOTEBOOK.read_text(encoding="utf-8")))))
    for name, uri in ROOT_PAGES.items():
        if (ROOT / name).is_file():
            files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def notebook_page(notebook: dict[str, Any]) -> str:
    """Return the cells of a notebook as Markdown, with a link to the notebook below the title."""
    texts = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    blocks = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in texts]
    title, _, rest = blocks[0].partition("\n")
    download = f'<a href="{NOTEBOOK.name}" download>Download this page as a notebook.</a>'
    return "\n\n".join([title, download, rest.strip(), *blocks[1:]])


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links and blocks that are right in the repository into those that are right on the site."""
    if is_root := page.file.src_uri in ROOT_PAGES.values():
        markdown = _FROM_ROOT.sub("", markdown)
    markdown = _NOTEBOOK_LINK.sub(NOTEBOOK.with_suffix(".md").name, _MARKED.sub(r"\1", markdown))
    # docs/ is the root of the site: the repository's root is one folder further up.
    up = "" if is_root else "../"
    return _TO_ROOT.sub(lambda found: found[1].removeprefix(up) + ROOT_PAGES[found[2]], markdown)

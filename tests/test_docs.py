"""The site and its reference pages: built strictly, asking nothing of other machines, saying what the code says."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

import jepascore_core as js
from jepascore_core.api import curating, reference
from jepascore_core.datasets.candidates import Candidate
from jepascore_core.datasets.uris import Roots
from jepascore_core.records.datasets import SampleFailure

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NOTEBOOK = DOCS / "from-folder-to-list.ipynb"
JEPASCORE = str(Path(sys.executable).parent / "jepascore")
SOURCES = [*(ROOT / "jepascore_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
SCRIPTS = [*(ROOT / "pages").rglob("*.js")]
#: Words that guides name and that are not ours.
EXTERNAL = {"make", "jepascore", "list", "datasets"}
#: What a browser fetches by itself when it opens a page; links are followed by people only.
FETCHED = re.compile(r"<(?:link|script|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_asks_nothing_of_other_machines(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(list(DOCS.glob("*.md")))
    fetched = {(page.name, found) for page in pages for found in FETCHED.findall(page.read_text(encoding="utf-8"))}
    assert fetched == set()
    assert [page.name for page in pages if "```" in page.read_text(encoding="utf-8")] == []
    styles = " ".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", styles)


@pytest.mark.slow
def test_every_public_name_has_a_reference(site: Path):
    page = (site / "api.html").read_text(encoding="utf-8")
    assert {name for name in js.__all__ if f"jepascore_core.{name}</" not in page} == set()


@pytest.mark.slow
def test_the_notebook_is_a_page_and_can_be_downloaded(site: Path):
    page = (site / "from-folder-to-list.html").read_text(encoding="utf-8")
    assert "class_percentile" in page
    assert '<a href="from-folder-to-list.ipynb" download>' in page
    assert (site / "from-folder-to-list.ipynb").read_bytes() == NOTEBOOK.read_bytes()
    assert 'href="from-folder-to-list.html"' in (site / "index.html").read_text(encoding="utf-8").partition("<h2")[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home, whose worker ends with the test."""
    monkeypatch.setenv("JEPASCORE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "home"
    subprocess.run([JEPASCORE, "worker", "stop"], check=True)


@pytest.mark.slow
def test_the_examples_of_the_python_api_work_on_the_demo(home: Path):
    """Blocks and docstrings, as they stand; what comments say is printed."""
    subprocess.run([JEPASCORE, "demo", "digits", "--json"], check=True, capture_output=True)
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python run\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    done = subprocess.run([sys.executable, "-c", "".join(blocks)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = [line.partition("  # ")[2] for line in "".join(blocks).splitlines() if line.startswith("print")]
    exact = [words for words in said if words and "..." not in words and re.match(r"class_|\d|True", words)]
    assert len(exact) == 4
    assert [words for words in exact if words not in done.stdout.splitlines()] == []
    assert len(Path("kept.csv").read_text(encoding="utf-8").splitlines()) > 1600
    Path("kept.csv").unlink()
    Path("kept.csv.provenance.json").unlink()
    for module, least in ((curating, 8), (reference, 4)):
        found = doctest.testmod(module)
        assert found.attempted > least
        assert found.failed == 0


@pytest.mark.slow
def test_the_notebook_goes_from_a_folder_to_a_list(home: Path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count] == []
    nbclient.NotebookClient(notebook, timeout=500, kernel_name="python3").execute()
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"stream", "execute_result"}, outputs
    shown = "\n".join(str(output.get("text") or output.data) for output in outputs)
    assert all(f"{number:02d}07.png" in shown for number in range(5)), "the inverted digits come first"
    assert "<td>one per exact</td>" in shown
    (listed,) = re.findall(r"^(\d+) of 500 images listed", shown, re.MULTILINE)
    assert 470 < int(listed) < 500
    (folder,) = re.findall(r"^500 images in (.*)$", shown, re.MULTILINE)
    kept = (Path(folder).parent / "kept.txt").read_text(encoding="utf-8").splitlines()
    assert len(kept) == int(listed)
    assert all((Path(folder) / name).is_file() for name in kept)
    shutil.rmtree(Path(folder).parent)


def test_the_reference_lists_the_public_names():
    listed = re.findall(r"^::: jepascore_core\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(js.__all__)


def glossary_rows() -> list[list[str]]:
    lines = (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in rows if row[0] != "concept"]


def test_the_glossary_spells_identifiers_as_the_code_does():
    words = {word for path in (*SOURCES, *SCRIPTS) for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    named = {word for row in glossary_rows() for word in re.findall(r"`(\w+)`", row[2])}
    assert len(named) > 40
    assert named - words == set()


def test_every_term_of_the_glossary_stands_for_one_thing():
    terms = [term.strip() for row in glossary_rows() for term in row[1].split(",")]
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_guides_name_files_and_identifiers_that_there_are(name: str):
    prose = re.sub(r"^ *```.*?^ *```$", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    ticked = set(re.findall(r"`([^`\n]+)`", prose))
    paths = {word for word in ticked if re.fullmatch(r"(?:jepascore_core|pages|tests|docs)/[\w./-]*", word)}
    assert len(paths) > 12
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    words = {word for path in SOURCES for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    identifiers = {word for word in ticked if re.fullmatch(r"_?[A-Za-z]+(?:_[a-z]+)*|_?[A-Z_]+", word)}
    assert {word for word in identifiers if word not in words} - EXTERNAL == set()


def test_the_example_of_a_source_works(tmp_path: Path):
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'^```python\n(""".*?)^```$', guide, re.MULTILINE | re.DOTALL)
    example: dict[str, Any] = {}
    exec(compile(code, "lists.py", "exec"), example)
    listed = tmp_path / "list.txt"
    listed.write_text("a.png\n\n../b.png\na.png\n")
    plan = example["plan_list"](listed, Roots([tmp_path]))
    found = [(item.sample_key, type(item)) for item in plan.items]
    assert found == [("a.png", Candidate), ("../b.png", SampleFailure), ("a.png#2", Candidate)]


def test_the_picture_of_the_floors_has_every_room():
    picture = (DOCS / "images" / "floors.svg").read_text(encoding="utf-8")
    drawn = {room.removesuffix("/") for room in re.findall(r'class="room"[^>]*>([^<]+)<', picture)}
    entries = (ROOT / "jepascore_core").iterdir()
    rooms = {path.name for path in entries if (path / "__init__.py").is_file() or path.suffix == ".py"}
    assert drawn - {"app.py, pages"} == {room for room in rooms if not room.startswith("__")}


def test_decisions_are_listed_and_built_alike():
    pages = sorted(path for path in (DOCS / "adr").glob("*.md") if path.name != "index.md")
    index = (DOCS / "adr" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\S+\.md)\)", index) == [path.name for path in pages]
    for path in pages:
        parts = re.findall(r"^\*\*(\w+)\.\*\*", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], path.name

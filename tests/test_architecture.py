"""Rules that lint cannot hold: who may import whom, what the web process never loads, how long a file may be."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rooms import ROOT, circle, imports, module_graph

PACKAGE = ROOT / "jepascore_core"
UI_ROOT = ROOT / "pages" / "ui"
CORE = sorted(PACKAGE.rglob("*.py"))
UI = sorted(UI_ROOT.rglob("*.py"))
SCRIPTS = sorted(path for path in UI_ROOT.rglob("*") if path.suffix in (".js", ".ts"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".js"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]

MAX_MODULE_LINES = 400
MAX_PAGE_LINES = 60
MAX_ROOT_MODULES = 4
HEAVY = ("torch", "torchvision", "timm", "open_clip")
#: What pages leave to the core; SQL and tables are read by views, work is done by the worker.
NOT_IN_PAGES = {"duckdb", "sqlite3", "pandas", "pyarrow", *HEAVY}
#: The numerical room knows no file, database or model library.
NOT_IN_JACOBIAN = {"duckdb", "sqlite3", "pyarrow", "pandas", "timm", "open_clip", "PIL", "fsspec"}
#: Who puts files in their place by renaming: one module, and the exporters, whose protocol covers several files.
RENAMES = (PACKAGE / "atomic.py", *sorted((PACKAGE / "exporters").glob("*.py")))
#: Rooms from the top down: a module imports from its own room and from lower floors, never sideways or up.
FLOORS = """
cli
report
worker  figures  api
exporters  views
trust
curation  sensitivity
jobs  density_check
measuring  scores  training
backbones  embeddings
datasets  jacobian  storage
records  errors  score  formatting  atomic  rendering
"""
#: Entry points, which may name anything.
DOORS = {"__init__", "__main__"}

HEIGHT = {room: height for height, floor in enumerate(reversed(FLOORS.split("\n"))) for room in floor.split()}
ROOMS = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in CORE} - DOORS
#: Where "@" separates a repository from its revision, which is another noun.
REVISIONS = {"jepascore_core/backbones/fetch.py", "jepascore_core/backbones/presence.py"}
#: How spec ids begin; `MeasurementKey.estimator` reads that.
ESTIMATOR_PREFIXES = {"exact-", "sketch-", "nested-", "calibrated-", "cascade-", "embed-"}
_TEXT_METHODS = {"startswith", "removeprefix", "partition", "rpartition", "split", "rsplit"}
_MODULE = re.compile(r"jepascore_core(?:\.[a-z_]+)+")

_LOADER = """
import sys
from importlib import import_module
for name in sys.argv[2:]:
    import_module(name)
loaded = sorted(set(sys.modules) & set(sys.argv[1].split(",")))
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


def top_levels(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(module: str) -> str | None:
    """The room of an absolute module name: "views" for `jepascore_core.views.ranks`."""
    parts = module.split(".")
    return parts[1] if parts[0] == "jepascore_core" and len(parts) > 1 and parts[1] in ROOMS else None


def own_room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def strings(path: Path) -> list[str]:
    """Every text in a file that is not a docstring or a template for people."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def hand_made_keys(tree: ast.AST) -> list[str]:
    """Code that joins or splits "backbone@spec", or reads the estimator out of a spec id."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "@":
            found.append(f"line {node.lineno}: the text '@'")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _TEXT_METHODS:
            owner = getattr(node.func.value, "attr", getattr(node.func.value, "id", None))
            texts = {part.value for value in node.args for part in ast.walk(value) if isinstance(part, ast.Constant)}
            if owner == "spec_id" or texts & ESTIMATOR_PREFIXES:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def renames(tree: ast.AST) -> list[str]:
    """Calls that rename something or prepare for it: str.replace has two arguments, Path.replace one."""
    found = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        is_path_replace = name == "replace" and len(call.args) == 1 and not call.keywords
        is_os_replace = ast.unparse(call.func) in ("os.replace", "shutil.move")
        if name in ("rename", "renames", "fsync", "mkstemp", "NamedTemporaryFile") or is_path_replace or is_os_replace:
            found.append(ast.unparse(call))
    return found


def test_the_hall_is_small() -> None:
    assert len([path for path in PACKAGE.glob("*.py") if path.stem not in DOORS]) <= MAX_ROOT_MODULES
    assert list(UI_ROOT.glob("*.*")) == [], "pages/ui holds a folder for each page, and app/ and widgets/"


@pytest.mark.parametrize("path", [*CORE, *UI, *SCRIPTS], ids=relative)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


def test_tests_stay_short() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS}
    assert {name: length for name, length in lengths.items() if length > MAX_MODULE_LINES} == {}


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_pages_stay_thin(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_PAGE_LINES
    assert not top_levels(path) & NOT_IN_PAGES


@pytest.mark.parametrize("path", UI, ids=relative)
def test_shared_page_code_leaves_tables_and_models_to_the_core(path: Path) -> None:
    assert not top_levels(path) & NOT_IN_PAGES


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_the_core_knows_neither_streamlit_nor_the_pages(path: Path) -> None:
    assert not top_levels(path) & {"streamlit", "pages", "app"}


def test_every_room_has_a_floor() -> None:
    assert ROOMS ^ set(HEIGHT) == set(), "name the floor of a new room in FLOORS, and take out one that is gone"


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_imports_run_downwards(path: Path) -> None:
    """Hence no two rooms import each other."""
    own = own_room(path)
    if own in DOORS:
        return
    used = {room for name in imports(path) if (room := room_of(name)) is not None} - {own}
    assert {room for room in used if HEIGHT[room] >= HEIGHT[own]} == set()


@pytest.mark.parametrize("package", [PACKAGE, UI_ROOT], ids=relative)
def test_no_module_leads_back_to_itself(package: Path) -> None:
    assert circle(module_graph(package)) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = tmp_path / "house"
    package.mkdir()
    package.joinpath("a.py").write_text("from house.b import x\n")
    package.joinpath("b.py").write_text("def f():\n    from house import a\n")
    assert set(circle(module_graph(package, tmp_path))) == {"house.a", "house.b"}


@pytest.mark.parametrize("path", [*CORE, *UI], ids=relative)
def test_no_string_names_a_module_of_another_room(path: Path) -> None:
    """What imports do not show, no rule about them holds."""
    own = own_room(path) if PACKAGE in path.parents else "pages"
    if own in DOORS:
        return
    named = {room for text in strings(path) for name in _MODULE.findall(text) if (room := room_of(name)) is not None}
    assert named - {own} == set()


@pytest.mark.parametrize("path", [*CORE, *UI, *PAGES], ids=relative)
def test_only_the_key_joins_and_splits_names_of_measurements(path: Path) -> None:
    if path != PACKAGE / "records" / "measurement_key.py" and relative(path) not in REVISIONS:
        assert hand_made_keys(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        'f"{scores.backbone_id}@{scores.spec_id}"',
        '"@".join(pair)',
        'text.rpartition("@")',
        'spec.startswith("calibrated-")',
        'pair[1].startswith(("exact-", "nested-"))',
        'choice.spec_id.partition("-")[0]',
    ],
)
def test_the_rule_about_keys_can_fail(code: str) -> None:
    assert hand_made_keys(ast.parse(code))


@pytest.mark.parametrize("path", [*CORE, *UI], ids=relative)
def test_files_are_put_in_place_by_one_module(path: Path) -> None:
    """Hence every write is whole or not at all in the same way: flushed, renamed, nothing left behind."""
    assert path in RENAMES or renames(ast.parse(path.read_text(encoding="utf-8"))) == [], "use jepascore_core.atomic"


@pytest.mark.parametrize(
    "code", ["temporary.replace(path)", "os.replace(a, b)", "part.rename(other)", "os.fsync(sink.fileno())"]
)
def test_the_rule_about_renaming_can_fail(code: str) -> None:
    assert renames(ast.parse(code))
    assert not renames(ast.parse("text.replace('a', 'b'); dataclasses.replace(spec, seed=1)"))


@pytest.mark.parametrize("path", sorted((PACKAGE / "jacobian").glob("*.py")), ids=relative)
def test_the_mathematics_knows_no_file_or_library(path: Path) -> None:
    assert not top_levels(path) & NOT_IN_JACOBIAN
    assert not {text.partition(".")[0] for text in strings(path)} & NOT_IN_JACOBIAN


@pytest.mark.parametrize("path", [*CORE, *UI, *PAGES], ids=relative)
def test_private_names_stay_in_their_module(path: Path) -> None:
    own = ("jepascore_core", "pages")
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    taken = [alias.name for node in nodes if (node.module or "").split(".")[0] in own for alias in node.names]
    assert [name for name in taken if name.startswith("_")] == []


def test_near_matches_are_found_in_one_place() -> None:
    """An unknown name is answered in the same words everywhere: `errors.unknown`."""
    assert [relative(path) for path in [*CORE, *UI, *PAGES] if "difflib" in top_levels(path)] == [
        "jepascore_core/errors.py"
    ]


@pytest.mark.parametrize("path", PAGES[1:], ids=relative)
def test_every_page_begins_with_the_frame(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    statements = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)]
    if isinstance(statements[0], ast.Expr) and isinstance(statements[0].value, ast.Constant):
        del statements[0]
    assert isinstance(statements[0], ast.With)
    assert ast.unparse(statements[0].items[0]).startswith("frame(")
    assert len(statements) == 1


def test_the_web_process_loads_no_torch(tmp_path: Path) -> None:
    """Everything that app.py and the pages import, loaded in a fresh interpreter."""
    wanted: set[str] = set()
    for path in [*PAGES, *UI]:
        wanted |= {name for name in imports(path) if name.startswith(("pages.ui.", "jepascore_core."))}
    modules = sorted({name for name in wanted if _is_module(name)} | {"app"})
    done = subprocess.run(
        [sys.executable, "-c", _LOADER, ",".join(HEAVY), *modules],
        cwd=ROOT,
        env={**os.environ, "JEPASCORE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_the_rule_about_torch_can_fail(tmp_path: Path) -> None:
    (tmp_path / "timm.py").write_text("")
    (tmp_path / "innocent.py").write_text("import timm\n")
    done = subprocess.run(
        [sys.executable, "-c", _LOADER, ",".join(HEAVY), "innocent"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "timm" in done.stderr

"""The structure of the package in numbers: `python -m tests.rooms` prints them."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def imports(path: Path, root: Path = ROOT) -> set[str]:
    """Return every module that a file imports, anywhere in it, by absolute name."""
    names: set[str] = set()
    package = path.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def module_graph(package: Path, root: Path = ROOT) -> dict[str, set[str]]:
    """Return the modules of a package, each with those of the package that it imports; `__init__` files are doors."""
    paths = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in sorted(package.rglob("*.py"))
        if path.stem not in ("__init__", "__main__")
    }
    return {name: {used for used in imports(path, root) if used in paths} - {name} for name, path in paths.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return one circle of imports, from a module back to itself; nothing if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def room(module: str, depth: int) -> str:
    """Return the folder, or loose module, in which a module stands at this depth of the tree."""
    return ".".join(module.split(".")[:depth])


def room_graph(graph: dict[str, set[str]], depth: int) -> dict[str, set[str]]:
    """Return the rooms, each with the rooms that its modules import."""
    rooms: dict[str, set[str]] = {}
    for module, used in graph.items():
        own = room(module, depth)
        rooms.setdefault(own, set()).update({room(name, depth) for name in used} - {own})
    return rooms


def height(graph: dict[str, set[str]]) -> int:
    """Return the number of floors: the longest chain of rooms that stand on each other."""
    floors: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        floors[name] = 1 + max((floors[used] for used in graph[name]), default=0)
    return max(floors.values(), default=0)


def main() -> None:
    """Print the counts of the package and of the pages."""
    row = "{:34}{:>16}{:>16}".format
    lines = [row("", "jepascore_core", "pages/ui")]
    graphs = [(module_graph(ROOT / "jepascore_core"), 2), (module_graph(ROOT / "pages" / "ui"), 3)]
    rooms = [room_graph(graph, depth) for graph, depth in graphs]
    loose = [sum(len(name.split(".")) == depth for name in graph) for graph, depth in graphs]
    lines += [
        row("modules", *(len(graph) for graph, _ in graphs)),
        row("rooms (folders and loose modules)", *map(len, rooms)),
        row("loose modules", *loose),
        row("floors", *map(height, rooms)),
        row("arrows between rooms", *(sum(map(len, graph.values())) for graph in rooms)),
        row("circles of rooms", *(int(bool(circle(graph))) for graph in rooms)),
        row("circles of modules", *(int(bool(circle(graph))) for graph, _ in graphs)),
    ]
    print("\n".join(lines))  # noqa: T201 - this is a program


if __name__ == "__main__":
    main()

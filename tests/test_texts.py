"""Words that people read: stated once, and free of the phrases that the glossary avoids."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Where sentences for people stand, as globs; other rooms of the core join here once their words are renewed.
ROOMS = (
    "api", "backbones", "cli", "curation", "datasets", "density_check", "embeddings", "exporters", "figures",
    "jacobian", "jobs", "measuring", "records", "scores", "sensitivity", "storage", "training", "views", "worker",
)  # fmt: skip
SPOKEN = (
    "app.py", "pages/**/*.py", "jepascore_core/*.py", "jepascore_core/trust/*.py",
    *(f"jepascore_core/{room}/**/*.py" for room in ROOMS),
)  # fmt: skip
SCRIPTS = ("pages/ui/widgets/gallery_component/*.js",)
#: Tests that are to import a text instead of repeating it.
TESTS = ("tests/pages/**/*.py", "tests/browser/**/*.py")
REPEATED_FROM = ("pages/ui/**/*.py", "jepascore_core/views/**/*.py")
#: Shorter ones are labels such as "Class", which mean nothing alone.
LEAST_CHARACTERS = 16
#: Repeated all the same -> why.
ALLOWED: dict[str, str] = {
    "theory does not hold": "a part of the notes of backbones, which the views only show",
    "higher is more likely": "a promise of every page that shows scores, whatever the sentence around it",
    "class_percentile[knn] >= 5": "a rule as a person types it, which the help of the field shows, too",
    "class_percentile >= 5": "another one",
    "class_percentile >= ": "its beginning",
    "class_percentile ": "the beginning of that",
}
#: From the column "avoid" of docs/glossary.md and its section on style.
DIALECT = (
    "worked out", "work them out", "by itself", "so many", "laid out", "lay out", "take back", "took back", "anew",
    "is no ", "at letter", "letters", "former ", "goes on", "go on to", "under way", "at home with", "mend ", "settle ",
    "tells", "told", "nobody", "somebody", "companion", "reverse pass", "forget", "brought to", "not known",
)  # fmt: skip
#: What numbers that may be negative are called, whole or the last part of a name.
SIGNED = ("spearman", "pearson", "kendall", "rho", "margin", "shift", "gain", "density", "score")


def _files(*globs: str) -> list[Path]:
    return sorted({path for glob in globs for path in ROOT.glob(glob)})


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """String literals of a module with their lines, parts of f-strings among them, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    plain = {id(item.value) for item in ast.walk(tree) if isinstance(item, ast.Expr)}
    for item in ast.walk(tree):
        if isinstance(item, ast.Constant) and isinstance(item.value, str) and id(item) not in plain:
            yield item.lineno, item.value


@functools.cache
def _sentences(*globs: str) -> list[tuple[str, str]]:
    """Where a literal with a space stands, and the literal."""
    return [
        (f"{path.relative_to(ROOT)}:{line}", text)
        for path in _files(*globs)
        for line, text in literals(path)
        if " " in text
    ]


def test_tests_import_texts_instead_of_repeating_them() -> None:
    spoken = "\n".join(text for _, text in _sentences(*REPEATED_FROM) if len(text) >= LEAST_CHARACTERS)
    said = [item for item in _sentences(*TESTS) if len(item[1]) >= LEAST_CHARACTERS]
    repeated = [f"{where}: {text!r}" for where, text in said if text in spoken and text not in ALLOWED]
    assert not repeated, f"{len(repeated)} texts are repeated, import them:\n" + "\n".join(repeated)


def test_no_allowance_outlives_its_reason() -> None:
    said = {text for _, text in _sentences(*TESTS)}
    assert set(ALLOWED) <= said


@pytest.mark.parametrize("phrase", DIALECT)
def test_what_people_read_has_no_dialect(phrase: str) -> None:
    pattern = re.compile(
        rf"(?<!there )\b{re.escape(phrase.strip())}\b" + (" (?!longer)" if phrase.endswith(" ") else ""), re.IGNORECASE
    )
    found = [f"{where}: {text!r}" for where, text in _sentences(*SPOKEN) if pattern.search(text)]
    for path in _files(*SCRIPTS):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            quoted = re.findall(r"\"[^\"]* [^\"]*\"|`[^`]* [^`]*`", line.partition("// ")[0])
            found += [f"{path.name}:{number}: {text}" for text in quoted if pattern.search(text)]
    assert not found, "\n".join(found)


def hyphens(tree: ast.AST) -> list[str]:
    """Numbers in texts that may get a hyphen for a minus: `formatting.number_text` writes the sign."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            form = "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
            is_signed = re.split(r"\W|_", ast.unparse(node.value))[-1] in SIGNED
            if form.startswith("+") or (is_signed and re.search(r"\.\d[fg]$", form)):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".replace"):
            new = [getattr(part, "value", None) for part in node.args[1:]]
            found += [f"line {node.lineno}: {ast.unparse(node)}"] if "\N{MINUS SIGN}" in new else []
    return found


def test_negative_numbers_have_a_minus_sign() -> None:
    found = {str(path.relative_to(ROOT)): hyphens(ast.parse(path.read_text("utf-8"))) for path in _files(*SPOKEN)}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "code", ['f"{row.spearman:.2f}"', 'f"{value:+.1f}"', 'f"{x:.1f}".replace("-", "\N{MINUS SIGN}")', 'f"{score:.1f}"']
)
def test_the_rule_about_minus_signs_can_fail(code: str) -> None:
    assert hyphens(ast.parse(code))
    assert not hyphens(ast.parse("f\"{number_text(row.spearman, '.2f')} {share:.1f} {num_scored:,}\""))

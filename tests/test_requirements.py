"""Requirements and the lock file agree: every name and floor, on every platform; files are known by hash only."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: "name==version ; marker \", of each entry.
LOCKED = [Requirement(line.rstrip(" \\")) for line in LOCK.splitlines() if re.match(r"[a-z0-9]", line)]

PLATFORMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]


def runtime() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def development() -> list[str]:
    extras = PROJECT["optional-dependencies"]
    return [line for extra in ("docs", "dev") for line in extras[extra] if not line.startswith("jepascore[")]


@pytest.mark.parametrize("line", [*runtime(), *development()])
def test_what_is_locked_is_allowed(line: str) -> None:
    wanted = Requirement(line)
    entries = [entry for entry in LOCKED if canonicalize_name(entry.name) == canonicalize_name(wanted.name)]
    assert entries, f"{wanted.name} is not locked: `make lock`"
    for entry in entries:
        (version,) = (item.version for item in entry.specifier)
        assert wanted.specifier.contains(version), f"{entry} is not {wanted.specifier}: `make lock`"


@pytest.mark.parametrize("line", runtime())
def test_every_requirement_has_a_floor(line: str) -> None:
    assert any(item.operator == ">=" for item in Requirement(line).specifier)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("platform", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
)
def test_one_version_of_each_is_for_a_platform(python: str, platform: str, machine: str) -> None:
    system = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform]
    where = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "os_name": "nt" if platform == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen = [entry.name for entry in LOCKED if entry.marker is None or entry.marker.evaluate(where)]
    assert len(set(chosen)) == len(chosen)
    needed = (Requirement(line) for line in [*runtime(), *development()])
    missing = {
        canonicalize_name(item.name) for item in needed if item.marker is None or item.marker.evaluate(where)
    } - set(chosen)
    assert not missing


def test_files_are_known_by_hash_and_come_from_no_stated_place() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", LOCK)[1:]
    assert len(entries) == len(LOCKED)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:|file:|^-|--(extra-)?index|--find-links| @ ", LOCK, re.MULTILINE)

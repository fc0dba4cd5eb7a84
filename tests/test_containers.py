"""Rules for the container files: not root, home in a volume, the port that is checked. `make lint` runs hadolint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer
import yaml

from jepascore_core.cli import app

ROOT = Path(__file__).resolve().parents[1]
FILES = ("Dockerfile", "Dockerfile.cuda")


def instructions(name: str) -> list[tuple[str, str]]:
    """Return the last stage's instructions with their arguments, continuation lines joined."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    found = [tuple(line.split(maxsplit=1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]
    last = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def value(name: str, word: str) -> str:
    """Return the argument of the last instruction of this kind."""
    return [argument for kind, argument in instructions(name) if kind == word][-1]


def environment(name: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in value(name, "ENV").split())


def context_files() -> list[Path]:
    """Return what .dockerignore lets into the build."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return [ROOT / line[1:] for line in lines if line.startswith("!")]


@pytest.mark.parametrize("name", FILES)
def test_the_container_is_not_root_and_keeps_its_home_in_a_volume(name: str):
    assert int(value(name, "USER").partition(":")[0]) > 0
    volume = Path(value(name, "VOLUME"))
    assert Path(environment(name)["JEPASCORE_HOME"]).is_relative_to(volume)
    assert Path(environment(name)["HOME"]).is_relative_to(volume)  # weights and kernels are cached below it
    assert re.search(rf"useradd .*--home-dir {volume} .*--create-home", value(name, "RUN"))


@pytest.mark.parametrize("name", FILES)
def test_it_starts_the_app_on_the_port_that_is_checked(name: str):
    words = json.loads(value(name, "CMD"))
    assert json.loads(value(name, "ENTRYPOINT"))[-1] == "jepascore"
    command = typer.main.get_command(app)
    context = command.make_context("jepascore", list(words))
    chosen, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[attr-defined]
    options = command.make_context(chosen, rest, parent=context).params
    assert (chosen, options["browser"]) == ("app", False)
    assert value(name, "EXPOSE") == str(options["port"])
    assert f"http://127.0.0.1:{options['port']}/_stcore/health" in value(name, "HEALTHCHECK")


def test_both_differ_only_in_pytorch_and_what_a_gpu_needs():
    cpu, cuda = (dict(instructions(name)) for name in FILES)
    same = {"FROM", "COPY", "USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {word: cpu[word] for word in same} == {word: cuda[word] for word in same}
    assert set(environment("Dockerfile.cuda").items()) > set(environment("Dockerfile").items())


def test_compose_publishes_on_this_machine_only():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert set(compose["services"]) == {"cpu", "cuda"}
    for name, service in compose["services"].items():
        dockerfile = "Dockerfile" if name == "cpu" else service["build"]["dockerfile"]
        port = value(dockerfile, "EXPOSE")
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        mounts = [mount.split(":") for mount in service["volumes"]]
        assert [mount[1] for mount in mounts if mount[0] in compose["volumes"]] == [value(dockerfile, "VOLUME")]
        assert all(mount[-1] == "ro" for mount in mounts if mount[0] not in compose["volumes"])
    assert "profiles" not in compose["services"]["cpu"]


@pytest.mark.slow
def test_the_build_context_is_enough_for_the_wheel(tmp_path: Path):
    context = tmp_path / "context"
    context.mkdir()
    for path in context_files():
        if path.is_dir():
            shutil.copytree(path, context / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, context)
    uv = Path(sys.executable).with_name("uv")
    options = ("--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", tmp_path / "dist")
    done = subprocess.run(
        [uv, "build", "--wheel", *options, context], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "jepascore_core/_app/app.py" in names

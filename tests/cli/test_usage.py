"""What holds for every command: help, `--json`, exit codes, and no traceback for an error that has a reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from jepascore_core.cli import app
from tests.cli.conftest import Cli
from tests.conftest import add_dataset, make_samples

#: `app` is no headless command: it serves until it is stopped.
NOT_HEADLESS = {"app"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its words, for example ("runs cancel", command)."""
    pending = [((), typer.main.get_command(app))]
    while pending:
        words, command = pending.pop()
        children = getattr(command, "commands", {})
        if not children:
            yield " ".join(words), command
        pending += [((*words, name), child) for name, child in children.items()]


COMMANDS = dict(commands())


def test_these_are_the_commands():
    assert set(COMMANDS) == {
        *("add", "datasets list", "datasets failures", "datasets cancel", "datasets move", "remove"),
        *("score", "runs list", "runs follow", "runs cancel", "runs resume", "runs forget", "runs failures"),
        *("runs delete",),
        *("export", "report", "duplicates", "labels", "reference", "backbones", "demo", "doctor", "app"),
        *("decisions list", "decisions history", "decisions keep", "decisions drop", "decisions clear"),
        *("decisions undo", "decisions redo"),
        *("recipes list", "recipes save", "recipes show", "recipes duplicate", "recipes remove"),
        *("recipes changes", "recipes compare"),
        *("train", "density", "langevin", "trust plant", "trust confounds", "trust defects"),
        *("trust verdict", "cut-effect"),
        *("tag add", "tag remove", "tag list", "tag set", "tag rename", "tag merge", "tag delete", "relabel"),
        *("embeddings import", "map", "regions list", "regions name", "regions delete"),
        *("figure extremes", "figure histograms"),
        *("worker run", "worker start", "worker stop", "worker status"),
    }


@pytest.mark.parametrize("words", sorted(set(COMMANDS) - NOT_HEADLESS))
def test_every_headless_command_speaks_json(words: str):
    assert any("--json" in parameter.opts for parameter in COMMANDS[words].params)


def test_what_is_about_a_dataset_names_it_first():
    about = [words for words in COMMANDS if words.split()[0] in ("decisions", "recipes")]
    about += [
        "datasets failures",
        "datasets cancel",
        "datasets move",
        "remove",
        "score",
        "export",
        "duplicates",
        "train",
    ]
    for words in (*about, "figure extremes"):
        first = next(parameter for parameter in COMMANDS[words].params if parameter.param_type_name == "argument")
        assert "dataset" in first.help.lower(), words


@pytest.mark.parametrize("words", ["datasets", "runs", "decisions toy", "recipes toy"])
def test_a_list_is_what_a_group_does_by_itself(cli: Cli, words: str):
    add_dataset(cli.store, "toy", make_samples(["a"]))
    group, *name = words.split()
    wanted = cli(group, "list", *name, "--json")
    assert wanted.code == 0
    assert cli(group, *name, "--json") == cli(group, "--json", *name) == wanted
    assert cli(group, *name).out == cli(group, "list", *name).out


def test_a_mistyped_command_is_said(cli: Cli):
    assert "No such command 'folow'" in cli("runs", "folow", "x").err
    assert 'Unknown dataset "kepe"' in cli("decisions", "kepe").sentence
    assert cli("decisions").code == cli("recipes").code == 2


@pytest.mark.parametrize("words", ["", "datasets", "runs", "worker", *sorted(COMMANDS)])
def test_every_command_explains_itself(cli: Cli, words: str):
    answer = cli(*words.split(), "--help")
    assert answer.code == 0
    assert "Usage:" in answer.out
    assert "--help" in answer.out


def test_the_version_is_one_line(cli: Cli):
    answer = cli("--version")
    assert answer.code == 0
    assert answer.out.strip().count(".") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("bogus",),
        ("add", "only-a-name"),
        ("add", "name", "source", "--kind", "bogus"),
        ("score", "digits"),
        ("score", "digits", "-b", "timm:x", "--mean", "a,b"),
        ("score", "digits", "-b", "timm:x", "--image-size", "large"),
        ("export", "digits", "list.csv", "--within", "galaxy"),
        ("decisions", "digits", "--verdict", "maybe"),
        ("recipes", "compare", "digits", "only-one"),
        ("runs", "cancel"),
        ("worker",),
        ("app", "--port", "http"),
        ("app", "--port", "99999"),
        ("doctor", "--bogus"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_two_and_touches_nothing(cli: Cli, arguments: tuple[str, ...]):
    answer = cli(*arguments)
    assert answer.code == 2
    assert "Usage:" in answer.out + answer.err
    assert not (cli.home / "datasets").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "a", "/nowhere/at/all"), "does not exist"),
        (("add", "a", "https://example.invalid/images.zip"), "Web addresses are not fetched: download it"),
        (("add", "a", "pyproject.toml"), "not a supported kind"),
        (("add", "a", ""), "The source is empty"),
        (("add", "[/]", "/nowhere/[bold]"), "/nowhere/[bold] does not exist"),
        (("add", "n\udcff", "/"), r"n\xff is not valid UTF-8"),
        (("datasets", "failures", "nope"), 'Unknown dataset "nope"'),
        (("datasets", "cancel", "nope"), 'Unknown dataset "nope"'),
        (("remove", "nope", "--yes"), 'Unknown dataset "nope"'),
        (("score", "nope", "-b", "bundled:digits-vit"), 'Unknown dataset "nope"'),
        (("score", "nope", "-b", "bundled:digits-vit", "--predict"), 'Unknown dataset "nope"'),
        (("export", "nope", "list.csv"), 'Unknown dataset "nope"'),
        (("runs", "follow", "nope"), 'Unknown run "nope"'),
        (("runs", "cancel", "nope"), 'Unknown run "nope"'),
        (("runs", "cancel", ""), 'Unknown run ""'),
        (("runs", "resume", "nope"), 'Unknown run "nope"'),
        (("runs", "failures", "nope"), 'Unknown run "nope"'),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "json"])
def test_an_error_is_a_sentence_and_ends_with_one(cli: Cli, arguments, words: str, form):
    answer = cli(*arguments, *form)
    assert answer.code == 1
    assert words in answer.sentence
    assert answer.out == ""


def test_a_home_folder_that_cannot_be_is_an_error_too(cli: Cli):
    cli.home.write_text("a file where the folder should be")
    answer = cli("datasets")
    assert answer.code == 1
    assert str(cli.home) in answer.sentence


def test_a_damaged_catalogue_is_an_error_too(cli: Cli):
    cli.home.mkdir()
    (cli.home / "catalogue.sqlite").write_text("no database at all, but long enough to be looked at" * 20)
    answer = cli("runs", "--json")
    assert answer.code == 1
    assert "catalogue" in answer.sentence


def test_the_process_speaks_as_the_functions_do(tmp_path):
    command = [sys.executable, "-m", "jepascore_core", "runs", "cancel", "nope"]
    environment = Cli(tmp_path / "home").environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'Error: Unknown run "nope". Available: none.\n'


def test_nobody_minds_who_reads_the_first_line_only(tmp_path):
    process = Cli(tmp_path / "home").start("backbones", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait(60)

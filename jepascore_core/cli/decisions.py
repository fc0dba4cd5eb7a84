"""`jepascore decisions`: keep or drop single samples; decisions override rules."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from jepascore_core.cli.output import JsonFlag, ListsByDefault, print_json, print_table, say
from jepascore_core.curation.decisions import DecisionVerdict, current_decisions, decide, describe_lost, lost_decisions
from jepascore_core.curation.journal import Action, find_samples, history, redo, undo, user_name
from jepascore_core.errors import RuleError
from jepascore_core.formatting import plural
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store

decisions_app = typer.Typer(
    cls=ListsByDefault, no_args_is_help=True, help="List, make, undo and redo decisions about single samples."
)

Name = Annotated[str, typer.Argument(help="Name of the dataset.")]
Samples = Annotated[list[str] | None, typer.Argument(help="Sample keys or content ids.")]
From = Annotated[
    Path | None, typer.Option("--from", help="File with a sample key or content id on each line; - is standard input.")
]
Who = Annotated[str | None, typer.Option(help="Reviewer (default: OS user).")]
Why = Annotated[str, typer.Option(help="Reason, stored with the decision.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(decisions_app, name="decisions")


@decisions_app.command("list")
def list_decisions(
    dataset: Name,
    verdict: Annotated[Literal["keep", "drop"] | None, typer.Option(help="Only these.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the current decision of every sample that has one. `jepascore decisions NAME` is the same.

    Decisions follow renamed files. Those whose sample no longer exists are listed, too.
    """
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = [item for item in current_decisions(store, record.dataset_id) if item.verdict != "undecided"]
    found = [item for item in found if verdict in (None, item.verdict)]
    lost = [item for item in lost_decisions(store, record.dataset_id) if verdict in (None, item.verdict)]
    if json:
        print_json(
            [{**dataclasses.asdict(item), "has_sample": True} for item in found]
            + [{**dataclasses.asdict(item), "has_sample": False} for item in lost]
        )
        return
    columns = ("sample_key", "verdict", "who", "why", "decided_at")
    print_table(
        f"Decisions about {record.name}", columns, [[getattr(item, name) for name in columns] for item in found]
    )
    if lost:
        say(describe_lost(lost))


@decisions_app.command("history")
def show_history(
    dataset: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
    json: JsonFlag = False,
) -> None:
    """List all decisions, tags and corrected labels ever made, undone and redone, newest first."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = history(store, record.dataset_id, limit)
    if json:
        print_json([dataclasses.asdict(item) for item in found])
        return
    columns = ("action_id", "kind", "what", "who", "why", "decided_at")
    rows = [[getattr(item, name) for name in columns] for item in found]
    print_table(f"Decision history of {record.name}", ("action", *columns[1:]), rows)


@decisions_app.command("keep")
def keep(
    dataset: Name, samples: Samples = None, file: From = None, who: Who = None, why: Why = "", json: JsonFlag = False
) -> None:
    """Keep samples, whatever the rules say; one action, undone as a whole."""
    _decide(dataset, samples, file, "keep", who, why, json)


@decisions_app.command("drop")
def drop(
    dataset: Name, samples: Samples = None, file: From = None, who: Who = None, why: Why = "", json: JsonFlag = False
) -> None:
    """Drop samples, whatever the rules say; one action, undone as a whole."""
    _decide(dataset, samples, file, "drop", who, why, json)


@decisions_app.command("clear")
def clear(
    dataset: Name, samples: Samples = None, file: From = None, who: Who = None, why: Why = "", json: JsonFlag = False
) -> None:
    """Clear decisions, so that the rules apply again; one action, undone as a whole."""
    _decide(dataset, samples, file, "undecided", who, why, json)


@decisions_app.command("undo")
def undo_last(dataset: Name, who: Who = None, json: JsonFlag = False) -> None:
    """Undo your own last action that is still in effect: a decision, a tag or a corrected label. There is no limit."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    _report_turn(record, undo(store, record.dataset_id, who or user_name()), "Undid", "undo", json)


@decisions_app.command("redo")
def redo_last(dataset: Name, who: Who = None, json: JsonFlag = False) -> None:
    """Redo what you last undid, unless you have done anything since."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    _report_turn(record, redo(store, record.dataset_id, who or user_name()), "Redid", "redo", json)


def _decide(
    dataset: str,
    samples: list[str] | None,
    file: Path | None,
    verdict: DecisionVerdict,
    who: str | None,
    why: str,
    json: bool,
) -> None:
    store = Store()
    record = store.catalogue.dataset(dataset)
    names = [*(samples or ()), *(names_of(file) if file else ())]
    if not names:
        raise RuleError("No sample is given. Name at least one by its key or content id, or pass a list with --from.")
    found = find_samples(store, record.dataset_id, names)
    action_id = decide(store, record.dataset_id, found, verdict, who or user_name(), why)
    if json:
        print_json({"action_id": action_id, "verdict": verdict, "num_samples": len(found)})
    else:
        say(f"{plural(len(found), 'sample')} of {record.name}: {verdict}. {undoing(record)}")


def undoing(record: DatasetRecord) -> str:
    """Return a sentence that says how to undo a decision."""
    return f"`jepascore decisions undo {shlex.quote(record.name)}` undoes it."


def names_of(file: Path) -> list[str]:
    """Return the lines of a file, or of standard input for "-".

    Raises:
        RuleError: if it cannot be read as text.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        text = text.removeprefix("\ufeff")  # the byte order mark that Windows writes
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{file} cannot be read as text ({error}).") from error
    return [line for line in text.split("\n") if line]


def _report_turn(record: DatasetRecord, action: Action | None, did: str, kind: str, json: bool) -> None:
    if json:
        print_json(None if action is None else dataclasses.asdict(action))
    elif action is None:
        say(f"You have nothing to {kind}.")
    else:
        say(f"{did} in {record.name}: {action.what}.")

"""`jepascore tag`: tags of samples; rules, filters and exports see them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from jepascore_core.cli.decisions import From, Name, Samples, Who, Why, names_of, undoing
from jepascore_core.cli.exports import precompute_with_bar
from jepascore_core.cli.measured import Backbone, find_measured, parse_rules
from jepascore_core.cli.output import JsonFlag, ListsByDefault, print_json, print_table, say
from jepascore_core.curation.journal import find_samples, user_name
from jepascore_core.curation.matching import matching_samples
from jepascore_core.curation.tags import (
    TAG_COLOURS,
    add_tag,
    delete_tag,
    known_tag,
    remove_tag,
    rename_tag,
    set_tag,
    tag_list,
)
from jepascore_core.errors import RuleError
from jepascore_core.formatting import plural
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet, no_scores
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA, sample_table
from jepascore_core.storage.store import Store

tags_app = typer.Typer(
    cls=ListsByDefault, no_args_is_help=True, help="List, add, remove, rename and merge the tags of samples."
)

TagName = Annotated[str, typer.Argument(metavar="TAG", help="Name of the tag.")]
Where = Annotated[str | None, typer.Option(help="All samples that match these rules, as in the query bar.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(tags_app, name="tag")


@tags_app.command("list")
def list_tags(dataset: Name, json: JsonFlag = False) -> None:
    """List the tags of a dataset with the number of samples that have each. `jepascore tag NAME` is the same."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = tag_list(store, record.dataset_id)
    if json:
        print_json([dataclasses.asdict(tag) for tag in found])
        return
    rows = [(tag.name, f"{tag.num_samples:,}", tag.colour, tag.digit) for tag in found]
    print_table(f"Tags of {record.name}", ("tag", "samples", "colour", "key"), rows)


@tags_app.command("add")
def add(
    dataset: Name,
    tag: TagName,
    samples: Samples = None,
    file: From = None,
    where: Where = None,
    backbone: Backbone = None,
    who: Who = None,
    why: Why = "",
    json: JsonFlag = False,
) -> None:
    """Tag samples, by name or all that match rules; one action, undone as a whole."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    found = chosen_samples(store, record, samples, file, where, backbone)
    action_id = add_tag(store, record.dataset_id, found, tag, who or user_name(), why)
    _report(record, action_id, found, f"tagged {tag}", json)


@tags_app.command("remove")
def remove(
    dataset: Name,
    tag: TagName,
    samples: Samples = None,
    file: From = None,
    where: Where = None,
    backbone: Backbone = None,
    who: Who = None,
    why: Why = "",
    json: JsonFlag = False,
) -> None:
    """Remove a tag from samples, by name or all that match rules; one action, undone as a whole."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    known = known_tag(store, record.dataset_id, tag)
    found = chosen_samples(store, record, samples, file, where, backbone)
    action_id = remove_tag(store, record.dataset_id, found, known, who or user_name(), why)
    _report(record, action_id, found, f"without the tag {tag}", json)


@tags_app.command("rename")
def rename(
    dataset: Name,
    tag: TagName,
    name: Annotated[str, typer.Argument(help="New name.")],
    who: Who = None,
    json: JsonFlag = False,
) -> None:
    """Rename a tag; one action. Saved recipes keep the samples that they recorded."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    action_id = rename_tag(store, record.dataset_id, tag, name, who or user_name())
    _report_name(record, {"action_id": action_id, "tag": name}, f"{tag} is now called {name}.", json)


@tags_app.command("merge")
def merge(
    dataset: Name,
    tag: TagName,
    into: Annotated[str, typer.Argument(help="Tag that all samples of both have then.")],
    who: Who = None,
    json: JsonFlag = False,
) -> None:
    """Merge a tag into another one; one action, undone as a whole."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    action_id = rename_tag(store, record.dataset_id, tag, into, who or user_name(), merge=True)
    _report_name(record, {"action_id": action_id, "tag": into}, f"Samples tagged {tag} are now tagged {into}.", json)


@tags_app.command("delete")
def delete(dataset: Name, tag: TagName, who: Who = None, json: JsonFlag = False) -> None:
    """Remove a tag from all samples, and from the list of tags."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    number = delete_tag(store, record.dataset_id, tag, who or user_name())
    _report_name(record, {"tag": tag, "num_samples": number}, f"Removed {tag} from {plural(number, 'sample')}.", json)


@tags_app.command("set")
def set_up(
    dataset: Name,
    tag: TagName,
    colour: Annotated[str | None, typer.Option(help=f"One of {', '.join(TAG_COLOURS)}.")] = None,
    key: Annotated[int | None, typer.Option(min=1, max=9, help="Key of the app that adds and removes it.")] = None,
    json: JsonFlag = False,
) -> None:
    """Set the colour of a tag, or its key in the app, 1 to 9."""
    store = Store()
    record = store.catalogue.dataset(dataset)
    if colour is None and key is None:
        raise RuleError("Nothing to set. Give a --colour or a --key.")
    set_tag(store, record.dataset_id, tag, colour=colour, digit=key)
    found = next(item for item in tag_list(store, record.dataset_id) if item.name == tag)
    if json:
        print_json(dataclasses.asdict(found))
    else:
        say(f"{found.name}: {found.colour}, key {found.digit or 'none'}.")


def chosen_samples(
    store: Store,
    record: DatasetRecord,
    samples: list[str] | None,
    file: Path | None,
    where: str | None,
    backbone: str | None,
) -> pa.Table:
    """Return the samples that are named, listed in a file, or match rules: sample_key, content_id.

    Raises:
        RuleError: if none are asked for, or none match.
        UnknownNameError: if one is not there.
    """
    names = [*(samples or ()), *(names_of(file) if file else ())]
    if where is None and not names:
        raise RuleError(
            "No sample is given. Name at least one by its key or content id, pass a list with --from, or say with "
            "--where which ones."
        )
    found = [sample_table(find_samples(store, record.dataset_id, names))] if names else []
    if where is not None:
        scores, curation = _scores(store, record, backbone), parse_rules(store, where)
        precompute_with_bar(store, scores, curation)
        matching = matching_samples(store, scores, curation)
        if not matching.num_rows and not names:
            raise RuleError(f"No sample of {record.name} matches {where!r}. Nothing was recorded.")
        found.append(matching)
    return pa.concat_tables(found).group_by(SAMPLE_LIST_SCHEMA.names).aggregate([]).sort_by("sample_key")


def _scores(store: Store, record: DatasetRecord, backbone: str | None) -> ScoreSet:
    """Return the scores that rules are about; rules without scores need no measured backbone."""
    if backbone is None and not measured_choices(store, record.dataset_id):
        return no_scores(record.dataset_id)
    return find_measured(store, record, backbone).scores(record.dataset_id)


def _report(record: DatasetRecord, action_id: int, found: pa.Table, what: str, json: bool) -> None:
    if json:
        print_json({"action_id": action_id, "num_samples": found.num_rows})
    else:
        say(f"{plural(found.num_rows, 'sample')} of {record.name}: {what}. {undoing(record)}")


def _report_name(record: DatasetRecord, values: dict[str, object], text: str, json: bool) -> None:
    if json:
        print_json(values)
    else:
        say(f"{text} {undoing(record)}")

"""Tars as a source: WebDataset shards, with the tables that img2dataset puts beside them, and tars of class folders."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jepascore_core.datasets.candidates import (
    NO_COLUMN,
    Candidate,
    Question,
    ScanPlan,
    SourceOptions,
    UnusedTable,
    UsedTable,
    scan_failure,
)
from jepascore_core.datasets.column_types import ColumnTypes
from jepascore_core.datasets.columns import to_text
from jepascore_core.datasets.free_keys import OWN_KEY, FreeKeys
from jepascore_core.datasets.item_uris import tar_uri
from jepascore_core.datasets.layout import NOTHING_SAID, Said, is_container, is_split_name
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.shards import Shard, find_shards
from jepascore_core.datasets.table_columns import LABEL_NAMES, SPLIT_NAMES, usual_names
from jepascore_core.datasets.tar_members import TAR_ENDINGS, BadMember, check_tar
from jepascore_core.datasets.tar_samples import TarSample, images_of, plain_name, read_samples
from jepascore_core.datasets.tar_tables import KEY_COLUMN, class_names, rows_by_key, table_beside
from jepascore_core.datasets.uris import Roots, clean_text, path_to_uri, sample_key
from jepascore_core.errors import SourceError, unknown
from jepascore_core.records.datasets import SampleFailure

CAPTION = "caption"
#: What is counted as skipped: img2dataset lists in its tables what it could not download, too.
WITHOUT_IMAGE = "table rows without an image"
FOLDERS_ARE_CLASSES = "Members are in folders and say no label, so their folders are the classes."
NO_IMAGE = "The sample has no image, only {members}: pack the tar again with it, or leave this key out."
NO_PATHS = "{path} is read as tars, without a column of paths: leave --path-column out."

Item = Candidate | SampleFailure


def plan_tars(source: Path, options: SourceOptions, allowed: Roots) -> ScanPlan:
    """Plan the images of a tar, of those in a folder, or of those that a pattern names. Nothing is unpacked.

    Raises:
        SourceError: if there is none, or the only one is compressed or something else.
    """
    if options.path_column:
        raise SourceError(NO_PATHS.format(path=source))
    shards = find_shards(source, TAR_ENDINGS, allowed)
    if not shards:
        raise SourceError(f"{source} contains no tar: give the folder or file that is one, or choose another kind.")
    if len(shards) == 1 and shards[0].problem is None:
        check_tar(Path(shards[0].path))
    plan = ScanPlan("tar", iter(()), PassedOver())
    plan.items = _Reader(plan, options, source).items(shards)
    return plan


class _Reader:
    """Turns the samples of shards into candidates; columns, tables and questions of the plan grow meanwhile."""

    def __init__(self, plan: ScanPlan, options: SourceOptions, source: Path) -> None:
        self._plan, self._options, self._source = plan, options, source
        self._columns = ColumnTypes(plan.metadata_types, plan.ignored)
        self._keys = FreeKeys()
        self._seen: dict[str, None] = {}
        self._names = functools.lru_cache(maxsize=64)(class_names)

    def items(self, shards: Sequence[Shard]) -> Iterator[Item]:
        for shard in shards:
            problem = shard.problem or _problem(shard)
            if problem is not None:
                yield scan_failure(sample_key(shard.name), path_to_uri(shard.path), problem)
                continue
            try:
                yield from self._of_shard(shard)
            except OSError as error:
                problem = f"The tar cannot be read to its end ({error.strerror}): check the disk or the network drive."
                yield scan_failure(sample_key(shard.name), path_to_uri(shard.path), problem)
        missing = next((name for name in self._options.told() if name not in self._seen), None)
        if missing is not None:
            raise unknown("field", missing, list(self._seen), SourceError, where=f"the .json members of {self._source}")

    def _of_shard(self, shard: Shard) -> Iterator[Item]:
        rows = self._rows_beside(shard)
        for found in read_samples(Path(shard.path), self._plan.ignored):
            if isinstance(found, BadMember):
                key = shard.name if found.name is None else plain_name(found.name)
                yield scan_failure(sample_key(key), path_to_uri(shard.path), found.message)
                continue
            row = rows.pop(found.key, None)
            if found.images:
                yield from self._of_sample(found, row, shard)
            elif {"cls", "json"} & set(found.sidecars):
                members = ", ".join(clean_text(f"{found.key}.{suffix}") for suffix in found.sidecars + found.strange)
                message = NO_IMAGE.format(members=members)
                yield scan_failure(self._keys.free(sample_key(found.key), shard.name), path_to_uri(shard.path), message)
            else:
                for suffix in found.sidecars:
                    self._plan.ignored.note(f"{found.key}.{suffix}")
        if rows:
            self._plan.ignored[WITHOUT_IMAGE] += len(rows)
            self._plan.ignored.examples.setdefault(WITHOUT_IMAGE, clean_text(next(iter(rows))))

    def _rows_beside(self, shard: Shard) -> dict[str, dict[str, Any]]:
        path = table_beside(shard.path)
        if path is None:
            return {}
        try:
            rows = rows_by_key(path)
        except SourceError as error:
            self._plan.unused.append(UnusedTable(str(path), str(error)))
            return {}
        self._plan.tables.append(UsedTable(str(path), KEY_COLUMN, None, None))
        return rows

    def _of_sample(self, sample: TarSample, row: dict[str, Any] | None, shard: Shard) -> Iterator[Candidate]:
        fields = {**sample.fields, **(row or {})}
        if sample.caption and fields.get(CAPTION) != sample.caption:
            fields["txt" if CAPTION in fields else CAPTION] = sample.caption
        self._seen.update(dict.fromkeys(fields))
        own = fields.pop(OWN_KEY, None) if len(sample.images) == 1 else None
        is_plain = not sample.sidecars and row is None
        said = self._said(sample.key) if is_plain or self._options.folders else NOTHING_SAID
        label = self._label(sample, fields, shard) or said.label
        split = self._field(fields, self._options.split_column, SPLIT_NAMES) or shard.split or said.split
        if self._options.label_column == NO_COLUMN:
            label = None
        if self._options.split_column == NO_COLUMN:
            split = None
        columns = self._columns.take(fields)
        for key, member in images_of(sample):
            named = own if isinstance(own, str) and own else key
            uri = tar_uri(shard.path, member.offset, member.size, member.name)
            yield Candidate(self._keys.free(sample_key(named), shard.name), uri, label, split, columns)

    def _label(self, sample: TarSample, fields: dict[str, Any], shard: Shard) -> str | None:
        if sample.label is None or self._options.label_column is not None:
            return self._field(fields, self._options.label_column, LABEL_NAMES[:-1])
        names = self._names(shard.path)
        is_number = len(sample.label) < 10 and sample.label.isdecimal() and int(sample.label) < len(names)
        return names[int(sample.label)] if is_number else clean_text(sample.label)

    def _field(self, fields: dict[str, Any], given: str | None, usual: Sequence[str]) -> str | None:
        """Remove the field that is given, or the first with a usual name, and return its text."""
        if given == NO_COLUMN:
            return None
        for name in [given] if given is not None else usual_names(list(fields), usual):
            value = fields.get(name)
            if isinstance(value, str | int | float):
                del fields[name]
                whole = isinstance(value, float) and value.is_integer()
                return (to_text(int(value) if whole else value) or "").strip() or None
        return None

    def _said(self, key: str) -> Said:
        """Return the label and split that the folders of a member stand for."""
        meaning = self._options.folders
        folders = [part for part in key.split("/")[:-1] if part not in ("", ".", "..")]
        if meaning == "none" or not folders:
            return NOTHING_SAID
        if meaning == "splits":
            split, *folders = folders
        else:
            split = next((part for part in folders if meaning is None and is_split_name(part)), "")
        classes = [part for part in folders if part != split and not is_container(part)]
        if classes and meaning is None and not self._plan.questions:
            choices = ("classes", "splits", "none")
            self._plan.questions.append(Question("folders", FOLDERS_ARE_CLASSES, choices, "classes"))
        return Said(clean_text(classes[-1]) if classes else None, clean_text(split) or None)


def _problem(shard: Shard) -> str | None:
    try:
        check_tar(Path(shard.path))
    except SourceError as error:
        return str(error)
    except OSError as error:
        return f"The tar cannot be read ({error.strerror}): change its permissions, or check the disk."
    return None

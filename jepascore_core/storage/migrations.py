"""Numbered migrations of the home folder: the catalogue's schema, and files of earlier versions.

They run in one transaction together with the record that they ran. A step that changes files may be interrupted: it is
run again.
"""

import contextlib
import posixpath
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from jepascore_core.atomic import atomic_path
from jepascore_core.errors import StoreError
from jepascore_core.records.canonical import short_hash

_DIGITS = "[0-9a-f]" * 20


def settle_former_files(connection: sqlite3.Connection, home: Path) -> None:
    """Move or delete files that previous versions stored in the home folder itself.

    Snapshots of saved recipes are moved to their datasets; snapshots without a saved recipe, and whatever can be
    computed again, are deleted. Other files are kept.
    """
    _delete(home / "companions", f"*-{_DIGITS}.parquet")
    _delete(home / "neighbours", f"near-{_DIGITS}.parquet")
    with contextlib.suppress(OSError, yaml.YAMLError):
        _keep_snapshots(connection, home)
        _delete(home / "recipes", f"{_DIGITS}.parquet")


def _delete(folder: Path, pattern: str) -> None:
    with contextlib.suppress(OSError):
        for path in (*folder.glob(pattern), *folder.glob(f".{pattern}.*.tmp")):
            path.unlink(missing_ok=True)
        folder.rmdir()


def _keep_snapshots(connection: sqlite3.Connection, home: Path) -> None:
    if not (home / "recipes").is_dir():
        return
    for dataset_id, body in connection.execute("SELECT dataset_id, body FROM recipes").fetchall():
        recipe_hash = short_hash({**yaml.safe_load(body), "name": ""}, 20)
        snapshot = home / "recipes" / f"{recipe_hash}.parquet"
        target = home / "datasets" / dataset_id / "recipes" / snapshot.name
        if snapshot.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(target) as temporary:
                shutil.copyfile(snapshot, temporary)


def follow_former_renames(connection: sqlite3.Connection, home: Path) -> None:
    """Reassign decisions about files that were renamed before the catalogue recorded renames.

    Each is assigned to the only sample of the dataset with its bytes, provided that its file has the same name. Less
    certain cases are left for a person to decide.
    """
    pairs = connection.execute(
        """SELECT DISTINCT dataset_id, version, sample_key, content_id FROM decisions
        JOIN decision_actions USING (action_id) JOIN datasets USING (dataset_id) WHERE version IS NOT NULL"""
    ).fetchall()
    last = connection.execute("SELECT coalesce(max(action_id), 0) FROM decision_actions").fetchone()[0]
    for dataset_id, version in {pair[:2] for pair in map(tuple, pairs)}:
        decided = {(key, content_id) for of, _, key, content_id in map(tuple, pairs) if of == dataset_id}
        there: dict[str, list[str]] = {}
        with contextlib.suppress(OSError, pa.ArrowException):  # a damaged index is reported when it is read
            for path in (home / "datasets" / dataset_id / version).glob("manifest-*.parquet"):
                part = pq.read_table(path, columns=["sample_key", "content_id"], partitioning=None)
                part = part.filter(pc.is_in(part["content_id"], pa.array({item[1] for item in decided}, pa.string())))
                for row in part.to_pylist():
                    there.setdefault(row["content_id"], []).append(row["sample_key"])
        moves = [
            (dataset_id, content_id, key, there[content_id][0], last)
            for key, content_id in sorted(decided)
            if len(there.get(content_id, ())) == 1
            and key != there[content_id][0]
            and posixpath.basename(key) == posixpath.basename(there[content_id][0])
        ]
        sql = "INSERT INTO sample_moves (dataset_id, content_id, old_key, new_key, action_id) VALUES (?, ?, ?, ?, ?)"
        connection.executemany(sql, moves)


MIGRATIONS: tuple[str | Callable[[sqlite3.Connection, Path], None], ...] = (
    """
    CREATE TABLE datasets (
        dataset_id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        kind TEXT NOT NULL,
        options TEXT NOT NULL,
        state TEXT NOT NULL,
        version TEXT,
        num_total INTEGER NOT NULL DEFAULT 0,
        num_indexed INTEGER NOT NULL DEFAULT 0,
        num_failed INTEGER NOT NULL DEFAULT 0,
        rate REAL,
        message TEXT NOT NULL DEFAULT '',
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        heartbeat REAL
    );
    CREATE TABLE backbones (
        backbone_id TEXT PRIMARY KEY,
        info TEXT NOT NULL,
        created_at TEXT NOT NULL
    );
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        backbone TEXT NOT NULL,
        spec TEXT NOT NULL,
        device TEXT NOT NULL,
        backbone_id TEXT,
        state TEXT NOT NULL,
        num_total INTEGER NOT NULL DEFAULT 0,
        num_measured INTEGER NOT NULL DEFAULT 0,
        num_failed INTEGER NOT NULL DEFAULT 0,
        num_reused INTEGER NOT NULL DEFAULT 0,
        rate REAL,
        message TEXT NOT NULL DEFAULT '',
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        started_at TEXT,
        finished_at TEXT,
        heartbeat REAL
    );
    CREATE TABLE run_failures (
        run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
        content_id TEXT NOT NULL,
        sample_key TEXT NOT NULL,
        uri TEXT NOT NULL,
        stage TEXT NOT NULL,
        error_class TEXT NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (run_id, content_id)
    );
    CREATE TABLE probes (
        probe_id TEXT PRIMARY KEY,
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        backbone TEXT NOT NULL,
        spec TEXT NOT NULL,
        device TEXT NOT NULL,
        state TEXT NOT NULL,
        message TEXT NOT NULL DEFAULT '',
        created_at TEXT NOT NULL,
        result TEXT
    );
    """,
    """
    CREATE TABLE decision_actions (
        action_id INTEGER PRIMARY KEY AUTOINCREMENT,
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        target INTEGER REFERENCES decision_actions (action_id) ON DELETE CASCADE,
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        decided_at TEXT NOT NULL
    );
    CREATE INDEX decision_actions_of_dataset ON decision_actions (dataset_id, who);
    CREATE TABLE decisions (
        action_id INTEGER NOT NULL REFERENCES decision_actions (action_id) ON DELETE CASCADE,
        sample_key TEXT NOT NULL,
        content_id TEXT NOT NULL,
        verdict TEXT NOT NULL,
        PRIMARY KEY (action_id, sample_key)
    );
    CREATE TABLE recipes (
        recipe_id TEXT PRIMARY KEY,
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at TEXT NOT NULL,
        changed_at TEXT NOT NULL,
        UNIQUE (dataset_id, name)
    );
    """,
    """
    ALTER TABLE runs ADD COLUMN plan TEXT;
    ALTER TABLE runs ADD COLUMN report TEXT;
    ALTER TABLE probes ADD COLUMN plan TEXT
    """,
    "ALTER TABLE runs ADD COLUMN is_precision_open INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE exports (
        export_id TEXT PRIMARY KEY,
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        recipe TEXT NOT NULL,
        path TEXT NOT NULL,
        file_format TEXT NOT NULL,
        options TEXT NOT NULL,
        state TEXT NOT NULL,
        num_total INTEGER NOT NULL DEFAULT 0,
        num_written INTEGER NOT NULL DEFAULT 0,
        rate REAL,
        message TEXT NOT NULL DEFAULT '',
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        started_at TEXT,
        finished_at TEXT,
        heartbeat REAL
    )
    """,
    "ALTER TABLE probes ADD COLUMN is_precision_open INTEGER NOT NULL DEFAULT 0",
    settle_former_files,
    """
    ALTER TABLE datasets ADD COLUMN ignored TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE datasets ADD COLUMN error TEXT;
    ALTER TABLE datasets ADD COLUMN wanted TEXT
    """,
    """
    CREATE TABLE decision_tokens (
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        token TEXT NOT NULL,
        action_id INTEGER REFERENCES decision_actions (action_id) ON DELETE CASCADE,
        PRIMARY KEY (dataset_id, token)
    )
    """,
    """
    CREATE TABLE sample_moves (
        move_id INTEGER PRIMARY KEY AUTOINCREMENT,
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        content_id TEXT NOT NULL,
        old_key TEXT NOT NULL,
        new_key TEXT,
        action_id INTEGER NOT NULL
    );
    CREATE INDEX sample_moves_of_dataset ON sample_moves (dataset_id);
    CREATE TABLE changed_files (
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        uri TEXT NOT NULL,
        found_at TEXT NOT NULL,
        PRIMARY KEY (dataset_id, uri)
    )
    """,
    follow_former_renames,
    """
    ALTER TABLE datasets ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
    ALTER TABLE datasets ADD COLUMN parent_id TEXT REFERENCES datasets (dataset_id) ON DELETE CASCADE
    """,
    """
    CREATE TABLE marks (
        action_id INTEGER NOT NULL REFERENCES decision_actions (action_id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        value TEXT NOT NULL,
        is_set INTEGER NOT NULL,
        num_samples INTEGER NOT NULL,
        first_key TEXT NOT NULL,
        samples BLOB NOT NULL,
        PRIMARY KEY (action_id, position)
    );
    CREATE TABLE tags (
        dataset_id TEXT NOT NULL REFERENCES datasets (dataset_id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        colour INTEGER NOT NULL,
        digit INTEGER,
        PRIMARY KEY (dataset_id, name)
    )
    """,
    """
    ALTER TABLE runs ADD COLUMN pilot TEXT;
    ALTER TABLE probes ADD COLUMN pilot TEXT
    """,
)


def migrate(connection: sqlite3.Connection, home: Path) -> None:
    """Bring schema and home folder up to date; any number of processes may do so at the same time.

    Raises:
        StoreError: if a newer version of the program wrote the catalogue.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"The catalogue has schema version {version}, this program supports {len(MIGRATIONS)}: "
            "it was written by a newer release. Update jepascore, or point JEPASCORE_HOME to another folder."
        )
    for step in MIGRATIONS[version:]:
        if not isinstance(step, str):
            step(connection, home)
            continue
        for statement in step.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])

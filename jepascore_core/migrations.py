"""Numbered steps of the catalogue's schema. They run in one transaction together with the record that they ran."""

import sqlite3

from jepascore_core.errors import StoreError

MIGRATIONS: tuple[str, ...] = (
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
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date; any number of processes may try at once.

    Raises:
        StoreError: if a newer version of the program wrote the catalogue.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"The catalogue has schema version {version}, this program knows {len(MIGRATIONS)}: "
            "it was written by a newer release. Update jepascore, or point JEPASCORE_HOME to another folder."
        )
    for script in MIGRATIONS[version:]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])

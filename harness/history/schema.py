"""The tables of a history file, and their version."""

from __future__ import annotations

APPLICATION_ID = 0x4D514831
"""Marks a SQLite file as a history: the letters MQH1."""
VERSION = 1
"""Of the tables, kept in ``user_version``; 0 is a file without any."""

TABLES = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        suite TEXT NOT NULL,
        started TEXT NOT NULL,
        verdict TEXT NOT NULL,
        reference TEXT NOT NULL,
        accepted TEXT,
        facts TEXT NOT NULL
    )
    """,
    "CREATE INDEX runs_by_suite ON runs (suite, started, id)",
    """
    CREATE TABLE variants (
        run INTEGER NOT NULL REFERENCES runs (id),
        place INTEGER NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        verdict TEXT,
        facts TEXT NOT NULL,
        PRIMARY KEY (run, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE measures (
        run INTEGER NOT NULL,
        variant TEXT NOT NULL,
        metric TEXT NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (run, variant, metric),
        FOREIGN KEY (run, variant) REFERENCES variants (run, name)
    ) WITHOUT ROWID
    """,
)
"""One row a run; one a run and variant; one a run, variant and metric."""

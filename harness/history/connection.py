"""Opening a history file: its log, its version, and its complaints in our words."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.core.errors import ReportError
from harness.history.schema import APPLICATION_ID, TABLES, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE = 60.0  # seconds that a writer waits for others
_PAUSE = 0.02
_HEADER = b"SQLite format 3\0"


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open a history file.

    Args:
        path: The file.
        create: Whether a missing one is made, with its folder.

    Raises:
        ReportError: It is missing, is no history, is of a newer version, or cannot
            be opened.
    """
    check_file(path, create=create)
    with told(path):
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        with told(path):
            _prepare(path, connection, create=create)
    except BaseException:
        connection.close()
        raise
    return connection


def check_file(path: Path, *, create: bool) -> None:
    """Refuse at once what cannot be a history file: to be called before a long run.

    Raises:
        ReportError: It is missing and must not be, or it is something else.
    """
    if path.is_dir():
        raise ReportError(
            f"{path} is a folder, not a history file",
            hint="name a file, such as reports/history.sqlite",
        )
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_HEADER))
    except FileNotFoundError as error:
        if create:
            return
        raise ReportError(
            f"there is no history file {path}",
            hint="harness run SUITE --history writes one, pytest writes one into its"
            " report folder; --db names it",
        ) from error
    except OSError as error:
        raise ReportError(
            f"cannot read history {path}: {error.strerror or error}",
            hint="name a file that can be read",
        ) from error
    if head and head != _HEADER:
        raise _no_history(path)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What SQLite and the system complain of, in our words.

    Raises:
        ReportError: In place of theirs.
    """
    try:
        yield
    except (OSError, sqlite3.Error, ValueError) as error:
        raise ReportError(
            f"history {path}: {error}",
            hint="name a file in a folder that exists and is writable; a damaged one"
            " can be moved away, and a new one is made",
        ) from error


@contextmanager
def transaction(
    connection: sqlite3.Connection, kind: str = "IMMEDIATE"
) -> Iterator[None]:
    """All or nothing; a writer's lock is taken at once, so that no work is lost."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare(path: Path, connection: sqlite3.Connection, *, create: bool) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    # A machine may lose power right after the night's run.
    connection.execute("PRAGMA synchronous = FULL")
    if create:
        _write_ahead(connection)
        with transaction(connection):
            _migrate(path, connection)
    if _version(path, connection) != VERSION:
        raise _no_history(path)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Where the file system cannot, SQLite keeps its usual journal: safe too."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # This one statement does not wait by itself for other processes.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    if _version(path, connection) == VERSION:
        return
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise _no_history(path)
    for table in TABLES:
        connection.execute(table)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(path: Path, connection: sqlite3.Connection) -> int:
    """0 for a file without tables, and for one that is not ours."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner != APPLICATION_ID:
        return 0
    if version > VERSION:
        raise ReportError(
            f"{path} is a history of version {version}; this harness reads {VERSION}",
            hint="pip install --upgrade model-quality-harness",
        )
    return int(version)


def _no_history(path: Path) -> ReportError:
    return ReportError(
        f"{path} is no history of model quality",
        hint="harness run SUITE --history FILE writes one",
    )

"""A worker process: opens the work, and runs spans until nobody asks."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.core.parents import die_with_the_parent

if TYPE_CHECKING:
    from harness.engines.protocol import Hands, Work


def serve(fd: int) -> None:
    """Answer until the connection closes, then end the process.

    Args:
        fd: Of the connection that it inherits. Through it comes the work; then spans
            to run, a tuple at a time. Errors of the harness go back as they are.
    """
    os.set_inheritable(fd, False)
    die_with_the_parent()
    connection = Connection(fd)
    try:
        work: Work = connection.recv()
        with work.open() as hands:
            _run(connection, hands)
    except HarnessError as error:
        connection.send(error)
    except OSError:
        pass  # nobody is there to hear it
    sys.stdout.flush()
    sys.stderr.flush()
    # Runtimes tear down threads at exit, and some hang there.
    os._exit(0)


def _run(connection: Connection, hands: Hands) -> None:
    connection.send(hands.introduce())
    while spans := _asked(connection):
        for answer in hands.run(spans):
            connection.send(answer)


def _asked(connection: Connection) -> tuple[slice, ...]:
    """The spans to run next; none where nobody will ask again."""
    try:
        spans: tuple[slice, ...] = connection.recv()
    except EOFError:
        return ()
    return spans

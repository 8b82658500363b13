"""What a program writes to a terminal."""

import os
import pty
import subprocess


def seen_on_a_terminal(command, folder, environment, *streams):
    """Run a command with some of its streams on a terminal, to its end.

    Returns:
        What the terminal was told, what a stdout that is none was told, and the exit
        code.
    """
    ours, theirs = pty.openpty()
    places = {"stdout": subprocess.PIPE, **dict.fromkeys(streams, theirs)}
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, **places
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    out, _ = process.communicate()
    return b"".join(parts).decode(), (out or b"").decode(), process.returncode

"""Paths that a file names: followed inside its own folder, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from harness.core.errors import UnsafeModelError


def path_inside(folder: Path, location: str, what: str) -> Path:
    """The path under `folder` that `location` names, whether it exists or not.

    Judged by its text alone: a path that leaves the folder is the file's doing, a
    link inside the folder is the user's (caches of models are made of links).

    Args:
        folder: The folder that it must lie in.
        location: A relative path as a model file writes it.
        what: What asks for it, for the message.

    Raises:
        UnsafeModelError: The path is empty or absolute, or leaves the folder.
    """
    # A path that one system takes for a name must not leave the folder on the next.
    portable = PureWindowsPath(location)
    inside = os.path.normpath(portable.as_posix())
    leaves = inside == os.curdir or Path(inside).parts[0] == os.pardir
    if portable.anchor or leaves or "\0" in location:
        raise UnsafeModelError(
            f"{what} points to {location!r}, which is no file inside of {folder}",
            hint="save the model again with its data files beside it",
        )
    return folder / inside

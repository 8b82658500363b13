"""Whether a run met a suite, and the folder in which xdist's workers share results."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

_KEY = "quality_folder"
_FOLDER = pytest.StashKey[Path]()
_MET = pytest.StashKey[bool]()
SUFFIX = ".outcome.json"


def note_suite(config: pytest.Config) -> None:
    """Remember that this process collected a suite."""
    config.stash[_MET] = True


def met_suite(config: pytest.Config) -> bool:
    """Whether this process collected a suite, or a worker has evaluated one."""
    folder = config.stash.get(_FOLDER, None)
    shared = folder is not None and any(folder.glob(f"*{SUFFIX}"))
    return shared or config.stash.get(_MET, False)


def offer_folder(node: Any) -> None:
    """On the controller: tell a worker that is about to start where the folder is.

    Args:
        node: xdist's ``WorkerController``.
    """
    stash = node.config.stash
    if _FOLDER not in stash:
        stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="quality-"))
    node.workerinput[_KEY] = str(stash[_FOLDER])


def shared_folder(config: pytest.Config) -> Path | None:
    """The folder of this run; None where one process does everything."""
    if is_worker(config):
        found = vars(config)["workerinput"].get(_KEY)
        return Path(found) if found else None
    return config.stash.get(_FOLDER, None)


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of xdist's workers."""
    return hasattr(config, "workerinput")


def remove_folder(config: pytest.Config) -> None:
    """On the controller: clean up."""
    if not is_worker(config) and _FOLDER in config.stash:
        shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)

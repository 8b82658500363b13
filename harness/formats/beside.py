"""The other file of a model that is two: its text beside its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from pathlib import Path


def beside(path: Path, suffix: str, what: str, instead: str = "") -> Path:
    """The file of `suffix` that belongs to `path`.

    The one of the same name; else the only one of its suffix, or the only one with
    "deploy" in its name.

    Args:
        path: Either file of a model.
        suffix: Of the other one.
        what: What it holds, for the message.
        instead: What a reader may do beside calling it by the same name.

    Raises:
        ModelLoadError: It is not there, or could be one of several.
    """
    same = path.with_suffix(suffix)
    if same.is_file():
        return same
    found = sorted(path.parent.glob(f"*{suffix}"))
    likely = [file for file in found if "deploy" in file.name] or found
    if len(likely) == 1:
        return likely[0]
    names = ", ".join(file.name for file in found)
    seen = f"it could be any of {names}" if names else f"no {suffix} lies beside it"
    raise ModelLoadError(
        f"{path}: {what} is not known: {seen}", hint=f"{instead}call it {same.name}"
    )

"""What is refused whatever backend is to run it: no model at all, or out of bounds."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from harness.core.errors import UnsafeModelError, UnsupportedFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.backends.forms.look import Look

MAX_FILE = 64 << 30
"""Bytes of one file: more than any model that one machine runs."""
MAX_MESSAGE = (2 << 30) - 1
"""Bytes of a protobuf message: its own lengths end there."""
_GIT_LFS = b"version https://git-lfs"


def refuse_no_model(look: Look) -> None:
    """Let a path pass that may be a model: a folder, a prefix, or a bounded file.

    Raises:
        UnsupportedFormatError: It is a pipe or device, empty, or a Git LFS pointer.
        UnsafeModelError: It is larger than `MAX_FILE`.
        OSError: It cannot be read.
    """
    if look.is_folder or look.is_prefix:
        return
    if not stat.S_ISREG(look.path.stat().st_mode):
        # A pipe would be waited for, and a device has no end.
        raise UnsupportedFormatError(
            f"{look.path} is neither a file nor a folder",
            hint="name a model's file or folder",
        )
    if not look.head:
        raise UnsupportedFormatError(
            f"{look.path} is empty", hint="copy or export the model again"
        )
    if look.head.startswith(_GIT_LFS):
        raise UnsupportedFormatError(
            f"{look.path} is a Git LFS pointer, not the model itself",
            hint="fetch the file itself: git lfs pull",
        )
    check_size(look.path, look.size)


def check_size(path: Path, size: int, limit: int = MAX_FILE) -> None:
    """Let a file pass that is no larger than `limit` bytes.

    Raises:
        UnsafeModelError: It is larger.
    """
    if size > limit:
        hint = "is it the model? no runtime holds so much in one file"
        if limit == MAX_MESSAGE:
            hint = "keep the weights in files of their own, beside the graph"
        raise UnsafeModelError(
            f"{path} has {size:,} bytes; {limit:,} is the most that is read", hint=hint
        )

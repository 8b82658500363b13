"""What a reader of bytes says of a file, as an error of a model that is loaded."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.formats.malformed import Malformed, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def reading(path: Path | str, title: str) -> Iterator[None]:
    """Read a model's file inside, before a runtime does.

    Args:
        path: The file, for messages.
        title: What it should be ("LiteRT model").

    Raises:
        UnsafeModelError: What is read is out of all bounds.
        ModelLoadError: It is damaged, or cannot be read.
    """
    try:
        yield
    except OutOfBounds as error:
        raise UnsafeModelError(
            f"{path}: {error}",
            hint="export the model again; no exporter writes such a file, and what one"
            " did write was changed",
        ) from error
    except Malformed as error:
        raise ModelLoadError(
            f"{path} is no whole {title}: {error}",
            hint="the file was cut short or changed; copy or export it again",
        ) from error
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check the file, and who may read it",
        ) from error

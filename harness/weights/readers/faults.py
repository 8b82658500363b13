"""What readers of weights say of files and tensors that cannot be read."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from harness.core.errors import ModelLoadError
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")
_HINT = "export or copy the model again; it may have been cut short"


@contextmanager
def reading(path: Path, title: str) -> Iterator[None]:
    """Turns what goes wrong with a file into one kind of error.

    Args:
        path: The file or folder.
        title: What its form is called.

    Raises:
        ModelLoadError: The body finds the file missing, cut short or damaged.
    """
    try:
        yield
    except Malformed as error:
        raise ModelLoadError(
            f"{path} is no whole {title}: {error}", hint=_HINT
        ) from error
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check the path of the model",
        ) from error


def loader(path: Path, name: str, read: Callable[[], T]) -> Callable[[], T]:
    """`read`, whose errors name file and tensor.

    Args:
        path: The file that the numbers lie in.
        name: The tensor.
        read: Raises Malformed or OSError.
    """
    return partial(_load, path, name, read)


def broken(path: Path, name: str, why: object) -> ModelLoadError:
    """The error of one tensor."""
    return ModelLoadError(f"{path}: tensor {name!r}: {why}", hint=_HINT)


def _load(path: Path, name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (Malformed, OSError) as error:
        raise broken(path, name, error) from error

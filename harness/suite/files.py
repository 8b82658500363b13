"""Where suite files lie, and what is in them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "quality.toml"
FILE_PATTERNS = (FILE_NAME, f"*.{FILE_NAME}")
_MAX_BYTES = 1 << 20


def find_suite(path: Path) -> Path:
    """The suite file that `path` means: itself, or ``quality.toml`` in the folder.

    Raises:
        SuiteError: There is none, or the folder holds several and no plain one.
    """
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:
        raise _unreadable(path, error) from error
    if is_file:
        return path
    if not is_folder:
        raise SuiteError(
            f"{path}: no such suite file or folder",
            hint=f"name a {FILE_NAME} or the folder that holds it",
        )
    if (path / FILE_NAME).is_file():
        return path / FILE_NAME
    found = sorted(path.glob(FILE_PATTERNS[1]))
    if len(found) == 1:
        return found[0]
    seen = ", ".join(f.name for f in found) or "none"
    raise SuiteError(
        f"{path}: no single suite file here (found: {seen})",
        hint=f"name the file, or add a {FILE_NAME}",
    )


def read_text(file: Path) -> str:
    """The text of a suite file.

    Raises:
        SuiteError: It cannot be read, is not UTF-8, or is far too large.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SuiteError(
                f"{file} is larger than {_MAX_BYTES} bytes",
                hint="a suite file holds a few lines a variant; is it the right file?",
            )
        # utf-8-sig: some editors put a byte order mark in front.
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def parse(file: Path, text: str) -> dict[str, object]:
    """What its TOML holds.

    Raises:
        SuiteError: It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # ValueError: TOMLDecodeError, and what int() says of thousands of digits.
        raise SuiteError(
            f"{file} is not TOML: {error}", hint="mend the line that is named"
        ) from error


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> SuiteError:
    reason = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
    return SuiteError(
        f"{file} cannot be read: {reason}", hint="give a readable UTF-8 TOML file"
    )

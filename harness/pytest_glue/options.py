"""Command line, ini keys and markers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from harness.core.specs import Missing

DEFAULT_FOLDER = "reports"
_MISSING = ("skip", "fail")
_MARKERS = {
    "quality": "a check of a model variant, collected from a quality.toml",
    "original": "a check of a variant of kind original",
    "converted": "a check of a variant of kind converted",
    "frozen": "a check of a variant of kind frozen",
    "optimized": "a check of a variant of kind optimized",
    "quantized": "a check of a variant of kind quantized",
}


@dataclass(frozen=True)
class Settings:
    """What the command line and the ini file ask for.

    Attributes:
        folder: Where reports are written.
        missing: What becomes of a variant whose runtime is not installed.
    """

    folder: Path
    missing: Missing


def add_options(parser: pytest.Parser) -> None:
    """Declare ``--quality-*`` and ``quality_*``."""
    group = parser.getgroup("quality", "model quality")
    group.addoption(
        "--quality-report",
        metavar="DIR",
        help="write the HTML and JSON report of each quality suite into DIR"
        " (default: the ini key quality_report, else reports/ in the root folder)",
    )
    group.addoption(
        "--quality-missing",
        choices=_MISSING,
        help="what to do with a variant whose runtime is not installed"
        " (default: the ini key quality_missing, else skip)",
    )
    parser.addini(
        "quality_report",
        "folder for quality reports, relative to the root folder",
        default=DEFAULT_FOLDER,
    )
    parser.addini(
        "quality_missing",
        "skip or fail a variant whose runtime is not installed",
        default="skip",
    )


def add_markers(config: pytest.Config) -> None:
    """Register what ``-m`` may name, so that ``--strict-markers`` holds."""
    for name, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def settings_of(config: pytest.Config) -> Settings:
    """The settings of this run; an option goes before its ini key.

    Raises:
        pytest.UsageError: An ini key holds what is not allowed.
    """
    missing = config.getoption("quality_missing") or config.getini("quality_missing")
    if missing not in _MISSING:
        allowed = " or ".join(_MISSING)
        raise pytest.UsageError(f"quality_missing is {missing!r}; allowed is {allowed}")
    return Settings(_folder(config), cast("Missing", missing))


def _folder(config: pytest.Config) -> Path:
    # As with --junitxml, a path on the command line starts where the user stands.
    if given := config.getoption("quality_report"):
        return config.invocation_params.dir / Path(given).expanduser()
    return config.rootpath / Path(config.getini("quality_report")).expanduser()

"""Command line, ini keys and markers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

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
        baseline: Report of the accepted release, or a folder of such; None for none.
        update: Which recordings are made again: "all" or those that are "new"; None
            for none.
        reason: Why, where recordings change.
    """

    folder: Path
    missing: Missing
    baseline: Path | None = None
    update: Literal["all", "new"] | None = None
    reason: str | None = None


def add_options(parser: pytest.Parser) -> None:
    """Declare ``--quality-*`` and ``quality_*``."""
    group = parser.getgroup("quality", "model quality")
    group.addoption(
        "--quality-report",
        metavar="DIR",
        help="write each suite's HTML and JSON, and the history of runs, into DIR"
        " (default: the ini key quality_report, else reports/ in the root folder)",
    )
    group.addoption(
        "--quality-missing",
        choices=_MISSING,
        help="what to do with a variant whose runtime is not installed"
        " (default: the ini key quality_missing, else skip)",
    )
    group.addoption(
        "--quality-baseline",
        metavar="PATH",
        help="JSON report of the accepted release, or a folder of such: no metric may"
        " fall behind it (default: the ini key quality_baseline, else none)",
    )
    group.addoption(
        "--quality-update",
        action="store_true",
        help="record again what suites keep recorded, and remove what no variant"
        " uses; needs --quality-reason where answers change",
    )
    group.addoption(
        "--quality-update-new-only",
        action="store_true",
        help="record what is missing, and touch no other recording",
    )
    group.addoption(
        "--quality-reason",
        metavar="TEXT",
        help="why recordings change; kept in them",
    )
    parser.addini(
        "quality_baseline",
        "report of the accepted release, relative to the root folder",
        default="",
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
    return Settings(
        folder=_folder(config),
        missing=cast("Missing", missing),
        baseline=_baseline(config),
        update=_update(config),
        reason=config.getoption("quality_reason"),
    )


def _update(config: pytest.Config) -> Literal["all", "new"] | None:
    # The narrower wish wins where both are there.
    if config.getoption("quality_update_new_only"):
        return "new"
    return "all" if config.getoption("quality_update") else None


def _baseline(config: pytest.Config) -> Path | None:
    if given := config.getoption("quality_baseline"):
        return config.invocation_params.dir / Path(given).expanduser()
    named = config.getini("quality_baseline")
    return config.rootpath / Path(named).expanduser() if named else None


def _folder(config: pytest.Config) -> Path:
    # As with --junitxml, a path on the command line starts where the user stands.
    if given := config.getoption("quality_report"):
        return config.invocation_params.dir / Path(given).expanduser()
    return config.rootpath / Path(config.getini("quality_report")).expanduser()

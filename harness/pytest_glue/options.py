"""Command line, ini keys and markers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import pytest

if TYPE_CHECKING:
    from harness.core.specs import Missing

DEFAULT_FOLDER = "reports"
DEFAULT_CACHE = ".quality-cache"
_MISSING = ("skip", "fail")
_ENGINES = ("local", "dask")
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
        engine: Who runs the parts of a suite.
        workers: How many; None as of `RunOptions`.
        cluster: Address of a cluster that is there already.
        cache: Where what is found is kept for the next run; None keeps nothing.
        cache_bytes: Most bytes that it may hold; None takes the usual.
        budget_seconds: How long a suite may take; None has it run over all samples.
    """

    folder: Path
    missing: Missing
    baseline: Path | None = None
    update: Literal["all", "new"] | None = None
    reason: str | None = None
    engine: str = "local"
    workers: int | None = None
    cluster: str | None = None
    cache: Path | None = None
    cache_bytes: int | None = None
    budget_seconds: float | None = None


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
    _add_update(group)
    _add_speed(group)
    _add_keys(parser)


def _add_update(group: pytest.OptionGroup) -> None:
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


def _add_speed(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--quality-engine",
        choices=_ENGINES,
        help="who runs the parts of a suite: processes here, or a dask cluster"
        " (default: the ini key quality_engine, else local)",
    )
    group.addoption(
        "--quality-workers",
        metavar="N",
        help="how many run parts beside each other; the report is the same"
        " (default: the ini key quality_workers, else as many as are measured to help)",
    )
    group.addoption(
        "--quality-cluster",
        metavar="ADDRESS",
        help="of a dask scheduler that is there already",
    )
    group.addoption(
        "--quality-cache",
        nargs="?",
        const="",
        metavar="DIR",
        help="keep what is found, and compute nothing again while all that it depends"
        f" on stays as it is; in {DEFAULT_CACHE} in the root folder unless DIR is named"
        " (default: the ini key quality_cache, else nothing is kept)",
    )
    group.addoption(
        "--quality-budget",
        metavar="TIME",
        help="stop each suite when every check is decided, or after this long: 5m, 90s"
        " (default: the ini key quality_budget, else all samples are run)",
    )


def _add_keys(parser: pytest.Parser) -> None:
    parser.addini("quality_budget", "how long a suite may take: 5m", default="")
    parser.addini(
        "quality_cache",
        "folder that keeps what is found, relative to the root folder",
        default="",
    )
    parser.addini("quality_cache_size", "most that it may hold: 10GB", default="")
    parser.addini("quality_engine", "local or dask", default="local")
    parser.addini("quality_workers", "how many run parts of a suite", default="")
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
        engine=_engine(config),
        workers=_workers(config),
        cluster=config.getoption("quality_cluster"),
        cache=_cache(config),
        cache_bytes=_cache_bytes(config),
        budget_seconds=_budget(config),
    )


def _budget(config: pytest.Config) -> float | None:
    asked = config.getoption("quality_budget") or config.getini("quality_budget")
    if not asked:
        return None
    from harness.core.sizes import parse_budget

    try:
        return parse_budget(asked)
    except ValueError as error:
        raise pytest.UsageError(f"quality_budget: {error}") from error


def _cache(config: pytest.Config) -> Path | None:
    given = config.getoption("quality_cache")
    if given:
        return config.invocation_params.dir / Path(given).expanduser()
    named = config.getini("quality_cache")
    if given is None and not named:
        return None
    return config.rootpath / Path(named or DEFAULT_CACHE).expanduser()


def _cache_bytes(config: pytest.Config) -> int | None:
    named = config.getini("quality_cache_size")
    if not named:
        return None
    from harness.core.sizes import parse_bytes

    try:
        return parse_bytes(named)
    except ValueError as error:
        raise pytest.UsageError(f"quality_cache_size: {error}") from error


def _engine(config: pytest.Config) -> str:
    engine = config.getoption("quality_engine") or config.getini("quality_engine")
    if engine not in _ENGINES:
        allowed = " or ".join(_ENGINES)
        raise pytest.UsageError(f"quality_engine is {engine!r}; allowed is {allowed}")
    if config.getoption("quality_cluster") and engine == "local":
        raise pytest.UsageError("--quality-cluster is for --quality-engine=dask")
    return str(engine)


def _workers(config: pytest.Config) -> int | None:
    asked = config.getoption("quality_workers") or config.getini("quality_workers")
    if not asked:
        return None
    if not asked.isdecimal() or int(asked) < 1:
        raise pytest.UsageError(f"quality_workers is {asked!r}; allowed is 1 or more")
    return int(asked)


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

"""Forms of golden data: how each is told, and which file reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError, MissingDependencyError, MissingGoldenError
from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from pathlib import Path

    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Table, TableOpener

FORMS: Registry[TableOpener] = Registry(
    "form of golden data",
    {
        "csv": LazyEntry("harness.golden.csv_:open_csv", requires=("pandas",)),
        "images": LazyEntry(
            "harness.golden.images:open_images", requires=("PIL",), extra="images"
        ),
        "manifest": LazyEntry("harness.golden.manifest:open_manifest"),
        "numpy": LazyEntry("harness.golden.stored:open_stored"),
        "onnx": LazyEntry("harness.golden.onnx_sets:open_sets", requires=("onnx",)),
        "parquet": LazyEntry(
            "harness.golden.parquet_:open_parquet",
            requires=("pyarrow",),
            extra="parquet",
        ),
        "tar": LazyEntry("harness.golden.tar_:open_tar"),
    },
)
PARQUET = (".parquet", ".pq")
IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
TAR = ".tar"
ONNX_SET = "test_data_set_"
_SECRETS = re.compile(r"(?<=://)[^/@]*:[^/@]*@(?=[^/]+)|\?.*")
_MANIFEST = "manifest.json"
_SUFFIXES = {
    ".csv": "csv",
    ".npy": "numpy",
    ".npz": "numpy",
    ".tsv": "csv",
    TAR: "tar",
    **dict.fromkeys(PARQUET, "parquet"),
}


def open_table(path: Path, naming: Naming, options: Options) -> Table:
    """Open golden data of any form.

    Raises:
        MissingGoldenError: They are not there, or hold no samples.
        GoldenError: Nobody knows the form, its reader is not installed, or the data
            are damaged.
        SuiteError: An option is unknown, or not what is allowed.
    """
    form = form_of(path)
    require_form(form, path)
    return FORMS.get(form)(path, naming, options)


def require_form(form: str, path: Path) -> None:
    """Make sure that what reads a form is installed.

    Raises:
        GoldenError: It is not; the hint installs it.
    """
    try:
        FORMS.require(form)
    except MissingDependencyError as error:
        raise GoldenError(f"{path}: {error.message}", hint=error.hint) from error


def require_remote(url: str) -> None:
    """Make sure that what reads URLs is installed.

    Raises:
        GoldenError: It is not; the hint installs it.
    """
    entry = LazyEntry(
        "harness.golden.remote:open_remote", requires=("fsspec",), extra="remote-data"
    )
    if entry.missing():
        scheme = url.partition("://")[0]
        raise GoldenError(
            f"golden data behind {scheme}:// need fsspec, which is not installed",
            hint=entry.install_hint(),
        )


def without_secrets(url: str) -> str:
    """The URL without password and query, fit for a report that everybody reads."""
    return _SECRETS.sub("", url)


def form_of(path: Path) -> str:
    """The form of golden data at a path, by names alone.

    Raises:
        MissingGoldenError: Nothing is there.
        GoldenError: Nobody knows the form.
    """
    if path.is_dir():
        return _folder_form(path)
    if not path.exists() and path.suffix.lower() == TAR and "{" in path.name:
        return "tar"
    if not path.exists():
        raise MissingGoldenError(
            f"{path} does not exist", hint="check the path, or create the data"
        )
    form = _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise GoldenError(
            f"golden data {path} is neither a folder nor of a form that is known:"
            f" {', '.join(sorted(_SUFFIXES))}",
            hint="write the samples with numpy.savez, samples along the first axis",
        )
    return form


def _folder_form(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    if _MANIFEST in names:
        return "manifest"
    if folder.name.startswith(ONNX_SET) or any(n.startswith(ONNX_SET) for n in names):
        return "onnx"
    if any(path.suffix.lower() in IMAGES for path in folder.rglob("*")):
        return "images"
    if any(name.endswith(TAR) for name in names):
        return "tar"
    raise MissingGoldenError(
        f"{folder} holds no {_MANIFEST}, no {ONNX_SET}*, no tar files and no images",
        hint="name a folder of golden data, or make one: harness golden create",
    )

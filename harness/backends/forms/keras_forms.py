"""Keras models: archives, HDF5 files, JSON configurations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_HDF5 = b"\x89HDF\r\n\x1a\n"
_JSON = re.compile(r'\s*\{(?=.*"class_name")(?=.*"config")', re.DOTALL)


def _is_archive(look: Look) -> bool:
    return not look.is_folder and "config.json" in look.names


def _is_hdf5(look: Look) -> bool:
    return look.head.startswith(_HDF5)


def _is_json(look: Look) -> bool:
    return look.text is not None and _JSON.match(look.text) is not None


FORMS = (
    Form(
        name="keras",
        title="a Keras archive",
        suffixes=(".keras",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_archive,
        backend="keras",
    ),
    Form(
        name="hdf5",
        title="an HDF5 file",
        suffixes=(".h5", ".hdf5", ".keras"),
        evidence=Evidence.MAGIC,
        recognise=_is_hdf5,
        backend="keras",
    ),
    Form(
        name="keras-json",
        title="a Keras configuration as JSON",
        suffixes=(".json",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_json,
        backend="keras",
    ),
)

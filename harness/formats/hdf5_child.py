"""What an HDF5 file holds, or the values of one array: a process of its own.

The HDF5 library is native code that damaged files can crash or hang, so that nothing
else may live in the process that opens one. No links are followed.

Run as ``python -P -m harness.formats.hdf5_child FILE ENTRY [ARRAY]``, where the entry
is that of an archive, or nothing. Without an array: names, shapes and places as a line
of JSON. With one: its values as bytes.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import h5py
import numpy as np

from harness.core.archives import open_archive, open_entry
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_MAX_OBJECTS = 100_000
# A configuration is text of some MB at most.
_MAX_ATTRIBUTE = 64 << 20
# Keras does not pack its weights; who does gets them unpacked up to here.
_MAX_PACKED = 1 << 30
# Deflate packs at most 1032 to 1. Up to the size, data may be packed as it likes.
_ANY_RATIO, _MAX_RATIO = 1 << 30, 200


def main(path: str, entry: str = "", array: str = "") -> None:
    """Print what the file, or an entry of the archive, holds.

    Values come as they are stored; the code 1 and one line say that they cannot be
    read.
    """
    try:
        with _source(Path(path), entry) as source, h5py.File(source, "r") as file:
            if array:
                _values(file[array])
            else:
                sys.stdout.write(json.dumps(_listing(file)))
    except HarnessError as error:
        _fail(error.message)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        _fail(str(error))


def _fail(why: str) -> None:
    sys.stdout.write(json.dumps({"error": why}))
    sys.exit(1)


def _source(path: Path, entry: str) -> AbstractContextManager[Path | IO[bytes]]:
    if not entry:
        return nullcontext(path)
    with open_archive(path) as archive:
        stream = open_entry(path, archive, entry, _MAX_PACKED)
    if stream is None:
        raise ValueError(f"{entry} is packed, and larger than {_MAX_PACKED >> 30} GiB")
    return stream


def _listing(file: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"texts": {}, "names": {}, "arrays": [], "safety": []}
    for name in sorted(file.attrs):
        text = _text(file, name)
        if text is not None:
            found["texts"][name] = text
    _walk(file, found)
    return found


def _text(item: Any, name: str) -> str | None:
    """An attribute that is a text; None where it is not, or not there."""
    if name not in item.attrs:
        return None
    if item.attrs.get_id(name).get_storage_size() > _MAX_ATTRIBUTE:
        raise ValueError(f"attribute {name!r} is larger than 64 MiB")
    value = item.attrs[name]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return value if isinstance(value, str) else None


def _walk(file: Any, found: dict[str, Any]) -> None:
    """Each object once, whatever links lead to it; links to other files not at all."""
    waiting, seen = [("", file)], set()
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            where = f"{prefix}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                found["safety"].append(f"{where} links into the file {link.filename!r}")
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MAX_OBJECTS:
                raise ValueError(f"it has more than {_MAX_OBJECTS:,} objects")
            if isinstance(item, h5py.Group):
                waiting.append((where, item))
                if (text := _text(item, "name")) is not None:
                    found["names"][where] = text
            elif isinstance(item, h5py.Dataset):
                _array(where, item, found)


def _array(where: str, item: Any, found: dict[str, Any]) -> None:
    outside = False
    for name, *_ in item.external or ():
        found["safety"].append(f"{where} keeps its values in the file {name!r}")
        outside = True
    if item.is_virtual:
        found["safety"].append(f"{where} is put together from other files")
        outside = True
    if item.shape is None:
        return
    # Only numbers that lie in one piece have a place.
    plain = item.dtype.kind in "biufV" and not outside
    found["arrays"].append(
        {
            "name": where,
            "dtype": _dtype(item),
            "stored": item.dtype.str,
            "shape": [int(length) for length in item.shape],
            "offset": item.id.get_offset() if plain else None,
        }
    )


def _dtype(item: Any) -> str:
    if item.dtype.kind in "OSU":
        return "str"
    # Keras tells bfloat16, which HDF5 does not have, by an attribute.
    if item.dtype.kind == "V" and item.dtype.itemsize == 2:
        return _text(item, "dtype") or str(item.dtype.name)
    return str(item.dtype.name)


def _values(item: Any) -> None:
    stored = max(1, item.id.get_storage_size())
    if item.nbytes > _ANY_RATIO and item.nbytes > _MAX_RATIO * stored:
        raise ValueError(
            f"it would unpack to {item.nbytes:,} bytes from {stored:,}, as a"
            " decompression bomb does"
        )
    values = np.ascontiguousarray(item[()])
    sys.stdout.buffer.write(values.view(np.uint8).data if values.size else b"")


if __name__ == "__main__":
    main(*sys.argv[1:])

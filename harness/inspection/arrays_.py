"""Facts of numpy's files and of recorded outputs, from their headers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.archives import open_archive
from harness.core.protocols import TensorSpec
from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed
from harness.formats.npy import read_header
from harness.inspection.tally import Weights

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import IO

    from harness.core.model_facts import ModelFacts

_MAX_RECORDING = 64 << 20
_OBJECTS = "{} holds Python objects, which only a pickle can carry: it is never loaded"
_NO_MODEL = "operators and weights: it holds arrays and no model"


def inspect_npy(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.npy`` file.

    Raises:
        Malformed: Its header is cut short or damaged.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return _facts([_header(path.stem, stream)], facts)


def inspect_npz(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.npz`` archive.

    Raises:
        Malformed: A header is cut short or damaged.
        ModelLoadError: The archive is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    specs = []
    with open_archive(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                specs.append(_header(name.removesuffix(".npy"), member))
    return _facts(specs, facts)


def inspect_recording(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a folder of recorded outputs.

    Raises:
        Malformed: Its recording.json is damaged.
        OSError: It cannot be read.
    """
    file = path / "recording.json"
    if file.stat().st_size > _MAX_RECORDING:
        raise Malformed("its recording.json is larger than 64 MiB")
    content = parse_json(file.read_bytes(), "recording.json")
    if not isinstance(content, dict):
        raise Malformed("its recording.json is no JSON object")
    scalars = {
        k: str(v) for k, v in content.items() if isinstance(v, (str, int, float))
    }
    return replace(facts, metadata=dict(sorted(scalars.items())), not_read=(_NO_MODEL,))


def _facts(specs: Iterable[TensorSpec], facts: ModelFacts) -> ModelFacts:
    found = tuple(specs)
    weights = Weights()
    for spec in found:
        weights.add(spec.dtype, [n for n in spec.shape or () if isinstance(n, int)])
    objects = [spec.name for spec in found if spec.dtype == "object"]
    return replace(
        facts,
        outputs=found,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=tuple(_OBJECTS.format(name) for name in objects),
        not_read=(_NO_MODEL,),
    )


def _header(name: str, stream: IO[bytes]) -> TensorSpec:
    header = read_header(stream, name)
    text = header.dtype.kind in "SU"
    return TensorSpec(name, "str" if text else header.dtype.name, header.shape)

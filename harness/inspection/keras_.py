"""Facts of Keras models: archives, HDF5 files and JSON configurations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.core.archives import open_archive, read_entry
from harness.formats.hdf5 import read_hdf5
from harness.formats.json_text import parse_json
from harness.formats.keras_config import code_in, inputs_of, layers, outputs_of
from harness.formats.malformed import Malformed
from harness.inspection.hdf5_ import NOT_INSTALLED, weights_of
from harness.inspection.tally import counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path

    from harness.core.model_facts import ModelFacts
    from harness.formats.hdf5 import Hdf5

# A configuration is text of some KB; a larger one is not unpacked.
_MAX_CONFIG = 64 << 20
_SHAPES = "shapes of outputs: Keras computes them when it builds the model"
_WEIGHTS = "model.weights.h5"


def inspect_archive(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.keras`` archive.

    Raises:
        Malformed: Its configuration or weights cannot be read.
        ModelLoadError: The archive is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        facts = replace(facts, producer=_producer(archive))
        text = read_entry(archive, "config.json", _MAX_CONFIG)
        if text is None:
            limit = f"layers: config.json is larger than {_MAX_CONFIG >> 20} MiB"
            return replace(facts, not_read=(limit,))
        facts = _configured(parse_json(text, "config.json"), facts)
        assets = sorted(n for n in archive.namelist() if n.startswith("assets/"))
        facts = replace(facts, metadata={"assets": ", ".join(assets)} if assets else {})
        if _WEIGHTS not in archive.namelist():
            return facts
    return _weighed(read_hdf5(path, _WEIGHTS), facts)


def inspect_hdf5(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of an HDF5 file: a whole model of Keras, or weights.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    found = read_hdf5(path)
    if found is None:
        return replace(facts, not_read=("layers", NOT_INSTALLED))
    facts = _weighed(found, facts)
    version = found.texts.get("keras_version")
    facts = replace(facts, producer=f"keras {version}" if version else None)
    config = found.texts.get("model_config")
    if config is None:
        return replace(facts, not_read=("layers: the file holds weights only",))
    return _configured(parse_json(config, "model_config"), facts)


def inspect_json(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a configuration by itself.

    Raises:
        Malformed: It is no JSON, or larger than 64 MiB.
        OSError: It cannot be read.
    """
    if path.stat().st_size > _MAX_CONFIG:
        raise Malformed(f"it is larger than {_MAX_CONFIG >> 20} MiB")
    config = parse_json(path.read_bytes(), "it")
    version = config.get("keras_version") if isinstance(config, dict) else None
    facts = _configured(config, facts)
    return replace(
        facts,
        producer=f"keras {version}" if version else None,
        not_read=(*facts.not_read, "weights: they are in a file of their own"),
    )


def _configured(config: Any, facts: ModelFacts) -> ModelFacts:
    operators = counted(str(entry["class_name"]) for entry in layers(config))
    return replace(
        facts,
        inputs=inputs_of(config),
        outputs=outputs_of(config),
        operators=operators,
        safety=(*facts.safety, *dict.fromkeys(code_in(config))),
        portability=traps_in(operators),
        not_read=(*facts.not_read, _SHAPES),
    )


def _weighed(found: Hdf5 | None, facts: ModelFacts) -> ModelFacts:
    if found is None:
        return replace(facts, not_read=(*facts.not_read, NOT_INSTALLED))
    weights = weights_of(found)
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=(*facts.safety, *found.safety),
    )


def _producer(archive: zipfile.ZipFile) -> str | None:
    text = read_entry(archive, "metadata.json", _MAX_CONFIG)
    metadata = parse_json(text, "metadata.json") if text else None
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return f"keras {version}" if version else None

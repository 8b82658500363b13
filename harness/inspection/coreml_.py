"""Facts of a Core ML model or package; it can be read anywhere, and run on macOS.

Field numbers are those of coremltools/mlmodel/format/Model.proto and its imports.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.containment import path_inside
from harness.core.errors import UnsafeModelError
from harness.core.model_facts import DataFile
from harness.core.protocols import TensorSpec
from harness.formats.coreml_package import items_of
from harness.formats.malformed import Malformed
from harness.formats.wire import Message, mapped
from harness.inspection.tally import counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

# Model.Type, the kinds that hold code of others or other files among them.
_KINDS = {
    200: "pipelineClassifier",
    201: "pipelineRegressor",
    202: "pipeline",
    300: "glmRegressor",
    301: "supportVectorRegressor",
    302: "treeEnsembleRegressor",
    303: "neuralNetworkRegressor",
    400: "glmClassifier",
    401: "supportVectorClassifier",
    402: "treeEnsembleClassifier",
    403: "neuralNetworkClassifier",
    404: "kNearestNeighborsClassifier",
    500: "neuralNetwork",
    502: "mlProgram",
    555: "customModel",
    556: "linkedModel",
    600: "oneHotEncoder",
    601: "imputer",
    900: "identity",
}
_NETWORKS = (303, 403, 500)
_PROGRAM = 502
# NeuralNetworkLayer; later ones go by their numbers.
_LAYERS = {
    100: "convolution",
    120: "pooling",
    130: "activation",
    140: "innerProduct",
    150: "embedding",
    160: "batchnorm",
    165: "mvn",
    170: "l2normalize",
    175: "softmax",
    180: "lrn",
    190: "crop",
    200: "padding",
    210: "upsample",
    211: "resizeBilinear",
    212: "cropResize",
    220: "unary",
    230: "add",
    231: "multiply",
    240: "average",
    245: "scale",
    250: "bias",
    260: "max",
    261: "min",
    270: "dot",
    280: "reduce",
    290: "loadConstant",
    300: "reshape",
    301: "flatten",
    310: "permute",
    320: "concat",
    330: "split",
    340: "sequenceRepeat",
    345: "reorganizeData",
    350: "slice",
    400: "simpleRecurrent",
    410: "gru",
    420: "uniDirectionalLSTM",
    430: "biDirectionalLSTM",
    500: "custom",
}
_ARRAYS = {65568: "float32", 65600: "float64", 131104: "int32", 65552: "float16"}
_SCALARS = {1: "int64", 2: "float64", 3: "str"}
_RUN = "the model itself: Core ML runs on macOS only"
_PARTS = "weights: those of this form are not read yet"


def inspect_model(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.mlmodel`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        return _facts(Message(data), facts)


def inspect_package(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.mlpackage`` folder.

    Raises:
        Malformed: Its manifest names no model inside of it, or a file is damaged.
        OSError: It cannot be read.
    """
    files, unsafe = _files(path / "Data", items_of(path))
    model = next((f for f in files if f.location.endswith(".mlmodel")), None)
    if model is None or model.size_bytes is None:
        raise Malformed("its Manifest.json names no model that is there")
    facts = inspect_model(path / "Data" / model.location, facts)
    return replace(facts, data_files=files, safety=(*facts.safety, *unsafe))


def _files(
    folder: Path, names: list[str]
) -> tuple[tuple[DataFile, ...], tuple[str, ...]]:
    files, unsafe = [], []
    for name in names:
        try:
            file = path_inside(folder, name, "an item of Manifest.json")
        except UnsafeModelError as error:
            unsafe.append(error.message)
        else:
            size = file.stat().st_size if file.exists() else None
            files.append(DataFile(name, size))
    return tuple(files), tuple(unsafe)


def _facts(model: Message, facts: ModelFacts) -> ModelFacts:
    description = model.message(2)
    kinds = [number for number in model.numbered(200) if number in _KINDS]
    if not kinds:
        raise Malformed("it holds no kind of model that is known")
    operators = counted(_operators(model, kinds[0]))
    about = description.message(100)
    noted = {"author": about.text(3), "description": about.text(1)}
    noted |= {"version": about.text(2), "kind": _KINDS[kinds[0]]}
    return replace(
        facts,
        version=f"specification {model.integer(1)}",
        inputs=tuple(map(_spec, description.messages(1))),
        outputs=tuple(map(_spec, description.messages(10))),
        operators=operators,
        safety=tuple(_safety(kinds[0], operators)),
        portability=traps_in(operators),
        metadata={key: text for key, text in sorted(noted.items()) if text},
        not_read=(_PARTS, _RUN),
    )


def _operators(model: Message, kind: int) -> Iterator[str]:
    if kind in _NETWORKS:
        for layer in model.message(kind).messages(1):
            numbers = layer.numbered(100)
            number = numbers[0] if numbers else 0
            yield _LAYERS.get(number, f"layer {number}")
    elif kind == _PROGRAM:
        for _, function in model.message(kind).entries(2):
            # A function's blocks, by the name of their operator set.
            for _, block in function.entries(3):
                yield from (operation.text(1) for operation in block.messages(3))


def _safety(kind: int, operators: dict[str, int]) -> Iterator[str]:
    if _KINDS[kind] == "customModel" or "custom" in operators:
        yield "custom layers are classes of the app that loads the model"
    if _KINDS[kind] == "linkedModel":
        yield "it is a link to another model"


def _spec(feature: Message) -> TensorSpec:
    kind = feature.message(3)
    if kind.has(5):
        array = kind.message(5)
        dtype = _ARRAYS.get(array.integer(2), "unknown")
        return TensorSpec(feature.text(1), dtype, tuple(array.integers(1)) or None)
    if kind.has(4):
        image = kind.message(4)
        return TensorSpec(
            feature.text(1), "image", (image.integer(2), image.integer(1))
        )
    scalar = next(
        (name for field, name in _SCALARS.items() if kind.has(field)), "unknown"
    )
    return TensorSpec(feature.text(1), scalar, None)

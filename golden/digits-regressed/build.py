"""Make the broken candidates again: each carries one mistake that people really make.

    python golden/digits-regressed/build.py [--digits DIR] [--out DIR]

Needs the ``build`` extra, and the digits suite built before. With the same package
versions, two builds are byte for byte the same.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import onnx
from _edits import lower_bias, round_kernels, swap_labels
from _port import Slip, export

from harness.core.files import write_text
from harness.core.provenance import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
PORTS = {
    "torch": Slip(),
    "torch-symmetric-padding": Slip(symmetric_padding=True),
    "torch-flatten-order": Slip(channels_first_flatten=True),
    "torch-bn-epsilon": Slip(bn_epsilon=1e-5),
}
EDITS: dict[str, Callable[[onnx.ModelProto], None]] = {
    # So much that eight loses nearly half its recall, and accuracy under 4 points.
    "bias-lowered": lambda model: lower_bias(model, label=8, amount=3.5),
    "labels-swapped": lambda model: swap_labels(model, 3, 5),
    "weights-3bit": lambda model: round_kernels(model, bits=3),
}


def main() -> None:
    arguments = _arguments()
    models: Path = arguments.out / "models"
    shutil.rmtree(models, ignore_errors=True)
    models.mkdir(parents=True)
    source: Path = arguments.digits / "models"
    original = keras.saving.load_model(source / "digits.keras")
    weights = {variable.path: variable.numpy() for variable in original.weights}
    for name, slip in PORTS.items():
        export(weights, slip, models / f"{name}.onnx")
    for name, edit in EDITS.items():
        model = onnx.load(source / "digits.onnx")
        edit(model)
        content = model.SerializeToString(deterministic=True)
        (models / f"{name}.onnx").write_bytes(content)
    files = sorted(models.glob("*.onnx"))
    sums = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    write_text(models / "SHA256SUMS", sums)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--digits", type=Path, default=HERE.parent / "digits", help="the healthy suite"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="default: in place")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Make the digits suite again: golden data, the model, and every form of it.

    python golden/digits/build.py [--out DIR] [--no-record]

Needs the ``build`` extra. With the same package versions, two builds are byte for byte
the same.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import _convert
import _data
import _onnx
import _train
import tensorflow as tf

from harness.core.files import write_text
from harness.core.provenance import sha256_of

HERE = Path(__file__).parent
CALIBRATION_ROWS = 200


def main() -> None:
    arguments = _arguments()
    out: Path = arguments.out
    models = out / "models"
    shutil.rmtree(models, ignore_errors=True)
    models.mkdir(parents=True)
    tf.config.experimental.enable_op_determinism()
    digits = _data.load()
    _data.write(digits, out)
    rows = digits.training[:CALIBRATION_ROWS]
    calibration = digits.image[rows] * _data.SCALE
    traced = _convert.write(_train.trained(digits), calibration, models)
    _onnx.write(traced, calibration, models)
    _write_sums(models)
    suite = out / "quality.toml"
    if not suite.exists():
        shutil.copyfile(HERE / suite.name, suite)
    if arguments.record:
        subprocess.run([sys.executable, "-m", "harness", "record", suite], check=True)


def _write_sums(folder: Path) -> None:
    """Write SHA256SUMS over all files of `folder`, for ``sha256sum --check``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = (f"{sha256_of(f)}  {f.relative_to(folder).as_posix()}\n" for f in files)
    write_text(folder / "SHA256SUMS", "".join(lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="default: in place")
    parser.add_argument(
        "--no-record",
        dest="record",
        action="store_false",
        help="leave out the last step, which records the original's outputs",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

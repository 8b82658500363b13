"""A candidate run step by step, and in other ways."""

from harness.core.results import (
    ErrorProfile,
    ErrorStep,
    MatrixCell,
    RunMatrix,
    StepMap,
)

FLOOR = 1e-6
# Wrong where padding was added.
EDGE = StepMap(2, 3, ((0.0, 0.0, 0.4), (0.1, 0.2, 0.8)), 1.0)


def profile(of: str = "onnx-pads") -> ErrorProfile:
    """Two guilty steps, zeros before the first, and one that was not measured."""
    steps = (
        ErrorStep("conv1", "cnn/conv1/Conv2D", "Conv", 0.0, 0.0, FLOOR, False),
        ErrorStep("bn1", "cnn/bn1/add", "BatchNormalization", 7e-8, 7e-8, FLOOR, False),
        ErrorStep("conv2", "cnn/conv2/Conv2D", "Conv", 1.3, 1.4, 1.1e-6, True, EDGE),
        ErrorStep("relu", "cnn/conv2/Relu", "Relu", 0.0, None, FLOOR, False),
        ErrorStep("bn2", "cnn/bn2/add", "BatchNormalization", 9e-3, 1.1, FLOOR, True),
        ErrorStep("softmax", "cnn/Softmax", "Softmax", 0.0, 1.2, FLOOR, False),
    )
    return ErrorProfile(of, steps, 16, 12)


def matrix(of: str = "onnx-pads") -> RunMatrix:
    """One way that is alike, one that is not, and one that does not run."""
    cells = (
        MatrixCell("deployed", "", 0.0, 0.0, 0),
        MatrixCell("level", "disable", 2e-7, 1e-5, 0),
        MatrixCell("batch_size", "1", 0.31, 1e-5, 4, True),
        MatrixCell("provider", "CUDA", None, 1e-4, reason="it is not installed"),
    )
    return RunMatrix(of, 64, cells)

"""What a model file says of itself, read without running it: frozen records."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 the codec resolves field types
from dataclasses import dataclass, field
from typing import Literal

from harness.core.protocols import TensorSpec  # noqa: TC001 likewise

QuantizationScheme = Literal[
    "none",
    "QDQ",
    "QOperator",
    "dynamic",
    "mixed",
    "full integer",
    "weights only",
    "float16 weights",
    "fake quantized",
]
Granularity = Literal["per tensor", "per channel", "mixed"]


@dataclass(frozen=True, slots=True)
class Quantization:
    """How weights and activations are quantized.

    Attributes:
        scheme: QDQ (float operators between QuantizeLinear and DequantizeLinear),
            QOperator (QLinearConv, ...), dynamic (activations quantized as they
            come), none, or several of them: mixed. Forms without such operators:
            full integer (integer operators from end to end), weights only and
            float16 weights (widened before use), fake quantized (rounded floats).
        granularity: Of the weights' scales; None where no weight is quantized.
        n_weights: Quantized weight tensors.
    """

    scheme: QuantizationScheme
    granularity: Granularity | None = None
    n_weights: int = 0


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that a model keeps tensors in.

    Attributes:
        location: As the model writes it.
        size_bytes: None where it is missing or must not be looked at.
    """

    location: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Signature:
    """One way in which a model can be called.

    Attributes:
        name: As the file names it ("serving_default").
        inputs: What must be fed.
        outputs: What is answered.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class InputRange:
    """Which numbers a model is meant to be fed, as its file says.

    Attributes:
        input: Name of the input.
        low: Least.
        high: Largest.
        origin: What of the file says so, in words.
        step: Distance of neighbouring numbers, where they are rounded to some that
            the range holds; 0 where they are not.
        codes: dtype of the codes that the model takes in place of these numbers; None
            where it takes the numbers themselves.
        aliases: Other names of the input.
    """

    input: str
    low: float
    high: float
    origin: str
    step: float = 0.0
    codes: str | None = None
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.input}: {self.low:.4g} to {self.high:.4g}, {self.origin}"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model file. What its form does not tell cheaply is None or empty.

    Attributes:
        path: As it was given.
        format: Name of the form ("ONNX", "Keras archive", ...).
        size_bytes: Of the file, or of all files of a folder; data files apart.
        sha256: Of the same.
        producer: Tool and version that wrote it.
        ir_version: Version of ONNX's own format.
        opset_imports: Operator domain -> version; the standard one is "ai.onnx".
        inputs: What must be fed.
        outputs: What is answered.
        operators: Operator or layer -> nodes, most frequent first; the operators of
            other domains as "domain::name".
        n_parameters: Elements of all weights.
        bytes_by_dtype: dtype -> bytes of weights and constants.
        quantization: None where the form is not read.
        data_files: Where else its tensors lie.
        safety: What a careful person wants to know before loading it.
        portability: Operators that runtimes are known to read in different ways.
        not_read: What this look left out, and why.
        version: Of the form, as the file declares it; ONNX has `ir_version`.
        tags: Of a SavedModel's graphs.
        signatures: Ways to call it, where a form has named ones.
        value_hints: What the file says of the values that go in and come out:
            ranges, scales, preprocessing.
        metadata: What else the writer noted down, key -> text.
        input_ranges: Quantized input -> the least and the largest real number that it
            tells from others; what the model was calibrated on.
    """

    path: str
    format: str
    size_bytes: int
    sha256: str
    producer: str | None = None
    ir_version: int | None = None
    opset_imports: Mapping[str, int] = field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    operators: Mapping[str, int] = field(default_factory=dict)
    n_parameters: int | None = None
    bytes_by_dtype: Mapping[str, int] = field(default_factory=dict)
    quantization: Quantization | None = None
    data_files: tuple[DataFile, ...] = ()
    safety: tuple[str, ...] = ()
    portability: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    version: str | None = None
    tags: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    value_hints: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    input_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

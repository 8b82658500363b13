"""A suite of 1,000 classes and 12 candidates, small enough to run in seconds.

    python thousand_classes.py FOLDER

Samples are class prototypes and noise; the model is two convolutions with drawn
weights and the nearest prototype in what they see.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from harness.golden.write import write_manifest_folder

N, EACH, SIDE = 1000, 5, 16
FEATURES = 16 * 4 * 4
COLOURS = "amber azure black brown coral green ivory olive pearl white"
LOOKS = "banded crested dwarf greater lesser long-tailed mottled northern pied spotted"
BIRDS = "finch grebe heron ibis jay kite lapwing plover stork warbler"
SUITE = """\
[suite]
name = "birds"
task = "classification"
reference = "onnx"

[golden]
data = "data"
metadata = ["light", "site"]

[[slice]]
by = ["light"]

[[slice]]
name = "field at night"
where = "light == 'night' and site == 'field'"
"""
VARIANT = """
[[variant]]
name = "{name}"
kind = "{kind}"
path = "{name}.onnx"
"""
WAIVER = """\
[[waiver]]
variant = "int4"
check = "accuracy"
who = "birds team"
why = "int4 is for the smallest devices, whose users were told"
until = 2999-12-31
"""


def main(folder):
    """Write data, models and quality.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, images, labels = drawn()
    write_data(folder / "data", images, labels)
    text = [SUITE, VARIANT.format(name="onnx", kind="original")]
    onnx.save(model(weights), folder / "onnx.onnx")
    for name, (kind, *changed) in candidates(weights).items():
        onnx.save(model(*changed), folder / f"{name}.onnx")
        text.append(VARIANT.format(name=name, kind=kind))
    (folder / "quality.toml").write_text("".join(text))
    (folder / "waivers.toml").write_text(WAIVER)


def names():
    """Of the classes, in the manner of a well-known set of a thousand."""
    words = [
        f"{colour} {look} {bird}"
        for colour in COLOURS.split()
        for look in LOOKS.split()
        for bird in BIRDS.split()
    ]
    return tuple(f"n{1440764 + 311 * k:08d} {text}" for k, text in enumerate(words))


def drawn():
    """Weights, images and labels; neighbouring classes look alike."""
    rng = np.random.default_rng(0)
    families = np.repeat(rng.normal(size=(N // 10, SIDE, SIDE)), 10, axis=0)
    prototypes = 0.75 * families + 0.5 * rng.normal(size=(N, SIDE, SIDE))
    labels = np.tile(np.arange(N), EACH)
    noise = 0.85 * rng.normal(size=(len(labels), SIDE, SIDE))
    images = (prototypes[labels] + noise)[:, None].astype(np.float32)
    weights = {
        "stem/kernel": rng.normal(0, 0.35, (8, 1, 3, 3)),
        "stem/bias": rng.normal(0, 0.1, 8),
        "body/kernel": rng.normal(0, 0.12, (16, 8, 3, 3)),
        "body/bias": rng.normal(0, 0.1, 16),
    }
    seen = features(prototypes[:, None].astype(np.float32), weights)
    weights["head/kernel"] = 0.5 * seen.T
    weights["head/bias"] = -0.25 * (seen**2).sum(1)
    return {k: v.astype(np.float32) for k, v in weights.items()}, images, labels


def features(images, weights):
    """What the convolutions of the model see: (samples, FEATURES)."""
    plain = {**weights, "head/kernel": np.eye(FEATURES), "head/bias": [0] * FEATURES}
    session = onnxruntime.InferenceSession(
        model(
            {k: np.float32(v) for k, v in plain.items()}, answer="logits"
        ).SerializeToString()
    )
    return session.run(["logits"], {"image": images})[0]


def model(weights, pads=(0, 0, 1, 1), answer="probabilities"):
    """Two convolutions of stride 2 and a dense layer; `pads` are the second's."""
    strides = {"strides": [2, 2], "kernel_shape": [3, 3]}
    nodes = [
        *(node for name, array in weights.items() for node in decoded(name, array)),
        *(
            helper.make_node(op, given, [name], name, **more)
            for op, given, name, more in (
                ("Conv", stored("image", "stem"), "stem", {"pads": [0, 0, 1, 1]}),
                ("Relu", ["stem"], "stem/relu", {}),
                ("Conv", stored("stem/relu", "body"), "body", {"pads": pads}),
                ("Relu", ["body"], "body/relu", {}),
                ("Flatten", ["body/relu"], "flat", {}),
                ("Gemm", stored("flat", "head"), "logits", {}),
                ("Softmax", ["logits"], "probabilities", {}),
            )
            for more in [more | (strides if op == "Conv" else {})]
        ),
    ]
    shapes = {"image": ["n", 1, SIDE, SIDE], answer: ["n", None]}
    given, answers = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    tensors = [one for item in weights.items() for one in initializers(*item)]
    graph = helper.make_graph(nodes, "birds", [given], [answers], tensors)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def stored(value, layer):
    """Inputs of a layer with weights."""
    return [value, f"{layer}/kernel", f"{layer}/bias"]


def decoded(name, array):
    """Nodes that make floats of a weight that is stored as something narrower."""
    if isinstance(array, tuple):
        given = [f"{name}/codes", f"{name}/scale"]
        axis = 1 if array[0].ndim == 2 else 0
        yield helper.make_node(
            "DequantizeLinear", given, [name], f"{name}/q", axis=axis
        )
    elif array.dtype == np.float16:
        yield helper.make_node("Cast", [f"{name}/half"], [name], f"{name}/cast", to=1)


def initializers(name, array):
    """A weight as the file keeps it."""
    if isinstance(array, tuple):
        yield numpy_helper.from_array(array[0], f"{name}/codes")
        yield numpy_helper.from_array(array[1], f"{name}/scale")
    else:
        half = "/half" if array.dtype == np.float16 else ""
        yield numpy_helper.from_array(array, f"{name}{half}")


def candidates(weights):
    """Name -> kind, weights, and what else is other about the model."""
    head = weights["head/bias"]
    lowered = head - np.float32(6) * (np.arange(N) == 417)
    few = {f"int{n}": ("quantized", coded(weights, n)) for n in (8, 6, 5, 4, 3)}
    return {
        "frozen": ("frozen", weights),
        "optimized": ("optimized", weights),
        "float16": ("quantized", {k: np.float16(v) for k, v in weights.items()}),
        **few,
        "pads": ("converted", weights, (1, 1, 0, 0)),
        "labels-swapped": ("converted", swapped(weights, 3, 5)),
        "bias-lowered": ("converted", {**weights, "head/bias": lowered}),
        "stale": ("converted", disturbed(weights, 0.25)),
    }


def coded(weights, bits):
    """Kernels as codes of 2**bits levels and a scale an output channel."""
    return {k: codes(v, bits) if v.ndim > 1 else v for k, v in weights.items()}


def codes(kernel, bits):
    axes = (0,) if kernel.ndim == 2 else (1, 2, 3)
    step = np.abs(kernel).max(axes, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.round(kernel / step).astype(np.int8), step.ravel()


def disturbed(weights, share):
    """Weights of another night: noise of a share of their spread."""
    rng = np.random.default_rng(1)
    return {
        k: (v + share * v.std() * rng.normal(size=v.shape)).astype(np.float32)
        for k, v in weights.items()
    }


def swapped(weights, first, second):
    """Two classes answer in each other's place."""
    order = np.arange(N)
    order[[first, second]] = second, first
    head = {k: weights[k][..., order] for k in ("head/kernel", "head/bias")}
    return {**weights, **head}


def write_data(folder, images, labels):
    """Golden data with names of samples and two columns for slices."""
    index = np.arange(len(labels))
    arrays = {
        "image": images,
        "label": labels,
        "sample_id": np.array([f"birds/val/{k:06d}.png" for k in index]),
        "light": np.array(["dawn", "day", "dusk", "night"])[index * 7 // 3 % 4],
        "site": np.array(["field", "forest", "lake"])[index * 5 // 7 % 3],
    }
    facts = {"class_names": names()}
    write_manifest_folder(folder, arrays, name="birds", facts=facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Where operators look, and in which order: one planted difference, one finding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_pieces import run_graph
from harness.comparison import distance
from harness.diagnose import DriftQuestion, diagnose

RNG = np.random.default_rng(11)


def _normal(*shape, scale=1.0):
    return RNG.normal(0, scale, shape).astype(np.float32)


IMAGE = _normal(4, 8, 11, 13)
KERNELS = {
    "front": _normal(8, 8, 3, 3, scale=0.2),
    "back": _normal(6, 8, 1, 1, scale=0.3),
    "w": _normal(8, 8, 3, 3, scale=0.2),
}
Step = tuple[str, list[Any], dict[str, Any]]


@dataclass
class Chain:
    """A convolution, the steps in question, and a pointwise convolution behind them.

    Attributes:
        steps: (operator, further inputs: names of KERNELS or arrays, attributes).
        relu: Whether the steps are fed nothing negative.
        back: Whether channels are mixed again behind them.
    """

    steps: list[Step]
    relu: bool = False
    back: bool = True
    opset: int = 18
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    def model(self) -> onnx.ModelProto:
        arrays = {k: KERNELS[k] for k in ("front", "back")}
        nodes = [helper.make_node("Conv", ["x", "front"], ["v"], pads=[1] * 4)]
        value = "v"
        if self.relu:
            nodes.append(helper.make_node("Relu", [value], ["positive"]))
            value = "positive"
        for i, (op, inputs, attributes) in enumerate(self.steps):
            read = [
                self._fed(f"c{i}_{j}", given, arrays) for j, given in enumerate(inputs)
            ]
            made = f"s{i}"
            read = [value if item == "@" else item for item in ["@", *read]]
            nodes.append(helper.make_node(op, read, [made], made, **attributes))
            value = made
        if self.back:
            nodes.append(helper.make_node("Conv", [value, "back"], ["mixed"], "mixed"))
            value = "mixed"
        nodes.append(helper.make_node("Tanh", [value], ["y"], "end"))
        return self._wrapped(nodes, arrays)

    def _fed(self, name, given, arrays):
        if isinstance(given, str):
            if given in KERNELS:
                arrays[given] = KERNELS[given]
            return given
        arrays[name] = np.asarray(given)
        return name

    def _wrapped(self, nodes, arrays):
        graph = helper.make_graph(
            nodes,
            "chain",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8, 11, 13])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(a), k) for k, a in arrays.items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def asked(reference, candidate, *, runtime=True):
    """Findings, with a runtime for pieces of both models or from their files alone."""
    feeds = {"x": IMAGE}
    given = {"reference_feeds": feeds, "candidate_feeds": feeds, "run_graph": run_graph}

    def answer(model):
        return run_graph(model.SerializeToString(), feeds, ["y"])

    ours, theirs = answer(reference), answer(candidate)
    return diagnose(
        DriftQuestion(
            variant="candidate",
            reference_model=reference.SerializeToString(),
            candidate_model=candidate.SerializeToString(),
            reference_outputs=ours,
            candidate_outputs=theirs,
            rerun=lambda m: distance(ours, answer(onnx.load_model_from_string(m))),
            **(given if runtime else {}),
        )
    ).findings


def proven(findings, code, *nodes):
    assert [f.code for f in findings] == [code], [f.explanation for f in findings]
    found = findings[0]
    assert found.severity == "error"
    assert found.proof.error_removed > 0.999
    assert found.where.candidate_node in nodes, found.where
    return found


def step(op, *inputs, **attributes):
    return op, list(inputs), attributes


def pad(*amounts, mode="constant", value=None):
    more = [] if value is None else [np.float32(value)]
    return step("Pad", np.array(amounts, np.int64), *more, mode=mode)


RING = (0, 0, 1, 1, 0, 0, 1, 1)
SIZES = {"pool": [3, 3], "two": [2, 2]}
NONE = np.zeros(0, np.float32)


def conv(**attributes):
    return step("Conv", "w", **attributes)


def pool(op="AveragePool", kernel=3, stride=2, **attributes):
    kernels = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
    return step(op, **kernels, **attributes)


def resize(*lengths, scales=None, **attributes):
    if scales is not None:
        scales = np.array([1, 1, *scales], np.float32)
        return step("Resize", NONE, scales, **attributes)
    axes = {"axes": [2, 3]}
    sizes = np.array(lengths, np.int64)
    return step("Resize", "", "", sizes, **axes, **attributes)


FAULTS = {
    "same lower at stride 2, odd total": (
        "PAD001",
        [conv(auto_pad="SAME_UPPER", strides=[2, 2], dilations=[1, 1])],
        [conv(pads=[2, 2, 0, 0], strides=[2, 2])],
    ),
    "another split before a pooling": (
        "PAD001",
        [pool("MaxPool", pads=[0, 0, 1, 1])],
        [pool("MaxPool", pads=[1, 1, 0, 0])],
    ),
    "a pad node put on the other side": (
        "PAD001",
        [pad(0, 0, 0, 0, 0, 0, 1, 1), conv(strides=[2, 2])],
        [pad(0, 0, 1, 1, 0, 0, 0, 0), conv(strides=[2, 2])],
    ),
    "zeros of a pad before max pooling": (
        "PAD002",
        [pool("MaxPool", pads=[1, 1, 1, 1])],
        [pad(*RING), pool("MaxPool")],
    ),
    "another constant around a convolution": (
        "PAD002",
        [pad(*RING, value=0.5), conv()],
        [conv(pads=[1, 1, 1, 1])],
    ),
    "another constant of a pad": (
        "PAD002",
        [pad(*RING, value=0.5), step("Relu")],
        [pad(*RING, value=0.25), step("Relu")],
    ),
    "reflection lost": (
        "PAD003",
        [pad(*RING, mode="reflect"), conv()],
        [conv(pads=[1, 1, 1, 1])],
    ),
    "edges for reflection": (
        "PAD003",
        [pad(*RING, mode="reflect"), conv()],
        [pad(*RING, mode="edge"), conv()],
    ),
    "edges for zeros": (
        "PAD003",
        [conv(pads=[1, 1, 1, 1])],
        [pad(*RING, mode="edge"), conv()],
    ),
    "padding that a mean counts": (
        "POL001",
        [pool(pads=[1, 1, 1, 1])],
        [pool(pads=[1, 1, 1, 1], count_include_pad=1)],
    ),
    "padding that a mean does not count": (
        "POL001",
        [pad(*RING), pool()],
        [pool(pads=[1, 1, 1, 1])],
    ),
    "partial windows": (
        "POL002",
        [pool("MaxPool", 2, 2, ceil_mode=1), resize(6, 7)],
        [pool("MaxPool", 2, 2), resize(6, 7)],
    ),
    "larger windows": (
        "POL003",
        [pool("MaxPool", 2, 1, pads=[1, 1, 0, 0])],
        [pool("MaxPool", 3, 1, pads=[1, 1, 1, 1])],
    ),
    "stride one layer earlier": (
        "CNV001",
        [conv(pads=[1] * 4), step("Conv", _normal(8, 8, 1, 1), strides=[2, 2])],
        [conv(pads=[1] * 4, strides=[2, 2]), step("Conv", KERNELS["back"][:0])],
    ),
    "dilation lost": (
        "CNV002",
        [conv(pads=[2, 2, 2, 2], dilations=[2, 2])],
        [conv(pads=[1, 1, 1, 1])],
    ),
    "cropped one later": (
        "CNV003",
        [
            step(
                "ConvTranspose",
                "w",
                strides=[2, 2],
                pads=[1] * 4,
                output_padding=[1, 1],
            )
        ],
        [step("ConvTranspose", "w", strides=[2, 2], pads=[0, 0, 1, 1])],
    ),
    "auto_pad on the other side": (
        "CNV003",
        [step("ConvTranspose", "w", strides=[2, 2], auto_pad="SAME_UPPER")],
        [step("ConvTranspose", "w", strides=[2, 2], pads=[1, 1, 0, 0])],
    ),
    "corners for centres": (
        "RSZ001",
        [resize(22, 26, mode="linear")],
        [resize(22, 26, mode="linear", coordinate_transformation_mode="align_corners")],
    ),
    "asymmetric for centres": (
        "RSZ001",
        [
            resize(
                7,
                9,
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
        ],
        [resize(7, 9, mode="nearest")],
    ),
    "pytorch's centre of one": (
        "RSZ001",
        [resize(1, 5, mode="linear")],
        [
            resize(
                1, 5, mode="linear", coordinate_transformation_mode="pytorch_half_pixel"
            )
        ],
    ),
    "rounding up": (
        "RSZ002",
        [resize(14, 17, mode="nearest", nearest_mode="floor")],
        [resize(14, 17, mode="nearest", nearest_mode="ceil")],
    ),
    "cubic coefficient": (
        "RSZ003",
        [resize(22, 26, mode="cubic", cubic_coeff_a=-0.75)],
        [resize(22, 26, mode="cubic", cubic_coeff_a=-0.5)],
    ),
    "no filter": (
        "RSZ004",
        [resize(5, 6, mode="linear", antialias=1)],
        [resize(5, 6, mode="linear")],
    ),
    "weights outside": (
        "RSZ004",
        [resize(22, 26, mode="cubic", exclude_outside=1)],
        [resize(22, 26, mode="cubic")],
    ),
    "lengths for scales": (
        "RSZ005",
        [resize(scales=(1.7, 1.7), mode="linear")],
        [resize(18, 22, mode="linear")],
    ),
    "scales for lengths": (
        "RSZ005",
        [resize(18, 22, mode="linear")],
        [resize(scales=(1.7, 1.7), mode="linear")],
    ),
    "linear for nearest": (
        "RSZ006",
        [resize(22, 26, mode="nearest")],
        [resize(22, 26, mode="linear")],
    ),
    "alpha divided twice": (
        "LRN001",
        [step("LRN", size=5, alpha=0.5)],
        [step("LRN", size=5, alpha=0.1)],
    ),
    "depth first": (
        "LAY002",
        [step("DepthToSpace", blocksize=2, mode="CRD")],
        [step("DepthToSpace", blocksize=2)],
    ),
    "rows cut elsewhere": (
        "SLC001",
        [step("Slice", np.array([1, 0]), np.array([9, 10]), np.array([2, 3]))],
        [step("Slice", np.array([0, 0]), np.array([8, 10]), np.array([2, 3]))],
    ),
    "every other": (
        "SLC001",
        [step("Slice", *map(np.array, ([0], [12], [3], [2])))],
        [step("Slice", *map(np.array, ([1], [13], [3], [2])))],
    ),
    "other channels picked": (
        "GTH001",
        [step("Gather", np.array([0, 2, 4, 6, 1, 3, 5, 7]), axis=1)],
        [step("Gather", np.array([0, 2, 4, 6, 1, 3, 5, 5]), axis=1)],
    ),
}
FAULTS["channels exchanged"] = (
    "LAY004",
    [step("Relu")],
    [step("Relu"), step("Gather", np.arange(8)[::-1].copy(), axis=1)],
)
_TURNED = KERNELS["w"][:, [1, 0, 2, 3, 4, 5, 7, 6]]
FAULTS["a kernel's channels exchanged"] = (
    "LAY004",
    [conv()],
    [step("Conv", np.ascontiguousarray(_TURNED))],
)
FAULTS["channels left as they are"] = (
    "LAY004",
    [step("Gather", np.array([0, 2, 4, 6, 1, 3, 5, 7]), axis=1), conv()],
    [step("Gather", np.arange(8), axis=1), conv()],
)
_POINT = _normal(8, 8, 1, 1, scale=0.3)
FAULTS["stride one layer earlier"] = (
    "CNV001",
    [step("Conv", _POINT), step("Relu"), conv(pads=[1] * 4, strides=[2, 2])],
    [step("Conv", _POINT, strides=[2, 2]), step("Relu"), conv(pads=[1] * 4)],
)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_fault(name):
    code, mine, other = FAULTS[name]
    back = code != "LAY002"
    findings = asked(Chain(mine, back=back).model(), Chain(other, back=back).model())
    nodes = {f"s{i}" for i in range(len(other))}
    proven(findings, code, *nodes)


HARMLESS = {
    "padding that no window reaches": (
        [conv(pads=[1, 1, 1, 1], strides=[2, 2])],
        [conv(pads=[1, 1, 2, 2], strides=[2, 2])],
    ),
    "a pad node for a convolution's own": (
        [conv(pads=[1, 1, 1, 1])],
        [pad(*RING), conv()],
    ),
    "the least number for nothing": (
        [pool("MaxPool", pads=[1, 1, 1, 1])],
        [pad(*RING, value=np.finfo(np.float32).min), pool("MaxPool")],
    ),
    "a pad that a mean counts": (
        [pad(*RING), pool()],
        [pool(pads=[1, 1, 1, 1], count_include_pad=1)],
    ),
    "nothing to round up": (
        [pool("MaxPool", 3, 2)],
        [pool("MaxPool", 3, 2, ceil_mode=1)],
    ),
    "one window does not step": (
        [resize(3, 3), pool("MaxPool", 3, 1)],
        [resize(3, 3), pool("MaxPool", 3, 2)],
    ),
    "nothing to count": ([pool()], [pool(count_include_pad=1)]),
    "roundings of a doubling": (
        [resize(22, 26, mode="nearest")],
        [
            resize(
                22,
                26,
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
        ],
    ),
    "centres for more than one": (
        [resize(22, 26, mode="linear")],
        [
            resize(
                22,
                26,
                mode="linear",
                coordinate_transformation_mode="pytorch_half_pixel",
            )
        ],
    ),
    "a filter that enlarges": (
        [resize(22, 26, mode="linear")],
        [resize(22, 26, mode="linear", antialias=1)],
    ),
    "scales that say the lengths": (
        [resize(22, 26, mode="linear")],
        [resize(scales=(2, 2), mode="linear")],
    ),
    "crops spelled otherwise": (
        [
            step(
                "ConvTranspose",
                "w",
                strides=[2, 2],
                pads=[1] * 4,
                output_padding=[1, 1],
            )
        ],
        [step("ConvTranspose", "w", strides=[2, 2], pads=[1, 1, 0, 0])],
    ),
    "bounds from behind": (
        [step("Slice", np.array([1]), np.array([9]), np.array([2]))],
        [step("Slice", np.array([-10]), np.array([-2]), np.array([-2]))],
    ),
    "indices from behind": (
        [step("Gather", np.array([7, 0]), axis=1), step("Conv", KERNELS["w"][:8, :2])],
        [step("Gather", np.array([-1, 0]), axis=1), step("Conv", KERNELS["w"][:8, :2])],
    ),
}


@pytest.mark.parametrize("runtime", [True, False], ids=["values", "files"])
@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_harmless(name, runtime):
    """The outputs part by something else, which alone is found."""
    mine, other = HARMLESS[name]
    reference, candidate = Chain(mine).model(), Chain(other).model()
    assert asked(reference, candidate) == ()
    for model in (reference, candidate):
        assert model.graph.node[-1].op_type == "Tanh"
    candidate.graph.node[-1].op_type = "Sigmoid"
    found = asked(reference, candidate, runtime=runtime)
    assert {f.where.candidate_node for f in found} <= {"end"}
    assert bool(found) == runtime


def test_zeros_before_max_pooling_of_what_is_never_negative():
    mine = Chain([pool("MaxPool", pads=[1] * 4)], relu=True).model()
    other = Chain([pad(*RING), pool("MaxPool")], relu=True).model()
    assert asked(mine, other) == ()
    other.graph.node[-1].op_type = "Sigmoid"
    assert {f.where.candidate_node for f in asked(mine, other)} == {"end"}


def test_joined_in_another_order():
    def joined(first, second):
        chain = Chain([step("Relu"), step("Concat", axis=1)])
        model = chain.model()
        node = model.graph.node[2]
        del node.input[:]
        node.input.extend([first, second])
        kernel = model.graph.initializer[1]
        wide = np.concatenate([KERNELS["back"], KERNELS["back"][:, ::-1]], axis=1)
        kernel.CopyFrom(numpy_helper.from_array(wide, "back"))
        return model

    found = proven(asked(joined("v", "s0"), joined("s0", "v")), "LAY003", "s1")
    assert "joins 's0', 'v'; in the reference's order that is 'v', 's0'" in (
        found.explanation
    )


def test_data_that_is_reshaped_in_place_of_a_transposition():
    mine = [step("Transpose", perm=[0, 1, 3, 2]), conv()]
    other = [step("Reshape", np.array([-1, 8, 13, 11])), conv()]
    proven(asked(Chain(mine).model(), Chain(other).model()), "LAY001", "s0", "s1")
    proven(asked(Chain(other).model(), Chain(mine).model()), "LAY001", "s0", "s1")


def test_axes_in_another_order():
    square = [step("Slice", np.array([0]), np.array([11]), np.array([3]))]
    mine = [*square, step("Transpose", perm=[0, 1, 3, 2]), conv()]
    other = [*square, step("Transpose", perm=[0, 1, 2, 3]), conv()]
    proven(asked(Chain(mine).model(), Chain(other).model()), "LAY001", "s1", "s2")


def test_places_before_channels():
    """PixelUnshuffle, spelled out, against SpaceToDepth."""
    even = [step("Slice", np.array([0, 0]), np.array([10, 12]), np.array([2, 3]))]
    mine = [
        *even,
        step("Reshape", np.array([-1, 8, 5, 2, 6, 2])),
        step("Transpose", perm=[0, 1, 3, 5, 2, 4]),
        step("Reshape", np.array([-1, 32, 5, 6])),
    ]
    other = [*even, step("SpaceToDepth", blocksize=2)]
    behind = step("Conv", _normal(4, 32, 1, 1, scale=0.1))
    reference = Chain([*mine, behind], back=False).model()
    candidate = Chain([*other, behind], back=False).model()
    proven(asked(reference, candidate), "LAY002", "s1", "s2")


def test_a_grid_is_sampled_by_corners():
    grid = np.clip(_normal(4, 6, 7, 2, scale=0.6), -1.2, 1.2)
    mine = [step("GridSample", grid, align_corners=1)]
    other = [step("GridSample", grid, padding_mode="border")]
    findings = asked(Chain(mine).model(), Chain(other).model())
    found = proven(findings, "GRD001", "s0")
    assert "align_corners 0, padding_mode border" in found.explanation


def test_regions_half_a_pixel_away():
    boxes = np.array([[1, 1, 8, 9], [2, 0, 7, 6]], np.float32)
    item = np.array([0, 1], np.int64)
    size = {"output_height": 4, "output_width": 4}
    mine = [step("RoiAlign", boxes, item, **size)]
    old = {"coordinate_transformation_mode": "output_half_pixel"}
    other = [step("RoiAlign", boxes, item, **size, **old)]
    proven(asked(Chain(mine).model(), Chain(other).model()), "ROI001", "s0")

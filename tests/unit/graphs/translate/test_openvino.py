"""Layers built with OpenVINO answer, translated, as OpenVINO does."""

from __future__ import annotations

import numpy as np
import onnx
import openvino
import pytest
from openvino import opset1, opset4, opset5, opset11, opset13, opset15
from openvino import opset16 as ops
from openvino.utils.node_factory import NodeFactory

from harness.backends.onnx_pieces import run_graph
from harness.backends.openvino_ import open_session
from harness.graphs.translate import translate

# float32 rounding of the largest answer: kernels sum in other orders.
ROUNDING = 5e-6
RNG = np.random.default_rng(5)
IMAGE, ROWS, WAVE, SEQUENCE = (2, 4, 9, 8), (3, 6), (2, 6, 16), (3, 7, 5)


def draw(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def windows(**more):
    usual = {
        "strides": [2, 1],
        "pads_begin": [0, 1],
        "pads_end": [1, 1],
        "dilations": [1, 2],
    }
    return {**usual, **more}


def pooled(make, **more):
    told = {"strides": [2, 2], "pads_begin": [0, 1], "pads_end": [1, 0]}
    return lambda x: make(x, **{**told, "kernel_shape": [3, 2], **more})


def max_pool(x, **told):
    return ops.max_pool(x, dilations=[1, 1], **told).output(0)


def average_pool(x, exclude_pad=True, **told):
    return opset1.avg_pool(x, exclude_pad=exclude_pad, **told)


def back(x, kernel, shape=None, **told):
    strides, dilations = [2, 2], [1, 1]
    pads = told.pop("pads", ([0, 1], [1, 0]))
    if shape is not None:
        told["output_shape"] = ints(*shape)
    return ops.convolution_backprop_data(
        x,
        kernel,
        strides,
        pads_begin=pads[0],
        pads_end=pads[1],
        dilations=dilations,
        **told,
    )


def interpolated(mode, place, rounding="round_prefer_floor", scale=None, **more):
    def build(x):
        sizes = ints(13, 5) if scale is None else np.float32(scale)
        return opset11.interpolate(
            x,
            sizes,
            mode,
            "sizes" if scale is None else "scales",
            coordinate_transformation_mode=place,
            nearest_mode=rounding,
            axes=ints(2, 3),
            **more,
        )

    return build


def strided(first, last, steps, **masks):
    names = ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    told = {f"{name}_mask": masks.get(name, [0] * len(first)) for name in names}
    return lambda x: ops.strided_slice(
        x, ints(*first), ints(*last), ints(*steps), **told
    )


def lengths(x, steps):
    batch = ops.gather(ops.shape_of(x), ints(0), np.int64(0))
    return ops.broadcast(np.int32(steps), batch)


def sequence(kind, n, direction="forward", **more):
    def build(x):
        d, h = (2 if direction == "bidirectional" else 1), 4
        state = ops.broadcast(
            np.float32(0.3),
            ops.concat(
                [ops.gather(ops.shape_of(x), ints(0), np.int64(0)), ints(d, h)], 0
            ),
        )
        rows = n + bool(more.get("linear_before_reset"))
        weights = draw(d, n * h, 5), draw(d, n * h, h), draw(d, rows * h)
        steps = lengths(x, 7)
        if kind == "lstm":
            return ops.lstm_sequence(x, state, state, steps, *weights, h, direction)
        make = getattr(ops, f"{kind}_sequence")
        return make(x, state, steps, *weights, h, direction, **more)

    return build


def cell(kind, n):
    def build(x):
        h = 4
        state = ops.broadcast(np.float32(0.3), ints(3, h))
        weights = draw(n * h, 6), draw(n * h, h), draw(n * h)
        if kind == "lstm":
            return opset4.lstm_cell(x, state, state, *weights, h)
        if kind == "rnn":
            return ops.rnn_cell(x, state, *weights, h, ["tanh"], [], [])
        return ops.gru_cell(x, state, *weights, h)

    return build


def compressed(codes, scale, zero=None):
    y = ops.convert(ops.constant(codes), np.float32)
    if zero is not None:
        y = ops.subtract(y, ops.convert(ops.constant(zero), np.float32))
    return ops.multiply(y, ops.constant(scale))


def one(name, *more, **told):
    return lambda x: getattr(ops, name)(x, *more, **told)


FIXED = {"back_upper", "back_lower", "boxes", "lstm_cell", "gru_cell", "rnn_cell"}
CODES = RNG.integers(-128, 128, (6, 4, 3, 3), np.int8)
CASES = {
    "conv": (IMAGE, lambda x: ops.convolution(x, draw(6, 4, 3, 3), **windows())),
    "conv_same_upper": (
        IMAGE,
        lambda x: ops.convolution(
            x, draw(6, 4, 4, 3), [2, 2], [0, 0], [0, 0], [1, 1], "same_upper"
        ),
    ),
    "conv_same_lower": (
        IMAGE,
        lambda x: ops.convolution(
            x, draw(6, 4, 4, 3), [2, 2], [0, 0], [0, 0], [1, 1], "same_lower"
        ),
    ),
    "conv_valid": (
        IMAGE,
        lambda x: ops.convolution(
            x, draw(6, 4, 4, 3), [2, 2], [1, 1], [1, 1], [1, 1], "valid"
        ),
    ),
    "conv_1d": (
        WAVE,
        lambda x: ops.convolution(x, draw(4, 6, 5), [2], [4], [0], [1]),
    ),
    "group_conv": (
        IMAGE,
        lambda x: ops.group_convolution(x, draw(2, 3, 2, 3, 3), **windows()),
    ),
    "depthwise": (
        IMAGE,
        lambda x: ops.group_convolution(x, draw(4, 2, 1, 3, 3), **windows()),
    ),
    "back": (IMAGE, lambda x: back(x, draw(4, 5, 3, 3))),
    "back_extra": (IMAGE, lambda x: back(x, draw(4, 5, 3, 3), output_padding=[1, 0])),
    "back_upper": (
        IMAGE,
        lambda x: back(x, draw(4, 5, 3, 3), (18, 16), auto_pad="same_upper"),
    ),
    "back_lower": (
        IMAGE,
        lambda x: back(x, draw(4, 5, 3, 3), (18, 16), auto_pad="same_lower"),
    ),
    "back_1d": (
        WAVE,
        lambda x: ops.convolution_backprop_data(
            x, draw(6, 3, 4), [2], pads_begin=[1], pads_end=[1]
        ),
    ),
    "group_back": (
        IMAGE,
        lambda x: ops.group_convolution_backprop_data(
            x,
            draw(2, 2, 3, 3, 3),
            strides=[2, 2],
            pads_begin=[1, 1],
            pads_end=[0, 0],
            dilations=[1, 1],
        ),
    ),
    "max_pool": (IMAGE, pooled(max_pool)),
    "max_pool_ceil": (
        IMAGE,
        pooled(max_pool, rounding_type="ceil", kernel_shape=[2, 2]),
    ),
    "max_pool_same": (IMAGE, pooled(max_pool, auto_pad="same_upper")),
    "max_pool_old": (IMAGE, pooled(opset1.max_pool)),
    "average": (IMAGE, pooled(average_pool)),
    "average_counting": (IMAGE, pooled(average_pool, exclude_pad=False)),
    "average_lower": (IMAGE, pooled(average_pool, auto_pad="same_lower")),
    "matmul": (ROWS, lambda x: ops.matmul(x, draw(6, 4), False, False)),
    "matmul_turned": (ROWS, lambda x: ops.matmul(x, draw(4, 6), False, True)),
    "matmul_left": (ROWS, lambda x: ops.matmul(draw(6, 4), x, True, True)),
    "matmul_vector": (ROWS, lambda x: ops.matmul(x, draw(6), False, True)),
    "matmul_batches": (
        SEQUENCE,
        lambda x: ops.matmul(x, x, False, True),
    ),
    "einsum": (
        SEQUENCE,
        lambda x: ops.einsum([x, ops.constant(draw(5, 4))], "btc,cd->dbt"),
    ),
    "depth_to_space": (IMAGE, one("depth_to_space", "depth_first", 2)),
    "depth_to_space_blocks": (IMAGE, one("depth_to_space", "blocks_first", 2)),
    "space_to_depth": ((2, 4, 8, 6), one("space_to_depth", "blocks_first", 2)),
    # Norms.
    "batch_norm": (
        IMAGE,
        lambda x: ops.batch_norm_inference(
            x, draw(4), draw(4), draw(4), np.abs(draw(4)) + 0.1, 0.01
        ),
    ),
    "layer_norm": (SEQUENCE, one("mvn", ints(-1), True, 1e-3, "inside_sqrt")),
    "layer_norm_outside": (SEQUENCE, one("mvn", ints(2), True, 1e-2, "outside_sqrt")),
    "centred": (SEQUENCE, one("mvn", ints(1, 2), False, 1e-3, "inside_sqrt")),
    "norm_of_middle": (IMAGE, one("mvn", ints(1), True, 1e-3, "inside_sqrt")),
    "instance_norm": (IMAGE, one("mvn", ints(2, 3), True, 1e-3, "inside_sqrt")),
    "group_norm": (
        IMAGE,
        lambda x: ops.group_normalization(x, draw(4), draw(4), 2, 0.01),
    ),
    "lrn": (IMAGE, one("lrn", ints(1), 2e-1, 0.6, 2.0, 3)),
    "normalize_l2": (IMAGE, one("normalize_l2", ints(1), 1e-2, "add")),
    "normalize_l2_max": (IMAGE, one("normalize_l2", ints(2, 3), 5.0, "max")),
    "softmax": (IMAGE, one("softmax", 1)),
    "softmax_last": (SEQUENCE, one("softmax", -1)),
    "softmax_old": (IMAGE, lambda x: opset1.softmax(x, 2)),
    "log_softmax": (IMAGE, one("log_softmax", -1)),
    "attention": (
        (2, 3, 5, 4),
        lambda x: opset13.scaled_dot_product_attention(
            x, ops.multiply(x, np.float32(2.0)), x
        ),
    ),
    "attention_causal": (
        (2, 3, 5, 4),
        lambda x: opset13.scaled_dot_product_attention(x, x, x, causal=True),
    ),
    "attention_masked": (
        (2, 3, 5, 4),
        lambda x: opset13.scaled_dot_product_attention(
            x, x, x, ops.constant(draw(5, 5)), ops.constant(np.float32(0.3))
        ),
    ),
    "attention_hidden": (
        (2, 3, 5, 4),
        lambda x: opset13.scaled_dot_product_attention(
            x, x, x, ops.constant(np.tri(5, dtype=bool))
        ),
    ),
    # Maps.
    **{
        name: (ROWS, one(name))
        for name in (
            *("abs", "acos", "asin", "asinh", "atan", "atanh", "ceiling", "cos"),
            *("cosh", "erf", "exp", "floor", "hsigmoid", "hswish", "mish", "negative"),
            *("relu", "sigmoid", "sign", "sin", "sinh", "softplus", "softsign"),
            *("tan", "tanh", "swish"),
        )
    },
    "gelu": (ROWS, one("gelu", "erf")),
    "gelu_tanh": (ROWS, one("gelu", "tanh")),
    "elu": (ROWS, one("elu", 0.7)),
    "selu": (ROWS, one("selu", np.float32(1.5), np.float32(1.1))),
    "hard_sigmoid": (ROWS, one("hard_sigmoid", np.float32(0.3), np.float32(0.4))),
    "clamp": (ROWS, one("clamp", -0.25, 0.5)),
    "clamp_whole": (
        ROWS,
        lambda x: ops.clamp(
            ops.convert(ops.multiply(x, np.float32(9.0)), np.int32), -2.5, 3.5
        ),
    ),
    "prelu": (IMAGE, lambda x: ops.prelu(x, draw(4))),
    "prelu_one": (IMAGE, lambda x: ops.prelu(x, draw(1))),
    "swish_beta": (ROWS, one("swish", np.float32(0.7))),
    "round": (
        ROWS,
        lambda x: ops.round(ops.multiply(x, np.float32(5.0)), "half_to_even"),
    ),
    "round_away": (
        ROWS,
        lambda x: ops.round(
            ops.divide(ops.round(ops.multiply(x, np.float32(9.0))), np.float32(2.0)),
            "half_away_from_zero",
        ),
    ),
    "sqrt_log": (
        ROWS,
        lambda x: ops.log(ops.sqrt(ops.add(ops.abs(x), np.float32(0.1)))),
    ),
    "power": (ROWS, lambda x: ops.power(x, np.float32(3.0))),
    "arithmetic": (
        ROWS,
        lambda x: ops.maximum(
            ops.minimum(ops.subtract(x, draw(6)), ops.divide(x, np.float32(2.0))),
            draw(3, 1),
        ),
    ),
    "squared_difference": (ROWS, lambda x: ops.squared_difference(x, draw(6))),
    "divide_whole": (
        ROWS,
        lambda x: ops.divide(
            ops.convert(ops.multiply(ops.abs(x), np.float32(50)), np.int32), np.int32(7)
        ),
    ),
    "mod": (ROWS, lambda x: ops.mod(ops.multiply(x, np.float32(9.0)), np.float32(2.0))),
    "floor_mod": (
        ROWS,
        lambda x: ops.floor_mod(ops.multiply(x, np.float32(9.0)), np.float32(2.0)),
    ),
    "select": (ROWS, lambda x: ops.select(ops.greater(x, np.float32(0.1)), x, draw(6))),
    "logic": (
        ROWS,
        lambda x: ops.logical_and(
            ops.logical_or(
                ops.less(x, np.float32(0.1)), ops.greater_equal(x, np.float32(0.5))
            ),
            ops.logical_not(
                ops.logical_xor(
                    ops.less_equal(x, np.float32(-0.5)),
                    ops.not_equal(x, np.float32(0.0)),
                )
            ),
        ),
    ),
    "all_and_any": (
        ROWS,
        lambda x: ops.logical_or(
            ops.reduce_logical_and(ops.less(x, np.float32(0.9)), ints(1), True),
            ops.reduce_logical_or(ops.less(x, np.float32(-0.5)), ints(0), True),
        ),
    ),
    **{
        f"reduce_{name}": (IMAGE, one(f"reduce_{name}", ints(-1, 1), keep))
        for name, keep in (
            *(("mean", True), ("sum", False), ("max", True), ("min", False)),
            *(("prod", False), ("l1", True), ("l2", False)),
        )
    },
    # Shapes.
    "reshape": (IMAGE, one("reshape", ints(0, -1, 2), True)),
    "reshape_by_shape": (
        IMAGE,
        lambda x: ops.reshape(
            x,
            ops.concat(
                [
                    ops.gather(ops.shape_of(x, "i32"), np.int32([0]), np.int32(0)),
                    ops.constant(np.int32([-1])),
                ],
                0,
            ),
            False,
        ),
    ),
    "squeeze": ((2, 1, 3, 1), one("squeeze", ints(1, -1))),
    "unsqueeze": (ROWS, one("unsqueeze", ints(0, -1))),
    "transpose": (IMAGE, one("transpose", ints(0, 2, 3, 1))),
    "transpose_back": (IMAGE, one("transpose", ints())),
    "split": (IMAGE, lambda x: ops.split(x, np.int64(2), 3).output(1)),
    "variadic": (
        IMAGE,
        lambda x: ops.variadic_split(x, np.int64(2), ints(2, -1, 4)).output(1),
    ),
    "concat": (ROWS, lambda x: ops.concat([x, ops.constant(draw(3, 2)), x], -1)),
    "strided": (
        IMAGE,
        strided((0, 1, 7, 0), (2, 0, 1, 8), (1, 1, -2, 3), end=[0, 1, 0, 0]),
    ),
    "strided_shrunk": (
        IMAGE,
        strided(
            (0, -1, 0),
            (0, 0, 5),
            (1, 1, 2),
            begin=[1, 0, 0],
            end=[1, 0, 0],
            shrink_axis=[0, 1, 0],
        ),
    ),
    "strided_fresh": (
        ROWS,
        strided(
            (0, 0, 1),
            (0, 0, 4),
            (1, 1, 1),
            begin=[1, 1, 0],
            end=[1, 1, 0],
            new_axis=[0, 1, 0],
        ),
    ),
    "strided_ellipsis": (IMAGE, strided((0, 1), (0, 5), (1, 2), ellipsis=[1, 0])),
    "strided_computed": (
        ROWS,
        lambda x: ops.strided_slice(
            x, ints(0, 1), ops.shape_of(x), ints(1, 2), [0, 0], [0, 0]
        ),
    ),
    "slice": (IMAGE, one("slice", ints(7, 0), ints(0, 3), ints(-2, 1), ints(-1, 2))),
    "slice_all": (ROWS, one("slice", ints(0, 1), ints(2, 5), ints(1, 2))),
    "pad": (
        IMAGE,
        one("pad", ints(0, 0, 1, 2), ints(0, 0, 0, -1), "constant", np.float32(0.5)),
    ),
    "pad_reflect": (IMAGE, one("pad", ints(0, 0, 1, 2), ints(0, 0, 0, 3), "reflect")),
    "pad_edge": (IMAGE, one("pad", ints(0, 0, 1, 2), ints(0, 0, 0, 3), "edge")),
    "pad_symmetric": (
        IMAGE,
        one("pad", ints(0, 0, 1, 0), ints(0, 0, 0, 1), "symmetric"),
    ),
    "gather": (IMAGE, one("gather", ints(3, -1), np.int64(-2))),
    "gather_nd": (
        IMAGE,
        one("gather_nd", np.int32([[[0, 1], [3, 2]], [[2, 2], [1, 0]]]), 1),
    ),
    "gather_elements": (
        (2, 3),
        one("gather_elements", np.int32([[0, 2, 1, 1], [1, 0, 0, 2]]), 1),
    ),
    "scatter_nd": (
        ROWS,
        lambda x: opset15.scatter_nd_update(x, ints(0, 2)[:, None], draw(2, 6)),
    ),
    "broadcast": (ROWS, one("broadcast", ints(2, 3, 6))),
    "broadcast_both": ((3, 1), one("broadcast", ints(1, 6), None, "bidirectional")),
    "broadcast_explicit": (
        ROWS,
        one("broadcast", ints(3, 2, 6), ints(0, 2), "explicit"),
    ),
    "tile": (ROWS, one("tile", ints(2))),
    "tile_more": (ROWS, one("tile", ints(2, 1, 3))),
    "top": (ROWS, lambda x: ops.topk(x, np.int64(2), -1, "max", "value").output(0)),
    "top_places": (
        ROWS,
        lambda x: ops.topk(x, np.int64(1), 1, "min", "value").output(1),
    ),
    "cumsum": (SEQUENCE, one("cumsum", np.int64(1))),
    "cumsum_back": (SEQUENCE, one("cumsum", np.int32(1), True, True)),
    "one_hot": (
        ROWS,
        lambda x: opset1.one_hot(
            ops.convert(ops.multiply(ops.abs(x), np.float32(4.0)), np.int32),
            np.int64(4),
            np.float32(0.75),
            np.float32(-0.5),
            1,
        ),
    ),
    "range": (
        ROWS,
        lambda x: ops.multiply(
            x,
            ops.range(
                np.int64(0),
                ops.gather(ops.shape_of(x), np.int64(1), np.int64(0)),
                np.int64(1),
                "f32",
            ),
        ),
    ),
    "roll": (IMAGE, one("roll", ints(1, -3), ints(2, 3))),
    "reverse_sequence": (
        SEQUENCE,
        one("reverse_sequence", ints(7, 3, 1), 0, 1),
    ),
    "non_zero": ((2, 3), lambda x: ops.non_zero(ops.relu(x))),
    "boxes": (
        (1, 2, 6),
        lambda x: opset5.non_max_suppression(
            ops.constant(np.abs(draw(1, 6, 4))),
            ops.abs(x),
            np.int64(3),
            np.float32(0.5),
            np.float32(0.1),
            sort_result_descending=False,
        ).output(0),
    ),
    "scatter_elements": (
        ROWS,
        lambda x: ops.scatter_elements_update(
            x, np.int32([[0, 5]]), draw(1, 2), np.int64(1)
        ),
    ),
    # Resizing.
    **{
        f"grid_{mode}_{padding}": (
            IMAGE,
            one(
                "grid_sample",
                draw(2, 5, 3, 2),
                {"align_corners": corners, "mode": mode, "padding_mode": padding},
            ),
        )
        for mode, padding, corners in (
            *(("bilinear", "zeros", True), ("nearest", "border", False)),
            *(("bicubic", "reflection", False), ("bilinear", "reflection", True)),
        )
    },
    "linear": (IMAGE, interpolated("linear_onnx", "half_pixel")),
    "linear_corners": (IMAGE, interpolated("linear_onnx", "align_corners")),
    "linear_plain": (IMAGE, interpolated("linear", "asymmetric", scale=(2, 3))),
    "linear_torch": (IMAGE, interpolated("linear_onnx", "pytorch_half_pixel")),
    "cubic": (IMAGE, interpolated("cubic", "half_pixel", cube_coeff=-0.5)),
    "nearest": (
        IMAGE,
        interpolated("nearest", "asymmetric", "floor", scale=(2, np.float32(1.5))),
    ),
    "nearest_simple": (
        IMAGE,
        interpolated("nearest", "asymmetric", "simple", scale=(2, 2)),
    ),
    "nearest_for_nn": (IMAGE, interpolated("nearest", "tf_half_pixel_for_nn", "floor")),
    "nearest_half": (IMAGE, interpolated("nearest", "half_pixel", "round_prefer_ceil")),
    "resize_4": (
        IMAGE,
        lambda x: NodeFactory("opset4").create(
            "Interpolate",
            [x, *map(ops.constant, (ints(4, 16), np.float32([0.5, 2]), ints(2, 3)))],
            {
                "mode": "linear_onnx",
                "shape_calculation_mode": "scales",
                "coordinate_transformation_mode": "half_pixel",
                "nearest_mode": "floor",
                "pads_begin": [0],
                "pads_end": [0],
            },
        ),
    ),
    "resize_1": (
        IMAGE,
        lambda x: opset1.interpolate(
            x,
            ints(17, 15),
            {"axes": np.array([2, 3]), "mode": "linear", "align_corners": True},
        ),
    ),
    # Codes.
    "fake_unsigned": (
        IMAGE,
        one("fake_quantize", *map(np.float32, (0, 0.9, 0, np.float32(0.9))), 256),
    ),
    "fake_signed": (
        IMAGE,
        one(
            "fake_quantize",
            *map(np.float32, (-1.28, 1.27, -1.28, np.float32(1.27))),
            256,
        ),
    ),
    "fake_channels": (
        IMAGE,
        lambda x: ops.fake_quantize(
            x,
            *(
                [
                    np.float32([[[[v]], [[2 * v]], [[v]], [[v]]]])
                    for v in (0, np.float32(0.7))
                ]
                * 2
            ),
            256,
        ),
    ),
    "fake_other": (
        IMAGE,
        one("fake_quantize", *map(np.float32, (-0.5, 0.9, -1.0, np.float32(0.7))), 16),
    ),
    "coded": (
        IMAGE,
        lambda x: ops.convolution(
            x, compressed(CODES, draw(6, 1, 1, 1) ** 2 + 0.01), **windows()
        ),
    ),
    "coded_points": (
        ROWS,
        lambda x: ops.matmul(
            x,
            compressed(
                RNG.integers(0, 256, (5, 6), np.uint8),
                np.abs(draw(5, 1)) + 0.01,
                RNG.integers(0, 256, (5, 1), np.uint8),
            ),
            False,
            True,
        ),
    ),
    "coded_fake": (
        ROWS,
        lambda x: ops.matmul(
            x,
            ops.fake_quantize(
                ops.convert(ops.constant(CODES[:, :, 0, 0]), np.float32),
                *map(np.float32, (-128, 127, -1.28, np.float32(1.27))),
                256,
            ),
            False,
            False,
        ),
    ),
    # Recurrent.
    "lstm": (SEQUENCE, sequence("lstm", 4)),
    "lstm_both": (SEQUENCE, sequence("lstm", 4, "bidirectional")),
    "lstm_back": (SEQUENCE, sequence("lstm", 4, "reverse")),
    "gru": (SEQUENCE, sequence("gru", 3, "bidirectional")),
    "gru_after": (SEQUENCE, sequence("gru", 3, linear_before_reset=True)),
    "rnn": (SEQUENCE, sequence("rnn", 1, activations=["relu"])),
    "lstm_cell": (ROWS, cell("lstm", 4)),
    "gru_cell": (ROWS, cell("gru", 3)),
    "rnn_cell": (ROWS, cell("rnn", 1)),
}


def written(folder, shape, build, *, compress=False, free=True):
    x = ops.parameter([-1, *shape[1:]] if free else shape, np.float32, name="x")
    made = build(x)
    outputs = made.outputs() if hasattr(made, "outputs") else [made]
    model = openvino.Model([ops.result(o) for o in outputs], [x], "m")
    path = folder / "m.xml"
    openvino.save_model(model, path, compress_to_fp16=compress)
    return path


def apart(path, data):
    """Largest difference over the largest answer, of all outputs."""
    translation = translate(path, "openvino")
    onnx.checker.check_model(translation.model, full_check=True)
    session = open_session(path, {})
    theirs = session.run({session.inputs[0].name: data}, slice(0, len(data)))
    feed = {translation.model.graph.input[0].name: data}
    ours = run_graph(translation.model.SerializeToString(), feed, list(theirs))
    assert {o.name for o in translation.model.graph.output} == set(theirs)
    worst = 0.0
    for name, other in theirs.items():
        assert ours[name].shape == other.shape
        assert ours[name].dtype == other.dtype
        gap = np.abs(ours[name].astype(np.float64) - other).max(initial=0)
        worst = max(worst, gap / max(np.abs(other).max(initial=0), 1e-9))
    return worst


@pytest.mark.parametrize("name", CASES)
def test_each_layer_answers_as_openvino_does(tmp_path, name):
    shape, build = CASES[name]
    fixed = "same" in name or name in FIXED
    path = written(tmp_path, shape, build, free=not fixed)
    data = np.random.default_rng(9).uniform(-1, 1, shape).astype(np.float32)
    assert apart(path, data) < ROUNDING

"""The digits CNN in each form of LiteRT's, against what Keras answered."""

from types import MappingProxyType

import numpy as np
import pytest

from harness.backends.detect import detect
from harness.backends.litert_ import open_session
from harness.testing import LiveBackendContract

pytest.importorskip("ai_edge_litert", reason="needs the litert extra")
pytest.importorskip("tensorflow", reason="needs the tensorflow extra")

# Of a probability: rounding of float32, of float16, of eight bits.
FLOAT, HALF, EIGHT_BITS = 2e-6, 2e-3, 5e-2
MAX_FLIPS = 2


class FormContract(LiveBackendContract):
    backend = "litert"
    form = "float"

    @pytest.fixture
    def model(self, digits_form):
        return digits_form(self.form)

    @pytest.fixture
    def feeds(self, images, model):
        (spec,) = open_session(model, {}).inputs
        return {spec.name: images}


class TestHalf(FormContract):
    form = "fp16"


class TestUnsigned(FormContract):
    form = "unsigned"


class TestInt16Activations(FormContract):
    form = "int16"


class TestFloatInAndOut(FormContract):
    form = "int8-inside"


class TestUnsignedIntegers(FormContract):
    form = "uint8"


class TestWithoutXnnpack(FormContract):
    options = MappingProxyType({"kernels": "builtin"})


@pytest.mark.parametrize("kernels", ["default", "builtin", "reference"])
@pytest.mark.parametrize(
    ("form", "limit"),
    [
        ("float", FLOAT),
        ("unsigned", FLOAT),
        ("fp16", HALF),
        ("dynamic", EIGHT_BITS),
        ("int8-inside", EIGHT_BITS),
        ("int8", EIGHT_BITS),
        ("uint8", EIGHT_BITS),
        ("int16", EIGHT_BITS),
        ("int16-inside", EIGHT_BITS),
    ],
)
def test_forms(digits_form, form, limit, kernels, golden_images, recorded):
    path = digits_form(form)
    assert detect(path) == "litert"
    session = open_session(path, {"kernels": kernels})
    (spec,) = session.inputs
    feeds = {spec.name: golden_images}
    (found,) = session.run(feeds, slice(0, 360)).values()
    np.testing.assert_allclose(found, recorded, rtol=0, atol=limit)
    flips = np.sum(found.argmax(axis=1) != recorded.argmax(axis=1))
    assert flips <= (MAX_FLIPS if limit == EIGHT_BITS else 0)


@pytest.mark.parametrize(
    ("form", "quantized"),
    [
        ("float", set()),
        ("dynamic", set()),
        ("int8-inside", set()),
        ("int8", {"quantized.image", "quantized.probabilities"}),
        ("uint8", {"quantized.image", "quantized.probabilities"}),
        ("int16", {"quantized.image", "quantized.probabilities"}),
    ],
)
def test_integers_at_the_ends_are_recorded(digits_form, form, quantized):
    runtime = open_session(digits_form(form), {}).runtime
    assert {key for key in runtime if key.startswith("quantized.")} == quantized
    assert all(runtime[key].startswith(f"{form}, scale ") for key in quantized)


def test_file_without_a_signature(digits_form):
    session = open_session(digits_form("unsigned"), {})
    assert [spec.name for spec in session.inputs] == ["image"]
    assert [spec.name for spec in session.outputs] == ["Identity"]
    assert session.runtime["signature"] is None

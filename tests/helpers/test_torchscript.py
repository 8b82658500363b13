import warnings

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
import torchscript  # noqa: E402 - only where torch is there
from torch.jit._builtins import _get_builtin_table  # noqa: E402 - likewise


def test_a_list_where_an_operator_lay_is_no_operator():
    module = torch.nn.Conv2d(1, 1, 3, padding=1)
    _get_builtin_table()[id(module._reversed_padding_repeated_twice)] = "aten::gone"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torchscript.script(module)
    image = torch.rand(1, 1, 4, 4)
    assert torch.equal(compiled(image), module(image))

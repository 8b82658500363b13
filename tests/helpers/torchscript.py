"""TorchScript for tests that share one long-lived process."""

import torch
from torch.jit._builtins import _get_builtin_table


def script(module):
    """``torch.jit.script``, whatever the process has done with PyTorch before.

    PyTorch tells its own functions by `id`, and keeps the ids of operators that are
    gone: once in a while a list of the module lies where such an operator lay, and
    compiling fails with "builtin cannot be used as a value". What cannot be called is
    no function.
    """
    table = _get_builtin_table()
    for part in module.modules():
        for value in vars(part).values():
            if not callable(value):
                table.pop(id(value), None)
    return torch.jit.script(module)

"""A torch model, exported and asked."""

import numpy as np
from odd_models.cases import Case, N, quiet


def traced(model, golden, outputs, folder, **how):
    """Export a torch model, and ask it.

    Args:
        model: Makes it; seeded.
        golden: In the order of its arguments.
        outputs: Names.
        folder: Where the file goes.
        how: ``batch_axis`` as in `Case`; ``fixed``, the batch of the export, 0 for none
            at all; ``alone``, whether it is asked sample by sample; ``feed``, the dtype
            it takes; the rest is the exporter's.
    """
    import torch

    torch.manual_seed(0)
    network = model().eval()
    axis, fixed = how.pop("batch_axis", 0), how.pop("fixed", None)
    alone, feed = how.pop("alone", False) or fixed == 0, how.pop("feed", None)
    axes = {n: axis if isinstance(axis, int) else axis.get(n, 0) for n in golden}
    axes |= {n: axis if isinstance(axis, int) else axis.get(n, 0) for n in outputs}

    def fed(rows):
        arrays = [np.moveaxis(array[rows], 0, axes[n]) for n, array in golden.items()]
        arrays = [array[0] for array in arrays] if fixed == 0 else arrays
        return tuple(torch.tensor(np.ascontiguousarray(a), dtype=feed) for a in arrays)

    def asked(rows):
        found = network(*fed(rows))
        found = found if isinstance(found, tuple) else (found,)
        return [(t.float() if t.dtype == torch.bfloat16 else t).numpy() for t in found]

    with torch.no_grad():
        if alone:
            rows = [asked(slice(i, i + 1)) for i in range(N)]
            parts = [np.stack(part) for part in zip(*rows, strict=True)]
            parts = [p[:, 0] if fixed and p.ndim > 1 else p for p in parts]
        else:
            whole = zip(outputs, asked(slice(None)), strict=True)
            parts = [np.moveaxis(array, axes[name], 0) for name, array in whole]
    path = folder / "model.onnx"
    free = {} if fixed is not None else {n: {k: "batch"} for n, k in axes.items()}
    how.setdefault("dynamo", False)
    if not how["dynamo"]:
        how.setdefault("dynamic_axes", free)
    with quiet():
        torch.onnx.export(
            network,
            fed(slice(fixed or N)),
            str(path),
            input_names=[*golden],
            output_names=outputs,
            **how,
        )
    declared = axis or None
    return Case(path, golden, dict(zip(outputs, parts, strict=True)), declared)

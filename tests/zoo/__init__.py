"""Odd models, written by the real exporters, with the originals' own answers.

Each maker writes one ONNX file into a folder and tells what to feed it. Golden arrays
and answers have samples first, as golden data has them; `batch_axis` is what a suite
declares where the model has not. Tests get them from the fixture ``zoo``.
"""

from odd_models import other_models, torch_models

MAKERS = {
    maker.__name__: maker for maker in (*torch_models.MAKERS, *other_models.MAKERS)
}

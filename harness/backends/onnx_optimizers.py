"""What onnxruntime does to a graph before it runs it: by name, and what comes of it.

`disabled_optimizers` takes these names. onnxruntime has no call that lists them, and
passes over names that it does not know, so one list serves all of its versions: those
of its graph transformers, which it logs, and of the rewrite rules inside of them.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import onnxruntime

from harness.backends.onnx_errors import RUNTIME_ERRORS, load_error
from harness.backends.onnx_options import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names up to 1.31, in the order in which they run; rules stand in front. CSE, casts and
# copies between devices are not here: they change no number, or cannot be left out.
_RULES = (
    *("EliminateIdentity", "EliminateSlice", "UnsqueezeElimination"),
    *("EliminateDropout", "ExpandElimination", "CastElimination"),
    *("CastChainElimination", "PreShapeNodeElimination", "NoopElimination"),
    *("DivMulFusion", "FuseReluClip", "GemmSumFusion", "GemmTransposeFusion"),
    *("NotWhereFusion", "ConvAddFusion", "ConvMulFusion", "ConvBNFusion"),
    *("Pad_Fusion", "MatMul_BatchNormalization_Fusion", "LabelEncoderFusion"),
    *("ClipQuantRewrite", "ReluQuantRewrite", "GatherToSliceFusion"),
)
_BASIC = (
    *("EnsureUniqueDQForNodeUnit", "DoubleQDQPairsRemover", "ConstantSharing"),
    *("CommonSubexpressionElimination", "ConstantFolding", "MatMulAddFusion"),
    *("ReshapeFusion", "FreeDimensionOverrideTransformer", "ConcatSliceElimination"),
    *("SliceConcatToSpaceToDepthFusion", "GeluFusionL1", "LayerNormFusionL1"),
    *("QDQPropagationTransformer", "WeightBiasQuantization", "WhereDummyDq"),
    *("DQMatMulNBitsFusion", "TransposeOptimizer"),
)
_EXTENDED = (
    *("TransposeOptimizer_CPUExecutionProvider", "Avx2WeightS8ToU8Transformer"),
    *("QDQS8ToU8Transformer", "QDQSelectorActionTransformer"),
    *("GemmActivationFusion", "MatMulIntegerToFloatFusion"),
    *("DynamicQuantizeMatMulFusion", "ConvActivationFusion", "GeluFusion"),
    *("GeluFusionL2", "LayerNormFusion", "LayerNormFusionL2"),
    *("SimplifiedLayerNormFusion", "AttentionFusion", "EmbedLayerNormFusion"),
    *("GatherSliceToSplitFusion", "MatmulTransposeFusion", "BiasGeluFusion"),
    *("GroupQueryAttentionFusion", "SkipLayerNormFusion", "BiasSkipLayerNormFusion"),
    *("FastGeluFusion", "QuickGeluFusion", "GeluApproximation"),
    *("BiasSoftmaxFusion", "BiasDropoutFusion", "MatMulScaleFusion"),
    *("MatMulActivationFusion", "MatMulNBitsFusion", "MatMulNBitsMlpFusion"),
    *("MatMulNBitsQkvFusion", "GroupQueryAttentionPreNormFusion"),
    *("GqaValueLayoutTransformer", "QDQFinalCleanupTransformer"),
)
_LAYOUT = ("NchwcTransformer", "NhwcTransformer", "ConvAddActivationFusion")

OPTIMIZERS = (*_RULES, *_BASIC, *_EXTENDED, *_LAYOUT)
"""Names that `disabled_optimizers` takes, over all versions of onnxruntime."""

_WEIGHTS = "session.optimized_model_external_initializers_file_name"


def optimized_graph(model: Path, options: Mapping[str, object]) -> bytes:
    """A model file as onnxruntime rewrites it, its weights left out.

    Args:
        model: An ``.onnx`` file.
        options: As for `harness.backends.onnxruntime_.open_session`.

    Returns:
        A serialized ModelProto. Its larger weights are said to lie in a file that is
        gone: it is there to be looked at, not to be run.

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: onnxruntime does not take the model.
    """
    request = Request(options)
    with TemporaryDirectory() as folder:
        file = Path(folder, "optimized.onnx")
        request.session.optimized_model_filepath = str(file)
        request.session.add_session_config_entry(_WEIGHTS, "weights")
        try:
            onnxruntime.InferenceSession(
                str(model),
                request.session,
                [*request.providers],
                disabled_optimizers=request.disabled or None,
            )
        except RUNTIME_ERRORS as error:
            raise load_error(error, str(model), str(model)) from error
        return file.read_bytes()

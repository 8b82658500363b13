"""Records of a candidate as a run would leave them."""

import pytest

from harness.core.results import (
    ClassComparison,
    Finding,
    Histogram,
    LabelComparison,
    OutputComparison,
    TensorDrift,
    VariantResult,
    WeightComparison,
    Where,
    WorstSample,
)


class Make:
    """Builds one record a method, every field with a harmless default."""

    def output(self, **changes):
        fields = {
            "name": "probabilities",
            "candidate_name": "Identity:0",
            "n_elements": 3600,
            "n_mismatched": 0,
            "n_nonfinite": 0,
            "max_abs_error": 4.2e-7,
            "mean_abs_error": 1e-8,
            "rmse": 2e-8,
            "required_atol": 0.0,
            "sqnr_db": 120.0,
            "cosine_similarity": 1.0,
            "best_gain": 1.0,
            "gain_residual": 0.0,
            "sorted_max_abs_error": 0.0,
            "border_share": None,
            "best_shift": None,
            "atol": 1e-4,
            "rtol": 1e-3,
            "error_histogram": Histogram((0.0, 1e-12), (3600,)),
            "worst": (WorstSample(12, 4.2e-7),),
        }
        return OutputComparison(**(fields | changes))

    def one_class(self, name, n, lost=0, won=0):
        return ClassComparison(
            class_name=name,
            n=n,
            recall_reference=1.0 if n else None,
            recall=1 - (lost - won) / n if n else None,
            recall_interval=None,
            precision_reference=None,
            precision=None,
            f1_reference=None,
            f1=None,
            n_regressed=lost,
            n_improved=won,
        )

    def labels(self, lost=0, won=0, n=360, moved=None, per_class=()):
        moved = lost + won if moved is None else moved
        return LabelComparison(
            n=n,
            accuracy_reference=0.96,
            accuracy=0.96 - (lost - won) / n,
            top1_agreement=1 - moved / n,
            n_regressed=lost,
            n_improved=won,
            n_flipped=moved,
            per_class=tuple(per_class) or (self.one_class("a", n, lost, won),),
        )

    def drift(self, reference="onnx", verdict="drifted", faults=(), **sqnr):
        tensors = tuple(
            TensorDrift(name, name, "name", 0.1, 0.1, value, 0.9, 10, verdict=verdict)
            if value is not None
            else TensorDrift(name, name, "exact", 0.0, 0.0, None, 1.0, 0)
            for name, value in sqnr.items()
        )
        return WeightComparison(reference, tensors, faults=tuple(faults))

    def finding(self, **changes):
        fields = {
            "code": "PAD001",
            "severity": "error",
            "cause": "padding.same_split",
            "variant": "candidate",
            "where": Where(candidate_node="conv1", op_type="Conv"),
            "explanation": "pads differ.",
        }
        return Finding(**(fields | changes))

    def result(self, **changes):
        fields = {
            "name": "candidate",
            "kind": "converted",
            "status": "ran",
            "reason": None,
            "verdict": None,
            "path": "m.onnx",
            "line": 3,
            "sha256": None,
            "size_bytes": None,
            "backend": "onnxruntime",
            "batch_size": 1,
            "runtime": {},
            "seconds_per_sample": None,
            "outputs": (self.output(),),
            "labels": self.labels(),
            "weight_drift": self.drift(w=None),
        }
        return VariantResult(**(fields | changes))


@pytest.fixture
def make():
    return Make()

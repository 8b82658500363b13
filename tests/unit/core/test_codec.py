from __future__ import annotations

import dataclasses
import inspect
import json
import math
from collections.abc import Mapping  # noqa: TC003 - the codec resolves it at run time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core import results, tensors
from harness.core.codec import from_json, to_json
from harness.core.errors import ReportError

RECORDS = [
    record
    for _, record in inspect.getmembers(results, dataclasses.is_dataclass)
    if record.__name__ in results.__all__
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=4,
)


def test_the_records_are_found():
    assert {"QualityReport", "VariantResult", "Flip"} <= {r.__name__ for r in RECORDS}


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.__name__)
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_every_record_survives_json_as_text(record, data):
    """Whatever is in it, NaN and infinity included: JSON -> record -> the same JSON."""
    given_fields = {}
    if record is results.QualityReport:
        # Its open mapping would be filled with objects that JSON cannot hold.
        given_fields["provenance"] = st.dictionaries(st.text(), JSON_VALUES, max_size=2)
        given_fields["variants"] = st.tuples(st.from_type(results.VariantResult))
    written = to_json(data.draw(st.builds(record, **given_fields)))
    text = json.dumps(written, allow_nan=False)
    read = from_json(record, json.loads(text))
    assert isinstance(read, record)
    assert to_json(read) == written


def test_a_full_report_comes_back_equal():
    report = full_report()
    text = json.dumps(to_json(report), allow_nan=False)
    assert from_json(results.QualityReport, json.loads(text)) == report


def full_report() -> results.QualityReport:
    """A report in which every field of every record holds something."""
    histogram = results.Histogram((0.0, 0.5, 1.0), (3, 4))
    output = results.OutputComparison(
        *(
            "probabilities",
            "Identity:0",
            3600,
            7,
            0,
            0.1,
            0.01,
            0.02,
            0.09,
            41.5,
            0.999,
        ),
        *(0.98, 0.019, 0.0, 0.25, (0, 1), 1e-4, 1e-4, histogram),
        worst=(results.WorstSample(17, 0.1, "img-17"),),
        unscored={"border_share": "no spatial output"},
        n_nonfinite_new=1,
        first_nonfinite=17,
        error_map=results.ErrorMap((8, 8), ((0.1,),), 64),
    )
    a_class = results.ClassComparison(
        *("7", 36, 1.0, 0.5, (0.3, 0.7), 1.0, 0.9, 1.0, 0.6, 18, 0),
        *(1e-5, 1e-4, 0.2, "fail", (0.9, 1.0), ((1, 18),)),
    )
    labels = results.LabelComparison(
        *(360, 0.97, 0.9, 0.95, 20, 2, 22, 1e-4),
        per_class=(a_class,),
        confusion=results.Confusion(("6", "7"), ((9, 1), (0, 9)), ((8, 2), (4, 5))),
        flips=(results.Flip(17, "7", "7", "6", 0.7, "img-17"),),
        group_losses=((1, 18),),
        flows=(results.Flow("7", "7", "6", 18, 0.4),),
        collapse_reference=0.01,
        collapse=0.2,
        confusion_cells=results.ConfusionCells(((0, 1, 2, 3),), 4),
        examples=(results.Flip(3, "7", "7", "1", 0.25, "id"),),
    )
    weights = results.TensorStatistics(
        *("conv/kernel", (3, 3, 1, 8), "int8", "kernel", "Conv", 72, 0, -1.0, 1.0),
        *(1e-3, 0.01, 0.2, 0.1, {"0.5": 0.0}, histogram, 0.0, 0.1, 0.0),
        *(0.1, -0.3, histogram),
        results.ChannelRanges(3, 8, 2.5, 1.5, 1, 1, (-1.0, -0.5), (1.0, 0.5)),
        risks=(
            results.FormatRisk(
                *("int8", 72, 41.0, 0.01, 0.1, 0.0, 0.0, True, 255, 70, 5.5, 6.5),
                *(0.01, 1e-5, 0.01, 0.3, 1e-4, 30.0),
            ),
        ),
    )
    drift = results.TensorDrift(
        *("w", "kernel", "permuted", 0.1, 0.01, 20.0, 0.99, 72, "rounded to 3 bits"),
        *(72, 0.01, 0.1, 0.02, 3, "drifted", 4.5, "half a step", "quant.scale"),
    )
    folding = tensors.Folding(
        *("candidate", "kernel", ("gamma", "variance"), ("w", "b"), 1e-3, 9e-4),
        *(1.1e-3, (1e-3,), 1e-5, "differs", 1e-7, "folded with another epsilon"),
    )
    metric = results.TaskMetric(
        *("mean_iou", 9, 0.9, 0.8, "no reason", (-0.2, -0.1), 1e-3, 1e-2, "fail"),
    )
    part = results.PartComparison(
        *("7", 9, (metric,), 0.2, 3, 1, ((1, 2),), 0.03, "too few", "fail"),
    )
    variant = results.VariantResult(
        *("int8", "quantized", "ran", "for a reason", "failed", "m/int8.onnx", 19),
        *("ab" * 32, 4096, "onnxruntime", 1, {"threads": 1, "gpu": None}, 1e-4),
        outputs=(output,),
        labels=labels,
        weights=(weights,),
        weight_drift=results.WeightComparison(
            *("onnx", (drift,), ("a",), ("b",), (folding,)),
            accounted=(tensors.AccountedTensor("t", "reference", "tied", "as w"),),
            faults=(tensors.WeightFault("norm.epsilon", ("w",), "1e-3 for 1e-5"),),
            notes=("channels permuted alike",),
        ),
        weight_audit=results.QuantizationAudit(
            *(3, 4, 2, 1),
            findings=(
                results.QuantizationFinding(
                    *("QNT301", "error", "quant.bias", "b", "conv", "scale is off"),
                    *({"scale": 0.5}, "quantize again"),
                ),
            ),
            ranges=(results.QuantizedRange("a", 0.0, 6.0, 0.0, 5.0, 0.01, 0.2),),
            n_samples=64,
            unranged="its inputs are prepared otherwise",
        ),
        weight_harm=(results.FormatHarm("w", "int8", 0.5, 0.01, "clipped"),),
        checks=(
            results.Check("accuracy", "failed", 0.07, 0.01, "fell", ("7",), ("why",)),
        ),
        skipped_checks={"operator_semantics": "not read"},
        task=results.TaskComparison(
            *("detection", 360, (metric,), (part,), (part,)),
            *(results.Confusion(("6", "7"), ((9, 1), (0, 9)), ((8, 2), (4, 5))),),
            *(("a note",), 3, 1, ((1, 2),)),
        ),
        matrix=results.RunMatrix(
            "int8",
            64,
            (results.MatrixCell("threads", "2", 0.1, 1e-6, 3, True, "it crashed"),),
        ),
        profile=results.ErrorProfile(
            "int8",
            (
                results.ErrorStep(
                    *("conv_1", "conv", "Conv", 1.3, 1.4, 1e-6, True),
                    map=results.StepMap(1, 2, ((0.0, 1.0),), 0.5),
                ),
            ),
            *(16, 3),
        ),
    )
    finding = results.Finding(
        *("PAD001", "error", "padding.same_split", "int8"),
        results.Where("conv_1", "conv", "Conv", "x:0"),
        *("pads differ", "[0,0,1,1]", "[1,1,1,1]", "set pads"),
        results.Proof("pads = [0,0,1,1]", 0.9, 1e-7, 0.999, 64, 30, 0),
    )
    return results.QualityReport(
        suite=results.SuiteFacts("digits", "classification", "quality.toml", "keras"),
        golden=results.GoldenFacts(360, "cd" * 32, "ef" * 32, ("6", "7"), (180, 180)),
        verdict="failed",
        variants=(variant,),
        findings=(finding,),
        notices=("one thing",),
        waivers=(
            results.WaiverUse(
                results.Waiver(
                    *("int8", "accuracy", "known", "Ann", "2030-01-31", "7", 4)
                ),
                "unused",
            ),
        ),
        early=results.EarlyAnswer(64, 360, 2, "decided"),
        samples=(
            results.ShownSample(
                3,
                (results.Preview("image", (8, 8), "aGk=", (8, 8), ((0.5,),), "text"),),
                "id",
            ),
        ),
        provenance={"packages": {"numpy": "2"}, "cpu_flags": ["avx2"]},
    )


def test_the_full_report_leaves_no_field_to_its_default():
    text = json.dumps(to_json(full_report()))
    assert '"gpu": null' in text  # the only null
    assert text.count("null") == 1
    assert "[]" not in text
    assert "{}" not in text


def test_a_class_goes_by_the_key_that_scripts_rely_on():
    (variant,) = to_json(full_report())["variants"]
    (per_class,) = variant["labels"]["per_class"]
    assert per_class["class"] == "7"
    assert "class_name" not in per_class


@dataclass(frozen=True)
class Sample:
    number: float
    maybe: float | None = None
    count: int = 0
    word: Literal["a", "b"] = "a"
    pair: tuple[int, str] = (0, "")
    table: Mapping[str, int] = field(default_factory=dict)
    flag: bool = False


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_null_and_comes_back_as_no_number(number):
    written = to_json(Sample(number, number))
    assert (written["number"], written["maybe"]) == (None, None)
    read = from_json(Sample, written)
    assert math.isnan(read.number)
    assert read.maybe is None


def test_numbers_of_numpy_that_are_floats_are_written_as_floats():
    assert type(to_json(Sample(np.float64(0.5)))["number"]) is float


@pytest.mark.parametrize(
    "value", [np.float32(1), np.int64(1), np.zeros(2), b"x", {1}, object()]
)
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(TypeError, match=f"cannot write {type(value).__name__} as JSON"):
        to_json({"deep": [value]})


def test_unknown_keys_are_left_to_newer_readers():
    assert from_json(Sample, {"number": 1, "invented_later": []}) == Sample(1.0)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ([], "$"),
        ("text", "$"),
        (None, "$"),
        ({}, "no 'number'"),
        ({"number": "1"}, "$.number"),
        ({"number": True}, "$.number"),
        ({"number": []}, "$.number"),
        ({"number": 10**400}, "$.number"),
        ({"number": 1, "maybe": "1"}, "$.maybe"),
        ({"number": 1, "count": 1.5}, "$.count"),
        ({"number": 1, "count": True}, "$.count"),
        ({"number": 1, "count": None}, "$.count"),
        ({"number": 1, "word": "c"}, "$.word"),
        ({"number": 1, "word": ["a"]}, "$.word"),
        ({"number": 1, "pair": [1]}, "$.pair"),
        ({"number": 1, "pair": [1, 2]}, "$.pair[1]"),
        ({"number": 1, "pair": "12"}, "$.pair"),
        ({"number": 1, "table": []}, "$.table"),
        ({"number": 1, "table": {"k": "v"}}, "$.table.k"),
        ({"number": 1, "flag": 1}, "$.flag"),
    ],
)
def test_a_wrong_value_is_told_with_its_path(value, where):
    with pytest.raises(ReportError) as caught:
        from_json(Sample, value)
    assert where in caught.value.message
    assert caught.value.hint


def test_a_long_wrong_value_is_cut():
    with pytest.raises(ReportError) as caught:
        from_json(Sample, {"number": "9" * 10_000})
    assert len(caught.value.message) < 200

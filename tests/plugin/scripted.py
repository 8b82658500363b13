"""A pipeline that answers what the suite file tells it to.

A variant's ``options`` hold its status, its reason, and check name -> answer
(passed, failed, undecided, error, or "unasked").
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

from harness.core.errors import GoldenError
from harness.core.results import (
    CHECK_NAMES,
    Check,
    Finding,
    GoldenFacts,
    Proof,
    QualityReport,
    SuiteFacts,
    VariantResult,
    Where,
)
from harness.core.waivers import WaiverUse
from harness.suite import load_suite, load_waivers

SUITE = """\
[suite]
name = "{name}"
task = "classification"
reference = "original"
undecided = "{undecided}"

[golden]
data = "data.npz"

[[variant]]
name = "original"
kind = "original"
path = "a.onnx"
"""
VARIANT = """
[[variant]]
name = "{name}"
kind = "{kind}"
path = "{name}.onnx"
options = {{ {options} }}
"""


def suite_text(*variants, name="digits", undecided="warn"):
    return SUITE.format(name=name, undecided=undecided) + "".join(variants)


def variant_text(name="int8", kind="quantized", **options):
    pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    return VARIANT.format(name=name, kind=kind, options=pairs)


def planned_checks(suite, variant, *, baseline=False):
    return tuple(name for name in CHECK_NAMES if name in variant.options)


def evaluate(suite, options=None, progress=None):
    if not hasattr(suite, "variants"):
        suite = load_suite(suite)
    with (suite.path.parent / "evaluations.log").open("a") as log:
        log.write(f"{suite.name} {options and ','.join(options.only)}\n")
    broken = {v.options.get("broken") for v in suite.variants}
    if "runtime" in broken:
        warnings.warn("an old runtime", DeprecationWarning, stacklevel=2)
    if "golden" in broken:
        raise GoldenError("data.npz holds no samples", hint="record some")
    if "harness" in broken:
        raise ZeroDivisionError("a fault of ours")
    only = options.only if options else ()
    wanted = {*only, suite.reference} if only else {v.name for v in suite.variants}
    variants = tuple(_result(suite, v) for v in suite.variants if v.name in wanted)
    verdicts = {v.verdict for v in variants}
    order = ("failed", "error", "undecided", "passed")
    return QualityReport(
        suite=SuiteFacts(suite.name, suite.task, suite.path.name, suite.reference),
        golden=GoldenFacts(360, "d" * 64, "p" * 64, ("zero", "one"), (180, 180)),
        verdict=next((word for word in order if word in verdicts), "error"),
        variants=variants,
        findings=tuple(FINDING(v.name) for v in variants if v.verdict == "failed"),
        waivers=_uses(suite),
    )


def compare(reference, candidate, data, *, labels=None, kind=None):
    asked = f"{reference} {candidate} {labels} {kind}"
    return replace(evaluate(data), notices=(asked,))


def FINDING(variant):  # noqa: N802 (reads as a constant with one hole)
    return Finding(
        code="PAD001",
        severity="error",
        cause="padding.same_split",
        variant=variant,
        where=Where("conv1", "conv2d", "Conv"),
        explanation="pads differ from what SAME asks for",
        reference_semantics="pads (0, 0, 1, 1)",
        candidate_semantics="pads (1, 1, 1, 1)",
        hint='export again with padding="same"',
        proof=Proof("pads = [0, 0, 1, 1]", 0.99, 0.0, 1.0, 64),
    )


def _result(suite, variant):
    said = variant.options
    status = said.get("status", "ran")
    names = [n for n in planned_checks(suite, variant) if status == "ran"]
    waived = {
        w.check: f"{w.why} ({w.who}, until {w.until})" for w in load_waivers(suite)
    }
    checks = tuple(
        replace(_check(n, said[n]), waived=(waived[n],) if n in waived else ())
        for n in names
        if said[n] != "unasked"
    )
    states = {check.status for check in checks}
    order = ("failed", "error", "undecided", "passed")
    verdict = next((word for word in order if word in states), None)
    return VariantResult(
        name=variant.name,
        kind=variant.kind,
        status=status,
        reason=said.get("reason"),
        verdict=verdict,
        path=variant.path.name,
        line=variant.line,
        sha256="ab" * 32,
        size_bytes=1000,
        backend="onnxruntime",
        batch_size=32,
        runtime={},
        seconds_per_sample=None,
        checks=checks,
        skipped_checks={n: "no labels" for n in names if said[n] == "unasked"},
    )


def _uses(suite):
    """Every waiver is used until it expires; 2030 is the day of the script."""
    waivers = load_waivers(suite)
    return tuple(
        WaiverUse(waiver, "used" if waiver.until > "2030-01-01" else "expired")
        for waiver in waivers
    )


def _check(name, status):
    return Check(name, status, 0.125, 0.02, f"class one lost 12.5 points ({name})")

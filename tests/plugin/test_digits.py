"""A suite of this repository, as its users run it."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEALTHY = {"onnx", "torch"}


def test_planted_mistakes_fail_by_name_and_healthy_candidates_pass(
    pytester, monkeypatch
):
    monkeypatch.chdir(ROOT)
    result = pytester.runpytest_subprocess(
        "golden/digits-regressed",
        f"--quality-report={pytester.path}",
        "-pno:cacheprovider",
        "-n2",
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*PAD001 Conv 'conv2'*", "*proven: *"])
    summary = [line for line in result.outlines if line.startswith("FAILED golden")]
    # A node id and a path are as long as they are.
    told = [
        n for n in result.outlines if not n.startswith(("FAILED golden", "report:"))
    ]
    assert max(map(len, told)) <= 80

    failed = {line.split("::")[1] for line in summary}
    report = json.loads((pytester.path / "digits-regressed.json").read_text())
    candidates = {variant["name"] for variant in report["variants"]} - {"keras"}
    assert failed == candidates - HEALTHY
    assert (pytester.path / "digits-regressed.html").stat().st_size > 10_000

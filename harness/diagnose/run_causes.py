"""Causes that lie in how a file is run: the file alone does not show them."""

from __future__ import annotations

from harness.diagnose.cause import Cause

FUSION = Cause(
    code="FUS001",
    slug="runtime.fusion",
    line="the runtime's optimizations change what the file computes",
    hint="run with this optimizer disabled, or write the graph so that it does not fit",
    rank=10,
)
BATCH = Cause(
    code="BAT001",
    slug="runtime.batch",
    line="a sample's answer depends on how many samples are run with it",
    hint="run with the batch size that was validated, or mend what mixes samples",
)
THREADS = Cause(
    code="THR001",
    slug="runtime.threads",
    line="answers depend on the number of threads",
    hint="fix intra_op_num_threads to what was validated",
)
PROVIDER = Cause(
    code="PRV001",
    slug="runtime.provider",
    line="answers depend on the execution provider",
    hint="validate on the provider that is deployed, at its full precision",
)
RUN_CAUSES = (FUSION, BATCH, THREADS, PROVIDER)

"""What every part of the view needs: the record, and the ids of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.checks import evidence
from harness.report.text import slug
from harness.report.view.cells import unique

if TYPE_CHECKING:
    from harness.core.results import Finding, QualityReport, VariantResult


@dataclass(frozen=True, slots=True)
class Scope:
    """The record and its deep links.

    Attributes:
        report: The record.
        ids: Variant name -> id, stable, readable and unique.
    """

    report: QualityReport
    ids: dict[str, str]

    @classmethod
    def of(cls, report: QualityReport) -> Scope:
        """The scope of a record."""
        ids: dict[str, str] = {}
        for variant in report.variants:
            wanted = f"v-{slug(variant.name)}"
            ids[variant.name] = unique(wanted, set(ids.values()))
        return cls(report, ids)

    @property
    def shown(self) -> frozenset[int]:
        """Samples whose inputs the record holds."""
        return frozenset(shown.sample for shown in self.report.samples)

    def block(self, variant: VariantResult, kind: str) -> str:
        """Id of a block of evidence."""
        return f"{self.ids[variant.name]}--{kind}"

    def check_ids(self, variant: VariantResult) -> dict[str, str]:
        """Check name -> id."""
        ids: dict[str, str] = {}
        for name in [*(c.name for c in variant.checks), *variant.skipped_checks]:
            wanted = f"{self.ids[variant.name]}--check-{slug(name)}"
            ids[name] = unique(wanted, set(ids.values()))
        return ids

    def findings(self, variant: VariantResult) -> tuple[Finding, ...]:
        """The variant's findings, root causes first."""
        return tuple(f for f in self.report.findings if f.variant == variant.name)

    def evidence(self, variant: VariantResult, check: str) -> str:
        """Link to what shows a check; empty where the variant has nothing to show."""
        kind = evidence(check)
        shown = {
            "decisions": variant.labels is not None,
            "task": variant.task is not None,
            "numbers": bool(variant.outputs),
            "weights": bool(variant.weights) or variant.weight_drift is not None,
            "findings": bool(self.findings(variant)),
            "runs": variant.matrix is not None,
        }
        return f"#{self.block(variant, kind)}" if shown[kind] else ""

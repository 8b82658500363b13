"""Exact tests of paired decisions, one at a time; `families` has many at once."""

from __future__ import annotations


def mcnemar_one_sided(n_lost: int, n_won: int) -> float:
    """Exact p-value of so many losses where losing is no likelier than winning.

    McNemar (1947), "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12: only discordant pairs speak, and
    without a change each is lost or won with probability 1/2. The upper tail of
    Binomial(n_lost + n_won, 1/2); 1 where nothing was lost.
    """
    return binomial_tail(n_lost, n_lost + n_won, 0.5)


def binomial_tail(successes: int, n: int, probability: float) -> float:
    """P(X >= successes) for X ~ Binomial(n, probability)."""
    # scipy.special takes a while to import; `asked_checks` must not wait for it.
    from scipy.special import bdtrc

    return float(bdtrc(successes - 1, n, probability)) if successes > 0 else 1.0

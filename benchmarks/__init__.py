"""What the harness costs, how it grows, and how often it errs.

    python -m benchmarks                    # measure everything, write docs and plots
    python -m benchmarks --only overhead    # a part; what else there is stays
    python -m benchmarks --render           # pages and plots from the kept figures
    python -m benchmarks.overhead           # one alone: prints its table

Figures are kept in ``benchmarks/figures``; pages and plots are written from there.
"""

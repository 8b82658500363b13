"""The bench of drift diagnosis: injected faults, clean rewrites, pairs across formats.

    python -m benchmarks.drift [--cause C] [--topology T] [--limit N] [--jobs 2]

Networks come from the real exporters with seeded weights; faults are injected into
their files by cause. The engine is asked through its public door and knows nothing of
what was injected.
"""

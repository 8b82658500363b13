"""Workers that run the parts of a suite elsewhere: processes, machines.

An engine knows nothing of suites: it opens a piece of work in each worker, hands out
spans of golden samples, and brings back bytes in their order.
"""

from harness.engines.protocol import Crew, Engine, Hands, Settings, Work
from harness.engines.table import ENGINES

__all__ = ["ENGINES", "Crew", "Engine", "Hands", "Settings", "Work"]

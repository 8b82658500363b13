"""Small models whose answers are known: what the installed runtime makes of them.

A canary is a model of one or two operators with an answer worked out in numpy, or by
hand. It tells which known drift *this* runtime shows, whatever a table says.
"""

from harness.canaries.examine import Canary, RunModel, examine
from harness.canaries.table import SPECIMENS

__all__ = ["SPECIMENS", "Canary", "RunModel", "examine"]

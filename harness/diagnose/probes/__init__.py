"""One cause a file. A probe looks, and hands over what it suspects with an edit.

The order is the order of specificity: where two probes explain one fault, the later
one is dropped.
"""

from harness.diagnose.probes.changed_weights import ChangedWeights
from harness.diagnose.probes.epsilon import Epsilon
from harness.diagnose.probes.output_order import OutputOrder
from harness.diagnose.probes.permutation import Permutation
from harness.diagnose.probes.same_split import SameSplit

PROBES = (OutputOrder(), SameSplit(), Permutation(), Epsilon(), ChangedWeights())

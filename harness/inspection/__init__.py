"""What a model file says of itself; runs no model code and needs no framework."""

from harness.inspection.forms import inspect_model
from harness.inspection.rendering import render_facts

__all__ = ["inspect_model", "render_facts"]

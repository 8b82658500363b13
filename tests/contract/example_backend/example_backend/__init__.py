"""A backend for the harness, as somebody else would write it."""

"""What every test here shares."""

from hypothesis import settings

# The same examples in every run, and no clock: a shared machine may be slow.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")

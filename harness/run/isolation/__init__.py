"""A variant in a process of its own: what it does to itself, it does to nobody else."""

from harness.run.isolation.launch import Launch
from harness.run.isolation.session import IsolatedSession, Starting, start

__all__ = ["IsolatedSession", "Launch", "Starting", "start"]

"""Runs over time: kept in one SQLite file, and read for where and why levels moved."""

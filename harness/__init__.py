"""Holds forms of one model against each other on golden data."""

"""Renderers of the one record: terminal, Markdown, JUnit, JSON and HTML."""

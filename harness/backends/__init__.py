"""Runtimes behind one protocol: `table` names them, `detect` picks one for a file."""

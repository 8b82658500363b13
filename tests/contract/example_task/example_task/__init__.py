"""Things that are counted."""

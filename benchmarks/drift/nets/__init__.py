"""Networks of the bench, one file a kind of exporter."""

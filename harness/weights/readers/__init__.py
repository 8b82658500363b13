"""One file a format: ``read_weights(path)``, listed in `table`."""

"""Model files as graphs of what they compute, whatever their exporter spelled."""

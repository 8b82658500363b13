"""Bytes of model files as plain records; no framework, and every read is checked."""

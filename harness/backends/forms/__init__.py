"""Forms of model files: one recogniser a form, all of them in `table`."""

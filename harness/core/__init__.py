"""The shared vocabulary: errors, specs, results, protocols. Imports nothing of ours."""

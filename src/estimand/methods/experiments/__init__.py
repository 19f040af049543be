"""Methods for experiments: they read the moments of metrics."""

"""Checks of experiments: assignment, exposure, metrics, and when they are read."""

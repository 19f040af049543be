"""Estimand: from a question and a table of data to a causal answer someone can defend."""

__version__ = "0.1.0"

"""Hypothesis draws the same examples in every run, and no test is judged by its speed."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("fixed")

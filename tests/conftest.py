"""Hypothesis draws the same examples in every run, no test is judged by its speed, and bytecode is kept.

Tests start dozens of interpreters: where the environment forbids them to keep what they compile, each compiles anew.
"""

import os
import sys

from hypothesis import settings

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("fixed")

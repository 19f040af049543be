"""Panels: what the comparison over time rests on, and whether these rows bear it."""

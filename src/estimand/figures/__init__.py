"""Figures: pure functions from results to charts, and what draws a chart."""

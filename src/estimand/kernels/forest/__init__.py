"""Forests by histogram: codes, random draws, pseudo-outcomes, splits, trees, bags and routes, each with its twin."""

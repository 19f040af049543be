"""Simulated worlds: how each draws its rows, which design a user would give it, and what is true in it."""

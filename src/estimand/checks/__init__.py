"""Checks: they examine estimates and answer with findings; some may veto."""

"""Adjustment for measured covariates."""

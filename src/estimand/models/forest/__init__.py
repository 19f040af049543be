"""Forests by histogram: how treatment effects, or means, vary with the covariates."""

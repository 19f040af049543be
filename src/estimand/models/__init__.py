"""Learners, folds and the nuisance bank: whatever predicts, fitted once and shared."""

"""Effects given covariates, from any learner: S, T, X, R and DR."""

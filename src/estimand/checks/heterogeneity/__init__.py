"""Evidence of heterogeneity: what reported effects are worth on rows they were not learned from."""

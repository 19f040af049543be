"""Who gains: effects that vary with covariates, and the averages that follow from them."""

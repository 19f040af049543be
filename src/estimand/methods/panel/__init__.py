"""Units over time: difference-in-differences and rollouts."""

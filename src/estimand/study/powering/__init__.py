"""Planning: how many units an experiment needs, from what is known of its metric."""

"""What is measured of experiments: error rates of methods, looks, allocation, history and planning."""

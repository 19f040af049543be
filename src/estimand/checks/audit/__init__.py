"""The audit: what the data can carry, asked before any estimate."""

"""The nouns: what every room of the house speaks in."""

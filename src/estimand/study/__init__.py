"""Studies: the one room that knows data, methods and checks."""

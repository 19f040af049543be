"""Methods: a design and a sample in, an estimate out; one family a folder, families blind to each other."""

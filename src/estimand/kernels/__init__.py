"""Hot loops, compiled on first use, each beside a plain numpy twin that the tests hold it to."""

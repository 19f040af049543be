"""Tables in, samples out: files and frames read, columns encoded, rows counted; and the bundled datasets."""

"""The laboratory: worlds whose truth is known, in which the catalog's own error rates are measured."""

"""Reports: the record in words and on a page."""

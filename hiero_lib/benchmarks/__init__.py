"""One module per benchmark: predictions in the official format, then metrics."""

"""Search over a collection: a text finds the runs of all videos, at all levels, that are nearest to it."""

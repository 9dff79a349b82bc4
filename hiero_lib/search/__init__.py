"""Search over a collection: a text finds the spans of all videos, at all levels, that are nearest to it."""

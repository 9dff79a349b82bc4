"""Spans of time, the record of a video, names of threads, a collection of videos."""

"""From a video file to segment features: decoding, windows, extractors, extraction of whole folders."""

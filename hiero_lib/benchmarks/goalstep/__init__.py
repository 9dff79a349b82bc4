"""Ego4D Goal-Step, step grounding: the moment of each step of a video, zero-shot."""

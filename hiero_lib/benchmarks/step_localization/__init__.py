"""Ego4D Goal-Step, step localisation: all steps of a video with their labels, zero-shot."""

"""Sequences of the parts: the notebooks, the ablation, sweeps, a video of one's own."""

"""Training on EgoClip: the losses, a step, checkpoints, the loop, and the memory that it takes."""

"""Training on EgoClip: what it reads, the losses, a step, the folder, the loop, and the memory that it takes."""

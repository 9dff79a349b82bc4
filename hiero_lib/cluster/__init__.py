"""Work on SLURM: what is asked of it, what a launch has sent, how its jobs do, what a task of srun's is part of."""

"""What a run reads: where the data lie, features, EgoClip, narrations, caches of text."""

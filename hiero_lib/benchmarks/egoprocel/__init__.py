"""EgoProceL: clusters of a video against its key-steps."""

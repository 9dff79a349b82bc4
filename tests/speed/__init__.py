"""Benchmarks: ``python -m tests.speed [NAME ...]`` prints ratios measured side by side in one run."""

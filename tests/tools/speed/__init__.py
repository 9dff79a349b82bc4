"""Benchmarks: ``python -m tests.tools.speed [NAME ...]`` prints ratios measured side by side in one run."""

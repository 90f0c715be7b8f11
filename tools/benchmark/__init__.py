"""Measure this program's speed beside the tutorial's: `python -m tools.benchmark`."""

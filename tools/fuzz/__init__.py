"""Break the scripts on purpose: `python -m tools.fuzz`."""

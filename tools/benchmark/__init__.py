"""This program's speed beside the tutorial's."""

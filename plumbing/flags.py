"""Types of flags for argparse."""

import argparse


def number(kind, low, high, above=False):
    """An argparse type: an int or float (`kind`) from `low` to `high`; with `above`, not `low`."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high or (above and value == low):
            name = "a whole number" if kind is int else "a number"
            bounds = f"above {low} and at most {high}" if above else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not {name} {bounds}")
        return value

    return parse


def nonempty(text):
    """An argparse type: the name of a file or folder, which is not empty as an unset variable."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text

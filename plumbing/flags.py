"""Types of flags for argparse."""

import argparse


def bounded(kind, low, high, above=False):
    """Return an argparse type: an int or float (`kind`) from `low` to `high`.

    With `above`, `low` itself is refused.
    """

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


number = bounded  # its old name, until nobody uses it


def nonempty(text):
    """Check, as an argparse type, the name of a file: an unset variable leaves it empty."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text

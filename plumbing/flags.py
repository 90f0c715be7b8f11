"""The parser of all scripts' flags, and types of flags."""

import argparse
from difflib import get_close_matches
from functools import partial


class Parser(argparse.ArgumentParser):
    """A parser that tells which flag may be meant by a mistyped one."""

    def parse_args(self, args=None, namespace=None):
        known, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self.suggest(unknown)}")
        return known

    def suggest(self, unknown):
        """Return a question after the flags that are like unknown arguments, "" for none."""
        flags = [flag[2:] for flag in self._option_string_actions if flag.startswith("--")]
        typed = [word.split("=")[0].lstrip("-") for word in unknown if word.startswith("-")]
        meant = [f"--{flag}" for name in typed for flag in get_close_matches(name, flags, 1)]
        return f"; did you mean {' '.join(meant)}?" if meant else ""


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


def nonempty(text):
    """Check, as an argparse type, the name of a file: an unset variable leaves it empty."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text


def training_parser(description, images, batch_size, learning_rate):
    """Build a parser of the flags of step 3 and tools/distill.py, whose defaults are given."""
    parser = Parser(description=description)
    add, whole = parser.add_argument, partial(bounded, int)
    more = {"nargs": "+", "action": "extend", "default": [], "type": nonempty}
    add("--data", **more, metavar="PATH", help="train on these csv files or folders, too")
    times = f"how often to see as many images as there are ({images:,} images in all)"
    add("--epochs", type=whole(1, 10_000), help=times)
    size = {"type": whole(1, 100_000), "default": batch_size}
    add("--batch-size", **size, help=f"images a step ({batch_size})")
    rate = {"type": bounded(float, 1e-9, 100), "default": learning_rate}
    add("--lr", **rate, help=f"peak learning rate ({learning_rate})")
    same = "same seed, machine and threads: same checkpoint (1)"
    add("--seed", type=whole(0, 2**31), default=1, help=same)
    add("--start", type=nonempty, metavar="FILE", help="train on from the weights of this file")
    add("--no-accel", action="store_true", help="train on the CPU whatever there is")
    add("--dry-run", action="store_true", help="train on one batch, write nothing")
    add("--resume", action="store_true", help="go on with an interrupted run")
    return parser

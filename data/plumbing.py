"""Plumbing that all scripts share: faults, files, flags. Skip it on first reading.

It needs the standard library alone, so that step 6 can do without torch.
"""

import argparse
import contextlib
import io
import os
import secrets
import signal
import stat
import sys
from pathlib import Path

INTERRUPTED = 128 + signal.SIGINT  # exit status, as shells report a program ended by Ctrl-C


class Problem(Exception):
    """Something the user can mend. Its text is one line: what is wrong, where, what to do."""


# ---------------------------------------------------------------- faults


def run(main):
    """Call `main` as a script does: what can go wrong for a user ends it with one line on standard
    error and exit status 1, Ctrl-C with 130, other signals that end a program with 128 and their
    number."""
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):  # Windows has no SIGHUP
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        main()
    except (Problem, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {in_a_line(error)}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def in_a_line(error):
    """What an exception says, without line breaks or Python's error numbers."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split())


# ---------------------------------------------------------------- files


@contextlib.contextmanager
def whole_file(path):
    """Give a temporary path beside `path` to write to, moved to `path` when the block ends well: an
    interrupted run, or a full disk, leaves the old file whole.

    A symbolic link stays one, and its target is replaced; a device or a pipe is written into.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise Problem(f"{path}: a folder, not a file to write to")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        yield path
        return
    draft = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        draft.touch(exist_ok=False)
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.filename in (draft, str(draft)):
            error.filename = str(path)  # the name that the user knows
        raise
    finally:
        draft.unlink(missing_ok=True)


def write_file(path, content):
    """Write `content` (bytes) to `path` as `whole_file` does."""
    with whole_file(path) as draft:
        draft.write_bytes(content)


def write_figure(path, figure):
    """Write a matplotlib figure as PNG to `path` as `whole_file` does."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    write_file(path, buffer.getvalue())


def require_file(path, advice):
    """Raise FileNotFoundError, which ends with `advice`, if `path` is not there, and Problem if it
    is not a file: reading a folder fails, reading a pipe may never end."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path}: no such file; {advice}") from None
    if not stat.S_ISREG(mode):
        raise Problem(f"{path}: a folder or a device, not a file")


# ---------------------------------------------------------------- flags


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

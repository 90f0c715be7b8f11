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
from concurrent.futures import Future, wait
from pathlib import Path
from threading import Thread


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
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name must not fail where it is printed
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    except (Problem, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {in_a_line(error)}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def in_background(function, stop, seconds):
    """What a function gives that Python cannot interrupt, called in a thread so that Ctrl-C can.
    Raises what it raises, or TimeoutError after so many seconds; `stop` is called to end it."""
    answer = Future()

    def work():
        try:
            answer.set_result(function())
        except Exception as error:
            answer.set_exception(error)

    try:
        Thread(target=work, daemon=True).start()
        return answer.result(seconds)
    except BaseException:
        stop()
        wait([answer], 1)
        raise


def in_a_line(error):
    """What an exception says, without line breaks or Python's error numbers."""
    named = isinstance(error, OSError) and error.strerror and error.filename
    return " ".join((f"{error.filename}: {error.strerror}" if named else str(error)).split())


def printable(name):
    """A name as it is or, with line breaks or bytes that are no text in it, with escapes."""
    return str(name) if str(name).isprintable() else ascii(str(name))


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
        with contextlib.suppress(OSError):
            draft.unlink()


@contextlib.contextmanager
def growing_file(path):
    """`whole_file` for what grows until the user ends it: Ctrl-C or a signal leaves it whole, too.
    What a fault cuts short is kept as NAME.partial.EXT, and the old file as it was."""
    ended = None
    with whole_file(path) as draft:
        try:
            yield draft
        except (KeyboardInterrupt, SystemExit) as signal:
            ended = signal
        except (Problem, OSError) as error:
            if not draft.is_file() or draft.stat().st_size == 0:
                raise
            partial = draft.replace(Path(path).with_stem(f"{Path(path).stem}.partial"))
            raise Problem(f"{in_a_line(error)}; {partial} is what came before") from error
    if ended:
        raise ended


def write_file(path, content):
    """Write `content` (bytes) to `path` as `whole_file` does."""
    with whole_file(path) as draft:
        draft.write_bytes(content)


def write_figure(path, figure):
    """Write a matplotlib figure as PNG to `path` as `whole_file` does."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    write_file(path, buffer.getvalue())


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

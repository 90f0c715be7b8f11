"""Plumbing that all scripts share: faults, files, flags. Skip it on first reading.

It needs the standard library alone, so that step 6 can do without torch.
"""

import argparse
import contextlib
import glob
import io
import os
import secrets
import shutil
import signal
import stat
import sys
from _thread import interrupt_main
from concurrent.futures import Future, wait
from pathlib import Path
from threading import Thread, Timer


class Problem(Exception):
    """Something the user can mend. Its text is one line: what is wrong, where, what to do."""


# ---------------------------------------------------------------- faults


def run(main):
    """Call `main` as a script does: what can go wrong for a user ends it with one line on standard
    error and exit status 1, Ctrl-C with 130, other signals that end a program with 128 and their
    number."""
    ENDING.clear()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP, nohup ignores it
        if (number := getattr(signal, name, None)) and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
    sys.unraisablehook = end_later
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name must not fail where it is printed
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
        print(end="", flush=True)
    except (Problem, OSError, MemoryError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {in_a_line(error)}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception:  # where torch takes a signal's exception for a fault, and raises its own
        if not ENDING:
            raise
        sys.exit(128 + ENDING[0])
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt
        give_up_output()


ENDING = []  # the signals that came to end the program


def end(number, _):
    """What a signal does that ends a program: it lets the program clean up."""
    ENDING.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def end_later(dropped):
    """Where Python drops exceptions, as in a callback, send the signal again that raised one."""
    error = dropped.exc_value
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        return sys.__unraisablehook__(dropped)
    number = error.code - 128 if isinstance(error, SystemExit) else signal.SIGINT
    return Timer(0.05, interrupt_main, [number]).start()


def leave():
    """End this process, at the end of a script that did what it should, without taking its objects
    apart, as mypy does: torch's exporter leaves half a million, which would take over a second."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(0)


def give_up_output():
    """Let Python not try again, and complain, at its end where standard output takes nothing any
    more: a full disk, a pipe that nobody reads."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


@contextlib.contextmanager
def silent():
    """Let nobody write to standard error in the block: libpng and libjpeg tell there of damage, and
    cannot be asked not to. For the whole process, so not in threads."""
    if sys.stderr is None:  # closed from the start; another file may have its number
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def in_a_line(error):
    """What an exception says, without line breaks or Python's error numbers."""
    silent = {MemoryError: "not enough memory", TimeoutError: "timed out"}
    text = str(error) or silent.get(type(error), type(error).__name__)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split())


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
    clear_drafts(path.parent, path.stem)
    draft = path.with_name(f"{draft_name(path.stem)}{path.suffix}")
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
    """`whole_file` for what grows until the user ends it: Ctrl-C or a signal leaves it whole, too,
    or the old one where nothing has been written yet. What a fault cuts short is kept as
    NAME.partial.EXT, and the old file as it was."""
    ended = None
    with whole_file(path) as draft:
        try:
            yield draft
        except (KeyboardInterrupt, SystemExit) as signal:
            if draft.stat().st_size == 0:
                raise
            ended = signal
        except (Problem, OSError) as error:
            if not draft.is_file() or draft.stat().st_size == 0:
                raise
            partial = draft.replace(Path(path).with_stem(f"{Path(path).stem}.partial"))
            raise Problem(f"{in_a_line(error)}; {partial} is what came before") from error
    if ended:
        raise ended


def draft_name(stem):
    """A name for what is not finished, which nobody can guess and which says whose it is."""
    return f".{stem}.{os.getpid()}.{secrets.token_hex(4)}.tmp"


def clear_drafts(folder, stem):
    """Remove what is named by `draft_name` in `folder`, of runs that were killed."""
    for path in Path(folder).glob(f".{glob.escape(stem)}.*.tmp*"):
        owner = path.name.removeprefix(f".{stem}.").split(".")[0]
        if owner.isdecimal() and not is_running(int(owner)):
            with contextlib.suppress(OSError):  # another run may be doing the same
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_running(process):
    """Whether there is a process of that number. On Windows, to ask would end it."""
    try:
        return os.name == "nt" or os.kill(process, 0) is None
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True


def require_file(path, advice, most=None):
    """Raise FileNotFoundError, which ends with `advice`, if `path` is not there, and Problem if it
    is no file, as reading a pipe may never end, or has more than `most` bytes."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path}: no such file; {advice}") from None
    if not stat.S_ISREG(status.st_mode):
        raise Problem(f"{path}: a folder or a device, not a file")
    if most and status.st_size > most:
        raise Problem(f"{path}: {status.st_size:,} bytes, more than {most:,}")


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


def nonempty(text):
    """An argparse type: the name of a file or folder, which is not empty as an unset variable."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text

"""Plumbing that all scripts share: faults, files, flags. Skip it on first reading.

It needs the standard library alone, so that step 6 can do without torch.
"""

import contextlib
import io
import os
import signal
import sys
from _thread import interrupt_main
from concurrent.futures import Future, wait
from pathlib import Path
from threading import Thread, Timer


class UserError(Exception):
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
    except (UserError, OSError, MemoryError) as error:
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


def exit_now():
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

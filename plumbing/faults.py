"""Run a script: faults are told in one line, signals end it, and output that fails is a fault.

Needs the standard library alone, so that step 6 can do without torch.
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

SIGNALS = [  # that end a program; Windows has no SIGHUP
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
ENDING = []  # the signals that came to end the script
LEFT = []  # threads that may run when it ends: they wait for what may never come


class UserError(Exception):
    """Something the user can mend. Its text is one line: what is wrong, where, what to do."""


def run(main):
    """Call a script's `main`, and end as a program should.

    Exit status: 1 and one line on standard error for what the user can mend, 130 after Ctrl-C,
    128 and its number after another signal. Whoever runs the script in a process of their own, as a
    notebook's `%run` does, gets that process back as it was.
    """
    from plumbing.startup import is_own_process  # here: it changes the environment, as scripts may

    is_own = is_own_process()
    with contextlib.nullcontext() if is_own else borrowed_process():
        prepare_process()
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
            if is_own:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt
                give_up_output()
                if any(thread.is_alive() for thread in LEFT):
                    end_beside_threads(sys.exc_info()[1])


@contextlib.contextmanager
def borrowed_process():
    """Undo, when the block ends, what a script changes in the process that runs it."""
    from plumbing.startup import FOUND, SETTINGS

    os.environ.update(SETTINGS)  # another script may have been here, and given it back
    hook, output, errors = sys.unraisablehook, sys.stdout, getattr(sys.stdout, "errors", None)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)
        sys.unraisablehook = hook
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors=errors)
        for name in SETTINGS:
            del os.environ[name]
        os.environ.update(FOUND)


def prepare_process():
    """Let signals raise exceptions, and any name be printed."""
    ENDING.clear()
    for number in SIGNALS:
        # nohup and background jobs ignore some; None stands for a handler that is not Python's
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, end)
    sys.unraisablehook = end_later
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def end(number, _):
    """Handle a signal that ends a program: raise, so that the program cleans up."""
    ENDING.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def end_later(dropped):
    """Send a signal again whose exception Python drops, as it does in a callback."""
    error = dropped.exc_value
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        return sys.__unraisablehook__(dropped)
    number = error.code - 128 if isinstance(error, SystemExit) else signal.SIGINT
    return Timer(0.05, interrupt_main, [number]).start()


def end_beside_threads(error):
    """End the process as the exception `error` does, None for success, with threads at work.

    Python would take its objects and libraries apart under their feet, and crash.
    """
    if error is not None and not isinstance(error, SystemExit):
        return
    code = error.code if error else 0
    if isinstance(code, str):
        with contextlib.suppress(OSError):
            print(code, file=sys.stderr, flush=True)
        code = 1
    os._exit(code or 0)


def exit_now():
    """End a script that has done its work, without taking its objects apart.

    torch's exporter leaves half a million, which would take over a second. Returns where the
    process is not the script's own.
    """
    from plumbing.startup import is_own_process  # here: see `run`

    if is_own_process():
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(0)


def give_up_output():
    """Keep Python from trying again, at its end, to write what standard output does not take.

    The disk is full, or nobody reads the pipe; this was told already.
    """
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_background(function, stop, seconds):
    """Return what a function returns that Python cannot interrupt; Ctrl-C ends it all the same.

    Runs it in a thread and calls `stop` to end it early. Raises what it raises, and TimeoutError
    after so many seconds.
    """
    answer = Future()

    def work():
        try:
            answer.set_result(function())
        except Exception as error:
            answer.set_exception(error)

    LEFT.append(Thread(target=work, daemon=True))
    try:
        LEFT[-1].start()
        return answer.result(seconds)
    except BaseException:
        stop()
        wait([answer], 1)
        raise


@contextlib.contextmanager
def silent():
    """Discard what is written to standard error in the block, by C libraries too.

    libpng and libjpeg tell of damage there, and cannot be asked not to. It holds for the whole
    process: not for threads.
    """
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
    """Return what an exception says, without line breaks or error numbers."""
    wordless = {MemoryError: "not enough memory", TimeoutError: "timed out"}
    text = str(error) or wordless.get(type(error), type(error).__name__)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split())


def printable(name):
    """Return a name, with escapes where it has line breaks or bytes that are no text."""
    return str(name) if str(name).isprintable() else ascii(str(name))


def number_of(count, what):
    """Say a number of things: "1 picture", "2,000 pictures"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"

"""Call the scripts' main functions in one process, run after run.

    python -m tools.fuzz.worker                                     # runs come as lines of JSON
    python -m tools.fuzz.worker FOLDER FIRST SCRIPT [ARGUMENT ...]  # a single run

FIRST is Python to execute before `main`, for instance to download from elsewhere.
"""

import importlib
import io
import json
import os
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parents[2]
WHOLE = {}  # the project's modules and their variables before the first run


def call(first, script, *arguments):
    """Do what `python SCRIPT ARGUMENT ...` does, after executing `first`."""
    run = importlib.import_module("plumbing.faults").run
    module = importlib.import_module(Path(script).stem)
    for name in [*sys.modules]:
        if name.startswith(("step_", "camera.", "plumbing.")) and name not in WHOLE:
            WHOLE[name] = sys.modules[name], dict(vars(sys.modules[name]))
    sys.argv = [str(ROOT / script), *arguments]
    run(lambda: (exec(first, {}), module.main()))


def exit_status(command):
    """Make a run. Returns its exit status; tracebacks go to standard error."""
    try:
        with warnings.catch_warnings():  # shown again in every run, as in a new process
            call(*command)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return 1 if isinstance(end.code, str) else end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def redirect(folder):
    """Send standard output and error, C's too, to files in `folder`."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
        errors = "backslashreplace" if number == 2 else "strict"
        file = io.FileIO(number, "w", closefd=False)  # unbuffered: a buffer would outlive the run
        setattr(sys, name, io.TextIOWrapper(file, errors=errors, write_through=True))


def work():
    """Make runs, given as lines of JSON, until standard input ends; answer each with a line."""
    runs, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    importlib.import_module("plumbing.startup")  # adds to the environment
    tqdm.monitor_interval = 0  # its thread would look like one that a run has left
    environment, hook = dict(os.environ), sys.unraisablehook
    for line in runs:
        folder, logs, command = json.loads(line)
        os.chdir(folder)
        redirect(logs)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = exit_status(command)
        os.chdir("/")
        sys.unraisablehook = hook
        for module, variables in WHOLE.values():
            vars(module).update(variables)
        os.environ.clear()
        os.environ.update(environment)
        # A thread left over from a model that never ends would disturb later runs.
        print(json.dumps([status, threading.active_count() > 1]), file=answers, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.chdir(sys.argv[1])
        call(*sys.argv[2:])
    else:
        work()

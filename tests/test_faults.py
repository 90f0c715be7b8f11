import argparse
import errno
import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from plumbing import flags
from plumbing.faults import UserError, number_of
from plumbing.files import require_file, whole_file, write_file, write_new_file


def write_script(folder, body):
    """Write a script that calls plumbing's `run` with a main of the lines `body`."""
    lines = "\n    ".join(body.splitlines())
    (folder / "script.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom plumbing.faults import *\n"
        "from plumbing.files import *\nfrom plumbing.flags import *\n"
        f"import os, signal\ndef main():\n    {lines}\nrun(main)\n"
    )
    return folder / "script.py"


def run_script(folder, body, **more):
    command = [sys.executable, "-W", "error", write_script(folder, body)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


def test_silence_is_for_c_too_and_ends(tmp_path):
    body = (
        "with silent():\n os.write(2, b'no')\n print('no', file=sys.stderr)\nos.write(2, b'yes')\n"
        "sys.stderr = None\nwith silent(): os.write(2, b'yes')"
    )
    assert run_script(tmp_path, body).stderr == "yesyes"


# The signal comes where torch, as it loads the rest of itself, raises something else for it.
SWALLOWED = "try: signal.raise_signal(signal.{})\nexcept BaseException: raise RuntimeError('torch')"
# The signal comes where Python drops the exceptions that come of it.
DROPPED = "class Dropped:\n def __del__(self): signal.raise_signal(signal"


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        ("raise UserError('no\\nhand')", 1, "script.py: no hand\n"),
        ("open('nowhere/file')", 1, "script.py: nowhere/file: No such file or directory\n"),
        ("bytearray(2**60)", 1, "script.py: not enough memory\n"),
        ("raise KeyboardInterrupt", 130, ""),
        ("signal.raise_signal(signal.SIGTERM)", 143, ""),
        ("signal.raise_signal(signal.SIGHUP)", 129, ""),
        (SWALLOWED.format("SIGINT"), 130, ""),
        (SWALLOWED.format("SIGTERM"), 143, ""),
        ("print('\\udcff')", 0, ""),
        (f"{DROPPED}.SIGINT)\nDropped()\nwhile True: pass", 130, ""),
        (f"{DROPPED}.SIGTERM)\nDropped()\nwhile True: pass", 143, ""),
    ],
)
def test_faults_end_a_script_with_a_line_and_a_status(tmp_path, body, status, line):
    process = run_script(tmp_path, body)
    assert (process.returncode, process.stderr) == (status, line)


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    """As nohup has it."""
    body = "signal.raise_signal(signal.SIGHUP)\nprint('still here')"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    assert run_script(tmp_path, body, **ignore).stdout == "still here\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk for everyone")
def test_output_that_takes_nothing_is_one_line(tmp_path):
    with open("/dev/full", "w") as full:
        command = [sys.executable, write_script(tmp_path, "print('text')")]
        process = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (process.returncode, process.stderr) == (1, "script.py: No space left on device\n")


# Runs a script as a notebook's %run does, in a process that goes on and compares what it found.
NOTEBOOK = """
import os, runpy, signal, sys
def state():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return handlers, sys.unraisablehook, sys.stdout.errors, dict(os.environ)
before = state()
for _ in range(2):
    try: runpy.run_path("script.py", run_name="__main__")
    except SystemExit as ended: print("status", ended.code)
    print("as before:", state() == before)
try: signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt: print("Ctrl-C works")
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("print('done')", ["done"]),
        ("import plumbing.startup\nprint('done')\nexit_now()", ["done"]),
        ("del sys.modules['__main__'].__spec__\nexit_now()\nprint('done')", ["done"]),
        ("raise UserError('no hand')", ["status script.py: no hand"]),
        ("signal.raise_signal(signal.SIGINT)", ["status 130"]),
        ("signal.raise_signal(signal.SIGTERM)", ["status 143"]),
    ],
)
def test_a_script_leaves_the_process_that_runs_it_as_it_was(tmp_path, body, told):
    write_script(tmp_path, body)
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    command = [sys.executable, "-W", "error", "notebook.py"]
    options = {"cwd": tmp_path, "env": {**os.environ, "OPENCV_LOG_LEVEL": "INFO"}}
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert process.stderr == ""
    assert process.stdout.splitlines() == [*told, "as before: True"] * 2 + ["Ctrl-C works"]


@pytest.mark.parametrize("script", ["step_2_dataset.py", "step_3_train.py"])
def test_ctrl_c_while_libraries_load_ends_without_a_word(tmp_path, script):
    """A numpy that takes for ever to load, and would not let an exception through."""
    (tmp_path / "numpy.py").write_text(
        "import time\nprint('loading', flush=True)\n"
        "while True:\n try: time.sleep(60)\n except BaseException: pass\n"
    )
    command = [sys.executable, ROOT / script]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")


# ---------------------------------------------------------------- files


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_bytes(b"old")

    def write_in_vain():
        with whole_file(tmp_path / "file") as draft:
            draft.write_bytes(b"ne")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_in_vain()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}
    write_file(tmp_path / "file", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"new"}


def test_a_new_file_takes_the_place_of_none(tmp_path, monkeypatch):
    write_new_file(tmp_path / "file", b"new")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "file", b"newer")
    monkeypatch.setattr("plumbing.files.write_file", lambda path, content: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_new_file(tmp_path / "other", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"new"}


def test_a_link_stays_one_and_a_device_is_written_into(tmp_path):
    (tmp_path / "link").symlink_to("file")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
    write_file("/dev/null", b"new")
    assert not os.path.isfile("/dev/null")
    with pytest.raises(UserError, match="a folder, not a file"):
        write_file(tmp_path, b"new")


def test_drafts_of_killed_runs_are_cleared_and_no_others(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    for name in (f".file.{dead.pid}.ab.tmp.txt", f".other.{dead.pid}.ab.tmp.txt"):
        (tmp_path / name).touch()
    (tmp_path / f".file.{dead.pid}.cd.tmp").mkdir()
    running = tmp_path / f".file.{os.getpid()}.ab.tmp.txt"
    running.touch()
    with whole_file(tmp_path / "file.txt") as draft:
        assert str(os.getpid()) in draft.name
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"file.txt", running.name, f".other.{dead.pid}.ab.tmp.txt"}


def test_what_is_no_file_to_read_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    require_file(tmp_path / "file", "", most=5)
    with pytest.raises(UserError, match="file: 5 bytes, more than 4"):
        require_file(tmp_path / "file", "", most=4)
    for name in ("pipe", "."):
        with pytest.raises(UserError, match="a folder or a device, not a file"):
            require_file(tmp_path / name, "")
    for name in ("none", "file/none"):
        with pytest.raises(FileNotFoundError, match="none: no such file; make one"):
            require_file(tmp_path / name, "make one")


# ---------------------------------------------------------------- flags


def test_numbers_out_of_bounds_and_empty_names_are_refused():
    share, count = flags.bounded(float, 0, 1, above=True), flags.bounded(int, 1, 9)
    assert (share("0.5"), count("9"), flags.nonempty("x")) == (0.5, 9, "x")
    for parse, text in [(share, "0"), (share, "nan"), (count, "10"), (count, "1.5")]:
        with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a"):
            parse(text)
    with pytest.raises(argparse.ArgumentTypeError, match="an empty name"):
        flags.nonempty("")


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("--folow", "; did you mean --follow?"),
        ("--sorce=x -flow", "; did you mean --source --follow?"),
        ("--source x --sorce y", "; did you mean --source?"),
        ("--xyz folow", ""),
    ],
)
def test_a_mistyped_flag_is_asked_about(capsys, typed, question):
    parser = flags.Parser()
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--source")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(typed.split())
    unknown = typed.removeprefix("--source x ")
    told = f"error: unrecognized arguments: {unknown}{question}\n"
    assert capsys.readouterr().err.endswith(told)


def test_one_thing_is_not_called_several():
    told = [number_of(count, "picture") for count in (0, 1, 2, 2000)]
    assert told == ["0 pictures", "1 picture", "2 pictures", "2,000 pictures"]

"""Speaking words and copying the text, by programs that stand in for the system's."""

import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, assert_one_line

from camera import clipboard, speech
from camera.clipboard import copy
from camera.speech import Speaker
from plumbing.faults import UserError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs that stand in are scripts")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A function that makes a program, a shell script, which alone is found beside `cat`."""
    tools = {name: shutil.which(name) for name in ("cat", "sleep")}
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def make(name, script):
        for tool, path in tools.items():
            script = script.replace(tool, path)
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
        return tmp_path / "said"

    return make


# ---------------------------------------------------------------- speech


def test_words_are_spoken_in_their_order(program, tmp_path):
    said = program("espeak-ng", f"cat >> {tmp_path}/said")
    speaker = Speaker()
    for word in ("HELLO", "WORLD"):
        speaker.say(word)
    speaker.close()
    assert said.read_text().split() == ["hello", "world"]
    assert speaker.fault == ""
    assert not speaker.thread.is_alive()


def test_who_asks_does_not_wait_and_the_end_waits_for_some_seconds_at_most(program):
    program("say", "exec sleep 60")
    speaker = Speaker()
    start = time.monotonic()
    speaker.say("SLOW")
    assert time.monotonic() - start < 0.5
    speaker.close(patience=0.5)
    assert time.monotonic() - start < 5
    speaker.thread.join(5)
    assert not speaker.thread.is_alive()
    assert speaker.child.returncode is not None  # reaped


@pytest.mark.parametrize("script", ["exit 3", "cat > /dev/null; exit 3"])
def test_a_program_that_fails_is_told(script, program):
    program("spd-say", script)
    speaker = Speaker()
    speaker.say("WORD")
    speaker.close()
    assert speaker.fault == "spd-say cannot speak: it ended with 3"


def test_a_program_that_hangs_is_ended(program, monkeypatch):
    monkeypatch.setattr(speech, "LONGEST", 0.2)
    program("espeak-ng", "exec sleep 60")
    speaker = Speaker()
    speaker.say("WORD")
    speaker.close(10)
    assert speaker.fault.startswith("espeak-ng cannot speak: ")
    assert not speaker.thread.is_alive()


def test_a_program_that_vanishes_is_told(program, tmp_path):
    program("say", "cat > /dev/null")
    speaker = Speaker()
    (tmp_path / "say").unlink()
    speaker.say("WORD")
    speaker.close()
    assert "cannot speak" in speaker.fault


def test_where_nothing_speaks_a_line_says_so(program, start, video, model_path):
    with pytest.raises(UserError, match="install espeak-ng"):
        Speaker()
    done = start("--source", video, "--model", model_path, "--headless", "--speak")
    assert_one_line(done, 1, "--speak finds none of say, spd-say, espeak-ng")


def test_the_script_speaks_each_word(program, start, video, model_path, tmp_path):
    said = program("spd-say", f"cat >> {tmp_path}/said")
    threads = threading.active_count()
    done = start("--source", video, "--model", model_path, "--headless", "--speak")
    assert done.stdout.splitlines()[-1] == "Spelled: HI"
    assert said.read_text() == "hi\n"
    assert threading.active_count() == threads


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_the_real_program_takes_words():
    script = "from camera import speech; s = speech.Speaker(); s.say('HELLO'); s.close()"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


# ---------------------------------------------------------------- the clipboard


def test_the_text_is_copied_by_the_first_program_that_can(program, tmp_path):
    program("wl-copy", "exit 1")  # needs a display of its own kind
    copied = program("xsel", f"cat > {tmp_path}/said")
    assert copy("HELLO WORLD") == "Text copied"
    assert copied.read_text() == "HELLO WORLD"


def test_a_text_that_cannot_be_copied_is_told(program, monkeypatch):
    assert copy("A") == "Nothing to copy with: install xclip or wl-clipboard"
    program("xclip", "exit 1")
    assert copy("A") == "xclip could not copy: CalledProcessError"
    monkeypatch.setattr(clipboard, "PATIENCE", 0.2)
    program("xclip", "exec sleep 60")
    assert copy("A") == "xclip could not copy: TimeoutExpired"

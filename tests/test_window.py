"""The window and its keys, with a function in its place and on a virtual screen."""

import contextlib
import ctypes
import ctypes.util
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest
from camera_fixtures import Clock, files_in, frames_of, save_pictures, signs, transcript_in
from conftest import ROOT, assert_one_line

import camera.stream
from camera.stream import RETRIES
from camera.window import TITLE


def test_keys_of_the_window_edit_the_text_as_it_grows(play, start, model_path, tmp_path, window):
    keys = iter([*[""] * 30, " ", "h", "\b", *[""] * 50, "q"])
    window(lambda pixels, milliseconds: next(keys))
    play(signs(("H", 1.5), ("I", 9)))
    done = start("--model", model_path, "--transcript", str(tmp_path / "t.txt"))
    assert done.stdout.splitlines()[1:] == ["Spelled: HI"]
    logged = [line.split("\t")[1] for line in (tmp_path / "t.txt").read_text().splitlines()]
    assert logged == ["H", "SPACE", "BACKSPACE", "I", "WORDS"]
    assert next(keys, None) is None


def test_a_lost_camera_is_shown(play, start, model_path, window, words):
    window(lambda pixels, milliseconds: words.append("shown") or "")
    play(signs(("H", 1.2)))
    assert_one_line(start("--model", model_path), 1)
    last = words.index("Camera lost: trying again")
    assert words[:last].count("shown") == 36
    assert words.count("Camera lost: trying again") == RETRIES + 1


def test_a_video_in_a_window_waits_for_its_frames(model_path, video, start, window, monkeypatch):
    waits = []
    window(lambda pixels, milliseconds: waits.append(milliseconds) or "")
    monkeypatch.setattr(camera.stream, "time", Clock(lambda: 0.0))
    start("--model", model_path, "--source", video)
    assert waits == pytest.approx([1000 * frame / 30 for frame in range(90)], abs=0.1)


def test_pictures_wait_for_keys(tmp_path, model_path, start, window):
    keys = iter(["", "", "x", "", "q"])
    window(lambda pixels, milliseconds: next(keys))
    save_pictures(tmp_path, "A", "B", "C")
    lines = start("--model", model_path, "--source", tmp_path).stdout.splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["A", "B"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize("display", ["", ":987"])
def test_no_display_is_one_line(display, model_path, video, start, monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    done = start("--source", video, "--model", model_path)
    assert_one_line(done, 1, "no display to open a window on; use --headless")


needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


@pytest.fixture(scope="session")
def screen():
    """Display name of a virtual screen of its own."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        display = f":{pipe.readline().strip()}"
    yield display
    server.terminate()
    server.wait()


@contextlib.contextmanager
def window_of(screen, *arguments):
    """The script running with its window on a screen; yields it, xdotool and the window's id."""
    env = {**os.environ, "DISPLAY": screen, "WAYLAND_DISPLAY": ""}

    def tool(*words):
        done = subprocess.run(["xdotool", *words], env=env, capture_output=True, text=True)
        return done.stdout.split()

    command = [sys.executable, str(ROOT / "step_6_camera.py"), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as script:
        try:
            script.stdout.readline()  # the model: by now the window of the trial is gone
            find = "search", "--onlyvisible", "--name", TITLE
            wait_until(lambda: script.poll() is not None or tool(*find))
            assert script.poll() is None, script.communicate()
            yield script, tool, tool(*find)[-1]
        finally:
            script.kill()


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@needs_screen
def test_keys_pressed_in_the_window(screen, model_path, long_video, tmp_path):
    file = tmp_path / "t.txt"
    (tmp_path / "words.txt").write_text("hi 3\nhit 2\n")
    options = "--source", long_video, "--model", model_path, "--transcript", file, "--hold", "0.4"
    options += "--words", tmp_path / "words.txt"

    def logged():
        return [line.split("\t")[1] for line in transcript_in(tmp_path).splitlines()]

    with window_of(screen, *options) as (script, tool, window):
        wait_until(lambda: logged() == ["H", "I", "WORDS"])
        tool("key", "--window", window, "Left")  # whose code ends in that of Q
        for number, key in enumerate(["2", "BackSpace", "space", "space", "BackSpace"], start=4):
            tool("key", "--window", window, key)
            wait_until(lambda number=number: len(logged()) == number)
        tool("key", "--window", window, "Escape")
        out, err = script.communicate(timeout=30)
    assert script.returncode == 0
    assert out == "Spelled: HI \n"
    assert not err
    edits = [line.split("\t")[1] for line in file.read_text().splitlines()]
    assert edits == ["H", "I", "WORDS", "TAKE", "UNTAKE", "SPACE", "SPACE", "BACKSPACE"]


def close_window(screen, window):
    """Close a window as its frame's cross does, with a message that xdotool cannot send."""
    x11 = ctypes.CDLL(ctypes.util.find_library("X11"))
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display, window = ctypes.c_void_p(x11.XOpenDisplay(screen.encode())), int(window)
    names = b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"
    protocols, delete = (x11.XInternAtom(display, name, 0) for name in names)
    fields = 33, 0, 1, display.value, window, protocols, 32, delete, 0  # XClientMessageEvent
    message = ctypes.create_string_buffer(struct.pack("iLiPLLill", *fields), 192)
    x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), message)
    x11.XCloseDisplay(display)


@needs_screen
@pytest.mark.parametrize("way", ["the window is closed", "ctrl-c"])
def test_a_recording_in_a_window_ends_when(way, screen, model_path, long_video, tmp_path):
    file = tmp_path / "r.mp4"
    options = "--source", long_video, "--model", model_path, "--record", file
    with window_of(screen, *options) as (script, _, window):
        if way == "ctrl-c":
            script.send_signal(signal.SIGINT)
        else:
            close_window(screen, window)
        out, err = script.communicate(timeout=20)
    assert script.returncode == (130 if way == "ctrl-c" else 0)
    assert out.startswith("Spelled: ")
    assert not err
    assert 0 < len(list(frames_of(file))) < 400
    assert files_in(tmp_path) == ["r.mp4"]

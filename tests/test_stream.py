"""Cameras, videos and URLs: those that work, that stop, and that cannot be opened."""

import functools
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from camera_fixtures import FIRST, HI, files_in, frames_of, save_video, signs
from conftest import assert_one_line


def test_frames_without_times_are_counted(play, headless, tmp_path):
    (tmp_path / "timeless.mov").touch()
    frames = signs(*HI)
    play(frames, fps=30.0, length=len(frames))
    assert headless(tmp_path / "timeless.mov")[0] == FIRST


@pytest.mark.parametrize("fps", [0.1, 0.7])
def test_a_film_of_less_than_a_frame_a_second_is_whole(fps, tmp_path, headless):
    video = save_video(tmp_path / "slow.avi", ("A", 8 / fps), fps=fps)
    *_, told, spelled = headless(video, "--record", tmp_path / "r.avi")
    assert told.startswith("The frames are too far apart")
    assert spelled.strip("A") == "Spelled: "
    assert len(list(frames_of(tmp_path / "r.avi"))) in (8, 9)  # the last is shown for a while


NO_FILE = "neither a video nor a folder with pictures"
NO_FOLDER = "a folder without pictures in it or in its folders"


WRONG_SOURCES = {
    "missing.mp4": "missing.mp4 cannot be opened",
    "empty.avi": "empty.avi cannot be opened",
    "text.mp4": "text.mp4 cannot be opened",
    "noise.mkv": "noise.mkv cannot be opened",
    "missing.png": "1 picture could not be read: missing.png",
    "folder": NO_FOLDER,
    "/dev/zero": NO_FILE,
    "pipe.mp4": NO_FILE,
    "pipe.png": "1 picture could not be read: pipe.png",
    "\u00b2": "\u00b2 cannot be opened",  # a digit, to Python
    "2147483648": "2147483648 cannot be opened",
    "x" * 300: "File name too long",
    "new\nline.mp4": "new line.mp4 cannot be opened",
}


@pytest.mark.parametrize("source", WRONG_SOURCES)
def test_a_wrong_source_is_one_line(source, workdir, model_path, start):
    Path("folder").mkdir()
    Path("empty.avi").touch()
    Path("text.mp4").write_text("this is no video\n" * 99)
    Path("noise.mkv").write_bytes(np.random.default_rng(0).bytes(9999))
    for name in ("pipe.mp4", "pipe.png"):
        os.mkfifo(name)
    done = start("--model", model_path, "--headless", "--source", source)
    assert_one_line(done, 1, WRONG_SOURCES[source])
    assert "Spelled" not in done.stdout


def test_a_url_is_read_like_a_video(model_path, video, headless, start):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=Path(video).parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert headless(f"{address}/hi.avi")[-1] == "Spelled: HI"
        missing = start("--model", model_path, "--headless", "--source", f"{address}/no")
        server.shutdown()
    assert_one_line(missing, 1, f"{address}/no cannot be opened: the server has nothing")


def test_a_camera_is_spelled_until_it_is_gone(play, start, model_path):
    fake = play(signs(*HI))
    done = start("--model", model_path, "--headless")
    assert_one_line(done, 1, "camera 0 gives no pictures any more")
    assert (fake.source, fake.released) == (0, 1)
    assert done.stdout.splitlines()[-1] == "Spelled: HI"


@pytest.mark.parametrize(
    ("plays", "told"), [([], "camera 7 cannot be opened"), ([[]], "camera 7 gives no pictures")]
)
def test_a_camera_missing_busy_or_dark_is_one_line(plays, told, play, start, model_path, workdir):
    play(*plays)
    options = "--model", model_path, "--headless", "--record", "r.avi", "--source", "7"
    assert_one_line(start(*options), 1, told)
    assert not files_in(workdir)


def test_a_camera_plugged_in_again_goes_on(play, start, model_path):
    fake = play(signs(("H", 1.2)), None, [None], signs(("I", 1.2)))
    done = start("--model", model_path, "--headless")
    assert done.stdout.splitlines()[-1] == "Spelled: HI"
    assert fake.opened > 4


def test_a_stream_without_end_is_tried_again_as_a_camera(play, start, model_path):
    fake = play(signs(("H", 1.2)), signs(("I", 1.2)), length=-1)
    done = start("--model", model_path, "--headless", "--source", "rtsp://x/y")
    assert fake.source == "rtsp://x/y"
    assert_one_line(done, 1, "rtsp://x/y gives no pictures any more: no computer is named x")
    assert done.stdout.splitlines()[-1] == "Spelled: HI"


def test_a_camera_that_shows_one_colour_is_told(play, start, model_path):
    play(100 * [np.zeros((48, 64, 3), np.uint8)])
    lines = start("--model", model_path, "--headless").stdout.splitlines()
    assert "camera 0 gives pictures of one colour: is it covered, or in use elsewhere?" in lines
    play(10 * [np.zeros((48, 64, 3), np.uint8)] + signs(("H", 4)))
    assert "one colour" not in start("--model", model_path, "--headless").stdout

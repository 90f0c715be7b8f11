"""Recordings: their frames and times, and what is left where they cannot grow."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from camera_fixtures import REAL_CAPTURE, files_in, frames_of
from conftest import ROOT, assert_one_line

from camera.recorder import SPARE_DISK, Recorder


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".MP4"])
def test_a_recording_has_the_videos_frames(suffix, tmp_path, video, headless):
    file = tmp_path / f"r{suffix}"
    headless(video, "--record", str(file))
    recorded = list(frames_of(file))
    assert len(recorded) == 90
    assert recorded[0].shape == (480, 640, 3)
    assert REAL_CAPTURE(str(file)).get(cv2.CAP_PROP_FPS) == 30
    assert files_in(tmp_path) == [file.name]


def test_a_recording_keeps_the_times_of_an_uneven_camera(tmp_path):
    with Recorder(tmp_path / "r.avi", SimpleNamespace(fps=10)) as recorder:
        for now in (5.0, 5.01, 5.02, 5.1, 5.5, 6.0):
            recorder.add(now, np.full((48, 64, 3), round(now * 20), np.uint8))
    values = [round(frame.mean() / 2) / 10 for frame in frames_of(tmp_path / "r.avi")]
    expected = [5.0, 5.1, *[5.5] * 4, *[6.0] * 5]
    assert values == pytest.approx(expected, abs=0.11)


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
@pytest.mark.parametrize("count", [1, 2, 13])
@pytest.mark.parametrize("fps", [0.1, 29.97, 240])
def test_a_recording_of_any_length_is_whole(suffix, count, fps, tmp_path):
    with Recorder(tmp_path / f"r{suffix}", SimpleNamespace(fps=fps)) as recorder:
        for frame in range(count):
            recorder.add(frame / fps, np.full((48, 64, 3), 9 * frame, np.uint8))
    assert len(list(frames_of(tmp_path / f"r{suffix}"))) == count


def test_frames_that_change_their_size_are_recorded(tmp_path):
    with Recorder(tmp_path / "r.avi", SimpleNamespace(fps=10)) as recorder:
        for frame, shape in enumerate([(48, 64, 3), (64, 48, 3), (480, 640, 3)]):
            recorder.add(frame / 10, np.full(shape, 99, np.uint8))
    assert [frame.shape for frame in frames_of(tmp_path / "r.avi")] == [(48, 64, 3)] * 3


@pytest.mark.parametrize(("room", "told"), [(5, "nothing"), (300, "nothing"), (60_000, "not all")])
def test_a_recording_that_cannot_grow_leaves_the_old_one(room, told, workdir, model_path, video):
    """Nothing that cannot be played is kept, and OpenCV says nothing about it."""
    resource = pytest.importorskip("resource")
    Path("old.avi").write_text("of last week")
    options = "--source", video, "--model", model_path, "--headless", "--record", "old.avi"
    done = subprocess.run(
        [sys.executable, ROOT / "step_6_camera.py", *options],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert_one_line(done, 1, f"{told} was recorded")
    assert done.stdout.splitlines()[-1] == "Spelled: HI"
    assert Path("old.avi").read_text() == "of last week"
    assert ("old.partial.avi" in done.stderr) == Path("old.partial.avi").exists() == (room > 300)


def test_what_was_recorded_when_the_disk_was_full_is_kept_beside_the_old_file(
    tmp_path, model_path, video, start, monkeypatch
):
    (tmp_path / "r.avi").write_text("of last week")
    free = iter([SPARE_DISK] * 20 + [0])
    usage = type("Usage", (), {"free": property(lambda self: next(free))})()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    options = "--model", model_path, "--source", video, "--headless"
    done = start(*options, "--record", tmp_path / "r.avi")
    assert_one_line(done, 1, "the disk is full")
    assert done.stdout.splitlines()[-1] == "Spelled: H"
    assert (tmp_path / "r.avi").read_text() == "of last week"
    assert len(list(frames_of(tmp_path / "r.partial.avi"))) == 21

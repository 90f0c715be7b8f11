"""The camera script as a whole: crop, flags, keys, signals, transcripts."""

import doctest
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_fixtures import (
    FIRST,
    FakeFinder,
    files_in,
    frames_of,
    save_model,
    save_pictures,
    save_video,
    sign,
    sign_at,
    signs,
    transcript_in,
    view_of,
)
from conftest import ROOT, assert_one_line, shell

import camera.edits
import step_6_camera
from camera.flags import SIGNED
from camera.hand import HandFinder
from camera.model import load_model
from camera.outputs import HINT
from camera.speller import HOLD, Speller
from camera.view import KEYS, View
from plumbing.faults import UserError
from step_6_camera import center_crop, handle_key, translate


@pytest.mark.parametrize("shape", [(4, 6), (6, 4, 3), (5, 5, 4), (1, 9), (2160, 3840)])
@pytest.mark.parametrize("box", [1.0, 0.7])
def test_center_crop_is_the_centred_square(shape, box):
    frame = np.arange(np.prod(shape)).reshape(shape)
    side = max(1, round(box * min(shape[:2])))
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    expected = frame[top : top + side, left : left + side]
    assert np.array_equal(center_crop(frame, box), expected)


def test_the_film_that_comes_with_it_is_spelled_as_a_user_does_it(workdir, monkeypatch):
    """And nothing is left behind: not in the current folder, at home, nor among temporary files."""
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "TMPDIR"):
        (workdir / name).mkdir()
        monkeypatch.setenv(name, str(workdir / name))
    done = shell("step_6_camera.py", "--source", ROOT / "data/hello.mp4", "--headless")
    assert done.returncode == 0
    assert not done.stderr
    named, *letters, words, spelled = done.stdout.splitlines()
    assert named.startswith(f"Model: {ROOT / 'pretrained/signlanguage.onnx'}, reads ")
    assert words.split("\t")[1:] == ["WORDS", "HELLO HELD HELL"]
    assert spelled == "Spelled: " + "".join(line.split("\t")[1] for line in letters)
    assert len(letters) >= 4
    assert sorted(workdir.rglob("*")) == [workdir / "HOME", workdir / "TMPDIR"]


def test_j_and_z_replace_what_their_hands_were_read_as(tmp_path, headless):
    """Whoever follows the log or the transcript, line by line, has the text."""
    shipped = ROOT / "pretrained/signlanguage.onnx"
    film, file = ROOT / "data/jazz.mp4", tmp_path / "t.txt"
    *lines, spelled = headless(film, "--follow", "--transcript", file, model=str(shipped))
    assert spelled == "Spelled: JAZZ"
    assert file.read_text().splitlines() == lines
    text = ""
    for _, letter in (line.split("\t") for line in lines):
        text = text[:-1] if letter == "BACKSPACE" else text + letter
    assert text == "JAZZ"


def test_ctrl_c_while_modules_load_ends_at_once(video):
    command = [
        sys.executable,
        "-X",
        "importtime",
        ROOT / "step_6_camera.py",
        "--source",
        video,
        "--headless",
    ]
    loaded = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as script:
        for line in script.stderr:
            loaded.append(line.split("|")[-1].strip())
            if loaded[-1] == "numpy.linalg":
                script.send_signal(signal.SIGINT)
    assert script.returncode == 130
    assert not any("Traceback" in line for line in loaded)


def test_it_needs_neither_torch_nor_the_other_scripts():
    names = "torch", "tqdm", "matplotlib", "onnx", "step_2_dataset", "step_4_evaluate"
    code = f"import sys, step_6_camera; print(*{{*sys.modules}} & {{*{names!r}}})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "\n", done.stderr


@pytest.mark.parametrize("fps", [8, 30])
def test_the_hold_means_seconds_of_the_video(fps, tmp_path, headless):
    video = save_video(tmp_path / "v.avi", ("A", 1.5), fps=fps)
    seconds = float(headless(video)[0].split()[0])
    assert HOLD - 0.006 <= seconds < HOLD + 1 / fps
    seconds = float(headless(video, "--hold", "0.8")[0].split()[0])
    assert 0.8 - 0.006 <= seconds < 0.8 + 1 / fps
    assert headless(video, "--hold", "2") == [HINT, "Spelled: nothing"]


def test_the_threshold_is_the_models_own_unless_given(tmp_path, video, headless):
    strict = save_model(tmp_path / "strict.onnx", {"threshold": "1"})
    assert headless(video)[-1] == "Spelled: HI"
    assert headless(video, "--threshold", "1") == [HINT, "Spelled: nothing"]
    assert headless(video, model=strict) == [HINT, "Spelled: nothing"]
    assert headless(video, "--threshold", "0.5", model=strict)[-1] == "Spelled: HI"


def test_the_box_can_be_set(tmp_path, headless):
    video = save_video(tmp_path / "b.avi", ("W", 1.5), fps=10, box=0.4)
    assert headless(video, "--box", "0.4")[-1] == "Spelled: W"
    assert headless(video)[-1] != "Spelled: W"


def test_follow_is_told_of_where_nothing_was_read(
    tmp_path, headless, start, model_path, window, video
):
    empty = save_video(tmp_path / "e.avi", (None, 1), fps=10)
    assert headless(empty) == [HINT, "Spelled: nothing"]
    assert headless(empty, "--follow") == ["Spelled: nothing"]
    assert HINT not in headless(video)
    window(lambda pixels, milliseconds: "q")
    done = start("--model", model_path, "--source", empty)
    assert done.stdout.splitlines()[1:] == ["Spelled: nothing"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_with_text_and_files(name, play, start, model_path, tmp_path):
    number = getattr(signal, name)

    texts = []

    def interrupt():
        texts.append(transcript_in(tmp_path))
        os.kill(os.getpid(), number)
        return sign("H")

    fake = play([*signs(("H", 1.2)), interrupt])
    options = ["--record", tmp_path / "r.mp4", "--transcript", tmp_path / "t.txt"]
    done = start("--model", model_path, "--headless", *options)
    assert done.returncode == 128 + number
    assert not done.stderr
    assert done.stdout.splitlines()[-1] == "Spelled: H"
    assert fake.released == 1
    assert [(tmp_path / "t.txt").read_text()] == texts  # it grew as letters came
    assert texts[0].endswith("\tH\n")
    assert len(list(frames_of(tmp_path / "r.mp4"))) == 36
    assert files_in(tmp_path) == ["r.mp4", "t.txt"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_before_the_first_frame_leaves_the_old_files(
    name, play, start, model_path, tmp_path
):
    files = [tmp_path / "r.avi", tmp_path / "t.txt"]
    for file in files:
        file.write_text("of last week")
    play([lambda: os.kill(os.getpid(), getattr(signal, name))])
    options = ["--record", files[0], "--transcript", files[1]]
    done = start("--model", model_path, "--headless", *options)
    assert (done.returncode, done.stderr) == (128 + getattr(signal, name), "")
    assert {file.read_text() for file in files} == {"of last week"}
    assert files_in(tmp_path) == ["r.avi", "t.txt"]


def test_the_transcript_has_a_line_for_each_letter(tmp_path, video, headless):
    file = tmp_path / "letters.txt"
    file.write_text("of last week")
    out = headless(video, "--transcript", str(file))
    assert file.read_text().splitlines() == out[:-1] == [FIRST, out[1]]
    assert files_in(tmp_path) == ["letters.txt"]


@pytest.mark.parametrize("option", ["--record", "--transcript"])
@pytest.mark.parametrize("target", ["missing/r.avi", "file/r.avi"])
def test_a_place_that_cannot_be_written_leaves_all_as_it_was(
    option, target, workdir, model_path, video, start
):
    for name in ("file", "old.txt", "old.avi"):
        Path(name).write_text("of last week")
    other = ("--transcript", "old.txt") if option == "--record" else ("--record", "old.avi")
    options = "--source", video, "--model", model_path, "--headless"
    assert_one_line(start(*options, *other, option, target), 1, target)
    assert_one_line(start(*options, "--transcript", "."), 1, "a folder")
    assert {path.read_text() for path in workdir.iterdir()} == {"of last week"}
    assert files_in(workdir) == ["file", "old.avi", "old.txt"]


def test_a_damaged_video_leaves_the_old_files_and_its_letters(workdir, model_path, video):
    whole = Path(video).read_bytes()
    Path("cut.avi").write_bytes(whole[: len(whole) * 2 // 5])
    for name in ("t.txt", "r.avi"):
        Path(name).write_text("of last week")
    options = "--model", model_path, "--headless", "--transcript", "t.txt", "--record", "r.avi"
    done = shell("step_6_camera.py", "--source", "cut.avi", *options)
    assert_one_line(done, 1, "cut.avi is damaged", "t.partial.txt", "r.partial.avi")
    assert done.stdout.splitlines()[-1] == "Spelled: H"
    assert Path("t.txt").read_text() == Path("r.avi").read_text() == "of last week"
    assert Path("t.partial.txt").read_text().endswith("\tH\n")
    assert 30 < len(list(frames_of("r.partial.avi"))) < 60
    assert len(files_in(workdir)) == 5


def test_transcripts_go_through_links_devices_and_pipes(
    workdir, video, headless, model_path, start
):
    Path("link.txt").symlink_to("real.txt")
    headless(video, "--transcript", "link.txt")
    assert Path("link.txt").is_symlink()
    assert Path("real.txt").read_text().startswith(f"{FIRST}\n")
    headless(video, "--transcript", os.devnull)
    assert not Path(os.devnull).is_file()
    os.mkfifo("pipe.txt")
    texts = []
    reader = threading.Thread(target=lambda: texts.append(Path("pipe.txt").read_text()))
    reader.start()
    headless(video, "--transcript", "pipe.txt")
    reader.join(10)
    assert texts == [Path("real.txt").read_text()]
    full = start(
        "--source", video, "--model", model_path, "--headless", "--transcript", "/dev/full"
    )
    assert_one_line(full, 1, "No space left on device")
    assert files_in(workdir) == ["link.txt", "pipe.txt", "real.txt"]


# ---------------------------------------------------------------- following the hand


def test_a_hand_is_read_where_it_is_found(model):
    """With a moment for each frame of a video, and none for a picture."""
    squares = [(200, 20, 84), (10, 130, 100), (100, 100, 56)]
    finder = FakeFinder(*squares)
    view = view_of(model, sign_at("B", squares[0]), finder=finder)
    assert view.speller.letter == "B"
    translate(model, sign_at("C", squares[1]), 5.0, view, 7)
    assert (view.speller.letter, view.square) == ("C", squares[1])
    assert finder.times == [None, 5.0]
    translate(model, sign_at("C", squares[1]), 10.0, view)
    assert view.speller.letter is None  # it looks elsewhere


def test_the_hand_of_the_film_that_comes_along_is_followed():
    shipped, film = load_model(ROOT / "pretrained/signlanguage.onnx"), ROOT / "data/hello.mp4"
    view = View(Speller(shipped.alphabet, shipped.threshold), 0.7, False, "", finder=HandFinder())
    for number, frame in zip(range(40), frames_of(film), strict=False):
        translate(shipped, frame, number / 25, view, number)
    assert view.speller.text == "H"
    left, top, side = view.square
    assert 0 < left < left + side < frame.shape[1]
    assert 0 < top < top + side < frame.shape[0]


def test_pictures_are_followed_too(tmp_path, headless, monkeypatch):
    square = (20, 30, 84)
    monkeypatch.setattr(step_6_camera, "HandFinder", lambda: FakeFinder(square))
    cv2.imwrite(str(tmp_path / "1.png"), sign_at("K", square))
    assert headless(tmp_path / "1.png", "--follow") == [f"{tmp_path}/1.png  K  81%"]
    assert headless(tmp_path / "1.png") != [f"{tmp_path}/1.png  K  100%"]


def test_a_finder_that_cannot_be_loaded_is_told(model, video, start, model_path, monkeypatch):
    """By the flag it ends the script; by the key the text so far is kept."""

    def fail():
        raise UserError("no hand finder.onnx")

    monkeypatch.setattr(step_6_camera, "HandFinder", fail)
    done = start("--source", video, "--model", model_path, "--headless", "--follow")
    assert_one_line(done, 1, "no hand finder.onnx")
    monkeypatch.setattr(camera.edits, "HandFinder", fail)
    view = view_of(model, sign("A"), text="AB")
    handle_key("f", view)
    assert (view.finder, view.note, view.speller.text) == (None, "no hand finder.onnx", "AB")
    handle_key("h", view)
    assert view.note == ""


# ---------------------------------------------------------------- what it says


def test_the_examples_in_its_docstrings_are_true(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(step_6_camera)
    assert (failed, tried) == (0, 7)


def test_the_models_note_is_told_beside_its_name(workdir, video, start):
    for note, told in [("reads 72 % of hands", "reads 72 % of hands"), ("a\nb", "'a\\nb'")]:
        path = save_model(workdir / "m.onnx", {"note": note})
        done = start("--model", path, "--source", video, "--headless")
        assert done.stdout.splitlines()[0] == f"Model: {path}, {told}"


USAGE = [
    ["--box", "0"],
    ["--box", "1.5"],
    ["--box", "wide"],
    ["--hold", "0"],
    ["--hold", "nan"],
    ["--threshold", "-1"],
    ["--record", "video.gif"],
    ["--record", "video"],
    ["--source", "a.png", "--transcript", "t.txt"],
    ["--source", ".", "--record", "r.avi"],
    ["--source", ""],
    ["--model", ""],
    ["--transcript", ""],
    ["--source", "\udcff.mp4"],  # bytes of a name that are no UTF-8
    ["--record", "\udcff.avi"],
    ["--record", "folder.avi"],
    ["--record", "pipe.avi"],
    ["--source", "v.avi", "--record", "./v.avi"],
    ["--source", "v.avi", "--transcript", "v.avi"],
    ["--record", "w.avi", "--transcript", "w.avi"],
    ["--transcript", "signlanguage.onnx"],
    ["--model", "m.onnx", "--transcript", "link.onnx"],
    ["--teach", "--record", "r.avi"],
    ["--no-such-flag"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=lambda words: ascii(" ".join(words)))
def test_wrong_usage_is_status_2(arguments, workdir, start):
    save_pictures(workdir, "A")
    os.mkfifo("pipe.avi")
    Path("folder.avi").mkdir()
    for name in ("v.avi", "signlanguage.onnx", "m.onnx"):
        Path(name).write_text("of last week")
    Path("link.onnx").symlink_to("m.onnx")
    before = sorted(workdir.rglob("*"))
    done = start(*arguments)
    assert done.returncode == 2
    assert "error: " in done.stderr.splitlines()[-1]
    assert sorted(workdir.rglob("*")) == before
    assert Path("v.avi").read_text() == Path("m.onnx").read_text() == "of last week"


def test_a_negative_number_is_no_camera(start):
    done = start("--source", "-1")
    assert done.returncode == 2
    assert done.stderr.endswith("error: --source -1: cameras are numbered from 0\n")


def test_help_tells_flags_and_keys(start):
    done = start("--help")
    assert done.returncode == 0
    flags = "source model follow box hold threshold no-mirror headless record".split()  # noqa: SIM905
    told = [f"{key:<12}{meaning}" for key, meaning in KEYS.items()]
    assert all(words in done.stdout for words in [*told, *(f"--{flag}" for flag in flags)])
    assert SIGNED in done.stdout


def test_nothing_is_called_spelled_where_it_could_not_start(start, model_path, video, tmp_path):
    file = tmp_path / "missing" / "t.txt"
    done = start("--source", video, "--model", model_path, "--headless", "--transcript", file)
    assert_one_line(done, 1, "missing")
    assert done.stdout.splitlines() == [f"Model: {model_path}"]

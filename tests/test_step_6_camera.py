"""The camera script: with a model of one layer, generated videos and pictures, a fake camera that
fails as real ones do, and a window on a virtual screen."""

import contextlib
import ctypes
import ctypes.util
import functools
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from conftest import assert_one_line
from onnx import TensorProto, helper, numpy_helper

import step_6_camera as camera

SCRIPT = Path(camera.__file__)
ALPHABET = camera.ALPHABET


# ------------------------------------------------------------ what the tests are made of


def cell(letter):
    """Part of 28x28 pixels that is bright when a frame shows the letter."""
    row, column = divmod(ALPHABET.index(letter), 6)
    return slice(4 + 5 * row, 9 + 5 * row), slice(2 + 4 * column, 6 + 4 * column)


def save_model(path, metadata=None, batch="batch", name="input", weights=None):
    """Linear model that reads the letter whose cell is bright; (784, 24) weights may differ."""
    if weights is None:
        weights = np.zeros((28, 28, 24), np.float32)
        for index, letter in enumerate(ALPHABET):
            weights[(*cell(letter), index)] = 0.2
        weights = weights.reshape(784, 24)
    inputs, letters = weights.shape
    side = int(inputs**0.5)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", [name], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "linear",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 1, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, letters])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return str(path)


def sign(letter, shape=(240, 320), box=camera.BOX):
    """BGR frame whose guide box shows a letter to the linear model; None: no letter."""
    image = np.full((28, 28), 60, np.uint8)
    if letter:
        image[cell(letter)] = 230
    frame = np.full((*shape, 3), 60, np.uint8)
    crop = camera.center_crop(frame, box)
    crop[:] = cv2.resize(image, crop.shape[1::-1], interpolation=cv2.INTER_NEAREST)[..., None]
    return frame


def signs(*parts, fps=30):
    """Frames of (letter or None, seconds) one after another."""
    return [sign(letter) for letter, seconds in parts for _ in range(round(seconds * fps))]


def save_video(path, *parts, fps=30):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (320, 240))
    for frame in signs(*parts, fps=fps):
        writer.write(frame)
    writer.release()
    return str(path)


HI = ("H", 1.2), ("I", 1.2), (None, 0.6)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "linear.onnx")


@pytest.fixture(scope="session")
def model(model_path):
    return camera.load_model(model_path)


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return save_video(tmp_path_factory.mktemp("video") / "hi.avi", *HI)


@pytest.fixture(autouse=True)
def _keep_signal():
    """main() answers SIGTERM; the test run gets its own answer back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*arguments, **options):
    """The script as a shell runs it."""
    command = [sys.executable, "-W", "error", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def fail(capsys, *arguments):
    """Exit status, or message, of main() with these arguments; and what it printed."""
    with pytest.raises(SystemExit) as ended:
        camera.main([*map(str, arguments)])
    return ended.value.code, capsys.readouterr()


class FakeCapture:
    """Stands in for cv2.VideoCapture: plays lists of frames, one each time it is opened.

    A frame may be None (a failed read) or a function that is called in its place.
    """

    def __init__(self, *plays, fps=30.0, length=-1):
        self.plays, self.fps, self.length, self.opened, self.released = (
            list(plays),
            fps,
            length,
            0,
            0,
        )

    def __call__(self, source):
        if isinstance(source, str) and source.endswith((".avi", ".mp4")) and Path(source).exists():
            return REAL_CAPTURE(source)
        self.opened += 1
        self.source, self.frames = source, self.plays.pop(0) if self.plays else None
        return self

    def isOpened(self):
        return self.frames is not None

    def read(self):
        frame = self.frames.pop(0) if self.frames else None
        frame = frame() if callable(frame) else frame
        return frame is not None, frame

    def get(self, key):
        return {cv2.CAP_PROP_FPS: self.fps, cv2.CAP_PROP_FRAME_COUNT: self.length}.get(key, 0.0)

    def release(self):
        self.released += 1


REAL_CAPTURE = cv2.VideoCapture


@pytest.fixture
def play(monkeypatch):
    """Puts a fake capture in the place of cameras; its clock goes 1/30 s a frame."""

    def start(*plays, **options):
        fake = FakeCapture(*plays, **options)
        clock = iter(np.arange(0, 1e6) / 30)
        monkeypatch.setattr(cv2, "VideoCapture", fake)
        monkeypatch.setattr(camera.time, "monotonic", lambda: float(next(clock)))
        monkeypatch.setattr(camera.time, "sleep", lambda seconds: None)
        return fake

    return start


# ------------------------------------------------------------ from a frame to probabilities


@pytest.mark.parametrize("shape", [(4, 6), (6, 4, 3), (5, 5, 4), (1, 9), (7, 4, 1)])
def test_center_crop_is_the_centred_square(shape):
    frame = np.arange(np.prod(shape)).reshape(shape)
    side = min(shape[:2])
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    assert np.array_equal(camera.center_crop(frame), frame[top : top + side, left : left + side])


@pytest.mark.parametrize(("shape", "side"), [((480, 640), 336), ((2160, 3840), 1512), ((1, 1), 1)])
def test_center_crop_takes_a_share_of_the_shorter_side(shape, side):
    assert camera.center_crop(np.zeros(shape, np.uint8), 0.7).shape == (side, side)


@pytest.mark.parametrize("side", [64, 128, 224, 300, 336, 840])
def test_shrink_averages_the_whole_picture(side):
    rng = np.random.default_rng(side)
    picture = cv2.resize(rng.integers(0, 256, (9, 9), np.uint8), (side, side))
    expected = cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA)
    assert np.abs(camera.shrink(picture).astype(int) - expected).max() <= 8
    if side % 28 == 0 or side < 200:  # nothing may be trimmed off
        assert np.array_equal(camera.shrink(picture), expected)


def test_shrink_does_not_alias():
    stripes = np.zeros((476, 476), np.uint8)
    stripes[::2] = 255
    assert np.abs(camera.shrink(stripes).astype(int) - 128).max() <= 8


def test_shrink_weighs_colours_in_opencv_order():
    blue, red = np.zeros((2, 56, 56, 3), np.uint8)
    blue[..., 0], red[..., 2] = 255, 255
    assert (camera.shrink(blue)[0, 0], camera.shrink(red)[0, 0]) == (29, 76)


def kinds_of(grey):
    """The same picture in every kind of frame that cameras and files give."""
    bgr = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    alpha = np.random.default_rng(0).integers(0, 256, (*grey.shape, 1), np.uint8)
    return {
        "grey": grey,
        "one channel": grey[..., None],
        "colour": bgr,
        "alpha": np.concatenate([bgr, alpha], 2),
        "grey, 16 bits": grey.astype(np.uint16) * 257,
        "colour, 16 bits": bgr.astype(np.uint16) * 257,
        "alpha, 16 bits": np.concatenate([bgr, alpha], 2).astype(np.uint16) * 257,
        "float": (grey / 255).astype(np.float32),
    }


@pytest.mark.parametrize("kind", kinds_of(np.zeros((1, 1), np.uint8)))
def test_all_kinds_of_frames_are_seen_alike(kind):
    grey = np.random.default_rng(1).integers(0, 256, (56, 84), np.uint8)
    frame = kinds_of(grey)[kind]
    assert np.array_equal(camera.shrink(frame), camera.shrink(grey))
    assert np.array_equal(camera.to_bgr(frame), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (27, 500), (29, 29), (4000, 30)])
def test_frames_of_any_size_are_seen(shape):
    seen = camera.shrink(np.full((*shape, 3), 90, np.uint8), 0.7)
    assert seen.shape == (28, 28)
    assert seen.dtype == np.uint8
    assert (seen == 90).all()


def test_preprocess_gives_the_models_input():
    ready = camera.preprocess(np.full((48, 64, 3), 51, np.uint8), 0.7)
    assert ready.shape == (1, 1, 28, 28)
    assert ready.dtype == np.float32
    assert ready == pytest.approx((0.2 - 0.485) / 0.229, abs=1e-6)


# ------------------------------------------------------------ models


@pytest.mark.parametrize("letter", ALPHABET)
def test_every_letter_is_read(model, letter):
    probabilities = camera.predict(model, camera.shrink(sign(letter), camera.BOX))
    assert ALPHABET[probabilities.argmax()] == letter
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities.dtype == np.float32


def test_a_model_without_metadata_is_the_tutorials(model):
    assert (model.alphabet, model.mean, model.std) == ("ABCDEFGHIKLMNOPQRSTUVWXY", 0.485, 0.229)
    assert (model.size, model.nothing, model.threshold) == (28, -np.inf, 0.53)


def test_a_model_of_fixed_batch_and_other_names_is_taken(tmp_path):
    model = camera.load_model(save_model(tmp_path / "m.onnx", batch=1, name="input.1"))
    probabilities = camera.predict(model, camera.shrink(sign("K"), camera.BOX))
    assert ALPHABET[probabilities.argmax()] == "K"


def test_metadata_are_read_and_used(tmp_path):
    metadata = {"alphabet": "ab", "mean": "0.5", "std": "0.25", "size": "4", "threshold": "0.9"}
    weights = np.zeros((16, 2), np.float32)
    weights[:, 1] = 1 / 16
    model = camera.load_model(save_model(tmp_path / "m.onnx", metadata, weights=weights))
    assert (model.alphabet, model.size, model.threshold) == ("ab", 4, 0.9)
    white = camera.predict(model, np.full((4, 4), 255, np.uint8))  # the second logit is 2
    assert white[1] == pytest.approx(1 / (1 + np.exp(-2)))


@pytest.mark.parametrize("nothing", [-80.0, 0.0, 3.0, 900.0])
def test_no_hand_takes_its_share_of_the_probability(tmp_path, nothing):
    weights = np.zeros((784, 24), np.float32)
    weights[:, 5] = 2 / 784 * 0.229 / (1 - 0.485)  # the logit of F is 2 for a white image
    path = save_model(tmp_path / "m.onnx", {"nothing": str(nothing)}, weights=weights)
    model = camera.load_model(path)
    probabilities = camera.predict(model, np.full((28, 28), 255, np.uint8))
    odds = np.exp([0] * 5 + [2] + [0] * 18 + [min(nothing, 100)])
    assert probabilities == pytest.approx(odds[:24] / odds.sum(), abs=1e-6)
    assert probabilities.dtype == np.float32


def test_the_model_runs_on_one_thread_of_the_processor(model):
    assert model.session.get_session_options().intra_op_num_threads == 1
    assert model.session.get_providers() == ["CPUExecutionProvider"]


def test_own_model_comes_before_the_shipped_one(tmp_path, monkeypatch):
    shipped = tmp_path / "project" / "pretrained" / "signlanguage.onnx"
    shipped.parent.mkdir(parents=True)
    monkeypatch.setattr(camera, "__file__", str(tmp_path / "project" / "step_6_camera.py"))
    monkeypatch.chdir(tmp_path)
    assert camera.find_model() == Path("signlanguage.onnx")
    shipped.touch()
    assert camera.find_model() == shipped
    Path("signlanguage.onnx").touch()
    assert camera.find_model() == Path("signlanguage.onnx")


def test_the_shipped_model_is_used_and_named(tmp_path, monkeypatch, capsys):
    shipped = tmp_path / "project" / "pretrained" / "signlanguage.onnx"
    shipped.parent.mkdir(parents=True)
    save_model(shipped)
    monkeypatch.setattr(camera, "__file__", str(tmp_path / "project" / "step_6_camera.py"))
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("k.png", sign("K"))
    camera.main(["--source", "k.png", "--headless", "--box", str(camera.BOX)])
    named, read = capsys.readouterr().out.splitlines()
    assert named == f"Model: {shipped}"
    assert read.split()[:2] == ["k.png", "K"]


def write_bytes(path, content):
    path.write_bytes(content)
    return str(path)


def cut_short(path):
    whole = Path(save_model(path)).read_bytes()
    return write_bytes(path, whole[: len(whole) // 2])


WRONG_MODELS = {
    "missing": lambda path: str(path),
    "a folder": lambda path: path.mkdir() or str(path),
    "empty": lambda path: write_bytes(path, b""),
    "text": lambda path: write_bytes(path, b"no model at all"),
    "cut short": cut_short,
    "larger input": lambda path: save_model(path, weights=np.ones((1024, 24), np.float32)),
    "ten classes": lambda path: save_model(path, weights=np.ones((784, 10), np.float32)),
    "not finite": lambda path: save_model(path, weights=np.full((784, 24), np.nan, np.float32)),
    "alphabet too short": lambda path: save_model(path, {"alphabet": "ABC"}),
    "mean in words": lambda path: save_model(path, {"mean": "half"}),
    "std of nothing": lambda path: save_model(path, {"std": "0"}),
    "size of nothing": lambda path: save_model(path, {"size": "-3"}),
    "nothing is no number": lambda path: save_model(path, {"nothing": "nan"}),
    "certainly nothing": lambda path: save_model(path, {"nothing": "inf"}),
    "threshold of two": lambda path: save_model(path, {"threshold": "2"}),
}


@pytest.mark.parametrize("kind", WRONG_MODELS)
def test_a_wrong_model_is_refused_in_one_line(kind, tmp_path, video, capsys):
    path = WRONG_MODELS[kind](tmp_path / "wrong.onnx")
    message, printed = fail(capsys, "--model", path, "--source", video, "--headless")
    assert path in message
    assert len(message.splitlines()) == 1
    assert not printed.out
    assert not printed.err


def test_a_missing_model_names_the_step_that_makes_it(tmp_path, video):
    result = run("--source", video, "--headless", "--model", tmp_path / "none.onnx")
    assert_one_line(result, 1, "python step_4_evaluate.py")


# ------------------------------------------------------------ spelling


def only(letter, share=0.97):
    """Probabilities with so much on one letter; None: the same for each."""
    if letter is None:
        return np.full(24, 1 / 24, np.float32)
    probabilities = np.full(24, (1 - share) / 23, np.float32)
    probabilities[ALPHABET.index(letter)] = share
    return probabilities


def spell(*parts, fps=30, speller=None):
    """(frame, letter) of all that is added while (letter, seconds, [image]) are read."""
    speller = speller or camera.Speller(ALPHABET, 0.53)
    added, frame = [], 0
    for letter, seconds, *image in parts:
        for _ in range(round(seconds * fps)):
            done = speller.update(only(letter), frame / fps, *image)
            added += [(frame, done)] if done else []
            frame += 1
    return added


@pytest.mark.parametrize("fps", [5, 10, 24, 25, 30, 60, 120])
def test_a_letter_is_added_at_the_first_frame_after_the_hold(fps):
    assert spell(("H", 2.0), fps=fps) == [(int(np.ceil(0.8 * fps - 1e-9)), "H")]


def test_the_hold_can_be_set():
    speller = camera.Speller(ALPHABET, 0.53, hold=0.3)
    assert spell(("H", 1.0), speller=speller) == [(9, "H")]


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_the_next_letter_needs_its_own_hold_at_any_frame_rate(fps):
    times = [frame / fps for frame, _ in spell(("H", 1.0), ("I", 2.0), fps=fps)]
    recognised = 1.0 + camera.SMOOTHING * np.log(0.97 / (0.97 - 0.53))  # what smoothing takes
    assert len(times) == 2
    assert recognised + 0.8 - 2 / fps <= times[1] <= recognised + 0.8 + 2 / fps


def test_probabilities_are_smoothed_in_seconds():
    speller = camera.Speller(ALPHABET, 0.53)
    speller.update(only("A"), 0.0)
    speller.update(only("B"), 0.1)
    share = np.exp(-0.1 / camera.SMOOTHING)
    assert speller.probabilities == pytest.approx(share * only("A") + (1 - share) * only("B"))


def text(*parts, **options):
    return "".join(letter for _, letter in spell(*parts, **options))


def test_a_letter_held_for_long_is_added_once():
    assert text(("H", 10.0)) == "H"


def test_a_double_letter_needs_a_release():
    assert text(("L", 1.2), (None, 0.6), ("L", 1.2)) == "LL"


def test_a_flicker_is_no_release():
    assert text(*[("L", 1.2), (None, 0.07)] * 5) == "L"
    assert text(*[("L", 1.2), ("X", 0.07)] * 5) == "L"


def test_another_letter_between_is_a_release():
    assert text(("L", 1.2), ("X", 1.2), ("L", 1.2)) == "LXL"
    assert text(("L", 1.2), ("X", 0.5), ("L", 1.2)) == "LL"


def test_moving_the_hand_is_a_release():
    hand = np.full((28, 28), 50, np.uint8)
    hand[8:24, 10:18] = 200
    aside, shaken, brighter = np.roll(hand, 6, 1), np.roll(hand, 1, 1), hand + 40
    assert text(("L", 1.2, hand), ("L", 1.2, aside)) == "LL"
    assert text(("L", 1.2, hand), ("L", 0.1, aside), ("L", 1.2, hand)) == "LL"
    assert text(("L", 1.2, hand), ("L", 1.2, shaken), ("L", 1.2, brighter)) == "L"


def test_a_hand_between_two_letters_adds_nothing():
    rng = np.random.default_rng(0)
    for _ in range(20):
        passing = [(ALPHABET[rng.integers(24)], 0.1) for _ in range(5)]
        assert text(("A", 1.2), *passing, ("B", 1.4)) == "AB"


def test_an_uncertain_letter_is_none():
    speller = camera.Speller(ALPHABET, 0.98)
    assert spell(("A", 3.0), speller=speller) == []
    assert speller.letter is None


def test_nothing_is_known_of_a_gap():
    speller = camera.Speller(ALPHABET, 0.53)
    assert speller.update(only("A"), 0.0) is None
    assert speller.update(only("A"), 5.0) is None
    assert speller.update(only("A"), 5.8) == "A"


# ------------------------------------------------------------ videos


def test_a_video_is_spelled_as_a_user_does_it(model_path, video):
    result = run("--source", video, "--model", model_path, "--headless")
    assert result.returncode == 0
    assert not result.stderr
    lines = [line.split("\t")[-1] for line in result.stdout.splitlines()]
    assert lines == [f"Model: {model_path}", "H", "I", "Spelled: HI"]


def headless(capsys, model_path, source, *options):
    camera.main(["--model", model_path, "--source", str(source), "--headless", *options])
    named, *lines = capsys.readouterr().out.splitlines()
    assert named == f"Model: {model_path}"
    return lines


@pytest.mark.parametrize("fps", [8, 30])
def test_the_hold_means_seconds_of_the_video(fps, tmp_path, model_path, capsys):
    video = save_video(tmp_path / "v.avi", ("A", 1.5), fps=fps)
    seconds = float(headless(capsys, model_path, video)[0].split()[0])
    assert 0.8 - 0.006 <= seconds < 0.8 + 1 / fps
    assert headless(capsys, model_path, video, "--hold", "2") == ["Spelled: nothing"]


def test_a_threshold_of_one_refuses_all(model_path, video, capsys):
    assert headless(capsys, model_path, video, "--threshold", "1") == ["Spelled: nothing"]


def test_the_models_own_threshold_is_used(tmp_path, video, capsys):
    strict = save_model(tmp_path / "strict.onnx", {"threshold": "1"})
    assert headless(capsys, strict, video) == ["Spelled: nothing"]
    assert headless(capsys, strict, video, "--threshold", "0.5")[-1] == "Spelled: HI"


def test_the_box_can_be_set(tmp_path, model_path, capsys):
    writer = cv2.VideoWriter(
        str(tmp_path / "b.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240)
    )
    for _ in range(15):
        writer.write(sign("W", box=0.4))
    writer.release()
    assert headless(capsys, model_path, tmp_path / "b.avi", "--box", "0.4")[-1] == "Spelled: W"
    assert headless(capsys, model_path, tmp_path / "b.avi")[-1] != "Spelled: W"


def test_frames_without_times_are_counted(play, capsys, model_path, tmp_path):
    (tmp_path / "timeless.mov").touch()
    frames = signs(*HI)
    play(frames, fps=30.0, length=len(frames))
    assert headless(capsys, model_path, tmp_path / "timeless.mov")[0] == "0.80\tH"


WRONG_SOURCES = {
    "missing.mp4": None,
    "empty.avi": b"",
    "text.mp4": b"this is no video\n" * 99,
    "noise.mkv": bytes(np.random.default_rng(0).integers(0, 256, 9999, np.uint8)),
}


@pytest.mark.parametrize("name", WRONG_SOURCES)
def test_a_wrong_video_is_one_line(name, tmp_path, model_path):
    if WRONG_SOURCES[name] is not None:
        (tmp_path / name).write_bytes(WRONG_SOURCES[name])
    result = run("--source", tmp_path / name, "--model", model_path, "--headless")
    assert_one_line(result, 1, name)
    assert "Spelled" not in result.stdout


def test_a_video_cut_short_gives_its_letters_and_says_so(tmp_path, model_path, video):
    whole = Path(video).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    result = run("--source", tmp_path / "cut.avi", "--model", model_path, "--headless")
    assert_one_line(result, 1, "cut.avi is damaged")
    assert result.stdout.splitlines()[-1] == "Spelled: H"


def test_a_url_is_read_like_a_video(model_path, video, capsys):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=Path(video).parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert headless(capsys, model_path, f"{address}/hi.avi")[-1] == "Spelled: HI"
        message, _ = fail(capsys, "--model", model_path, "--headless", "--source", f"{address}/no")
        server.shutdown()
    assert f"{address}/no cannot be opened" in message


# ------------------------------------------------------------ cameras


def test_a_camera_is_spelled_until_it_is_gone(play, capsys, model_path):
    fake = play(signs(*HI))
    message, printed = fail(capsys, "--model", model_path, "--headless")
    assert fake.source == 0
    assert printed.out.splitlines()[-1] == "Spelled: HI"
    assert "camera 0 gives no pictures; trying again" in printed.err
    assert "camera 0 is gone" in message
    assert fake.released >= 1


@pytest.mark.parametrize("source", ["0", "7"])
def test_a_camera_missing_or_busy_is_one_line(source, play, capsys, model_path):
    play()
    message, printed = fail(capsys, "--model", model_path, "--headless", "--source", source)
    assert f"camera {source} cannot be opened" in message
    assert len(message.splitlines()) == 1
    assert "Spelled" not in printed.out


def test_a_camera_plugged_in_again_goes_on(play, capsys, model_path):
    fake = play(signs(("H", 1.2)), None, [None], signs(("I", 1.2)))
    message, printed = fail(capsys, "--model", model_path, "--headless")
    assert "camera 0 is back" in printed.err
    assert printed.out.splitlines()[-1] == "Spelled: HI"
    assert fake.opened > 4
    assert "gone" in message


def test_a_camera_that_never_gives_a_picture_is_one_line(play, capsys, model_path):
    play([])
    message, printed = fail(capsys, "--model", model_path, "--headless")
    assert "camera 0 is gone" in message
    assert printed.out.splitlines()[-1] == "Spelled: nothing"


def test_a_stream_without_end_is_tried_again_as_a_camera(play, capsys, model_path):
    fake = play(signs(("H", 1.2)), signs(("I", 1.2)), length=-1)
    message, printed = fail(capsys, "--model", model_path, "--headless", "--source", "rtsp://x/y")
    assert fake.source == "rtsp://x/y"
    assert printed.out.splitlines()[-1] == "Spelled: HI"
    assert "rtsp://x/y is gone" in message


@pytest.mark.parametrize("kind", kinds_of(np.zeros((1, 1), np.uint8)))
def test_a_camera_may_give_any_kind_of_frames(kind, play, capsys, model_path, tmp_path):
    frames = [kinds_of(frame[..., 0].copy())[kind] for frame in signs(("Q", 1.2))]
    play(frames)
    record = tmp_path / "r.avi"
    fail(capsys, "--model", model_path, "--headless", "--record", record)
    assert REAL_CAPTURE(str(record)).get(cv2.CAP_PROP_FRAME_COUNT) >= len(frames)


def test_ctrl_c_ends_with_the_text(play, capsys, model_path, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    fake = play([*signs(("H", 1.2)), interrupt])
    options = ["--record", tmp_path / "r.mp4", "--transcript", tmp_path / "t.txt"]
    status, printed = fail(capsys, "--model", model_path, "--headless", *options)
    assert status == 130
    assert printed.out.splitlines()[-1] == "Spelled: H"
    assert fake.released == 1
    assert (tmp_path / "t.txt").read_text().endswith("\tH\n")
    assert len(list(frames_of(tmp_path / "r.mp4"))) == 36
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.mp4", "t.txt"]


def test_sigterm_ends_with_the_text(play, capsys, model_path):
    def terminate():
        os.kill(os.getpid(), signal.SIGTERM)
        return sign("H")

    fake = play([*signs(("H", 1.2)), terminate])
    status, printed = fail(capsys, "--model", model_path, "--headless")
    assert status == 143
    assert printed.out.splitlines()[-1] == "Spelled: H"
    assert fake.released == 1


# ------------------------------------------------------------ pictures


def save_pictures(folder, *letters):
    for letter in letters:
        (folder / letter).mkdir(parents=True)
        cv2.imwrite(str(folder / letter / "1.png"), sign(letter, box=1.0))
    return folder


def test_a_picture_is_read_whole(tmp_path, model_path, capsys):
    picture = save_pictures(tmp_path, "V") / "V" / "1.png"
    assert headless(capsys, model_path, picture) == [f"{picture}  V  100%"]


def test_a_folder_is_read_in_order(tmp_path, model_path, capsys):
    save_pictures(tmp_path, "B", "A")
    cv2.imwrite(str(tmp_path / "nothing.png"), sign(None))
    (tmp_path / "notes.txt").write_text("no picture")
    lines = headless(capsys, model_path, tmp_path)
    assert [line.split()[1:] for line in lines] == [["A", "100%"], ["B", "100%"], ["-", "4%"]]


@pytest.mark.parametrize("kind", ["grey", "colour", "alpha", "grey, 16 bits", "alpha, 16 bits"])
def test_pictures_of_any_kind_are_read(kind, tmp_path, model_path, capsys):
    frame = kinds_of(sign("R", box=1.0)[..., 0].copy())[kind]
    cv2.imwrite(str(tmp_path / "ü.png"), frame)
    assert headless(capsys, model_path, tmp_path / "ü.png")[0].split()[-2] == "R"


def test_unreadable_pictures_are_named_and_counted(tmp_path, model_path):
    whole = save_pictures(tmp_path, "A") / "A" / "1.png"
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:30])
    (tmp_path / "folder.png").mkdir()
    result = run("--source", tmp_path, "--model", model_path, "--headless")
    assert result.stdout.splitlines()[1:] == [f"{whole}  A  100%"]
    names = [str(tmp_path / name) for name in ("cut.png", "empty.png", "folder.png", "text.jpg")]
    assert_one_line(result, 1, f"4 picture(s) could not be read: {', '.join(names)}")


@pytest.mark.parametrize("name", ["", "none.png"])
def test_no_pictures_is_a_failure(name, tmp_path, model_path, capsys):
    message, printed = fail(
        capsys, "--model", model_path, "--headless", "--source", tmp_path / name
    )
    assert str(tmp_path / name) in message
    assert len(printed.out.splitlines()) == 1


# ------------------------------------------------------------ transcript and recording


def frames_of(path):
    capture = REAL_CAPTURE(str(path))
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield frame


def test_the_transcript_has_a_line_for_each_letter(tmp_path, model_path, video, capsys):
    file = tmp_path / "letters.txt"
    file.write_text("of last week")
    out = headless(capsys, model_path, video, "--transcript", str(file))
    assert file.read_text().splitlines() == out[:-1] == ["0.80\tH", out[1]]
    assert list(tmp_path.iterdir()) == [file]


def test_the_transcript_grows_as_letters_come(play, capsys, model_path, tmp_path):
    seen = []

    def look():
        seen.append((tmp_path / ".t.tmp.txt").read_text())
        return sign("H")

    play([*signs(("H", 1.2)), look])
    fail(capsys, "--model", model_path, "--headless", "--transcript", tmp_path / "t.txt")
    assert seen[0].endswith("\tH\n")


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".MP4"])
def test_a_recording_has_the_videos_frames(suffix, tmp_path, model_path, video, capsys):
    file = tmp_path / f"r{suffix}"
    headless(capsys, model_path, video, "--record", str(file))
    recorded = list(frames_of(file))
    assert len(recorded) == 90
    assert recorded[0].shape == (480, 640, 3)
    assert REAL_CAPTURE(str(file)).get(cv2.CAP_PROP_FPS) == 30
    assert list(tmp_path.iterdir()) == [file]


def test_a_recording_keeps_the_times_of_an_uneven_camera(tmp_path):
    recorder = camera.Recorder(tmp_path / "r.avi", 10)
    for seconds in (5.0, 5.01, 5.02, 5.1, 5.5, 6.0):
        recorder.add(seconds, np.full((48, 64, 3), round(seconds * 20), np.uint8))
    recorder.close()
    values = [round(frame.mean() / 2) / 10 for frame in frames_of(tmp_path / "r.avi")]
    expected = [5.0, 5.1, *[5.5] * 4, *[6.0] * 5]
    assert values == pytest.approx(expected, abs=0.11)


def test_frames_that_change_their_size_are_recorded(tmp_path):
    recorder = camera.Recorder(tmp_path / "r.avi", 10)
    for frame, shape in enumerate([(48, 64, 3), (64, 48, 3), (480, 640, 3)]):
        recorder.add(frame / 10, np.full(shape, 99, np.uint8))
    recorder.close()
    assert [frame.shape for frame in frames_of(tmp_path / "r.avi")] == [(48, 64, 3)] * 3


@pytest.mark.parametrize("option", ["--record", "--transcript"])
@pytest.mark.parametrize("target", ["missing/r.avi", "file/r.avi", "folder.avi"])
def test_a_place_that_cannot_be_written_is_one_line(option, target, tmp_path, model_path, video):
    (tmp_path / "file").touch()
    (tmp_path / "folder.avi").mkdir()
    before = sorted(tmp_path.rglob("*"))
    arguments = ["--source", video, "--model", model_path, "--headless", option, tmp_path / target]
    result = run(*arguments)
    assert_one_line(result, 1, f"{tmp_path / target} cannot be written: ")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("option", ["--record", "--transcript"])
def test_no_permission_to_write_is_one_line(
    option, tmp_path, model_path, video, capsys, monkeypatch
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)  # root, who may run this, is never refused
    arguments = ["--model", model_path, "--source", video, "--headless", option, tmp_path / "r.avi"]
    message, _ = fail(capsys, *arguments)
    assert message.endswith("r.avi cannot be written: Permission denied")


@pytest.mark.parametrize("option", ["--record", "--transcript"])
def test_a_file_that_cannot_grow_leaves_the_old_one(option, tmp_path, model_path, video):
    resource = pytest.importorskip("resource")
    file = tmp_path / "old.avi"
    file.write_text("of last week")
    result = run(
        *("--source", video, "--model", model_path, "--headless", option, file),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5)),
    )
    assert_one_line(result, 1)
    assert "Spelled: " in result.stdout
    assert file.read_text() == "of last week"
    assert list(tmp_path.iterdir()) == [file]


def test_a_recording_ends_whole_when_the_disk_is_full(
    tmp_path, model_path, video, capsys, monkeypatch
):
    free = iter([camera.SPARE_DISK] * 20 + [0])
    usage = type("Usage", (), {"free": property(lambda self: next(free))})()
    monkeypatch.setattr(camera.shutil, "disk_usage", lambda path: usage)
    arguments = ["--model", model_path, "--source", video, "--headless"]
    message, printed = fail(capsys, *arguments, "--record", tmp_path / "r.avi")
    assert "the disk is full" in message
    assert printed.out.splitlines()[-1] == "Spelled: nothing"
    assert len(list(frames_of(tmp_path / "r.avi"))) == 21


def test_nothing_is_written_where_no_frame_came(play, capsys, model_path, tmp_path):
    play([])
    message, _ = fail(capsys, "--model", model_path, "--headless", "--record", tmp_path / "r.avi")
    assert "r.avi was not written" in message
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------ what is shown


def reader_of(model, frame, letter=None, box=camera.BOX, mirror=False, **state):
    reader = camera.Reader(model, camera.Speller(ALPHABET, 0.53), box, mirror, "clip.mp4")
    reader.read(frame)
    for name, value in state.items():
        setattr(reader.speller if hasattr(reader.speller, name) else reader, name, value)
    return reader


SHAPES = [(1, 1), (28, 2000), (48, 64), (240, 320), (480, 640), (640, 480), (2160, 3840)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("box", [0.3, 0.7, 1.0])
def test_every_frame_is_shown_large_enough_to_read(shape, box, model):
    canvas = camera.draw(reader_of(model, np.zeros((*shape, 3), np.uint8), box=box, help=True))
    assert canvas.dtype == np.uint8
    assert canvas.shape[2] == 3
    assert min(canvas.shape[:2]) >= 340
    assert max(canvas.shape[:2]) <= 2700


def test_nothing_covers_the_inside_of_the_guide_box(model):
    rng = np.random.default_rng(0)
    for shape, box in [((480, 640), 0.7), ((480, 480), 1.0), ((720, 1280), 0.7), ((640, 480), 0.9)]:
        frame = rng.integers(0, 256, (*shape, 3), np.uint8)
        canvas = camera.draw(reader_of(model, frame, text="A LONG TEXT " * 20, box=box))
        inside = len(camera.center_crop(frame, box)) - 12
        assert np.array_equal(camera.crop_to(canvas, inside), camera.crop_to(frame, inside)), box


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_writing_stands_out_from_any_scene(grey, model):
    canvas = camera.draw(reader_of(model, np.full((480, 640, 3), grey, np.uint8), text="HELLO"))
    writing = canvas[430:475, 10:160].astype(int)
    assert writing.max() == 255
    assert np.median(writing) <= 0.31 * 255  # a contrast of 7 to 1 and more


def test_the_view_is_mirrored_and_the_model_is_not(model):
    frame = sign("G", (480, 640))
    plain, mirrored = (reader_of(model, frame, mirror=mirror) for mirror in (False, True))
    assert plain.speller.letter == mirrored.speller.letter == "G"
    views = [camera.crop_to(camera.draw(reader), 320) for reader in (plain, mirrored)]
    assert np.array_equal(views[0], views[1][:, ::-1])
    assert not np.array_equal(*views)


def amber(canvas):
    return int((np.abs(canvas.astype(int) - camera.AMBER).max(2) < 30).sum())


def test_the_outline_fills_up_while_a_letter_is_held(model):
    shares = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    frame = np.zeros((480, 640, 3), np.uint8)
    filled = [amber(camera.draw(reader_of(model, frame, progress=share))) for share in shares]
    assert filled == sorted(set(filled))
    outline = 4 * 336
    assert np.diff(filled) == pytest.approx(np.diff(shares) * outline * 6, rel=0.35)


def test_the_state_is_told_in_words(model):
    reader = reader_of(model, sign("B"))
    assert reader.state() == ("B: hold still", camera.AMBER)
    reader.read(sign("B"), 0.9)
    assert reader.speller.text == "B"
    assert reader.state()[0].startswith("B added")
    reader.read(sign(None), 2.5)
    assert reader.state()[0] == "Fill the box with your hand"


def test_what_the_model_sees_is_shown_enlarged(model):
    reader = reader_of(model, sign("E", (480, 640)))
    corner = camera.draw(reader)[13 : 13 + 112, 640 - 13 - 112 : 640 - 13]
    assert np.array_equal(corner[2::4, 2::4, 0], reader.seen)


def test_the_end_of_a_long_text_is_shown(model):
    def bottom(text):
        return camera.draw(reader_of(model, np.zeros((480, 640, 3), np.uint8), text=text))[430:]

    assert not np.array_equal(bottom("A" * 200), bottom("A" * 199 + "B"))
    assert np.array_equal(bottom("B" + "A" * 200), bottom("A" * 200))


def test_speed_is_told(model):
    reader = reader_of(model, sign("A"))
    for frame in range(1, 9):
        reader.read(sign("A"), frame / 25)
    assert reader.fps == pytest.approx(25)
    assert 0 < reader.latency < 1000


# ------------------------------------------------------------ keys and window


def test_keys_edit_the_text(model):
    reader = reader_of(model, sign("A"), text="AB")
    steps = [(" ", "SPACE", "AB "), ("\b", "BACKSPACE", "AB"), ("\x7f", "BACKSPACE", "A")]
    steps += [("h", None, "A"), ("x", None, "A"), ("", None, "A"), ("c", "CLEAR", "")]
    for key, done, text in [*steps, ("\b", "BACKSPACE", "")]:
        assert (camera.obey(key, reader), reader.speller.text) == (done, text)
    assert reader.help
    camera.obey("h", reader)
    assert not reader.help


def test_keys_of_a_window_are_obeyed(play, capsys, model_path, tmp_path, monkeypatch):
    keys = iter([*[""] * 30, " ", "h", "\b", *[""] * 50, "q"])
    views = []
    monkeypatch.setattr(camera, "check_display", lambda: None)
    monkeypatch.setattr(camera, "show", lambda canvas, wait=1: views.append(canvas) or next(keys))
    play(signs(("H", 1.5), ("I", 9)))
    camera.main(["--model", model_path, "--transcript", str(tmp_path / "t.txt")])
    assert capsys.readouterr().out.splitlines()[1:] == ["Spelled: HI"]
    logged = [line.split("\t")[1] for line in (tmp_path / "t.txt").read_text().splitlines()]
    assert logged == ["H", "SPACE", "BACKSPACE", "I"]
    assert len(views) == 84


def test_a_lost_camera_is_shown(play, capsys, model_path, monkeypatch):
    notes, draw = [], camera.draw
    monkeypatch.setattr(camera, "check_display", lambda: None)
    monkeypatch.setattr(camera, "draw", lambda reader: notes.append(reader.note) or draw(reader))
    monkeypatch.setattr(camera, "show", lambda canvas, wait=1: "")
    play(signs(("H", 1.2)))
    fail(capsys, "--model", model_path)
    assert notes[0] == ""
    assert notes[-1] == "Camera lost: trying again"


def test_a_video_in_a_window_waits_for_its_frames(model_path, video, monkeypatch):
    waits = []
    monkeypatch.setattr(camera, "check_display", lambda: None)
    monkeypatch.setattr(camera, "show", lambda canvas, wait=1: waits.append(wait) or "")
    monkeypatch.setattr(camera.time, "monotonic", lambda: 0.0)
    camera.main(["--model", model_path, "--source", video])
    assert waits == pytest.approx([1000 * frame / 30 for frame in range(90)], abs=0.1)


def test_pictures_wait_for_keys(tmp_path, model_path, capsys, monkeypatch):
    keys = iter(["", "", "x", "", "q"])
    monkeypatch.setattr(camera, "check_display", lambda: None)
    monkeypatch.setattr(camera, "show", lambda canvas, wait=1: next(keys))
    save_pictures(tmp_path, "A", "B", "C")
    camera.main(["--model", model_path, "--source", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["A", "B"]


def without_display(**names):
    kept = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    return kept | names


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":987"}, {"WAYLAND_DISPLAY": "none"}])
def test_no_display_is_one_line(display, model_path, video):
    result = run("--source", video, "--model", model_path, env=without_display(**display))
    assert_one_line(result, 1, "no display to open a window on; use --headless")


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
    ["--no-such-flag"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_wrong_usage_is_status_2(arguments, capsys):
    status, printed = fail(capsys, *arguments)
    assert status == 2
    assert "error: " in printed.err.splitlines()[-1]


@pytest.mark.parametrize("option", ["--record", "--transcript"])
def test_a_folder_of_pictures_is_not_recorded(option, tmp_path, capsys):
    save_pictures(tmp_path, "A")
    status, printed = fail(capsys, "--source", tmp_path, option, tmp_path / "r.avi")
    assert status == 2
    assert "not for pictures" in printed.err


def test_help_tells_flags_and_keys(capsys):
    status, printed = fail(capsys, "--help")
    assert status == 0
    for key, meaning in camera.KEYS.items():
        assert f"{key:<12}{meaning}" in printed.out
    for flag in ("source", "model", "box", "hold", "threshold", "no-mirror", "headless", "record"):
        assert f"--{flag}" in printed.out


# ------------------------------------------------------------ on a virtual screen

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


@pytest.fixture
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
    env = without_display(DISPLAY=screen)

    def tool(*words):
        done = subprocess.run(["xdotool", *words], env=env, capture_output=True, text=True)
        return done.stdout.split()

    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as script:
        try:
            find = "search", "--onlyvisible", "--name", camera.TITLE
            wait_until(lambda: script.poll() is not None or tool(*find))
            time.sleep(1)  # the window of the trial, if it was that, is gone by now
            wait_until(lambda: script.poll() is not None or tool(*find))
            assert script.poll() is None, script.communicate()
            found = tool(*find)
            yield script, tool, found[-1]
        finally:
            script.kill()


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    return save_video(tmp_path_factory.mktemp("video") / "long.avi", ("H", 2), ("I", 28))


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@needs_screen
def test_keys_pressed_in_the_window(screen, model_path, long_video, tmp_path):
    file, logged = tmp_path / "t.txt", []
    arguments = ["--source", long_video, "--model", model_path, "--transcript", file]

    def log():
        lines = (tmp_path / ".t.tmp.txt").read_text().splitlines()
        logged[:] = [line.split("\t")[1] for line in lines]
        return logged

    with window_of(screen, *arguments) as (script, tool, window):
        wait_until(lambda: log() == ["H", "I"])
        tool("key", "--window", window, "Left")  # whose code ends in that of Q
        for number, key in enumerate(["space", "space", "BackSpace"], start=3):
            tool("key", "--window", window, key)
            wait_until(lambda number=number: len(log()) == number)
        tool("key", "--window", window, "Escape")
        out, err = script.communicate(timeout=30)
    assert script.returncode == 0
    assert out.splitlines()[1:] == ["Spelled: HI "]
    assert not err
    assert logged == ["H", "I", "SPACE", "SPACE", "BACKSPACE"]
    assert len(file.read_text().splitlines()) == 5


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent, with the padding of XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("pad", ctypes.c_long * 12),
    )


def close_window(screen, window):
    """Close a window as its frame's cross does."""
    x11 = ctypes.CDLL(ctypes.util.find_library("X11"))
    x11.XOpenDisplay.restype, x11.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(screen.encode()))
    names = (x11.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    protocols, delete = names
    data = (ctypes.c_long * 5)(delete)
    message = ClientMessage(33, 0, 1, display, int(window), protocols, 32, data)
    x11.XSendEvent(display, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(display)


@needs_screen
def test_closing_the_window_ends(screen, model_path, long_video, tmp_path):
    file = tmp_path / "r.avi"
    arguments = ["--source", long_video, "--model", model_path, "--record", file]
    with window_of(screen, *arguments) as (script, _, window):
        close_window(screen, window)
        out, err = script.communicate(timeout=20)
    assert script.returncode == 0
    assert out.splitlines()[1].startswith("Spelled: ")
    assert not err
    assert 0 < len(list(frames_of(file))) < 800


@needs_screen
def test_ctrl_c_at_the_shell_ends(screen, model_path, long_video, tmp_path):
    file = tmp_path / "r.mp4"
    arguments = ["--source", long_video, "--model", model_path, "--record", file]
    with window_of(screen, *arguments) as (script, _, _):
        script.send_signal(signal.SIGINT)
        out, err = script.communicate(timeout=20)
    assert script.returncode == 130
    assert out.splitlines()[1].startswith("Spelled: ")
    assert not err
    assert 0 < len(list(frames_of(file))) < 800
    assert list(tmp_path.iterdir()) == [file]


@needs_screen
def test_a_picture_is_shown_until_a_key(screen, model_path, tmp_path):
    save_pictures(tmp_path, "A")
    with window_of(screen, "--source", tmp_path, "--model", model_path) as (script, tool, window):
        tool("key", "--window", window, "q")
        out, _ = script.communicate(timeout=20)
    assert script.returncode == 0
    assert out.endswith("A  100%\n")

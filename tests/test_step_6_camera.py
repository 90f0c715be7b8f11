"""The camera script: with a model of one layer, generated videos and pictures, a fake camera that
fails as real ones do, and a window on a virtual screen."""

import contextlib
import ctypes
import ctypes.util
import functools
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import onnx.parser
import pytest
from conftest import assert_one_line, shell
from onnx import helper, numpy_helper

import step_6_camera as camera
from plumbing import faults

SCRIPT = Path(camera.__file__)
ALPHABET = camera.ALPHABET
REAL_CAPTURE = cv2.VideoCapture


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
    model = parse(
        f"""linear (float[{batch}, 1, {side}, {side}] {name}) => (float[{batch}, {letters}] logits)
        {{ flat = Flatten ({name}) logits = MatMul (flat, weights) }}"""
    )
    model.graph.initializer.append(numpy_helper.from_array(weights, "weights"))
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return str(path)


def parse(text):
    """The ONNX model that a text describes."""
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')


def sign(letter, shape=(240, 320), box=camera.BOX):
    """BGR frame whose guide box shows a letter to the linear model; None: no letter."""
    image = np.full((28, 28), 60, np.uint8)
    if letter:
        image[cell(letter)] = 230
    frame = np.full((*shape, 3), 60, np.uint8)
    crop = camera.center_crop(frame, box)
    crop[:] = cv2.resize(image, crop.shape[1::-1], interpolation=cv2.INTER_NEAREST)[..., None]
    return frame


def signs(*parts, fps=30, box=camera.BOX):
    """Frames of (letter or None, seconds) one after another."""
    frames = [(sign(letter, box=box), seconds) for letter, seconds in parts]
    return [frame for frame, seconds in frames for _ in range(round(seconds * fps))]


def save_video(path, *parts, fps=30, box=camera.BOX):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (320, 240))
    for frame in signs(*parts, fps=fps, box=box):
        writer.write(frame)
    writer.release()
    return str(path)


def frames_of(path):
    capture = REAL_CAPTURE(str(path))
    while (read := capture.read())[0]:
        yield read[1]


def save_pictures(folder, *letters):
    for letter in letters:
        (folder / letter).mkdir(parents=True)
        cv2.imwrite(str(folder / letter / "1.png"), sign(letter, box=1.0))
    return folder


def transcript_in(folder):
    """The transcript as it grows, by another name than it will have."""
    return "".join(path.read_text() for path in folder.glob(".t.*.txt"))


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


HI = ("H", 1.2), ("I", 1.2), (None, 0.6)
FIRST = f"{np.ceil(camera.HOLD * 30) / 30:.2f}\tH"  # what is printed of it first


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "linear.onnx")


@pytest.fixture(scope="session")
def model(model_path):
    return camera.load_model(model_path)


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return save_video(tmp_path_factory.mktemp("video") / "hi.avi", *HI)


@pytest.fixture
def start(capsys):
    """A function that runs the script in this process, and answers as `subprocess.run` does."""
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {number: signal.getsignal(number) for number in numbers if number}

    def run(*arguments):
        status = 0
        try:
            faults.run(lambda: camera.main([*map(str, arguments)]))
        except SystemExit as ended:
            status = ended.code
        for number, handler in before.items():
            signal.signal(number, handler)
        out, err = capsys.readouterr()
        if isinstance(status, str):
            status, err = 1, f"{err}{status}\n"
        return subprocess.CompletedProcess(arguments, status, out, err)

    return run


@pytest.fixture
def headless(start, model_path):
    """A function that runs the script without a window, and gives the lines that it prints."""

    def run(source, *options, model=model_path):
        done = start("--model", model, "--source", source, "--headless", *options)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        named, *lines = done.stdout.splitlines()
        assert named == f"Model: {model}"
        return lines

    return run


class FakeCapture:
    """Stands in for cv2.VideoCapture: plays lists of frames, one each time it is opened.

    A frame may be None (a failed read) or a function that is called in its place.
    """

    def __init__(self, *plays, fps=30.0, length=-1):
        self.plays, self.fps, self.length = list(plays), fps, length
        self.opened = self.released = 0

    def __call__(self, source, reader=cv2.CAP_ANY):
        if isinstance(source, str) and Path(source).exists() and Path(source).stat().st_size:
            return REAL_CAPTURE(source, reader)
        self.open(source, reader)
        return self

    def open(self, source, reader):
        self.opened += 1
        self.source, self.frames = source, self.plays.pop(0) if self.plays else None

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


@pytest.fixture
def play(monkeypatch):
    """Puts a fake capture in the place of cameras; its clock goes 1/30 s a frame."""

    def put(*plays, **options):
        fake = FakeCapture(*plays, **options)
        clock = iter(np.arange(0, 1e6) / 30)
        monkeypatch.setattr(cv2, "VideoCapture", fake)
        monkeypatch.setattr(camera.time, "monotonic", lambda: float(next(clock)))
        monkeypatch.setattr(camera.time, "sleep", lambda seconds: None)
        return fake

    return put


@pytest.fixture
def window(monkeypatch):
    """Puts a function in the place of the window: it is given pixels and milliseconds and answers
    with a key."""

    def put(function):
        monkeypatch.setattr(camera, "check_display", lambda: None)
        monkeypatch.setattr(camera, "show", function)

    return put


# ------------------------------------------------------------ from a frame to probabilities
@pytest.mark.parametrize("shape", [(4, 6), (6, 4, 3), (5, 5, 4), (1, 9), (2160, 3840)])
@pytest.mark.parametrize("box", [1.0, 0.7])
def test_center_crop_is_the_centred_square(shape, box):
    frame = np.arange(np.prod(shape)).reshape(shape)
    side = max(1, round(box * min(shape[:2])))
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    expected = frame[top : top + side, left : left + side]
    assert np.array_equal(camera.center_crop(frame, box), expected)


def seen(picture, model, box=1.0):
    """What the model sees of a picture, grey (H, W) or BGR."""
    grey = picture.ndim == 2
    return camera.classify(model, cv2.cvtColor(picture, 8) if grey else picture, box)[0]


@pytest.mark.parametrize("side", [64, 128, 224, 300, 336, 840])
def test_the_model_sees_the_whole_picture_averaged(side, model):
    rng = np.random.default_rng(side)
    picture = cv2.resize(rng.integers(0, 256, (9, 9), np.uint8), (side, side))
    expected = cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA)
    difference = np.abs(seen(picture, model).astype(int) - expected).max()
    assert difference <= 8
    if (
        side % 28 == 0 or side < 200
    ):  # nothing may be trimmed off; halved first, it is rounded twice
        assert difference <= (side % 56 == 0)


def test_stripes_are_seen_grey_and_colours_weighed_in_opencv_order(model):
    stripes = np.zeros((476, 476), np.uint8)
    stripes[::2] = 255
    assert np.abs(seen(stripes, model).astype(int) - 128).max() <= 8
    blue, red = np.zeros((2, 56, 56, 3), np.uint8)
    blue[..., 0], red[..., 2] = 255, 255
    assert (seen(blue, model)[0, 0], seen(red, model)[0, 0]) == (29, 76)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (27, 500), (29, 29), (4000, 30)])
def test_frames_of_any_size_are_seen(shape, model):
    image = seen(np.full((*shape, 3), 90, np.uint8), model, 0.7)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert (image == 90).all()


# ------------------------------------------------------------ models
def test_every_letter_is_read(model):
    for letter in ALPHABET:
        image, probabilities = camera.classify(model, sign(letter), camera.BOX)
        assert ALPHABET[probabilities.argmax()] == letter
        assert probabilities.sum() == pytest.approx(1)
        assert probabilities.dtype == np.float32
        assert image[cell(letter)].mean() > 200


@pytest.mark.parametrize(("looks", "read"), [("2", "LRLR"), ("0", "BBBB")])
def test_a_film_s_frames_are_looked_at_once_each_time_otherwise(looks, read, tmp_path):
    """By a model that can be asked to; a picture always in all ways."""
    model = parse(
        """turns (float[n, 1, 28, 28] input, int64[looks] looks) => (float[1, 3] logits)
        { views = Gather <axis=0> (table, looks) logits = ReduceSum <keepdims=1> (views, axis) }"""
    )
    table = np.float32([[3, 0, 2], [0, 3, 2]])  # L, R; both together are B
    for name, value in (("table", table), ("looks", np.arange(2)), ("axis", np.array([0]))):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    helper.set_model_props(model, {"alphabet": "LRB", "looks": looks})
    onnx.save(model, tmp_path / "m.onnx")
    model = camera.load_model(tmp_path / "m.onnx")
    view = camera.View(camera.Speller("LRB", 0.4), 1.0, False, "")
    letters = []
    for turn in range(4):  # after a gap nothing is smoothed
        camera.translate(model, sign("A"), 5 * turn, view, turn)
        letters.append(view.speller.letter)
    assert "".join(letters) == read
    camera.translate(model, sign("A"), 20, view)
    assert view.speller.letter == "B"


def test_a_model_without_metadata_is_the_tutorials(model, tmp_path):
    assert (model.alphabet, model.mean, model.std) == ("ABCDEFGHIKLMNOPQRSTUVWXY", 0.485, 0.229)
    assert (model.size, model.nothing, model.threshold) == (28, -np.inf, 0.53)
    other = camera.load_model(save_model(tmp_path / "m.onnx", batch=1, name="image"))
    assert ALPHABET[camera.classify(other, sign("K"), camera.BOX)[1].argmax()] == "K"


def test_metadata_are_read_and_used(tmp_path):
    metadata = {"alphabet": "ab", "mean": "0.5", "std": "0.25", "size": "4", "threshold": "0.9"}
    weights = np.zeros((16, 2), np.float32)
    weights[:, 1] = 1 / 16
    model = camera.load_model(save_model(tmp_path / "m.onnx", metadata, weights=weights))
    assert (model.alphabet, model.size, model.threshold) == ("ab", 4, 0.9)
    image, white = camera.classify(model, np.full((9, 9, 3), 255, np.uint8))
    assert image.shape == (4, 4)
    assert white[1] == pytest.approx(1 / (1 + np.exp(-2)))  # the second logit is 2


@pytest.mark.parametrize("nothing", [-80.0, 0.0, 3.0, 900.0])
def test_no_hand_takes_its_share_of_the_probability(tmp_path, nothing):
    weights = np.zeros((784, 24), np.float32)
    weights[:, 5] = 2 / 784 * 0.229 / (1 - 0.485)  # the logit of F is 2 for a white image
    path = save_model(tmp_path / "m.onnx", {"nothing": str(nothing)}, weights=weights)
    _, probabilities = camera.classify(camera.load_model(path), np.full((28, 28, 3), 255, np.uint8))
    odds = np.exp([0] * 5 + [2] + [0] * 18 + [min(nothing, 100)])
    assert probabilities == pytest.approx(odds[:24] / odds.sum(), abs=1e-6)
    assert probabilities.dtype == np.float32


def test_own_model_comes_before_the_shipped_one(tmp_path, workdir, monkeypatch, start):
    shipped = tmp_path / "project" / "pretrained" / "signlanguage.onnx"
    shipped.parent.mkdir(parents=True)
    monkeypatch.setattr(camera, "__file__", str(tmp_path / "project" / "step_6_camera.py"))
    cv2.imwrite("k.png", sign("K"))
    arguments = "--source", "k.png", "--headless", "--box", camera.BOX
    assert_one_line(start(*arguments), 1, "no model signlanguage.onnx", "python step_4_evaluate.py")
    save_model(shipped)
    named, read = start(*arguments).stdout.splitlines()
    assert named == f"Model: {shipped}"
    assert read.split()[:2] == ["k.png", "K"]
    save_model("signlanguage.onnx")
    assert start(*arguments).stdout.startswith("Model: signlanguage.onnx\n")


def write_bytes(path, content):
    path.write_bytes(content)
    return str(path)


SEQUENCE = """sequence (float[1, 1, 28, 28] input) => (seq(float[1, 1, 28, 28]) logits)
{ logits = SequenceConstruct (input) }"""
WRONG_MODELS = {
    "missing": lambda path: str(path),
    "a folder": lambda path: path.mkdir() or str(path),
    "empty": lambda path: write_bytes(path, b""),
    "text": lambda path: write_bytes(path, b"no model at all"),
    "cut short": lambda path: write_bytes(path, Path(save_model(path)).read_bytes()[:30000]),
    "larger input": lambda path: save_model(path, weights=np.ones((1024, 24), np.float32)),
    "ten classes": lambda path: save_model(path, weights=np.ones((784, 10), np.float32)),
    "not finite": lambda path: save_model(path, weights=np.full((784, 24), np.nan, np.float32)),
    "alphabet too short": lambda path: save_model(path, {"alphabet": "ABC"}),
    "mean in words": lambda path: save_model(path, {"mean": "half"}),
    "std of nothing": lambda path: save_model(path, {"std": "0"}),
    "huge std": lambda path: save_model(path, {"std": "1e300"}),
    "size of nothing": lambda path: save_model(path, {"size": "-3"}),
    "nothing is no number": lambda path: save_model(path, {"nothing": "nan"}),
    "certainly nothing": lambda path: save_model(path, {"nothing": "inf"}),
    "no UTF-8": lambda path: write_bytes(
        path, Path(save_model(path, {"alphabet": "~~"})).read_bytes().replace(b"~~", b"\xff\xfe")
    ),
    "sequence": lambda path: onnx.save(parse(SEQUENCE), path) or str(path),
    "unprintable": lambda path: save_model(path, {"alphabet": ALPHABET[:-1] + "\n"}),
    "threshold of two": lambda path: save_model(path, {"threshold": "2"}),
}


@pytest.mark.parametrize("kind", WRONG_MODELS)
def test_a_wrong_model_is_refused_in_one_line(kind, tmp_path, video, start):
    path = WRONG_MODELS[kind](tmp_path / "wrong.onnx")
    done = start("--model", path, "--source", video, "--headless")
    assert_one_line(done, 1, path)
    assert not done.stdout


PICKY = """picky (float[1, 1, 28, 28] input) => (float[1, 24] logits)
    <float[1, 24] rows = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}>
{
    flat = Flatten (input)
    most = ReduceMax <axes = [1], keepdims = 0> (flat)
    index = Cast <to = 7> (most)
    logits = Gather (rows, index)
}"""
ENDLESS = """endless (float[1, 1, 28, 28] input) => (float[1, 24] logits)
    <bool yes = {1}, int64[1] axis = {1}, int64[1] first = {0}, int64[1] end = {24}>
{
    flat = Flatten (input)
    same = Loop <
        body = again (int64 count, bool go, float[1, 784] x) => (bool on, float[1, 784] y) {
            on = Identity (go)
            y = Identity (x)
        }
    > ("", yes, flat)
    logits = Slice (same, first, end, axis)
}"""


@pytest.mark.parametrize(
    ("text", "told"), [(PICKY, "cannot read an image"), (ENDLESS, "takes more than 0.5 seconds")]
)
def test_a_model_that_fails_on_a_frame_or_never_ends_is_one_line(
    text, told, workdir, video, start, monkeypatch
):
    monkeypatch.setattr(camera, "SLOWEST", 0.5)
    onnx.save(parse(text), "m.onnx")
    done = start("--model", "m.onnx", "--source", video, "--headless")
    assert_one_line(done, 1, f"m.onnx {told}")


def test_ctrl_c_ends_a_model_that_never_ends(workdir, video, start):
    onnx.save(parse(ENDLESS), "m.onnx")
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    assert start("--model", "m.onnx", "--source", video, "--headless").returncode == 130
    interrupt.cancel()


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


def text(*parts, **options):
    return "".join(letter for _, letter in spell(*parts, **options))


@pytest.mark.parametrize("fps", [5, 10, 24, 25, 30, 60, 120])
def test_a_letter_is_added_at_the_first_frame_after_the_hold(fps):
    assert spell(("H", 2.0), fps=fps) == [(int(np.ceil(camera.HOLD * fps - 1e-9)), "H")]
    slow = camera.Speller(ALPHABET, 0.53, hold=0.8)
    assert spell(("H", 2.0), fps=fps, speller=slow) == [(int(np.ceil(0.8 * fps - 1e-9)), "H")]


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_the_next_letter_needs_its_own_hold_at_any_frame_rate(fps):
    times = [frame / fps for frame, _ in spell(("H", 1.0), ("I", 2.0), fps=fps)]
    recognised = 1.0 + camera.SMOOTHING * np.log(0.97 / (0.97 - 0.53))  # what smoothing takes
    assert len(times) == 2
    certain = 1.0 + camera.SMOOTHING * np.log(0.97 / (0.97 - camera.CERTAIN))
    assert recognised + camera.HOLD - 2 / fps <= times[1] <= certain + camera.HOLD + 2 / fps


def test_probabilities_are_smoothed_in_seconds():
    speller = camera.Speller(ALPHABET, 0.53)
    speller.update(only("A"), 0.0)
    speller.update(only("B"), 0.1)
    share = np.exp(-0.1 / camera.SMOOTHING)
    assert speller.probabilities == pytest.approx(share * only("A") + (1 - share) * only("B"))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("H", 10.0)], "H"),  # once, however long
        ([("L", 1.2), (None, 0.6), ("L", 1.2)], "LL"),  # after a release again
        ([("L", 1.2), (None, 0.07)] * 5, "L"),  # a flicker is none
        ([("L", 1.2), ("X", 0.07)] * 5, "L"),
        ([("L", 1.2), ("X", 1.2), ("L", 1.2)], "LXL"),
        ([("L", 1.2), ("X", 0.5), ("L", 1.2)], "LL"),  # another letter between is one
    ],
)
def test_a_letter_is_added_once_until_it_is_released(parts, expected):
    assert text(*parts, speller=camera.Speller(ALPHABET, 0.53, hold=0.8)) == expected


def test_an_uncertain_letter_takes_longer():
    times = []
    for share in (0.97, 0.7, 0.55):
        speller = camera.Speller(ALPHABET, 0.53)
        added = [speller.update(only("A", share), frame / 100) for frame in range(100)]
        times.append(added.index("A") / 100)
    assert times == pytest.approx(
        [camera.HOLD * (1 + camera.DOUBT * x) for x in (0, 0.2, 0.35)], abs=0.011
    )


def test_a_letter_is_added_only_at_rest():
    """A hand that a model is certain of all the way in, and then when it rests."""
    hand = np.full((28, 28), 50, np.uint8)
    hand[8:24, 10:18] = 200
    way = [("E", 1 / 30, np.roll(hand, 28 - k, 0)) for k in range(28)]
    assert text(*way) == ""
    assert text(*way, ("E", 0.6, hand)) == "E"
    assert text(*way, ("A", 0.6, hand), *way[::-1]) == "A"


def test_moving_the_hand_is_a_release():
    hand = np.full((28, 28), 50, np.uint8)
    hand[8:24, 10:18] = 200
    aside, shaken, brighter = np.roll(hand, 6, 1), np.roll(hand, 1, 1), hand + 40
    assert text(("L", 1.2, hand), ("L", 1.2, aside)) == "LL"
    assert text(("L", 1.2, hand), ("L", 0.1, aside), ("L", 1.2, hand)) == "LL"
    assert text(("L", 1.2, hand), ("L", 1.2, shaken), ("L", 1.2, brighter)) == "L"


def test_a_hand_between_two_letters_adds_nothing():
    rng = np.random.default_rng(0)
    hand = np.full((28, 28), 50, np.uint8)
    hand[8:24, 10:18] = 200
    for _ in range(20):
        letters = rng.integers(24, size=5)
        passing = [(ALPHABET[x], 0.1, np.roll(hand, k + 1, 1)) for k, x in enumerate(letters)]
        assert text(("A", 1.2, hand), *passing, ("B", 1.4, np.roll(hand, 6, 1))) == "AB"


def test_nothing_is_known_of_an_uncertain_letter_nor_of_a_gap():
    speller = camera.Speller(ALPHABET, 0.98)
    assert spell(("A", 3.0), speller=speller) == []
    assert speller.letter is None
    speller = camera.Speller(ALPHABET, 0.53)
    times = 0.0, 5.0, 5.0 + camera.HOLD
    assert [speller.update(only("A"), now) for now in times] == [None, None, "A"]


# ------------------------------------------------------------ videos
def test_the_film_that_comes_with_it_is_spelled_as_a_user_does_it(workdir, monkeypatch):
    """And nothing is left behind: not in the current folder, at home, nor among temporary files."""
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "TMPDIR"):
        (workdir / name).mkdir()
        monkeypatch.setenv(name, str(workdir / name))
    done = shell("step_6_camera.py", "--source", SCRIPT.parent / "data/hello.mp4", "--headless")
    assert done.returncode == 0
    assert not done.stderr
    named, *letters, spelled = done.stdout.splitlines()
    assert named == f"Model: {SCRIPT.parent / 'pretrained/signlanguage.onnx'}"
    assert spelled == "Spelled: " + "".join(line.split("\t")[1] for line in letters)
    assert len(letters) >= 4
    assert sorted(workdir.rglob("*")) == [workdir / "HOME", workdir / "TMPDIR"]


def test_j_and_z_replace_what_their_hands_were_read_as(tmp_path, headless):
    """Whoever follows the log or the transcript, line by line, has the text."""
    shipped = SCRIPT.parent / "pretrained/signlanguage.onnx"
    film, file = SCRIPT.parent / "data/jazz.mp4", tmp_path / "t.txt"
    *lines, spelled = headless(film, "--transcript", file, model=str(shipped))
    assert spelled == "Spelled: JAZZ"
    assert file.read_text().splitlines() == lines
    text = ""
    for _, letter in (line.split("\t") for line in lines):
        text = text[:-1] if letter == "BACKSPACE" else text + letter
    assert text == "JAZZ"


def test_ctrl_c_while_modules_load_ends_at_once(video):
    command = [sys.executable, "-X", "importtime", SCRIPT, "--source", video, "--headless"]
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
    done = subprocess.run(command, cwd=SCRIPT.parent, capture_output=True, text=True)
    assert done.stdout == "\n", done.stderr


@pytest.mark.parametrize("fps", [8, 30])
def test_the_hold_means_seconds_of_the_video(fps, tmp_path, headless):
    video = save_video(tmp_path / "v.avi", ("A", 1.5), fps=fps)
    seconds = float(headless(video)[0].split()[0])
    assert camera.HOLD - 0.006 <= seconds < camera.HOLD + 1 / fps
    seconds = float(headless(video, "--hold", "0.8")[0].split()[0])
    assert 0.8 - 0.006 <= seconds < 0.8 + 1 / fps
    assert headless(video, "--hold", "2") == ["Spelled: nothing"]


def test_the_threshold_is_the_models_own_unless_given(tmp_path, video, headless):
    strict = save_model(tmp_path / "strict.onnx", {"threshold": "1"})
    assert headless(video)[-1] == "Spelled: HI"
    assert headless(video, "--threshold", "1") == ["Spelled: nothing"]
    assert headless(video, model=strict) == ["Spelled: nothing"]
    assert headless(video, "--threshold", "0.5", model=strict)[-1] == "Spelled: HI"


def test_the_box_can_be_set(tmp_path, headless):
    video = save_video(tmp_path / "b.avi", ("W", 1.5), fps=10, box=0.4)
    assert headless(video, "--box", "0.4")[-1] == "Spelled: W"
    assert headless(video)[-1] != "Spelled: W"


def test_frames_without_times_are_counted(play, headless, tmp_path):
    (tmp_path / "timeless.mov").touch()
    frames = signs(*HI)
    play(frames, fps=30.0, length=len(frames))
    assert headless(tmp_path / "timeless.mov")[0] == FIRST


@pytest.mark.parametrize("fps", [0.1, 0.7])
def test_a_film_of_less_than_a_frame_a_second_is_whole(fps, tmp_path, headless):
    video = save_video(tmp_path / "slow.avi", ("A", 8 / fps), fps=fps)
    assert headless(video, "--record", tmp_path / "r.avi") == ["Spelled: nothing"]
    assert len(list(frames_of(tmp_path / "r.avi"))) == 8


NO_FOLDER = "neither a video nor a folder with pictures"
WRONG_SOURCES = {
    "missing.mp4": "missing.mp4 cannot be opened",
    "empty.avi": "empty.avi cannot be opened",
    "text.mp4": "text.mp4 cannot be opened",
    "noise.mkv": "noise.mkv cannot be opened",
    "missing.png": "1 picture(s) could not be read: missing.png",
    "folder": NO_FOLDER,
    "/": NO_FOLDER,
    "/dev/zero": NO_FOLDER,
    "pipe.mp4": NO_FOLDER,
    "pipe.png": "1 picture(s) could not be read: pipe.png",
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
    assert_one_line(missing, 1, f"{address}/no cannot be opened")


# ------------------------------------------------------------ cameras
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
    assert_one_line(done, 1, "rtsp://x/y gives no pictures any more")
    assert done.stdout.splitlines()[-1] == "Spelled: HI"


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


# ------------------------------------------------------------ pictures
def test_pictures_are_read_whole_and_in_order(tmp_path, headless):
    picture = save_pictures(tmp_path, "B", "A") / "B" / "1.png"
    assert headless(picture) == [f"{picture}  B  100%"]
    cv2.imwrite(str(tmp_path / "nothing.png"), sign(None))
    (tmp_path / "notes.txt").write_text("no picture")
    lines = headless(tmp_path)
    assert [line.split()[1:] for line in lines] == [["A", "100%"], ["B", "100%"], ["-", "4%"]]


def kinds_of(grey):
    """The same picture in every kind that files have."""
    bgr = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    alpha = np.random.default_rng(0).integers(0, 256, (*grey.shape, 1), np.uint8)
    kinds = {"grey": grey, "colour": bgr, "alpha": np.concatenate([bgr, alpha], 2)}
    return kinds | {f"{name}, 16 bits": kind * np.uint16(257) for name, kind in kinds.items()}


@pytest.mark.parametrize("kind", kinds_of(np.zeros((1, 1), np.uint8)))
def test_pictures_of_any_kind_are_read(kind, tmp_path):
    frame = sign("R", box=1.0)
    cv2.imwrite(str(tmp_path / "ü.png"), kinds_of(frame[..., 0].copy())[kind])
    assert np.array_equal(camera.read_picture(tmp_path / "ü.png"), frame)


def test_unreadable_pictures_are_named_and_counted(tmp_path, model_path):
    whole = save_pictures(tmp_path, "A") / "A" / "1.png"
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:30])
    (tmp_path / "flip.png").write_bytes(whole.read_bytes().replace(b"IHDR\0", b"IHDR\1"))
    (tmp_path / "folder.png").mkdir()
    done = shell("step_6_camera.py", "--source", tmp_path, "--model", model_path, "--headless")
    assert done.stdout.splitlines()[1:] == [f"{whole}  A  100%"]
    names = [str(tmp_path / name) for name in ("cut.png", "empty.png", "flip.png", "folder.png")]
    names.append(str(tmp_path / "text.jpg"))
    assert_one_line(done, 1, f"5 picture(s) could not be read: {', '.join(names)}")


def test_what_libraries_say_of_damage_is_not_shown(tmp_path, model_path):
    """libjpeg tells of it on standard error, and reads the picture all the same."""
    whole = save_pictures(tmp_path, "A") / "A" / "1.png"
    content = cv2.imencode(".jpg", cv2.imread(str(whole)))[1].tobytes()
    (tmp_path / "A" / "1.jpg").write_bytes(content.replace(b"\xff\xdb", b"??\xff\xdb"))
    done = shell("step_6_camera.py", "--source", tmp_path, "--model", model_path, "--headless")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3


def save_bomb(path, side=12000):
    """A picture of few bytes and very many pixels."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    size = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", size), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_pictures_of_any_name_and_size_are_a_line_each(workdir, model_path):
    whole = save_pictures(workdir, "A") / "A" / "1.png"
    for name in (b"line\nbreak.png", b"\xff.png", "\u00fc.png".encode()):
        shutil.copy(whole, os.path.join(os.fsencode(workdir), name))
    save_bomb(workdir / "bomb.png")
    options = "--source", ".", "--model", model_path, "--headless"
    done = shell("step_6_camera.py", *options, env={"PYTHONIOENCODING": "ascii"})
    assert_one_line(done, 1, "1 picture(s) could not be read: bomb.png")
    names = ["A/1.png", r"'line\nbreak.png'", r"\xfc.png", r"'\udcff.png'"]
    assert done.stdout.splitlines()[1:] == [f"{name}  A  100%" for name in names]


# ------------------------------------------------------------ transcript and recording
def test_the_transcript_has_a_line_for_each_letter(tmp_path, video, headless):
    file = tmp_path / "letters.txt"
    file.write_text("of last week")
    out = headless(video, "--transcript", str(file))
    assert file.read_text().splitlines() == out[:-1] == [FIRST, out[1]]
    assert files_in(tmp_path) == ["letters.txt"]


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
    recorder = camera.Recorder(tmp_path / "r.avi", 10)
    for now in (5.0, 5.01, 5.02, 5.1, 5.5, 6.0):
        recorder.add(now, np.full((48, 64, 3), round(now * 20), np.uint8))
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


@pytest.mark.parametrize(("room", "told"), [(5, "nothing"), (300, "nothing"), (60_000, "not all")])
def test_a_recording_that_cannot_grow_leaves_the_old_one(room, told, workdir, model_path, video):
    """Nothing that cannot be played is kept, and OpenCV says nothing about it."""
    resource = pytest.importorskip("resource")
    Path("old.avi").write_text("of last week")
    options = "--source", video, "--model", model_path, "--headless", "--record", "old.avi"
    done = subprocess.run(
        [sys.executable, SCRIPT, *options],
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
    free = iter([camera.SPARE_DISK] * 20 + [0])
    usage = type("Usage", (), {"free": property(lambda self: next(free))})()
    monkeypatch.setattr(camera.shutil, "disk_usage", lambda path: usage)
    options = "--model", model_path, "--source", video, "--headless"
    done = start(*options, "--record", tmp_path / "r.avi")
    assert_one_line(done, 1, "the disk is full")
    assert done.stdout.splitlines()[-1] == "Spelled: H"
    assert (tmp_path / "r.avi").read_text() == "of last week"
    assert len(list(frames_of(tmp_path / "r.partial.avi"))) == 21


# ------------------------------------------------------------ what is shown
def view_of(model, frame, box=camera.BOX, mirror=False, **state):
    view = camera.View(camera.Speller(ALPHABET, 0.53), box, mirror, "clip.mp4")
    camera.translate(model, frame, 0.0, view)
    for name, value in state.items():
        setattr(view.speller if hasattr(view.speller, name) else view, name, value)
    return view


def middle(pixels, side):
    """The part inside the guide box."""
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


SIZES = [(1, 1), (28, 2000), (48, 64), (240, 320), (480, 640), (640, 480), (2160, 3840)]


@pytest.mark.parametrize("shape", SIZES)
def test_frames_of_any_size_are_shown_large_enough_to_read(shape, model):
    for box in (0.3, 0.7, 1.0):
        pixels = camera.render(view_of(model, np.zeros((*shape, 3), np.uint8), box=box, help=True))
        assert pixels.dtype == np.uint8
        assert (pixels.shape[0], pixels.shape[2]) == (480, 3)
        assert 640 <= pixels.shape[1] <= 854


def test_nothing_covers_the_inside_of_the_guide_box(model):
    rng = np.random.default_rng(0)
    for shape, box in [((480, 640), 0.7), ((336, 336), 1.0), ((480, 860), 0.7), ((640, 480), 0.7)]:
        frame = rng.integers(0, 256, (*shape, 3), np.uint8)
        pixels = camera.render(view_of(model, frame, text="A LONG TEXT " * 20, box=box))
        assert np.array_equal(middle(pixels, 324), middle(frame, 324)), shape


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_writing_stands_out_from_any_scene(grey, model):
    pixels = camera.render(view_of(model, np.full((480, 640, 3), grey, np.uint8), text="HELLO"))
    writing = pixels[430:475, 10:160].astype(int)
    assert writing.max() == 255
    assert np.median(writing) <= 0.31 * 255  # a contrast of 7 to 1 and more


def test_the_view_is_mirrored_and_the_model_is_not(model):
    frame = sign("G", (480, 640))
    plain, mirrored = (view_of(model, frame, mirror=mirror) for mirror in (False, True))
    assert plain.speller.letter == mirrored.speller.letter == "G"
    pixels = [middle(camera.render(view), 320) for view in (plain, mirrored)]
    assert np.array_equal(pixels[0], pixels[1][:, ::-1])
    assert not np.array_equal(*pixels)


def test_the_outline_fills_up_while_a_letter_is_held(model):
    def amber(pixels):
        return int((np.abs(pixels.astype(int) - camera.AMBER).max(2) < 30).sum())

    shares = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    frame = np.zeros((480, 640, 3), np.uint8)
    filled = [amber(camera.render(view_of(model, frame, progress=share))) for share in shares]
    assert filled == sorted(set(filled))
    assert np.diff(filled) == pytest.approx(np.diff(shares) * 4 * camera.SIDE * 6, rel=0.35)


@pytest.fixture
def words(monkeypatch):
    """What the views that a test renders say."""
    said, write = [], camera.write
    monkeypatch.setattr(camera, "write", lambda *a, **b: said.append(a[1]) or write(*a, **b))
    return said


def test_help_tells_the_keys_and_how_j_and_z_are_signed(model, words):
    camera.render(view_of(model, sign("B")))
    assert not {"BACKSPACE", "sign J", "sign Z"} & set(words)
    camera.render(view_of(model, sign("B"), help=True))
    assert {"BACKSPACE", "sign J", "sign Z"} <= set(words)


def test_the_state_is_told_in_words(model, words):
    view = view_of(model, sign("B"))
    camera.render(view)
    assert "B: hold still" in words
    camera.translate(model, sign("B"), 0.9, view)
    camera.render(view)
    assert "B_" in words
    assert "B added: next, or move to repeat" in words
    assert any(re.fullmatch(r"1 fps  \d+\.\d ms", told) for told in words)
    camera.translate(model, sign(None), 2.5, view)
    camera.render(view)
    assert "Fill the box with your hand" in words
    view.note = "Camera lost"
    camera.render(view)
    assert "Camera lost" in words


def test_what_the_model_sees_is_shown_enlarged(model):
    view = view_of(model, sign("E", (480, 640)))
    corner = camera.render(view)[13 : 13 + 112, 640 - 13 - 112 : 640 - 13]
    assert np.array_equal(corner[2::4, 2::4, 0], view.image)


def test_the_end_of_a_long_text_is_shown(model):
    def bottom(text):
        return camera.render(view_of(model, np.zeros((480, 640, 3), np.uint8), text=text))[430:]

    assert not np.array_equal(bottom("A" * 200), bottom("A" * 199 + "B"))
    assert np.array_equal(bottom("B" + "A" * 200), bottom("A" * 200))


# ------------------------------------------------------------ keys and window
def test_keys_edit_the_text(model):
    view = view_of(model, sign("A"), text="AB")
    steps = [(" ", "SPACE", "AB "), ("\b", "BACKSPACE", "AB"), ("\x7f", "BACKSPACE", "A")]
    steps += [("h", None, "A"), ("x", None, "A"), ("", None, "A"), ("c", "CLEAR", "")]
    for key, edit, text in [*steps, ("\b", "BACKSPACE", "")]:
        assert (camera.obey(key, view), view.speller.text) == (edit, text)
    assert view.help
    camera.obey("h", view)
    assert not view.help


def test_keys_of_a_window_are_obeyed(play, start, model_path, tmp_path, window):
    keys = iter([*[""] * 30, " ", "h", "\b", *[""] * 50, "q"])
    window(lambda pixels, milliseconds: next(keys))
    play(signs(("H", 1.5), ("I", 9)))
    done = start("--model", model_path, "--transcript", str(tmp_path / "t.txt"))
    assert done.stdout.splitlines()[1:] == ["Spelled: HI"]
    logged = [line.split("\t")[1] for line in (tmp_path / "t.txt").read_text().splitlines()]
    assert logged == ["H", "SPACE", "BACKSPACE", "I"]
    assert next(keys, None) is None


def test_a_lost_camera_is_shown(play, start, model_path, window, monkeypatch):
    notes, render = [], camera.render
    monkeypatch.setattr(camera, "render", lambda view: notes.append(view.note) or render(view))
    window(lambda pixels, milliseconds: "")
    play(signs(("H", 1.2)))
    assert_one_line(start("--model", model_path), 1)
    assert notes[0] == ""
    assert notes[-1] == "Camera lost: trying again"


def test_a_video_in_a_window_waits_for_its_frames(model_path, video, start, window, monkeypatch):
    waits = []
    window(lambda pixels, milliseconds: waits.append(milliseconds) or "")
    monkeypatch.setattr(camera.time, "monotonic", lambda: 0.0)
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


def test_help_tells_flags_and_keys(start):
    done = start("--help")
    assert done.returncode == 0
    flags = "source", "model", "box", "hold", "threshold", "no-mirror", "headless", "record"
    told = [f"{key:<12}{meaning}" for key, meaning in camera.KEYS.items()]
    assert all(words in done.stdout for words in [*told, *(f"--{flag}" for flag in flags)])
    assert camera.SIGNED in done.stdout


# ------------------------------------------------------------ on a virtual screen
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

    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as script:
        try:
            script.stdout.readline()  # the model: by now the window of the trial is gone
            find = "search", "--onlyvisible", "--name", camera.TITLE
            wait_until(lambda: script.poll() is not None or tool(*find))
            assert script.poll() is None, script.communicate()
            yield script, tool, tool(*find)[-1]
        finally:
            script.kill()


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    return save_video(tmp_path_factory.mktemp("video") / "long.avi", ("H", 2), ("I", 28), fps=15)


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@needs_screen
def test_keys_pressed_in_the_window(screen, model_path, long_video, tmp_path):
    file = tmp_path / "t.txt"
    options = "--source", long_video, "--model", model_path, "--transcript", file, "--hold", "0.4"

    def logged():
        return [line.split("\t")[1] for line in transcript_in(tmp_path).splitlines()]

    with window_of(screen, *options) as (script, tool, window):
        wait_until(lambda: logged() == ["H", "I"])
        tool("key", "--window", window, "Left")  # whose code ends in that of Q
        for number, key in enumerate(["space", "space", "BackSpace"], start=3):
            tool("key", "--window", window, key)
            wait_until(lambda number=number: len(logged()) == number)
        tool("key", "--window", window, "Escape")
        out, err = script.communicate(timeout=30)
    assert script.returncode == 0
    assert out == "Spelled: HI \n"
    assert not err
    edits = [line.split("\t")[1] for line in file.read_text().splitlines()]
    assert edits == ["H", "I", "SPACE", "SPACE", "BACKSPACE"]


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

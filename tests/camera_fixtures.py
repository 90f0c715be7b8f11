"""What the camera's tests share: a model of one layer, generated videos and pictures, a fake camera
that fails as real ones do. conftest.py gives the fixtures to all tests."""

import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnx.parser
import pytest
from onnx import helper, numpy_helper

import camera.stream
import camera.view
import camera.window
import step_6_camera
from camera.flags import BOX_SHARE
from camera.model import ALPHABET, load_model
from camera.speller import HOLD, Speller
from camera.view import View
from plumbing import faults
from step_6_camera import center_crop, translate

REAL_CAPTURE = cv2.VideoCapture


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


def sign(letter, shape=(240, 320), box=BOX_SHARE):
    """BGR frame whose guide box shows a letter to the linear model; None: no letter."""
    image = np.full((28, 28), 60, np.uint8)
    if letter:
        image[cell(letter)] = 230
    frame = np.full((*shape, 3), 60, np.uint8)
    crop = center_crop(frame, box)
    crop[:] = cv2.resize(image, crop.shape[1::-1], interpolation=cv2.INTER_NEAREST)[..., None]
    return frame


def signs(*parts, fps=30, box=BOX_SHARE):
    """Frames of (letter or None, seconds) one after another."""
    frames = [(sign(letter, box=box), seconds) for letter, seconds in parts]
    return [frame for frame, seconds in frames for _ in range(round(seconds * fps))]


def save_video(path, *parts, fps=30, box=BOX_SHARE):
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


FIRST = f"{np.ceil(HOLD * 30) / 30:.2f}\tH"  # what is printed of it first


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "linear.onnx")


@pytest.fixture(scope="session")
def model(model_path):
    return load_model(model_path)


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return save_video(tmp_path_factory.mktemp("video") / "hi.avi", *HI)


@pytest.fixture
def start_script(capsys):
    """A function that runs a script in this process, and answers as `subprocess.run` does."""

    def run(script, *arguments):
        status = 0
        try:
            faults.run(lambda: script.main([*map(str, arguments)]))
        except SystemExit as ended:
            status = ended.code
        out, err = capsys.readouterr()
        if isinstance(status, str):
            status, err = 1, f"{err}{status}\n"
        return subprocess.CompletedProcess(arguments, status, out, err)

    return run


@pytest.fixture
def start(start_script):
    """A function that runs the camera script in this process."""
    return partial(start_script, step_6_camera)


@pytest.fixture
def headless(start, model_path):
    """A function that runs the script without a window, and gives the lines that it prints.

    It suggests no words; tests/test_edits.py tells of those.
    """

    def run(source, *options, model=model_path):
        done = start("--model", model, "--source", source, "--headless", "--no-words", *options)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        named, *lines = done.stdout.splitlines()
        assert named.split(", ")[0] == f"Model: {model}"
        return lines

    return run


class FakeCapture:
    """Stands in for cv2.VideoCapture: plays lists of frames, one each time it is opened.

    A frame may be None (a failed read) or a function that is called in its place.
    """

    def __init__(self, *plays, fps=30.0, length=-1):
        self.plays, self.fps, self.length = list(plays), fps, length
        self.opened = self.released = 0

    def __call__(self, source, reader=cv2.CAP_ANY, params=()):
        if isinstance(source, str) and Path(source).exists() and Path(source).stat().st_size:
            return REAL_CAPTURE(source, reader, params)
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


class FakeFinder:
    """Stands in for HandFinder: finds the hand in squares (left, top, side); None is no hand.

    Its landmarks say `letter`, or else nothing.
    """

    def __init__(self, *squares, letter=None):
        self.squares, self.times, self.letter = list(squares), [], letter

    def find(self, frame, now=None):
        self.times.append(now)
        square = self.squares.pop(0) if len(self.squares) > 1 else self.squares[0]
        if not square:
            return None
        landmarks = np.random.default_rng(0).uniform(0.2, 0.8, (21, 3)) * square[2]
        landmarks[:, :2] += square[:2]
        return SimpleNamespace(box=square, landmarks=landmarks, is_right=1.0)

    def read(self, hand, model=None):
        if self.letter is None:
            return np.ones(24, np.float32)
        return np.where(np.array([*ALPHABET]) == self.letter, 0.9, 0.1 / 23).astype(np.float32)


def sign_at(letter, square, shape=(240, 320)):
    """BGR frame that shows a letter in a square (left, top, side), and nothing elsewhere."""
    frame, (left, top, side) = sign(None, shape), square
    frame[top : top + side, left : left + side] = sign(letter, (side, side), box=1.0)
    return frame


class Clock:
    """Stands in for the module time of camera/stream.py; nothing waits."""

    def __init__(self, monotonic):
        self.monotonic, self.sleep = monotonic, lambda seconds: None


@pytest.fixture
def play(monkeypatch):
    """A function that puts a fake capture in the place of cameras, whose clock ticks 1/30 s."""

    def put(*plays, **options):
        fake = FakeCapture(*plays, **options)
        clock = iter(np.arange(0, 1e6) / 30)
        monkeypatch.setattr(cv2, "VideoCapture", fake)
        monkeypatch.setattr(camera.stream, "time", Clock(lambda: float(next(clock))))
        return fake

    return put


@pytest.fixture
def window(monkeypatch):
    """A function that puts another in the place of the window: pixels, milliseconds -> key."""

    def put(function):
        monkeypatch.setattr(step_6_camera, "check_display", lambda: None)
        for module in (step_6_camera, camera.window):
            monkeypatch.setattr(module, "show", function)

    return put


def view_of(model, frame, box=BOX_SHARE, mirror=False, finder=None, **state):
    """The view in which a frame was read; `state` sets fields of it, or of its speller."""
    view = View(Speller(model.alphabet, 0.53), box, mirror, "clip.mp4", finder=finder)
    translate(model, frame, 0.0, view)
    for name, value in state.items():
        setattr(view.speller if hasattr(view.speller, name) else view, name, value)
    return view


@pytest.fixture
def words(monkeypatch):
    """What the views that a test renders say."""
    said, write = [], camera.view.write
    monkeypatch.setattr(camera.view, "write", lambda *a, **b: said.append(a[1]) or write(*a, **b))
    return said


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    return save_video(tmp_path_factory.mktemp("video") / "long.avi", ("H", 1), ("I", 29), fps=15)

"""Step 6: read the letters a hand spells before the camera, and write them down.

    python step_6_camera.py                                # the first camera, in a window
    python step_6_camera.py --source clip.mp4 --headless   # a video; letters are printed

A frame becomes a letter as in the tutorial: centre crop, grey, 28x28, network. Probabilities are
smoothed over time, and a letter held still is added to the text. `--help` lists flags and keys.
Exit status: 0 at a key or the end of a video, 1 after a failure, 2 for usage, 130 after Ctrl-C.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

# The tutorial's values, for a model without metadata. J and Z are drawn in the air, hence not here.
ALPHABET = "ABCDEFGHIKLMNOPQRSTUVWXY"
MEAN, STD = 0.485, 0.229  # of pixels in [0, 1]
SIZE = 28  # pixels
THRESHOLD = 0.53  # least probability at which a letter is believed
METADATA = {"alphabet": str, "mean": float, "std": float, "size": int}
METADATA |= {"nothing": float, "threshold": float}

BOX = 0.7  # guide box, share of the frame's shorter side: a hand at arm's length fills it
TRIM = 0.02  # share of a crop that may be given up for speed
HOLD = 0.8  # seconds a letter is held before it is added
SMOOTHING = 0.15  # seconds, time constant of the moving average of probabilities
RELEASE = 0.25  # seconds a letter must be gone before it can be added again
MOVE = 0.6  # change of the picture, in its standard deviations: 1/8 of the box sideways
GAP = 1.0  # seconds between two frames after which the letter counts as new
RETRY, RETRY_EVERY = 5.0, 0.5  # seconds
FPS = 30.0  # frames a second, where a source does not tell its own
SPARE_DISK = 16 * 2**20  # bytes a recording leaves free

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
CODECS = {".avi": "MJPG", ".mp4": "mp4v"}
KEYS = {
    "SPACE": "add a space",
    "BACKSPACE": "delete the last letter",
    "C": "clear the text",
    "H": "show or hide this help",
    "Q or ESC": "end",
}

TITLE = "Fingerspelling"
FONT = cv2.FontFace("sans")
WHITE, SOFT, DIM, DARK = (255,) * 3, (205,) * 3, (95,) * 3, (24,) * 3
AMBER, GREEN = (60, 190, 255), (130, 225, 120)  # BGR: being held, added
LEFT, CENTRE, RIGHT = 0, 0.5, 1  # share of a text that lies to the left of its x
SHORTEST, LONGEST = 480, 1920  # pixels, the frame's sides on the screen
WINDOW = 960, 720  # pixels, at first
PANEL, STRIP = 150, 68  # units (480 to the frame's shorter side) kept free around the box


class Problem(Exception):
    """A fault of model, source, display or disk; its text is the one line for the user."""


# ------------------------------------------------------------ from a frame to probabilities


def center_crop(frame, box=1.0):
    """Centred square of a frame (H, W) or (H, W, C), a share `box` of its shorter side; a view."""
    return crop_to(frame, max(1, round(min(frame.shape[:2]) * box)))


def crop_to(frame, side):
    top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
    return frame[top : top + side, left : left + side]


def to_bgr(frame):
    """Frame of 8 or 16 bits or of floats in [0, 1], grey, BGR or BGRA, as uint8 (H, W, 3)."""
    if frame.dtype != np.uint8:
        white = 1.0 if frame.dtype.kind == "f" else np.iinfo(frame.dtype).max
        frame = cv2.convertScaleAbs(frame, alpha=255 / white)
    if frame.ndim == 2 or frame.shape[2] == 1:
        return cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR) if frame.shape[2] == 4 else frame


def shrink(frame, box=1.0, size=SIZE):
    """What the model sees of a frame of any kind: its centred box in grey, uint8 (size, size)."""
    crop = center_crop(frame, box)
    side = len(crop) // size * size  # whole ratios shrink ten times as fast
    if side >= len(crop) * (1 - TRIM):
        crop = crop_to(crop, side)
    grey = cv2.cvtColor(to_bgr(crop), cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)


def normalise(image, mean=MEAN, std=STD):
    """Grey uint8 (size, size) as the model's input, float32 (1, 1, size, size)."""
    return ((image / np.float32(255) - np.float32(mean)) / np.float32(std))[None, None]


def preprocess(frame, box=1.0, size=SIZE, mean=MEAN, std=STD):
    """Frame of any kind as the model's input, float32 (1, 1, size, size)."""
    return normalise(shrink(frame, box, size), mean, std)


@dataclass(frozen=True)
class Model:
    session: ort.InferenceSession
    alphabet: str = ALPHABET
    mean: float = MEAN
    std: float = STD
    size: int = SIZE
    nothing: float = -np.inf  # logit of "no hand"; a model that does not say it knows no such thing
    threshold: float = THRESHOLD


def predict(model, image):
    """Probability of each letter, float32 (letters,), for a grey uint8 (size, size). What they lack
    to one is the probability of no hand."""
    name = model.session.get_inputs()[0].name
    logits = model.session.run(None, {name: normalise(image, model.mean, model.std)})[0][0]
    return to_probabilities(logits, model.nothing)


def to_probabilities(logits, nothing):
    """Probabilities float32 (..., letters) of logits of that shape: the softmax of these and one
    more, `nothing` (a float, -inf for none), that of no hand, whose share is left out."""
    top = np.maximum(logits.max(axis=-1, keepdims=True), nothing)
    odds = np.exp(logits - top)
    return odds / (odds.sum(axis=-1, keepdims=True) + np.exp(nothing - top))


def find_model():
    """The model trained in this folder or, without one, that which comes with the project."""
    own, shipped = Path("signlanguage.onnx"), Path(__file__).parent / "pretrained/signlanguage.onnx"
    return shipped if shipped.is_file() and not own.exists() else own


def load_model(path):
    """Model of an ONNX file, with its metadata; raises Problem where it is none or does not fit."""
    if not Path(path).is_file():
        raise Problem(f"no model {path}; make it with: python step_4_evaluate.py")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # more would spin between frames: 61 % of a core
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise Problem(f"{path} is no ONNX model, or is cut short") from error
    try:
        texts = session.get_modelmeta().custom_metadata_map
        values = {key: kind(texts[key]) for key, kind in METADATA.items() if key in texts}
        return check_model(Model(session, **values))
    except Exception as error:
        reason = str(error).splitlines()[0].split(" : ")[-1]
        raise Problem(f"{path} is no model of this kind: {reason}") from error


def check_model(model):
    """The model, if a black image gives a finite number for each letter; or else ValueError."""
    if not (model.std > 0 and 0 <= model.threshold <= 1 and model.nothing < np.inf):
        raise ValueError("std must be above 0, the threshold in [0, 1], nothing a finite number")
    answer = predict(model, np.zeros((model.size, model.size), np.uint8))
    if answer.shape != (len(model.alphabet),) or not np.isfinite(answer).all():
        raise ValueError(
            f"it gives {answer.size} numbers for {len(model.alphabet)} letters, or NaN"
        )
    return model


# ------------------------------------------------------------ from probabilities to text


@dataclass
class Speller:
    """Adds to the text each letter that is held. Times are seconds of the camera or video."""

    alphabet: str
    threshold: float
    hold: float = HOLD
    text: str = ""
    letter: str | None = None  # the one read now, if any is certain
    added: str | None = None  # the one added last, until it is released
    progress: float = 0.0  # share of the hold that has passed
    probabilities: np.ndarray | None = None  # smoothed
    image: np.ndarray | None = None  # what the model saw when `added` was added
    now: float = 0.0
    since: float = 0.0  # when `letter` came up
    added_seen: float = 0.0  # when `added` was last read

    def update(self, probabilities, seconds, image=None):
        """Take what was read of a frame; return the letter that it completes, or None."""
        self.smooth(probabilities, seconds)
        best = int(self.probabilities.argmax())
        letter = self.alphabet[best] if self.probabilities[best] >= self.threshold else None
        if letter != self.letter:
            self.letter, self.since = letter, seconds
        self.release(image)
        waits = letter is None or letter == self.added
        # a hold of exactly so many frames must not fail by a rounding error
        self.progress = 0.0 if waits else min((seconds - self.since + 1e-6) / self.hold, 1.0)
        if self.progress < 1:
            return None
        self.added, self.added_seen, self.image, self.progress = letter, seconds, image, 0.0
        self.text += letter
        return letter

    def smooth(self, probabilities, seconds):
        passed, self.now = seconds - self.now, seconds
        if self.probabilities is None or passed > GAP:
            self.probabilities, self.letter = probabilities.copy(), None
        share = 1 - np.exp(-max(passed, 0) / SMOOTHING)
        self.probabilities += share * (probabilities - self.probabilities)

    def release(self, image):
        """Let the letter added last be added again once it was gone, or the hand was moved."""
        if self.letter != self.added:
            if self.now - self.added_seen >= RELEASE:
                self.added = None
        elif image is not None and self.image is not None and moved(self.image, image):
            self.added, self.since = None, self.now
        else:
            self.added_seen = self.now


def moved(before, after):
    """Whether a hand moved between two grey images; even changes of light do not count."""
    before, after = before - before.mean(), after - after.mean()
    return np.abs(after - before).mean() > MOVE * before.std()


# ------------------------------------------------------------ where frames come from


class Stream:
    """Frames of a camera (an index), a video file or a URL, with their times in seconds."""

    def __init__(self, source):
        self.is_camera = source.isdigit()
        self.name = f"camera {source}" if self.is_camera else source
        self.source = int(source) if self.is_camera else source
        self.capture = cv2.VideoCapture(self.source)
        if not self.capture.isOpened():
            raise Problem(f"{self.name} cannot be opened: {self.doubt()}")
        count, rate = map(self.capture.get, (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
        self.live = self.is_camera or ("://" in source and count <= 0)
        self.length = count / rate if rate > 0 and not self.live else 0.0
        self.fps = rate if 1 <= rate <= 240 else FPS
        self.start, self.now = time.monotonic(), -1 / self.fps

    def doubt(self):
        if self.is_camera:
            return "is it plugged in, and free? Others: --source 1, or a video file"
        return "is it there, whole, and a video or pictures?"

    def close(self):
        self.capture.release()

    def frames(self):
        """Yield (seconds, frame); (seconds, None) while a silent camera is tried again."""
        while True:
            ok, frame = self.capture.read()
            if ok and frame is not None and frame.size:
                self.now = self.time()
                yield self.now, frame
            elif self.live:
                yield from self.reconnect()
            else:
                break
        if self.now < 0 or self.now + 1 / self.fps < 0.9 * self.length:
            end = max(self.now, 0)
            raise Problem(f"{self.name} is damaged: ends at {end:.1f} of {self.length:.1f} s")

    def time(self):
        if self.live:
            return time.monotonic() - self.start
        stamp = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return stamp if stamp > self.now else self.now + 1 / self.fps

    def reconnect(self):
        warn(f"{self.name} gives no pictures; trying again for {RETRY:g} s")
        deadline = time.monotonic() + RETRY
        while time.monotonic() < deadline:
            yield self.now, None
            time.sleep(RETRY_EVERY)
            self.capture.release()
            self.capture = cv2.VideoCapture(self.source)
            if self.capture.isOpened() and self.capture.read()[0]:
                return warn(f"{self.name} is back")
        raise Problem(f"{self.name} is gone: {self.doubt()}")


def list_pictures(source):
    """The picture that a source names, or all those in the folder, sorted; else none."""
    path = Path(source)
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [path for path in paths if path.suffix.lower() in PICTURES]


def read_picture(path):
    """Picture file as grey or BGR, 8 or 16 bits, upright; None where it cannot be read."""
    try:
        content = np.fromfile(path, np.uint8)  # imread fails on some names on Windows
        return cv2.imdecode(content, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except (OSError, cv2.error):
        return None


# ------------------------------------------------------------ where letters and frames go


def make_draft(path):
    """Empty file under a temporary name beside a path, to be moved there once it is whole."""
    path = Path(path)
    draft = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        draft.touch()
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}") from error
    return draft


def open_transcript(path, stack):
    """File to write to, which is moved to the path when the stack unwinds, unless writing fails."""
    draft = make_draft(path)

    def settle(_, error, __):
        if isinstance(error, OSError):
            draft.unlink()
        else:
            os.replace(draft, path)

    stack.push(settle)
    return stack.enter_context(draft.open("w"))


class Recorder:
    """Video of a constant rate; frames are repeated or left out where their times ask for it."""

    def __init__(self, path, fps):
        self.path, self.draft, self.fps = path, make_draft(path), fps
        self.count, self.writer = 0, None

    def add(self, seconds, canvas):
        if self.writer is None:
            self.start, self.size = seconds, canvas.shape[1::-1]
            codec = cv2.VideoWriter_fourcc(*CODECS[self.draft.suffix.lower()])
            self.writer = cv2.VideoWriter(str(self.draft), codec, self.fps, self.size)
        if canvas.shape[1::-1] != self.size:
            canvas = cv2.resize(canvas, self.size)
        while self.count <= round((seconds - self.start) * self.fps):
            self.writer.write(canvas)
            self.count += 1
        if shutil.disk_usage(self.draft.parent).free < SPARE_DISK:
            raise Problem(f"the disk is full: {self.path} ends at {seconds:.1f} s")

    def close(self):
        if self.writer is not None:
            self.writer.release()
        written = cv2.VideoCapture(str(self.draft)).get(cv2.CAP_PROP_FRAME_COUNT)
        if self.count == 0 or written < self.count:
            self.draft.unlink()
            raise Problem(f"{self.path} was not written: no frames, or no room for them")
        os.replace(self.draft, self.path)


# ------------------------------------------------------------ what is read and shown


@dataclass
class Reader:
    """Reads frame after frame, and keeps what there is to show."""

    model: Model
    speller: Speller
    box: float
    mirror: bool
    title: str  # shown while there is no text
    hint: str = "help: press H"
    note: str = ""  # shown instead of what the letter does
    help: bool = False
    fps: float = 0.0
    latency: float = 0.0  # milliseconds from frame to letter
    frame: np.ndarray | None = None
    seen: np.ndarray | None = None

    def read(self, frame, seconds=0.0):
        """Read a frame; return the letter that it adds to the text, or None."""
        began, passed = time.perf_counter(), seconds - self.speller.now
        rate = 1 / passed if self.frame is not None and passed > 0 else self.fps
        self.frame, self.seen = frame, shrink(frame, self.box, self.model.size)
        letter = self.speller.update(predict(self.model, self.seen), seconds, self.seen)
        latency = 1000 * (time.perf_counter() - began)
        self.fps += (rate - self.fps) * (0.1 if self.fps else 1)
        self.latency += (latency - self.latency) * (0.1 if self.latency else 1)
        return letter

    def state(self):
        """What the letter read now does, in words, and the colour for it."""
        if self.speller.letter is None:
            return "Fill the box with your hand", WHITE
        if self.speller.letter == self.speller.added:
            return f"{self.speller.letter} added: next, or move to repeat", GREEN
        return f"{self.speller.letter}: hold still", AMBER


class Screen:
    """Copy of a frame to draw on, with margins where its box would leave no room for that.

    Places and sizes are in units, 480 to the frame's shorter side, so that all frames look alike.
    """

    def __init__(self, frame, box, mirror):
        short, long = sorted(frame.shape[:2])
        scale = min(max(1, SHORTEST / short), LONGEST / long)
        self.unit = max(1, short * scale / SHORTEST)
        size = [max(1, round(length * scale)) for length in frame.shape[1::-1]]
        frame = cv2.resize(to_bgr(frame), size, interpolation=cv2.INTER_AREA)
        frame = cv2.flip(frame, 1) if mirror else frame
        side = len(center_crop(frame, box))
        self.side = side / self.unit
        wide = self.pixels(self.side + 2 * PANEL)
        high = self.pixels(max(self.side + 2 * STRIP, 360))
        y = max(0, high - frame.shape[0] + 1) // 2
        x = max(0, wide - frame.shape[1] + 1) // 2
        self.canvas = cv2.copyMakeBorder(frame, y, y, x, x, cv2.BORDER_CONSTANT, value=DARK)
        self.height, self.width = (length / self.unit for length in self.canvas.shape[:2])

    def pixels(self, length):
        return round(length * self.unit)

    def measure(self, words, size, weight=600):
        left, _, width, _ = cv2.getTextSize((0, 0), words, (0, 0), FONT, self.pixels(size), weight)
        return (left + width) / self.unit

    def write(self, words, x, y, size, colour=WHITE, align=LEFT, weight=600):
        x -= align * self.measure(words, size, weight)
        at = self.pixels(x), self.pixels(y)
        cv2.putText(self.canvas, words, at, colour, FONT, self.pixels(size), weight)

    def shade(self, left, top, right, bottom, keep=0.3):
        """Darken a part, so that what is written there is legible on anything."""
        rows = slice(self.pixels(top), self.pixels(bottom))
        columns = slice(self.pixels(left), self.pixels(right))
        self.canvas[rows, columns] = cv2.convertScaleAbs(self.canvas[rows, columns], alpha=keep)

    def trace(self, points, colour, thickness):
        points = np.rint(np.array(points) * self.unit).astype(np.int32)
        cv2.polylines(self.canvas, [points], False, colour, self.pixels(thickness), cv2.LINE_AA)


def draw(reader):
    """The frame read last with all there is to know of it, uint8 (H, W, 3)."""
    screen = Screen(reader.frame, reader.box, reader.mirror)
    words, colour = reader.state()
    draw_box(screen, reader.speller.progress, colour)
    draw_letters(screen, reader.speller, colour)
    draw_seen(screen, reader)
    draw_note(screen, reader.note or words, WHITE if reader.note else colour)
    draw_text(screen, reader.speller.text, reader)
    if reader.help:
        draw_help(screen)
    return screen.canvas


def draw_box(screen, progress, colour):
    """Guide box; its outline fills up clockwise while a letter is held."""
    turns = np.array([(0, -1), (1, -1), (1, 1), (-1, 1), (-1, -1), (0, -1)]) * screen.side / 2
    turns += screen.width / 2, screen.height / 2
    screen.trace(turns, DARK, 4)
    screen.trace(turns, colour if colour == GREEN else WHITE, 5 if colour == GREEN else 2)
    if progress:
        turned = (0, 1, 3, 5, 7, 8)  # half sides passed at each turn
        way = [half for half in turned if half < 8 * progress] + [8 * progress]
        screen.trace(np.stack([np.interp(way, turned, axis) for axis in turns.T], 1), AMBER, 6)


def draw_letters(screen, speller, colour):
    """Letter or dash, and the probabilities of the first three, in the left corner."""
    screen.shade(0, 0, PANEL - 12, 218)
    screen.write(speller.letter or "\u2013", 69, 106, 116, colour, CENTRE, 700)
    for row, index in enumerate(np.argsort(-speller.probabilities)[:3]):
        share, y, ink = float(speller.probabilities[index]), 146 + 28 * row, SOFT if row else colour
        screen.write(speller.alphabet[index], 16, y, 19, ink)
        screen.write(f"{share:.0%}", 122, y, 17, ink, RIGHT)
        screen.trace([(16, y + 5), (122, y + 5)], DIM, 2)
        screen.trace([(16, y + 5), (16 + 106 * share, y + 5)], ink, 3)


def draw_seen(screen, reader):
    """What the model sees, enlarged, and the speed, in the right corner."""
    right, side = screen.width - 13, screen.pixels(112)
    screen.shade(screen.width - PANEL + 12, 0, screen.width, 182)
    x, y = screen.pixels(right) - side, screen.pixels(13)
    seen = cv2.flip(reader.seen, 1) if reader.mirror else reader.seen
    seen = cv2.resize(seen, (side, side), interpolation=cv2.INTER_NEAREST)
    screen.canvas[y : y + side, x : x + side] = seen[..., None]
    rate = f"{reader.fps:.0f} fps  " if reader.fps else ""  # a picture has none
    screen.write("the model sees", right, 143, 14, SOFT, RIGHT, 400)
    screen.write(f"{rate}{reader.latency:.1f} ms", right, 167, 15, SOFT, RIGHT, 500)


def draw_note(screen, words, colour):
    half = screen.measure(words, 17) / 2 + 14
    screen.shade(screen.width / 2 - half, 18, screen.width / 2 + half, 50)
    screen.write(words, screen.width / 2, 40, 17, colour, CENTRE)


def draw_text(screen, text, reader):
    """The text or, when it is too long, its end, along the bottom."""
    screen.shade(0, screen.height - 58, screen.width, screen.height)
    words = text + "_"
    while screen.measure(words, 36) > screen.width - 120:
        words = "\u2026" + words.lstrip("\u2026")[1:]
    words, size, colour = (words, 36, WHITE) if text else (reader.title, 20, SOFT)
    screen.write(words, 18, screen.height - 17, size, colour)
    screen.write(reader.hint, screen.width - 16, screen.height - 20, 15, SOFT, RIGHT, 400)


def draw_help(screen):
    x, top = screen.width / 2, screen.height / 2 - 100
    screen.shade(x - 165, top, x + 165, top + 200, 0.12)
    for row, (key, meaning) in enumerate(KEYS.items()):
        screen.write(key, x - 48, top + 40 + 34 * row, 17, AMBER, RIGHT)
        screen.write(meaning, x - 34, top + 40 + 34 * row, 17, weight=500)


# ------------------------------------------------------------ window and keys


def check_display():
    """Raise Problem where no window opens. A child tries it: Qt would abort this process."""
    if sys.platform != "linux":
        return
    trial = [sys.executable, "-c", f"import cv2; cv2.namedWindow({TITLE!r})"]
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    with contextlib.suppress(subprocess.TimeoutExpired):
        if named and subprocess.run(trial, capture_output=True, timeout=10).returncode == 0:
            return
    raise Problem("no display to open a window on; use --headless")


def is_open():
    with contextlib.suppress(cv2.error):  # which Qt raises where there is no window at all
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
    return False


def show(canvas, milliseconds=1):
    """Show a canvas so long or until a key; return the key, "" for none, "q" to end."""
    if not is_open():
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, *WINDOW)
    cv2.imshow(TITLE, canvas)
    key = cv2.waitKeyEx(max(1, round(milliseconds))) & 0xFFFF  # waitKey takes an arrow for a Q
    if key == 27 or not is_open():
        return "q"
    return chr(key).lower() if key < 128 else ""


def obey(key, reader):
    """Do what a key asks for; return what to log of it, if anything."""
    speller = reader.speller
    reader.help ^= key == "h"
    edits = {
        " ": ("SPACE", speller.text + " "),
        "\b": ("BACKSPACE", speller.text[:-1]),
        "\x7f": ("BACKSPACE", speller.text[:-1]),
        "c": ("CLEAR", ""),
    }
    done, speller.text = edits.get(key, (None, speller.text))
    return done


# ------------------------------------------------------------ wiring


def warn(message):
    print(message, file=sys.stderr, flush=True)


def read_pictures(args, model):
    """Print a line for each picture, its name, letter or dash and probability, and show it."""
    unread = []
    for path in args.pictures:
        picture = read_picture(path)
        if picture is None:
            unread.append(str(path))
            continue
        speller = Speller(model.alphabet, args.threshold)
        reader = Reader(model, speller, args.box, bool(args.mirror), path.name)
        reader.read(picture)
        print(f"{path}  {speller.letter or '-'}  {speller.probabilities.max():.0%}", flush=True)
        if not args.headless and wait_for_key(reader) == "q":
            break
    if unread:
        raise Problem(f"{len(unread)} picture(s) could not be read: {', '.join(unread)}")


def wait_for_key(reader):
    reader.hint, reader.note, key = "", "Any key: next   Q: end", ""
    while not key:
        key = show(draw(reader), 50)
    return key


def spell(args, model):
    """Spell what a camera or video shows, and print the text, whatever ends it."""
    speller = Speller(model.alphabet, args.threshold, args.hold)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(contextlib.closing(Stream(args.source)))
        stack.callback(lambda: print("Spelled:", speller.text or "nothing", flush=True))
        mirror = stream.is_camera if args.mirror is None else args.mirror
        reader = Reader(model, speller, args.box, mirror, Path(stream.name).name)
        logs = [sys.stdout] if args.headless else []
        recorder = None
        if args.transcript:
            logs.append(open_transcript(args.transcript, stack))
        if args.record:
            recorder = stack.enter_context(contextlib.closing(Recorder(args.record, stream.fps)))
        follow(stream, reader, logs, recorder, not args.headless)


def follow(stream, reader, logs, recorder, window):
    """Read a stream to its end or until a key ends it; log letters and edits as they come."""
    start = time.monotonic()
    for seconds, frame in stream.frames():
        reader.note = "Camera lost: trying again" if frame is None else ""
        if frame is not None:
            log(logs, seconds, reader.read(frame, seconds))
        if reader.frame is None or not (window or recorder):
            continue
        canvas = draw(reader)
        if recorder:
            recorder.add(seconds, canvas)
        if window:
            early = 0 if stream.live else seconds - (time.monotonic() - start)
            key = show(canvas, 1000 * early)
            if key == "q":
                break
            log(logs, seconds, obey(key, reader))


def log(logs, seconds, what):
    for file in logs if what else ():
        print(f"{seconds:.2f}\t{what}", file=file, flush=True)


def seconds(text):
    if not float(text) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


def share(text):
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not in (0, 1]")
    return float(text)


def parse_arguments(argv):
    keys = "\n".join(f"  {key:<12}{meaning}" for key, meaning in KEYS.items())
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"keys:\n{keys}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--source", default="0", help="camera index, video, picture, folder of pictures or URL")
    add("--model", help="ONNX file (signlanguage.onnx here, or else pretrained/signlanguage.onnx)")
    add("--box", type=share, help=f"guide box, share of the shorter side ({BOX}; pictures 1)")
    add("--hold", type=seconds, default=HOLD, help=f"seconds a letter is held ({HOLD})")
    add("--threshold", type=share, help="least probability of a letter (the model's own)")
    add("--mirror", action=argparse.BooleanOptionalAction, help="mirror the view (cameras: yes)")
    add("--headless", action="store_true", help="print the letters, without a window")
    add("--record", metavar="FILE", help="write what the window shows, as .avi or .mp4")
    add("--transcript", metavar="FILE", help="write a line for each letter, with its time")
    args = parser.parse_args(argv)
    args.pictures = list_pictures(args.source)
    if args.record and Path(args.record).suffix.lower() not in CODECS:
        parser.error(f"--record: {args.record} ends in none of {', '.join(CODECS)}")
    if args.pictures and (args.record or args.transcript):
        parser.error("--record and --transcript are for cameras and videos, not for pictures")
    return args


def quiet_libraries():
    """Silence what OpenCV, FFmpeg and Qt say of faults, which are told here in one line."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")


def main(argv=None):
    args = parse_arguments(argv)
    quiet_libraries()
    # A frame is too small for two threads: they wait for each other, and both are busy.
    cv2.setNumThreads(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if not args.headless:
            check_display()
        path = args.model or find_model()
        model = load_model(path)
        print(f"Model: {path}", flush=True)
        args.threshold = args.threshold or model.threshold
        args.box = args.box or (1.0 if args.pictures else BOX)
        (read_pictures if args.pictures else spell)(args, model)
    except (Problem, OSError) as error:
        sys.exit(f"step_6_camera.py: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()

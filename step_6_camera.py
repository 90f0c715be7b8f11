"""Step 6: read the letters that a hand spells before the camera.

    $ python step_6_camera.py --source data/hello.mp4 --headless
    Model: pretrained/signlanguage.onnx
    1.20	H
    ...
    Spelled: HELLO

    $ python step_6_camera.py       # the first camera, in a window; --help lists flags and keys

A frame goes through centre crop, grey, 28x28 and the network, as in the tutorial. Probabilities are
smoothed over time, and a letter held still is added to the text. J and Z are read from movement.
"""

from data.plumbing import Problem, growing_file, in_background, number, printable, run, silent

# isort: split
import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from data.motions import HANDS, STEP, STEPS, Motion, moved

BOX = 0.7  # guide box, share of the frame's shorter side: a hand at arm's length fills it
TRIM = 0.02  # share of a crop that may be given up for speed
HOLD = 0.08  # seconds a letter is held, certain and seen at rest: see tests/measure_spelling.py
CERTAIN, DOUBT = 0.9, 2.0  # below this probability it takes longer, by this times what it lacks
SMOOTHING = 0.05  # seconds, time constant of the moving average of probabilities
RELEASE = 0.25  # seconds a letter must be gone before it can be added again
GAP = 1.0  # seconds between two frames after which the letter counts as new


# ---------------------------------------------------------------- from a frame to probabilities
def classify(model, frame, box=1.0, turn=None):
    """What the model sees of the centred box of a frame, BGR uint8 (H, W, 3): grey, uint8
    (size, size); and what `read_letters` gives of that."""
    image = shrink(frame, box, model.size)
    return image, read_letters(model, image, turn)


def read_letters(model, image, turn=None):
    """The probability of each letter, float32 (letters,), in a grey image, uint8 (size, size). What
    these lack to one is that of no hand. Raises Problem where the model fails.

    The model looks at a picture several times, mirrored and enlarged. With `turn`, the number of a
    video's frame, it looks once, each time otherwise: smoothing brings the looks together."""
    pixels = image * np.float32(1 / 255 / model.std) - np.float32(model.mean / model.std)
    return to_probabilities(model.logits(pixels[None, None], turn), model.nothing)


def shrink(frame, box, size):
    """The centred box of a frame, BGR uint8 (H, W, 3), in grey, uint8 (size, size)."""
    crop = center_crop(frame, box)
    whole = len(crop) // size * size / len(crop)  # whole ratios shrink ten times as fast
    if whole >= 1 - TRIM:
        crop = center_crop(crop, whole)
    while len(crop) % (2 * size) == 0:  # halving is quick, and leaves a quarter to be made grey
        crop = cv2.resize(crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)  # a mean: no aliasing


def center_crop(frame, box=1.0):
    """Centred square of a frame (H, W) or (H, W, C), a share `box` of its shorter side; a view."""
    height, width = frame.shape[:2]
    side = max(1, round(min(height, width) * box))
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


def to_probabilities(logits, nothing):
    """Softmax over the letters' logits, float (..., letters), and `nothing`, that of no hand (-inf
    for none), whose share is left out. It is large where the letters' log-sum-exp is small: an
    energy-based score for images out of distribution (negative energy)."""
    top = np.maximum(logits.max(axis=-1, keepdims=True), nothing)
    odds = np.exp(logits - top)
    return odds / (odds.sum(axis=-1, keepdims=True) + np.exp(nothing - top))


# ---------------------------------------------------------------- from probabilities to text
@dataclass
class Speller:
    """Adds to the text each letter that is held. Times are seconds of the camera or video."""

    alphabet: str
    threshold: float
    hold: float = HOLD
    text: str = ""
    letter: str | None = None  # the one read now, if any is certain
    added: str | None = None  # the one added last, until it is released
    undone: bool = False  # whether a J or Z has just replaced what its hand was read as
    progress: float = 0.0  # share of the hold that has passed
    probabilities: np.ndarray | None = None  # smoothed
    image: np.ndarray | None = None  # what the model saw when `added` was added
    now: float = 0.0
    added_seen: float = 0.0  # when `added` was last read

    def __post_init__(self):
        self.motion = Motion(self.alphabet)

    def update(self, probabilities, now, image=None):
        """Take what was read of a frame; return the letter that it completes, or None."""
        passed = self.smooth(probabilities, now)
        sign = None if image is None else self.motion.update(image, probabilities, now)
        best = int(self.probabilities.argmax())
        share = float(self.probabilities[best])
        letter = self.motion.drawn or (self.alphabet[best] if share >= self.threshold else None)
        if letter != self.letter:
            self.letter, self.progress, passed = letter, 0.0, 0.0
        self.undone = bool(sign and self.text) and self.text[-1] in HANDS[sign]
        self.undone &= now - self.added_seen < STEPS * STEP
        if sign:
            return self.add(sign, image)
        self.release(image)
        if letter in (None, self.added, self.motion.drawn):
            self.progress = 0.0
            return None
        if self.motion.still:
            self.progress += passed / self.hold / (1 + DOUBT * max(0, CERTAIN - share))
        # a hold of exactly so many frames must not fail by a rounding error
        return self.add(letter, image) if self.progress > 1 - 1e-6 else None

    def smooth(self, probabilities, now):
        """Exponential moving average of the probabilities, begun anew after a gap."""
        passed, self.now = now - self.now, now
        if self.probabilities is None or passed > GAP:
            self.probabilities, self.letter = probabilities.copy(), None
            self.motion.clear()
        weight = 1 - np.exp(-max(passed, 0) / SMOOTHING)
        self.probabilities += weight * (probabilities - self.probabilities)
        return passed

    def release(self, image):
        """Let the letter added last be added again once it was gone, or the hand was moved."""
        if self.letter != self.added:
            if self.now - self.added_seen >= RELEASE:
                self.added = None
        elif image is not None and self.image is not None and moved(self.image, image):
            self.added, self.progress = None, 0.0
        else:
            self.added_seen = self.now

    def add(self, letter, image):
        """Add a letter to the text, in place of what a J or Z was read as at first."""
        self.text = self.text[: -1 if self.undone else None] + letter
        self.added, self.added_seen, self.image, self.progress = letter, self.now, image, 0.0
        return letter


# ---------------------------------------------------------------- from a stream to a text
def follow(stream, model, view, logs, recorder, window):
    """Read a stream to its end or until a key ends it; log letters and edits as they come."""
    for turn, (now, frame) in enumerate(stream.frames()):
        view.note = "Camera lost: trying again" if frame is None else ""
        if frame is not None:
            letter = translate(model, frame, now, view, turn)
            log(logs, now, "BACKSPACE" if view.speller.undone else None)
            log(logs, now, letter)
        pixels = render(view) if recorder or window else None
        if recorder:
            recorder.add(now, pixels)
        key = show(pixels, stream.early(now)) if window else ""
        if key == "q":
            break
        log(logs, now, obey(key, view))


def translate(model, frame, now, view, turn=None):
    """Read a frame, and let the view show it; return the letter that it adds, or None. `turn` is as
    for `read_letters`."""
    view.latency.start()
    view.image, probabilities = classify(model, frame, view.box, turn)
    letter = view.speller.update(probabilities, now, view.image)
    view.latency.stop()
    view.frame = frame
    return letter


# ================ plumbing: skip on first reading ================

ALPHABET = "ABCDEFGHIKLMNOPQRSTUVWXY"  # of a model that names none: the tutorial's
SLOWEST = 10.0  # seconds a model may take for an image
RETRIES, RETRY_EVERY = 10, 0.5  # times, seconds: a silent camera
FPS, GREATEST_GAP = 30.0, 3600.0  # frames a second, seconds: where a video's own make no sense
ADVICE = "is it there, whole, and not in use? Another camera is --source 1"
SPARE_DISK = 16 * 2**20  # bytes a recording leaves free
LARGEST = 2**28  # bytes of a picture
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
CODECS = {".avi": "MJPG", ".mp4": "mp4v"}
KEYS = {"SPACE": "add a space", "BACKSPACE": "delete the last letter", "C": "clear the text"}
KEYS |= {"H": "show or hide this help", "Q or ESC": "end"}
MOVES = {"sign J": "I, then draw a J", "sign Z": "point, then draw a Z"}  # in the window's help
SIGNED = """signs that move, in 0.4 to 1.5 seconds, before and after other letters:
  J           sign I, then draw a J with the little finger, and turn the wrist at its hook
  Z           point with the index finger, then draw a Z"""
ANY_KEY = "Any key: next   Q: end"

TITLE = "Fingerspelling"
FONT = cv2.FontFace("sans")
WHITE, SOFT, DIM, DARK = (255,) * 3, (205,) * 3, (95,) * 3, (24,) * 3
AMBER, GREEN = (60, 190, 255), (130, 225, 120)  # BGR: being held, added
LEFT, CENTRE, RIGHT = 0, 0.5, 1  # share of a text that lies to the left of its x
HEIGHT, SIDE, PANEL = 480, 336, 138  # pixels: the view, its guide box, what is in its corners
NARROW, WIDE = 640, 854  # pixels, the view's width: 4:3 to 16:9


def spell(args, model):
    """Spell what a camera or video shows, and print the text, whatever ends it."""
    speller = Speller(model.alphabet, args.threshold or model.threshold, args.hold)
    logs, recorder = [sys.stdout] if args.headless else [], None
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(contextlib.closing(Stream(args.source)))
        stack.callback(lambda: print("Spelled:", speller.text or "nothing", flush=True))
        if args.transcript:
            draft = stack.enter_context(growing_file(args.transcript))
            logs.append(stack.enter_context(draft.open("w", encoding="utf-8")))
        if args.record:
            draft = stack.enter_context(growing_file(args.record))
            recorder = Recorder(draft, stream.fps)
            stack.push(recorder.close)
        mirror = stream.is_camera if args.mirror is None else args.mirror
        view = View(speller, args.box, mirror, printable(Path(stream.name).name))
        follow(stream, model, view, logs, recorder, not args.headless)


def obey(key, view):
    """Do what a key asks for; return what to log of it, if anything."""
    speller = view.speller
    view.help ^= key == "h"
    edits = {
        " ": ("SPACE", speller.text + " "),
        "\b": ("BACKSPACE", speller.text[:-1]),
        "\x7f": ("BACKSPACE", speller.text[:-1]),
        "c": ("CLEAR", ""),
    }
    edit, speller.text = edits.get(key, (None, speller.text))
    return edit


def label_pictures(args, model):
    """Print a line for each picture, its name, letter or dash and probability, and show it."""
    unread = []
    for path in args.pictures:
        if (frame := read_picture(path)) is None:
            unread.append(printable(path))
            continue
        speller = Speller(model.alphabet, args.threshold or model.threshold)
        view = View(speller, args.box, args.mirror, printable(path.name), hint="", note=ANY_KEY)
        translate(model, frame, 0.0, view)
        letter, probability = speller.letter or "-", speller.probabilities.max()
        print(f"{printable(path)}  {letter}  {probability:.0%}", flush=True)
        if not args.headless and wait_for_key(view) == "q":
            break
    if unread:
        raise Problem(f"{len(unread)} picture(s) could not be read: {', '.join(unread)}")


# ---------------------------------------------------------------- the model
@dataclass(frozen=True)
class Model:
    """An ONNX model with what its metadata say: the tutorial's values where they say nothing."""

    path: Path
    session: ort.InferenceSession
    alphabet: str = ALPHABET
    mean: float = 0.485  # of pixels in [0, 1]
    std: float = 0.229
    size: int = 28  # pixels
    looks: int = 0  # at an image, that it can be asked for one by one; 0: it cannot
    nothing: float = -np.inf  # logit of no hand: the tutorial's model knows no such class
    threshold: float = 0.53  # least probability of a letter; ours, the tutorial has none

    def logits(self, inputs, turn=None, options=None):
        """Logits float32 (letters,) of one image, float32 (1, 1, size, size), the mean of all looks
        or those of the look whose turn it is; else Problem."""
        try:
            inputs = {self.session.get_inputs()[0].name: inputs}
            if self.looks and turn is not None:
                inputs["looks"] = np.array([turn % self.looks])
            outputs = np.asarray(self.session.run(None, inputs, options)[0])
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise Problem(f"{self.path} cannot read an image: {error}") from error
        letters = len(self.alphabet)
        is_right = outputs.dtype == np.float32 and outputs.shape == (1, letters)
        if not (is_right and np.vdot(outputs, outputs) < 1e12):  # NaN is not, either
            raise Problem(f"{self.path} does not give {letters} sensible numbers, one a letter")
        return outputs[0]


METADATA = {"alphabet": str, "mean": number(float, 0, 1), "std": number(float, 0.001, 1000)}
METADATA |= {"size": number(int, 1, 1024), "nothing": number(float, -1000, 1000)}
METADATA |= {"threshold": number(float, 0, 1), "looks": number(int, 0, 1000)}


def load_model(path=None):
    """The Model of an ONNX file or, without a path, the one trained in this folder or else the one
    that comes with the project. Raises Problem where it is none or does not fit."""
    path = Path(path or find_model())
    if not path.is_file():
        raise Problem(f"no model {path}; make it with: python step_4_evaluate.py")
    session = open_session(path)
    try:
        texts = session.get_modelmeta().custom_metadata_map
        values = {key: kind(texts[key]) for key, kind in METADATA.items() if key in texts}
        if not values.get("alphabet", ALPHABET).isprintable():
            raise argparse.ArgumentTypeError("its alphabet cannot be printed")
    except (UnicodeDecodeError, argparse.ArgumentTypeError) as error:
        raise Problem(f"{path} is no model of this kind: {error}") from error
    model, options = Model(path, session, **values), ort.RunOptions()
    grey = np.zeros((1, 1, model.size, model.size), np.float32)
    try:  # does it run at all, or for ever?
        stop = partial(setattr, options, "terminate", True)
        in_background(partial(model.logits, grey, 0, options), stop, SLOWEST)
    except TimeoutError as error:
        raise Problem(f"{path} takes more than {SLOWEST:g} seconds for an image") from error
    return model


def find_model():
    own, shipped = Path("signlanguage.onnx"), Path(__file__).parent / "pretrained/signlanguage.onnx"
    return shipped if shipped.is_file() and not own.exists() else own


def open_session(model):
    """ONNX Runtime's session of a model, the path of its file or its bytes; silent, one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # more would spin between frames: 61 % of a core
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        name = model if isinstance(model, Path) else "the model"
        raise Problem(f"{name} is no ONNX model, or is cut short") from error


# ---------------------------------------------------------------- where frames come from
class Stream:
    """Frames of a camera (an index), a video file or a URL, with their times in seconds."""

    def __init__(self, source):
        index = int(source) if source.isascii() and source.isdigit() and len(source) < 5 else None
        self.is_camera = index is not None or source.startswith("/dev/video")
        self.name = f"camera {source}" if self.is_camera else source
        self.source = source if index is None else index
        if not self.is_camera and os.path.exists(source) and not os.path.isfile(source):
            raise Problem(f"{source} is neither a video nor a folder with pictures in it")
        # OpenCV's other readers of films tell of faults on standard error, and take "%d" in a name
        # for the numbers of pictures.
        self.reader = cv2.CAP_ANY if self.is_camera else cv2.CAP_FFMPEG
        self.capture = cv2.VideoCapture(self.source, self.reader)
        if not self.capture.isOpened():
            raise Problem(f"{self.name} cannot be opened: {ADVICE}")
        count, rate = map(self.capture.get, (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
        self.live = self.is_camera or ("://" in source and count <= 0)
        self.length = count / rate if rate > 0 and not self.live else 0.0
        self.fps = rate if 0 < rate <= 240 else FPS
        self.start, self.now = time.monotonic(), -1 / self.fps
        self.close = self.capture.release

    def frames(self):
        """Yield (now, frame), BGR uint8 (H, W, 3), or (now, None) while a silent camera is tried
        again. Raises Problem where that is in vain, or a video ends too early."""
        silent = 0
        while silent <= (RETRIES if self.live else 0):
            ok, frame = self.capture.read()
            silent = 0 if ok else silent + 1
            if ok:
                self.now = self.time()
                yield self.now, frame
            elif self.live:
                if self.now >= 0:
                    yield self.now, None
                time.sleep(RETRY_EVERY)
                self.capture.open(self.source, self.reader)
        if self.live:
            raise Problem(f"{self.name} gives no pictures any more: {ADVICE}")
        if self.now < 0 or self.now + 1 / self.fps < 0.9 * self.length:
            end = max(self.now, 0)
            raise Problem(f"{self.name} is damaged: ends at {end:.1f} of {self.length:.1f} s")

    def time(self):
        if self.live:
            return time.monotonic() - self.start
        stamp = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        likely = self.now < stamp < self.now + GREATEST_GAP
        return stamp if likely else self.now + 1 / self.fps

    def early(self, now):
        """Milliseconds until the frame of this time is due: a video must not run ahead."""
        return 0 if self.live else 1000 * (now - (time.monotonic() - self.start))


def list_pictures(source):
    """The picture that a source names, or all those in the folder and in the folders in it, sorted;
    else none."""
    path = Path(source)
    paths = sorted([*path.glob("*"), *path.glob("*/*")]) if path.is_dir() else [path]
    return [path for path in paths if path.suffix.lower() in PICTURES]


def read_picture(path):
    """Picture file as BGR uint8 (H, W, 3), upright; None where it cannot be read."""
    try:
        content = np.fromfile(path, np.uint8, LARGEST) if os.path.isfile(path) else np.empty(0)
        with silent():
            return cv2.imdecode(content, cv2.IMREAD_COLOR)  # imread fails on names on Windows
    except (OSError, cv2.error):
        return None


# ---------------------------------------------------------------- where letters and frames go
def log(files, now, what):
    """Write a letter, or edit, with its time into files; nothing where it is None."""
    for file in files if what else ():
        print(f"{now:.2f}\t{what}", file=file, flush=True)


class Recorder:
    """Video of a constant rate: repeats pictures or leaves them out as their times ask for it."""

    def __init__(self, draft, fps):
        self.draft, self.fps, self.count, self.writer = draft, fps, 0, cv2.VideoWriter()

    def add(self, now, pixels):
        if not self.count:
            self.start, self.size = now, pixels.shape[1::-1]
            codec = cv2.VideoWriter_fourcc(*CODECS[self.draft.suffix.lower()])
            self.writer.open(str(self.draft), codec, self.fps, self.size)
        pixels = cv2.resize(pixels, self.size)
        while self.count <= round((now - self.start) * self.fps):
            self.writer.write(pixels)
            self.count += 1
            if shutil.disk_usage(self.draft.parent).free < SPARE_DISK:
                raise Problem(f"the recording ends at {now:.1f} s: the disk is full")

    def close(self, kind=None, error=None, trace=None):
        self.writer.release()
        film = cv2.VideoCapture(str(self.draft), cv2.CAP_FFMPEG)
        whole, shown = film.get(cv2.CAP_PROP_FRAME_COUNT) >= max(1, self.count), film.read()[0]
        if not shown:
            os.truncate(self.draft, 0)  # half a header is nothing to keep
        is_ended = isinstance(error, KeyboardInterrupt | SystemExit)  # perhaps before a frame came
        if not whole and (error is None or (is_ended and shown)):
            what = "not all" if shown else "nothing"
            raise Problem(f"{what} was recorded: no frames came, or there was no room for them")


# ---------------------------------------------------------------- what is shown
@dataclass
class View:
    """What there is to show beside the state of the speller."""

    speller: Speller
    box: float
    mirror: bool
    title: str  # shown while there is no text
    hint: str = "help: press H"
    note: str = ""  # shown instead of what the letter does
    help: bool = False
    frame: np.ndarray | None = None  # BGR uint8 (H, W, 3)
    image: np.ndarray | None = None  # what the model sees of it
    latency: cv2.TickMeter = field(default_factory=cv2.TickMeter)  # from frame to letter


def render(view):
    """The view as pixels, BGR uint8 (HEIGHT, NARROW to WIDE, 3)."""
    speller = view.speller
    note, colour = f"{speller.letter}: hold still", AMBER
    if speller.letter is None:
        note, colour = "Fill the box with your hand", WHITE
    elif speller.letter == speller.added:
        note, colour = f"{speller.letter} added: next, or move to repeat", GREEN
    pixels = lay_out(view.frame, view.box, view.mirror)
    draw_box(pixels, speller.progress, colour)
    draw_letters(pixels, speller, colour)
    draw_image(pixels, view)
    draw_texts(pixels, view, note, colour)
    if view.help:
        draw_help(pixels)
    return pixels


def lay_out(frame, box, mirror):
    """A frame, scaled so that its box has SIDE pixels in the middle, and dark around it."""
    lengths = np.array(frame.shape[:2])
    scale, room = SIDE / (lengths.min() * box), np.array([HEIGHT, NARROW])
    room[1] = np.clip(HEIGHT * lengths[1] // lengths[0] // 2 * 2, NARROW, WIDE)  # codecs: even
    shown = np.minimum(lengths, np.ceil(room / scale).astype(int))
    (top, left), (bottom, right) = (lengths - shown) // 2, (lengths + shown) // 2
    size = np.clip(np.rint(shown * scale).astype(int), 1, room)
    frame = cv2.resize(frame[top:bottom, left:right], size[::-1], interpolation=cv2.INTER_AREA)
    (top, left), (bottom, right) = (room - size) // 2, (room - size + 1) // 2
    frame = cv2.flip(frame, 1) if mirror else frame
    return cv2.copyMakeBorder(frame, top, bottom, left, right, cv2.BORDER_CONSTANT, value=DARK)


def measure(words, size, weight=600):
    left, _, width, _ = cv2.getTextSize((0, 0), words, (0, 0), FONT, size, weight)
    return left + width


def write(pixels, words, x, y, size, colour=WHITE, align=LEFT, weight=600):
    at = round(x - align * measure(words, size, weight)), y
    cv2.putText(pixels, words, at, colour, FONT, size, weight)


def shade(pixels, left, top, right, bottom, keep=0.3):
    """Darken a part, so that what is written there is legible on anything."""
    part = pixels[top:bottom, left:right]
    part[:] = cv2.convertScaleAbs(part, alpha=keep)


def trace(pixels, points, colour, thickness):
    points = np.rint(points).astype(np.int32)
    cv2.polylines(pixels, [points], False, colour, thickness, cv2.LINE_AA)


def draw_box(pixels, progress, colour):
    """Guide box; its outline fills up clockwise while a letter is held."""
    turns = np.array([(0, -1), (1, -1), (1, 1), (-1, 1), (-1, -1), (0, -1)]) * SIDE / 2
    turns += pixels.shape[1] / 2, HEIGHT / 2
    trace(pixels, turns, DARK, 4)
    trace(pixels, turns, colour if colour == GREEN else WHITE, 5 if colour == GREEN else 2)
    if progress:
        turned = (0, 1, 3, 5, 7, 8)  # half sides passed at each turn
        way = [half for half in turned if half < 8 * progress] + [8 * progress]
        trace(pixels, np.stack([np.interp(way, turned, axis) for axis in turns.T], 1), AMBER, 6)


def draw_letters(pixels, speller, colour):
    """Letter or dash, and the probabilities of the first three, in the left corner."""
    shade(pixels, 0, 0, PANEL, 218)
    write(pixels, speller.letter or "\u2013", 69, 106, 116, colour, CENTRE, 700)
    for row, index in enumerate(np.argsort(-speller.probabilities)[:3]):
        probability, y = float(speller.probabilities[index]), 146 + 28 * row
        ink = SOFT if row else colour
        write(pixels, speller.alphabet[index], 16, y, 19, ink)
        write(pixels, f"{probability:.0%}", 122, y, 17, ink, RIGHT)
        trace(pixels, [(16, y + 5), (122, y + 5)], DIM, 2)
        trace(pixels, [(16, y + 5), (16 + 106 * probability, y + 5)], ink, 3)


def draw_image(pixels, view):
    """What the model sees, enlarged, and the mean speed, in the right corner."""
    right = pixels.shape[1] - 13
    shade(pixels, right + 13 - PANEL, 0, right + 13, 182)
    image = cv2.flip(view.image, 1) if view.mirror else view.image
    image = cv2.resize(image, (112, 112), interpolation=cv2.INTER_NEAREST)
    pixels[13:125, right - 112 : right] = image[..., None]
    frames, seconds = view.latency.getCounter() - 1, view.speller.now
    rate = f"{frames / seconds:.0f} fps  " if seconds else ""  # a picture has none
    write(pixels, "the model sees", right, 143, 14, SOFT, RIGHT, 400)
    speed = f"{rate}{view.latency.getAvgTimeMilli():.1f} ms"
    write(pixels, speed, right, 167, 15, SOFT, RIGHT, 500)


def draw_texts(pixels, view, note, colour):
    """What to do, above the box, and along the bottom the text or, when it is long, its end."""
    width = pixels.shape[1]
    note, colour = (view.note, WHITE) if view.note else (note, colour)
    half = measure(note, 17) // 2 + 14
    shade(pixels, width // 2 - half, 18, width // 2 + half, 50)
    write(pixels, note, width // 2, 40, 17, colour, CENTRE)
    shade(pixels, 0, HEIGHT - 58, width, HEIGHT)
    words = view.speller.text + "_"
    while measure(words, 36) > width - 120:
        words = "\u2026" + words.lstrip("\u2026")[1:]
    words, size, colour = (words, 36, WHITE) if view.speller.text else (view.title, 20, SOFT)
    write(pixels, words, 18, HEIGHT - 17, size, colour)
    write(pixels, view.hint, width - 16, HEIGHT - 20, 15, SOFT, RIGHT, 400)


def draw_help(pixels):
    rows = KEYS | MOVES
    x, top = pixels.shape[1] // 2, HEIGHT // 2 - 17 * len(rows) - 15
    shade(pixels, x - 165, top, x + 165, HEIGHT - top, 0.12)
    for row, (key, meaning) in enumerate(rows.items()):
        write(pixels, key, x - 48, top + 40 + 34 * row, 17, AMBER, RIGHT)
        write(pixels, meaning, x - 34, top + 40 + 34 * row, 17, weight=500)


# ---------------------------------------------------------------- the window
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


def show(pixels, milliseconds=1):
    """Show pixels so long or until a key; return the key, "" for none, "q" to end."""
    if not is_open():
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, 3 * pixels.shape[1] // 2, 3 * HEIGHT // 2)
    cv2.imshow(TITLE, pixels)
    key = cv2.waitKeyEx(max(1, round(milliseconds))) & 0xFFFF  # waitKey takes an arrow for a Q
    if key == 27 or not is_open():
        return "q"
    return chr(key).lower() if key < 128 else ""


def wait_for_key(view):
    pixels, key = render(view), ""
    while not key:
        key = show(pixels, 50)
    return key


# ---------------------------------------------------------------- flags
def parse_args(argv=None):
    keys = "\n".join(f"  {key:<12}{meaning}" for key, meaning in KEYS.items())
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"keys:\n{keys}\n\n{SIGNED}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, share = parser.add_argument, number(float, 0, 1, above=True)
    time_held = number(float, 0, 3600, above=True)
    add("--source", default="0", help="camera index, video, picture, folder of pictures or URL")
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--box", type=share, help=f"guide box, share of the shorter side ({BOX}; pictures 1)")
    add(
        "--hold",
        type=time_held,
        default=HOLD,
        help=f"seconds that a certain letter is held ({HOLD})",
    )
    add("--threshold", type=share, help="least probability of a letter (the model's own)")
    add("--mirror", action=argparse.BooleanOptionalAction, help="mirror the view (cameras: yes)")
    add("--headless", action="store_true", help="print the letters, without a window")
    add("--record", metavar="FILE", help="write what the window shows, as .avi or .mp4")
    add("--transcript", metavar="FILE", help="write a line for each letter, with its time")
    args = parser.parse_args(argv)
    names = [name for name in vars(args).values() if isinstance(name, str)]
    if any(name.encode(errors="replace").decode() != name or not name for name in names):
        parser.error("a name is empty, or not in UTF-8, and OpenCV takes no other")
    if len({os.path.realpath(name) for name in names}) < len(names):
        parser.error("--source, --model, --record and --transcript must not be the same file")
    args.pictures = list_pictures(args.source)
    args.box = args.box or (1.0 if args.pictures else BOX)
    special = args.record and os.path.exists(args.record) and not os.path.isfile(args.record)
    if args.record and (special or Path(args.record).suffix.lower() not in CODECS):
        parser.error(f"--record: {args.record} is no file that ends in {' or '.join(CODECS)}")
    if args.pictures and (args.record or args.transcript):
        parser.error("--record and --transcript are for cameras and videos, not for pictures")
    return args


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)  # a frame is too small for two: they wait for each other, both busy
    if not args.headless:
        check_display()
    model = load_model(args.model)
    print(f"Model: {printable(model.path)}", flush=True)
    (label_pictures if args.pictures else spell)(args, model)


if __name__ == "__main__":
    run(main)

"""What moves before the camera: whether the hand rests, and whether it draws a J or a Z.

J is drawn by the little finger of an I, Z by an index finger, read as D, G, L or X. Movement is
optical flow (Farneback, 2003) between small grey pictures, its mean in each of 3x3 cells. A network
of two convolutions over time and two fully connected layers reads the last 1.7 seconds of it, with
the probabilities of the hands that begin such a sign. tools/learn_motion.py trains it on rendered
films: pretrained/motion.npz.
"""

import zipfile
from collections import deque
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from plumbing.faults import UserError
from plumbing.files import require_file

WEIGHTS = Path(__file__).parent.parent / "pretrained/motion.npz"
NAMES = [f"{kind}{layer}" for layer in range(1, 5) for kind in ("weight", "bias")]  # in it
SIGNS = "JZ"
HANDS = {"J": "I", "Z": "DGLX"}  # letters that the model reads in the hand that draws it
SIDE = 28  # pixels: pictures of other sizes are made this small
CELLS = 3  # a side
STEPS, STEP = 24, 0.07  # of the window that is read, seconds
TICK = 0.035  # least seconds between two pictures for flow
READ_EVERY = 0.06  # seconds between two windows that are read
SHORT = 0.1  # seconds over which a change is measured
# Change of the picture in SHORT, in its standard deviations: a hand at rest has less. In rendered
# words 98 % of images at rest change by less than STIR, 56 % of those between by more than REST.
REST = 0.12
STIR = 0.06  # more is movement that may be a slow or small sign
MOVE = 0.6  # change that is a hand moved elsewhere: 1/8 of the box sideways
EVIDENCE = 0.05  # least probability, at some time in the window, of the hand that begins a sign
SURE = 0.6  # least probability of a sign: see tools/measure_spelling.py; in HELLO none is false
ONWARD = 0.35  # change after which a hand that drew a sign is on its way to the next letter
SETTLE = 0.15  # seconds in which the hand still ends a sign that was read
MOVING = 0.5  # seconds after the last movement in which a sign may end
FARNEBACK = (None, 0.5, 2, 7, 1, 5, 1.1, 0)  # pyramid of two; windows of 7; one iteration
STRIDES = 1, 2, 1, 1  # of the network's layers
SCALE = np.array([10.0] * (2 * CELLS**2) + [1.0] * 3, np.float32)  # brings all near to one


class Motion:
    """Follows the small pictures of a hand, grey uint8 (H, W), and what the model reads there."""

    def __init__(self, alphabet):
        self.hands = [[alphabet.index(x) for x in HANDS[s] if x in alphabet] for s in SIGNS]
        self.clear()

    def clear(self):
        """Forget all that was seen."""
        self.recent = deque()  # (time, softened picture) of the last SHORT seconds
        self.change = 0.0  # of the picture in SHORT seconds, in its standard deviations
        self.picture, self.moved_at = None, -np.inf
        self.drawn = None  # the sign drawn last, until the hand moves on
        self.times, self.rows = deque(), deque()  # of flow, summed up, and of evidence
        self.read_at, self.table = -np.inf, None  # when rows were last read, as one array

    @property
    def still(self):
        """Whether the hand rests."""
        return self.change < REST

    def update(self, image, probabilities, now):
        """Take a picture, grey uint8 (H, W), and its probabilities, float (letters,); return the
        sign that ends with it, or None."""
        if self.drawn:
            if now - self.drawn_at <= SETTLE:
                self.end = image
            elif moved(self.end, image, ONWARD):
                self.drawn = None
        if not self.observe(image, probabilities, now):
            return None
        chances = read(load_weights(), self.window())[1:] * self.likely()
        if chances.max() < SURE:
            return None
        self.times.clear()  # the next sign is drawn after this one
        self.rows.clear()
        self.drawn, self.drawn_at, self.end = SIGNS[chances.argmax()], now, image
        return self.drawn

    def observe(self, image, probabilities, now):
        """Take a picture and its probabilities; return whether a sign may end with it."""
        if image.shape != (SIDE, SIDE):
            image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self.measure_change(image, now)
        if self.times and now - self.times[-1] < TICK:
            return False
        self.add_row(image, probabilities, now)
        if now - self.moved_at > MOVING or now - self.read_at < READ_EVERY:
            return False
        self.read_at, self.table = now, np.array(self.rows)
        return self.likely().any()

    def likely(self):
        """Whether the hand of each of SIGNS was read of late, bool (2,)."""
        return self.table[:, -3:-1].max(0) >= EVIDENCE

    def measure_change(self, image, now):
        """How much the picture changed in SHORT or, if that is more, since the last one: what moves
        to and fro is like itself again. Even changes of light do not count."""
        soft = cv2.blur(image.astype(np.float32), (3, 3))
        soft -= cv2.mean(soft)[0]
        while len(self.recent) > 1 and self.recent[1][0] <= now - SHORT + 1e-6:
            self.recent.popleft()
        if self.recent:
            self.change = max(
                cv2.norm(soft, before, cv2.NORM_L1) * min(1, SHORT / max(now - then, TICK))
                for then, before in (self.recent[0], self.recent[-1])
            )
            self.change /= soft.size * (cv2.norm(soft) / SIDE + 1e-3)
            if self.change >= STIR:
                self.moved_at = now
        self.recent.append((now, soft))

    def add_row(self, image, probabilities, now):
        """Note the way that each cell has gone, in sides of the picture, and the evidence."""
        way = self.rows[-1][:-3] if self.rows else np.zeros(2 * CELLS**2, np.float32)
        if self.picture is not None and now - self.moved_at <= SHORT:
            flow = cv2.calcOpticalFlowFarneback(self.picture, image, *FARNEBACK)
            cells = cv2.resize(flow, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
            way = way + cells.ravel() / SIDE
        hands = [probabilities[hand].sum() for hand in self.hands]
        self.picture = image
        self.times.append(now)
        self.rows.append(np.array([*way, *hands, probabilities.sum()], np.float32))
        while len(self.times) > 2 and self.times[1] < now - STEPS * STEP:
            self.times.popleft()
            self.rows.popleft()

    def window(self):
        """The last STEPS steps, float32 (STEPS, 2 * CELLS**2 + 3): flow in sides of the picture,
        right and down for each cell, row by row; then the probabilities of the hands of SIGNS and
        of any letter."""
        times, rows = np.array(self.times), self.table
        asked = np.maximum(times[-1] - STEP * np.arange(STEPS, -1, -1), times[0])
        after = np.searchsorted(times, asked).clip(1, None) if len(times) > 1 else np.zeros(1, int)
        share = (asked - times[after - 1]) / np.maximum(times[after] - times[after - 1], TICK)
        steps = rows[after - 1] + (rows[after] - rows[after - 1]) * np.float32(share)[:, None]
        steps[1:, :-3] -= steps[:-1, :-3].copy()
        return steps[1:]


def mirrored(windows):
    """Windows (..., STEPS, n) of the same film seen in a mirror."""
    flow = windows[..., :-3].reshape(*windows.shape[:-1], CELLS, CELLS, 2)
    flow = flow[..., ::-1, :] * np.float32([-1, 1])
    return np.concatenate([flow.reshape(*windows.shape[:-1], -1), windows[..., -3:]], -1)


def read(weights, window):
    """Probabilities, float32 (3,), of no sign and of each of SIGNS: the mean over the window and
    its mirror image, as hands are left or right, and cameras mirror or do not.

    `weights` are a matrix (steps * channels, outputs) and a bias for each layer. A fully connected
    layer is a convolution over all the steps that are left."""
    x = np.stack([window, mirrored(window)]) * SCALE  # (2, STEPS, channels)
    for matrix, bias, stride in zip(weights[::2], weights[1::2], STRIDES, strict=True):
        _, steps, channels = x.shape
        span = len(matrix) // channels
        places = np.arange(0, steps - span + 1, stride)[:, None] + np.arange(span)
        logits = x.take(places, axis=1).reshape(2, len(places), -1) @ matrix + bias
        x = np.maximum(logits, 0)
    odds = np.exp(logits[:, 0] - logits[:, 0].max(1, keepdims=True))
    return (odds / odds.sum(1, keepdims=True)).mean(0)


@cache
def load_weights(path=WEIGHTS):
    """The network that tools/learn_motion.py trained: weights and biases of its layers, float32.
    Raises UserError where the file is not there or is none."""
    require_file(path, "make it with: python -m tools.learn_motion", 2**20)
    try:
        with open(path, "rb") as content, np.load(content) as file:
            weights = tuple(file[name].astype(np.float32) for name in NAMES)
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not the weights of a network of movements") from error
    return weights


def moved(before, after, least=MOVE):
    """Whether a hand moved between two grey images; even changes of light do not count."""
    before, after = before - before.mean(), after - after.mean()
    return np.abs(after - before).mean() > least * before.std()

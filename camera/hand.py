"""Find the hand in a frame, and the box in which its letter is read.

Two networks do it, as in MediaPipe Hands (Zhang et al., 2020). Where no hand is known, a detector
looks for palms. Around a palm the second network finds the 21 landmarks of a hand, and says whether
there is one at all. In the next frame it looks around these landmarks.

A third one reads the letter from the landmarks (tools/train_landmarks.py). They say nothing of
light, skin or background, so strangers are read better by them and the picture than by either.

Landmarks: 0 is the wrist; 1-4 are the thumb, 5-8 the index, 9-12 the middle, 13-16 the ring and
17-20 the little finger, each from its root to its tip.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from camera.model import ALPHABET, ROOT, open_session, to_probabilities
from plumbing.faults import UserError

FOLDER = ROOT / "pretrained"
PALMS, LANDMARKS = "palm_detection.onnx", "hand_landmark.onnx"
LETTERS_NETWORK = "landmark_letters.onnx"
ADVICE = "it comes with the project; get it anew"
PALM, PRESENT = 0.5, 0.5  # least probability of a palm, and of a hand around it
OVERLAP = 0.3  # intersection over union from which two palms are one
MARGIN = 1.35  # side of the box by that of the landmarks' box: so training photographs were cut
LOST = 0.3  # seconds during which every frame is searched for a hand that was lost
STILL, REST = 0.3, 0.05  # sides a second below which a hand is still; seconds without a look then
SEARCH, SWITCH = 0.1, 1.0  # seconds between two searches: without a hand; for a better one
AGREED = 0.25  # probability from which a reading does not doubt the other's letter
LEAST = 1e-6  # probability of any letter, so that no reading rules one out
SHARE = 0.6  # weight of landmarks beside the picture
TAUGHT_SHARE, PICTURE_TAUGHT_SHARE = 0.5, 0.3  # where both were taught; where landmarks were not
FILLED = 0.7  # of a picture's shorter side has the box of a hand that fills it
FAR = 0.1  # sides that a hand moved from one frame to the next, so that we look again
BETTER = 1.3  # another hand is followed instead when it ranks higher by so much
CUTOFF, SLOPE, SPEED_CUTOFF = 1.0, 2.0, 1.0  # of the box's filter: hertz, hertz per side/s, hertz


class Square(NamedTuple):
    """A square of a frame, in pixels. Its angle, in radians, turns it clockwise."""

    x: float  # centre
    y: float
    side: float
    angle: float = 0.0

    def to_frame(self, points):
        """Turn shares of the square (..., 2) into pixels of the frame (..., 2)."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return (points - 0.5) @ [[cos, sin], [-sin, cos]] * self.side + (self.x, self.y)

    def cut(self, frame, size):
        """Cut the square out of a frame: BGR uint8 (H, W, 3) -> (size, size, 3)."""
        cos, sin = (self.side / size * f(self.angle) for f in (math.cos, math.sin))
        left, top = self.to_frame(np.zeros(2))
        matrix = np.float32([[cos, -sin, left], [sin, cos, top]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(frame, matrix, (size, size), None, how, cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class Hand:
    """A hand in a frame."""

    landmarks: np.ndarray  # float32 (21, 3): x, y and z in pixels, z from the wrist on
    score: float  # probability that there is a hand
    is_right: float  # probability that it is a right one, if the frame is not mirrored
    box: tuple  # left, top and side of the square to read, in pixels; may leave the frame


class HandFinder:
    """Finds the hand in pictures, or follows it from frame to frame of a stream."""

    def __init__(self, folder=FOLDER):
        self.palms = open_network(folder / PALMS, {"palms", "scores"})
        self.landmarks = open_network(folder / LANDMARKS, {"landmarks", "score", "is_right"})
        self.letters = open_network(folder / LETTERS_NETWORK, {"logits"})
        self.forget()

    def forget(self):
        """Forget the hand, as before the first frame of another stream."""
        self.hand = None
        self.looked = self.seen = self.searched = -math.inf  # seconds
        self.searches = 0
        self.box = SmoothBox()

    def read(self, hand, model=None):
        """Return the probability of each letter by a Hand's landmarks, float32 (24,).

        A `model` that was taught its user's landmarks brings the network that knows them.
        """
        letters = (model and model.landmarks) or self.letters
        (logits,) = letters.run(["logits"], {"landmarks": hand.landmarks[None]})
        return to_probabilities(logits[0], -np.inf)

    def find(self, frame, now=None):
        """Return the Hand in a frame, or None.

        Of two hands it is the larger or the raised one. Frames of a stream come with their time in
        seconds, and the hand is followed; without a time the frame is searched thoroughly.

        frame: BGR uint8 (H, W, 3)
        """
        if now is None:
            return self.find_in_picture(frame)
        if self.hand and self.box.speed < STILL and 0 <= now - self.looked < REST:
            return self.hand
        self.looked = now
        hand = self.hand and self.keep_up(frame, square_of_landmarks(self.hand.landmarks))
        pause = SWITCH if hand else SEARCH if now - self.seen > LOST else 0
        if not 0 <= now - self.searched < pause:
            hand = self.search(frame, self.next_square(frame, hand), hand) or hand
            self.searched = now
        if hand:
            self.seen = now
            hand = replace(hand, box=self.box.update(hand.box, now))
        self.hand = hand
        return hand

    def find_in_picture(self, frame):
        """Return the Hand in a frame that is none of a stream, or None.

        In a picture cut around a hand its palm is too large for the detector: we look first whether
        a hand fills the picture, and at last whether one does that points aside or down.
        """
        height, width = frame.shape[:2]
        short = min(height, width)
        square = Square(width / 2, height / 2, 1.2 * short)
        if hand := self.fill(frame, [square]):
            return hand
        hands = (self.search(frame, square) for square in list_squares(frame))
        turned = [square._replace(angle=math.radians(angle)) for angle in (90, -90, 180)]
        return next(filter(None, hands), None) or self.fill(frame, turned)

    def fill(self, frame, squares):
        """Return the surest Hand that fills a picture, looked for in some squares, or None."""
        hands = [self.look_twice(frame, square) for square in squares]
        hands = [hand for hand in hands if hand and hand.box[2] > FILLED * min(frame.shape[:2])]
        return max(hands, key=lambda hand: hand.score, default=None)

    def keep_up(self, frame, square):
        """Return the Hand that was in a square a frame ago, or None."""
        hand = self.look(frame, square)
        if hand:
            moved = square_of_landmarks(hand.landmarks)
            if math.dist(moved[:2], square[:2]) > FAR * square.side:
                hand = self.look(frame, moved)
        return hand

    def next_square(self, frame, hand):
        """Return the square to search now: every other time the whole frame, else each in turn."""
        whole, *others = list_squares(frame)
        turn, self.searches = self.searches, self.searches + 1
        return others[turn // 2 % len(others)] if turn % 2 and not hand else whole

    def search(self, frame, square, hand=None):
        """Return the highest-ranking Hand whose palm is seen in a square, or None.

        The hand that is followed, if any, stays unless another one ranks clearly higher.
        """
        known = square_of_landmarks(hand.landmarks) if hand else Square(-math.inf, 0, 1)

        def is_known(found):
            return math.dist(found[:2], known[:2]) < known.side / 2

        def rank(found):  # high where a hand is large or raised
            return found.side * (1.25 - found.y / len(frame)) * (BETTER if is_known(found) else 1)

        for found in sorted(self.detect(frame, square), key=rank, reverse=True):
            if is_known(found):
                return hand
            if other := self.look_twice(frame, found):
                return other
        return None

    def detect(self, frame, square):
        """Return the Square around each hand whose palm is seen in a square of the frame."""
        palms, scores = run_network(self.palms, frame, square)
        palms, scores = palms[scores >= PALM], scores[scores >= PALM]
        hands = []
        while len(palms):  # each palm is seen several times: BlazeFace's weighted mean
            same = overlap(palms[scores.argmax()], palms) > OVERLAP
            hands.append(square_of_palm(np.average(palms[same], 0, scores[same]), square))
            palms, scores = palms[~same], scores[~same]
        return hands

    def look_twice(self, frame, square):
        """Look in a rough square around a hand, then in the one around its landmarks."""
        hand = self.look(frame, square)
        return hand and self.look(frame, square_of_landmarks(hand.landmarks))

    def look(self, frame, square):
        """Return the Hand that a square of the frame shows, or None."""
        points, score, is_right = run_network(self.landmarks, frame, square)
        if score < PRESENT:
            return None
        points[:, :2] = square.to_frame(points[:, :2])
        points[:, 2] *= square.side
        return Hand(points, float(score[0]), float(is_right[0]), box_of_landmarks(points))


# ---------------------------------------------------------------- networks
def open_network(path, outputs):
    """Open one of the networks. Raise UserError where it is missing, damaged or another one."""
    if not path.is_file():
        raise UserError(f"no hand finder {path}: {ADVICE}")
    try:
        network = open_session(path)
    except UserError as error:
        raise UserError(f"{error}: {ADVICE}") from error
    if {output.name for output in network.get_outputs()} != outputs:
        raise UserError(f"{path} is another network: {ADVICE}")
    return network


def run_network(network, frame, square):
    """Return what a network gives for a square of a frame, in shares of the square."""
    size = network.get_inputs()[0].shape[1]
    return network.run(None, {"pixels": square.cut(frame, size)[None]})


# ---------------------------------------------------------------- geometry
def list_squares(frame):
    """List the squares in which palms are looked for.

    The first is around the whole frame. The next has room for a palm as large as the frame, and the
    others, from one side of the frame to the other, show small palms larger.
    """
    height, width = frame.shape[:2]
    short, long = sorted((height, width))
    squares = [Square(width / 2, height / 2, side) for side in (long, 1.5 * long)]
    count = min(math.ceil(long / short), 4)
    for at in np.linspace(short / 2, long - short / 2, count) if count > 1 else ():
        squares.append(Square(*((at, short / 2) if width > height else (short / 2, at)), short))
    return squares


def agree(model, by_picture, by_landmarks):
    """Bring together what a model reads in the picture of a hand and what its landmarks say.

    Probabilities float32 (letters,), both and returned: their weighted geometric mean, a
    logarithmic opinion pool (Genest and Zidek, 1986). And how far to believe it, 0 to 1: little
    where one of them holds the likeliest letter unlikely, so that gestures stay unread. Where only
    the picture's network was taught its user's signs, landmarks weigh less. The share of "no hand"
    is the picture's. Landmarks are read in ALPHABET alone.
    """
    if model.alphabet != ALPHABET:
        return by_picture, 1.0
    hand = max(float(by_picture.sum()), 1e-6)
    knows_better = model.is_taught and not model.landmarks
    share = TAUGHT_SHARE if model.landmarks else SHARE
    share = PICTURE_TAUGHT_SHARE if knows_better else share
    mean = (by_picture / hand + LEAST) ** (1 - share) * (by_landmarks + LEAST) ** share
    best = mean.argmax()
    doubter = by_picture[best] if knows_better else min(by_picture[best], by_landmarks[best])
    return hand * mean / mean.sum(), min(1.0, float(doubter) / AGREED)


def overlap(palm, palms):
    """Return the intersection over union of a palm's box and others': (9, 2), (N, 9, 2) -> (N,)."""
    low = np.maximum(palm[0] - palm[1] / 2, palms[:, 0] - palms[:, 1] / 2)
    high = np.minimum(palm[0] + palm[1] / 2, palms[:, 0] + palms[:, 1] / 2)
    shared = (high - low).clip(0).prod(-1)
    return shared / (palm[1].prod() + palms[:, 1].prod(-1) - shared)


def square_of_palm(palm, square):
    """Return the Square around the hand of a palm, with the fingers on top.

    palm: float32 (9, 2), centre and size of its box, then seven points, in shares of `square`.
    MediaPipe's palm_detection_detection_to_roi.
    """
    centre, wrist, knuckle = square.to_frame(palm[[0, 2, 4]])
    side, angle = square.side * float(palm[1].max()), angle_of(wrist, knuckle)
    x, y = Square(*centre, side, angle).to_frame(np.array([0.5, 0]))
    return Square(x, y, 2.6 * side, angle)


def square_of_landmarks(landmarks):
    """Return the Square around the hand with these landmarks, with the fingers on top.

    MediaPipe's hand_landmark_landmarks_to_roi: of a finger, the two joints next to the palm count.
    """
    points = landmarks[:, :2]
    angle = angle_of(points[0], (points[5] + 2 * points[9] + points[13]) / 4)
    upright = Square(0.5, 0.5, 1, -angle)
    joints = upright.to_frame(points[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]])
    low, high = joints.min(0), joints.max(0)
    middle = (low + high) / 2 - (0, 0.1 * (high - low)[1])
    x, y = upright._replace(angle=angle).to_frame(middle)
    return Square(x, y, 2 * (high - low).max(), angle)


def angle_of(wrist, knuckle):
    """Return how far a hand is turned clockwise from upright, in radians."""
    x, y = knuckle - wrist
    return math.atan2(x, -y)


def box_of_landmarks(landmarks):
    """Return left, top and side of the box around a hand, as the training photographs' were."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    side = MARGIN * (high - low).max()
    left, top = (low + high - side) / 2
    return float(left), float(top), float(side)


class SmoothBox:
    """Smooths a box, the less the faster it moves (Casiez et al., 2012, "1 euro filter")."""

    def __init__(self):
        self.box, self.velocity, self.now = np.ones(3), np.zeros(3), -math.inf

    @property
    def speed(self):
        """Sides of the box a second."""
        return np.linalg.norm(self.velocity) / self.box[2]

    def update(self, box, now):
        """Return left, top and side, smoothed with those of the calls before."""
        left, top, side = box
        box, elapsed = np.array([left + side / 2, top + side / 2, side]), now - self.now
        self.now = now
        if not 0 <= elapsed <= LOST:
            self.box, self.velocity = box, np.zeros(3)
        elif elapsed:
            velocity = (box - self.box) / elapsed
            self.velocity += share(SPEED_CUTOFF, elapsed) * (velocity - self.velocity)
            self.box = self.box + share(CUTOFF + SLOPE * self.speed, elapsed) * (box - self.box)
        x, y, side = self.box.tolist()
        return x - side / 2, y - side / 2, side


def share(cutoff, elapsed):
    """Return the share of a new value in a moving average of a cutoff frequency, in hertz."""
    return 1 - math.exp(-2 * math.pi * cutoff * elapsed)


def crop_square(frame, left, top, side):
    """Cut an upright square out of a frame (H, W, ...) -> (S, S, ...).

    Where it leaves the frame, the frame's border is repeated.
    """
    left, top, side = round(left), round(top), max(1, round(side))
    height, width = frame.shape[:2]
    if 0 <= left <= width - side and 0 <= top <= height - side:
        return frame[top : top + side, left : left + side]
    rows = np.arange(top, top + side).clip(0, height - 1)
    columns = np.arange(left, left + side).clip(0, width - 1)
    return frame[rows][:, columns]

"""Draw films of hands that spell: letters, J and Z with their movements, and the ways between them.

    python -m tools.render_films --video data/jazz.mp4 --word JAZZ

A film is a list of moments through which a hand passes. A moment holds the hand's joints, view,
place and size. J and Z are strokes: the hand of I, or a pointing index finger, draws them.
render_hands.py draws the hand.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
from typing import NamedTuple

import cv2
import numpy as np

from plumbing.faults import UserError, run
from plumbing.files import whole_file
from plumbing.flags import Parser, bounded
from plumbing.progress import Progress
from step_2_dataset import LETTERS
from tools.render_hands import (
    DETAIL,
    FINGERS,
    LONGER,
    THUMB,
    Variant,
    compose,
    draw_hand,
    ending,
    load_hand,
    loosen,
    photograph,
    pick_variant,
    pose_hands,
    random_build,
    read_poses,
    rotations,
    smooth,
)
from tools.rooms import draw_background

# A moment, float (69,): angles of the joints (21, 3) and of the view (3,), in degrees, both as in
# letters.txt; the hand's middle right of and above the picture's, in sides of the picture; the
# length of a metre, in sides of the picture.
JOINTS, VIEW, PLACE, METRE = slice(63), slice(63, 66), slice(66, 68), 68
YAW, PITCH, ROLL, X, Y = 63, 64, 65, 66, 67
LETTER_FILL = (0.6, 0.85)  # longer side of the box around an average letter, share of the picture
STROKES = "JZ"
STARTS_WITH = {"J": "I", "Z": "D"}  # the letter whose hand draws the stroke
STROKE_TIMES = (0.4, 1.5)  # seconds
POINTS = np.linspace(0, 1, 13)  # of a stroke, from start to end
BELOW = (0, -1.0)  # place of a hand under the picture


class Stop(NamedTuple):
    """A moment of a film, its time, and how the hand moves there."""

    time: float  # seconds
    moment: np.ndarray
    sudden: bool = False  # at even speed, not eased in and out


class Film(NamedTuple):
    """A camera's images of a spelling hand, and the signs in them."""

    images: np.ndarray  # (n, 28, 28) uint8
    times: np.ndarray  # (n,) seconds
    signs: list  # (sign, start, end), seconds in which a letter rests or a stroke is drawn


# ---------------------------------------------------------------- the hand's movement


class Signer:
    """One person: how this hand signs each letter, how large and where."""

    def __init__(self, poses, rng, letters):
        self.rng, self.variants = rng, {}
        for letter in sorted({STARTS_WITH.get(letter, letter) for letter in letters}):
            variant = pick_variant(poses[letter], rng)
            view = variant.view + variant.vary * rng.triangular(-1, 0, 1, 3) * 0.7
            self.variants[letter] = loosen(variant, rng), view
        self.boxes = self.measure()
        usual = np.mean([np.ptp(box, axis=0).max() for box in self.boxes.values()])
        self.scale = rng.uniform(*LETTER_FILL) / usual
        self.follows = rng.uniform(0.2, 0.9)  # how far the signer centres and fits each letter
        self.home = rng.uniform(-0.06, 0.06, 2)

    def measure(self):
        """Measure each letter's box: lowest and highest (2, 2), metres from the hand's middle."""
        joints = np.stack([joints for joints, _ in self.variants.values()])
        build = dict.fromkeys(random_build(np.random.default_rng(0)), 0.5)
        longer = np.tile(np.mean(LONGER, 0), (len(joints), 1))
        posed = pose_hands(load_hand(), joints, [build] * len(joints), longer)
        boxes = {}
        for (letter, (_, view)), hand in zip(self.variants.items(), posed, strict=True):
            turned = hand @ rotations("ZXY", view[[2, 1, 0]]).T
            boxes[letter] = np.stack([turned[:, :2].min(0), turned[:, :2].max(0)])
        return boxes

    def moment(self, letter, place=(0, 0)):
        """Draw a moment (69,) of signing a letter, `place` away from the usual place."""
        joints, view = self.variants[letter]
        box = self.boxes[letter]
        fitted = self.scale * (0.13 / np.ptp(box, axis=0).max()) ** (0.5 * self.follows)
        middle = self.home - box.mean(0) * fitted * self.follows + place
        wobble = self.rng.normal(0, 1.5, 63) * (joints.ravel() != 0)
        return np.concatenate([joints.ravel() + wobble, view, middle, [fitted]])

    def relaxed(self, letter, place):
        """Draw a moment (69,) before or after a letter: half open, or half a fist."""
        moment = self.moment(letter, place=place)
        joints = moment[JOINTS].reshape(21, 3)
        joints[FINGERS, 0] = joints[FINGERS, 0] * 0.4 + self.rng.uniform(0, 40)
        return moment

    def stroke(self, sign):
        """Draw the moments (len(POINTS), 69) of a J or Z."""
        moments = np.repeat(self.moment(STARTS_WITH[sign])[None], len(POINTS), 0)
        across, down = self.rng.uniform(0.12, 0.4), self.rng.uniform(0.12, 0.35)
        return (draw_j if sign == "J" else draw_z)(moments, across, down, self.rng)


def draw_j(moments, across, down, rng):
    """Move a hand, moments (len(POINTS), 69), along a J: down, then a hook to the thumb's side.

    The wrist turns in the hook until the back of the hand shows, more or less.
    """
    yaw, dip, lean = rng.uniform(30, 180), rng.uniform(0, 60), rng.uniform(-10, 25)
    end = rng.uniform(0, 60)
    fall, hook = np.clip(POINTS / 0.6, 0, 1), np.clip((POINTS - 0.45) / 0.55, 0, 1)
    moments[:, X] += across * (0.5 - 0.5 * np.cos(np.pi * hook)) * rng.uniform(0.3, 1)
    moments[:, Y] -= down * (smooth(fall) - rng.uniform(0, 0.6) * hook**2)
    moments[:, YAW] += yaw * (0.3 * smooth(fall) + 0.7 * smooth(hook))
    moments[:, PITCH] += dip * np.sin(np.pi * POINTS ** rng.uniform(0.7, 1.3))
    moments[:, ROLL] += lean * np.sin(np.pi * fall) - end * smooth(hook)
    return moments


def draw_z(moments, across, down, rng):
    """Move a hand, moments (len(POINTS), 69), along a Z as its owner sees it, by arm or wrist."""
    corners = np.array([(0, 0), (-across, 0), (0, -down), (-across, -down)])
    corners = corners + rng.normal(0, 0.03, (4, 2))
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    shares = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    way = np.stack([np.interp(POINTS, shares, corners[:, k]) for k in (0, 1)], 1)
    by_wrist, pitch = rng.uniform(0, 0.8), rng.uniform(0, 40)
    moments[:, PLACE] += way * (1 - 0.7 * by_wrist)
    moments[:, ROLL] -= way[:, 0] / across * rng.uniform(10, 45) * by_wrist
    moments[:, PITCH] -= way[:, 1] / down * rng.uniform(10, 45) * by_wrist
    moments[:, PITCH] += pitch
    return moments


def point(signer, rng):
    """Close all fingers of the hand of D but the index, as many signers do for Z."""
    joints, view = signer.variants["D"]
    joints = joints.copy()
    closed = np.array([[-9, 72, 96, 48], [-17, 72, 96, 48], [-25, 72, 96, 48]], float)
    joints[FINGERS[1:, 0], 2] = closed[:, 0]
    joints[FINGERS[1:], 0] = closed[:, 1:] + rng.normal(0, 5, (3, 3))
    joints[THUMB[0]], joints[THUMB[1:], 0] = (28, -14, -5), (32, 38)
    signer.variants["D"] = joints, view


class Plan:
    """The stops of a film in order, and the signs (sign, start, end) that they show.

    The way from letter to letter takes about `seconds`.
    """

    def __init__(self, signer, rng, seconds):
        self.signer, self.rng, self.seconds = signer, rng, seconds
        self.stops, self.signs, self.now = [], [], 0.0

    def way(self):
        """Draw the seconds from one letter to the next."""
        return self.seconds * self.rng.uniform(0.8, 1.25)

    def go(self, seconds, moment, sudden=False):
        """Move to a moment in so many seconds."""
        self.now += seconds
        self.stops.append(Stop(self.now, moment, sudden))

    def rest(self, seconds, moment):
        """Hold a moment, with the drift of any hand."""
        drift = self.rng.normal(0, 1, 69)
        drift[JOINTS] *= 0.5 * (moment[JOINTS] != 0)
        drift[VIEW], drift[PLACE], drift[METRE] = drift[VIEW] * 1.5, drift[PLACE] * 0.01, 0
        self.go(seconds, moment + drift * min(1, seconds), sudden=True)

    def draw(self, sign, rest):
        """Go to the hand that starts a J or Z, hold it for `rest` seconds, and draw the sign."""
        rng, moments = self.rng, self.signer.stroke(sign)
        if rng.random() < 0.5:  # centred on a letter's place, not starting from it
            moments[:, PLACE] -= (moments[:, PLACE] - moments[0, PLACE]).mean(0)
        self.go(self.way(), moments[0])
        self.rest(rest, moments[0])
        seconds, start = rng.uniform(*STROKE_TIMES), self.now
        pace = np.diff(POINTS) * rng.uniform(0.6, 1.4, len(POINTS) - 1)
        for share, moment in zip(pace / pace.sum(), moments[1:], strict=True):
            self.go(share * seconds, moment, sudden=True)
        self.signs.append((sign, start, self.now))
        self.rest(rng.uniform(0.04, 0.3), moments[-1])


def plan_film(poses, rng, items, slot=1.0, share=0.5):
    """Plan a film: a hand comes up from below, spells `items`, and drops.

    An item is a letter, J or Z, or a letter and a mark: "+" moved aside and back, "~" shaken, "."
    held long. `slot` is a letter's time in seconds; the hand rests for `share` of it.
    """
    signer = Signer(poses, rng, [item[0] for item in items])
    if "Z" in items and rng.random() < 0.5:
        point(signer, rng)
    plan = Plan(signer, rng, slot * (1 - share))
    first, last = (STARTS_WITH.get(item[0], item[0]) for item in (items[0], items[-1]))
    plan.go(0, signer.relaxed(first, BELOW))
    plan.rest(rng.uniform(0.1, 0.4), signer.relaxed(first, BELOW))
    plan.go(rng.uniform(0.2, 0.5), signer.relaxed(first, (0, rng.uniform(-0.4, 0))))
    before = None
    for item in items:
        rest = slot * share * rng.uniform(0.75, 1.25)
        if item[0] in STROKES:
            plan.draw(item[0], rest if rng.random() < 0.7 else 0.04)
            before = None
            continue
        moment = signer.moment(item[0])
        if item[0] == before:
            separate(plan, moment)
        plan.go(plan.way(), moment)
        hold(plan, item, rest, moment)
        before = item[0]
    plan.go(rng.uniform(0.25, 0.5), signer.relaxed(last, BELOW))
    plan.rest(0.4, signer.relaxed(last, BELOW))
    return plan


def separate(plan, moment):
    """Move the hand aside, or open it, between two equal letters."""
    away = moment.copy()
    if plan.rng.random() < 0.7:
        angle = plan.rng.choice([0, np.pi]) + plan.rng.normal(0, 0.4)
        away[PLACE] += plan.rng.uniform(0.15, 0.3) * np.array([np.cos(angle), np.sin(angle)])
    else:
        away[JOINTS] *= 0.4
    plan.go(plan.way(), away)


def hold(plan, item, rest, moment):
    """Rest on a letter, and do what the item's mark says; none of it is another sign."""
    rng, kind, start = plan.rng, item[1:], plan.now
    plan.rest(rest * (rng.uniform(1.5, 4) if kind == "." else 1), moment)
    if kind == "~":
        shake(plan, moment)
        plan.rest(rest, moment)
    if kind == "+":
        away, angle = moment.copy(), rng.uniform(0, 2 * np.pi)
        away[PLACE] += rng.uniform(0.1, 0.4) * np.array([np.cos(angle), np.sin(angle)])
        plan.go(rng.uniform(0.15, 0.6), away)
        plan.rest(rng.choice([0.04, rest]), away)
        if rng.random() < 0.5:
            plan.go(rng.uniform(0.15, 0.6), moment)
            plan.rest(rest, moment)
    plan.signs.append((item[0], start, plan.now))


def shake(plan, moment):
    """Move and rotate the hand to and fro, and back."""
    rng = plan.rng
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.2)
    aside = size * np.array([np.cos(angle), np.sin(angle)])
    angles = rng.normal(0, 12, 3)
    for k in range(rng.integers(2, 7)):
        other = moment.copy()
        other[PLACE] += aside * (-1) ** k / 2
        other[VIEW] += angles * (-1) ** k
        plan.go(rng.uniform(0.1, 0.3), other)
    plan.go(rng.uniform(0.1, 0.3), moment)


def moments_at(stops, times, rng):
    """Interpolate between stops at `times` (n,): moments (n, 69), with a hand's trembling."""
    starts = np.array([stop.time for stop in stops])
    after = np.clip(np.searchsorted(starts, times, side="right"), 1, len(stops) - 1)
    share = (times - starts[after - 1]) / np.maximum(np.diff(starts)[after - 1], 1e-9)
    share = np.clip(share, 0, 1)
    gentle = np.array([not stop.sudden for stop in stops])[after]
    share = np.where(gentle, smooth(share), share)[:, None]
    all_moments = np.stack([stop.moment for stop in stops])
    moments = all_moments[after - 1] * (1 - share) + all_moments[after] * share
    knots = np.arange(0, times[-1] + 0.5, 0.25)
    for part, much in ((VIEW, 0.8), (PLACE, 0.004)):
        for k in range(part.start, part.stop):
            moments[:, k] += np.interp(times, knots, rng.normal(0, much, len(knots)))
    return moments


# ---------------------------------------------------------------- the pictures


def draw_hands(moments, seed, size):
    """Draw one hand, in one sleeve and light, chosen by `seed`, at every moment.

    Returns a list of (grey, alpha), as of `draw_hand`.
    """
    hand, rng = load_hand(), np.random.default_rng(seed)
    build, longer, state = random_build(rng), rng.uniform(*LONGER), rng.bit_generator.state
    count = len(moments)
    joints = moments[:, JOINTS].reshape(count, 21, 3)
    posed = pose_hands(hand, joints, [build] * count, np.tile(longer, (count, 1)))
    drawn = []
    for moment, vertices in zip(moments, posed, strict=True):
        rng.bit_generator.state = state  # the same light for every picture
        pose = Variant(1.0, None, moment[VIEW], np.zeros(3))
        drawn.append(draw_hand(hand, vertices, pose, rng, size, place_at(moment)))
    return drawn


def place_at(moment):
    """Return a `place` function for draw_hand that puts the hand where the moment says."""

    def place(vertices, _):
        low, high = vertices[:, :2].min(0), vertices[:, :2].max(0)
        scale = moment[METRE]
        return (high - low).max() * scale, moment[PLACE] + (low + high) / 2 * scale

    return place


def draw_film(poses, seed, items, fps=25, **pace):
    """Draw a Film of a hand that spells `items` (see plan_film); it depends on `seed` alone."""
    rng = np.random.default_rng(seed)
    plan = plan_film(poses, rng, items, **pace)
    times = np.arange(0, plan.now, 1 / fps)
    moments = moments_at(plan.stops, times, rng)
    room = draw_background(rng, DETAIL)
    signer_seed = rng.integers(2**31)
    scenes = np.stack(
        [
            compose(grey, alpha, room, np.random.default_rng(signer_seed))
            for grey, alpha in draw_hands(moments, signer_seed, DETAIL)
        ]
    )
    smear = rng.uniform(0, 0.45) if rng.random() < 0.7 else 0  # long exposure
    scenes[1:] = smear * scenes[:-1] + (1 - smear) * scenes[1:]
    images = np.stack([photograph(scene, np.random.default_rng(signer_seed)) for scene in scenes])
    noise = rng.normal(0, rng.uniform(0.2, 2), images.shape)
    return Film(np.clip(np.rint(images + noise), 0, 255).astype(np.uint8), times, plan.signs)


def random_items(rng):
    """Draw the items of a film to train on: two to four of J, Z, letters like them, any letters."""
    items = []
    for _ in range(rng.integers(2, 5)):
        kind = rng.choice(["J", "Z", "alike", "any"], p=[0.25, 0.25, 0.3, 0.2])
        if kind in ("alike", "any"):
            letter = rng.choice(list("IIDDGLX" if kind == "alike" else LETTERS))
            kind = letter + rng.choice(["", ".", "+", "~"], p=[0.4, 0.2, 0.2, 0.2])
        items.append(str(kind))
    return items


# ---------------------------------------------------------------- the video file

WIDTH, HEIGHT, FPS = 640, 480, 25  # a webcam's
GUIDE_BOX = 0.7  # side of the camera script's box, share of the height
SKIN, WALL = (0.60, 0.75, 1.0), (1.0, 0.96, 0.90)  # blue, green, red where grey is 1
PACE = {"slot": 1.7, "share": 0.65}
ROOM_SEEDS = (0, 13)  # a plain wall, a cluttered room


def write_video(path, word, seed):
    """Write a video of a hand that spells `word`, first at a plain wall, then in a cluttered room.

    Raises UserError if OpenCV cannot write it.
    """
    rng = np.random.default_rng(seed)
    plan = plan_film(read_poses(), rng, list(word), **PACE)
    times = np.arange(0, plan.now, 1 / FPS)
    moments = moments_at(plan.stops, times, rng)
    moments[:, PLACE.start :] *= GUIDE_BOX * HEIGHT / WIDTH
    rooms = [draw_background(np.random.default_rng(room), WIDTH) for room in ROOM_SEEDS]
    middle = plan.signs[len(word) // 2][1]
    with whole_file(path) as draft:
        film = cv2.VideoWriter(str(draft), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
        for time, moment in Progress(list(zip(times, moments, strict=True)), str(path)):
            film.write(draw_frame(moment, seed, rooms[int(time >= middle)]))
        film.release()
        written = cv2.VideoCapture(str(draft))
        if int(written.get(cv2.CAP_PROP_FRAME_COUNT)) != len(moments):
            raise UserError(f"{path}: OpenCV could not write the film")


def draw_frame(moment, seed, room):
    """Draw one frame, BGR uint8 (HEIGHT, WIDTH, 3), in front of `room`, grey (WIDTH, WIDTH)."""
    grey, alpha = draw_hands(moment[None], seed, WIDTH)[0]
    scene = grey[..., None] * SKIN + ((1 - alpha) * room)[..., None] * WALL
    middle = scene[(WIDTH - HEIGHT) // 2 : (WIDTH + HEIGHT) // 2]
    return np.clip(middle * 255, 0, 255).astype(np.uint8)


def spellable(text):
    """Parse a flag's word, of the letters A to Z (an argparse type)."""
    if not text or set(text.upper()) - set(LETTERS + STROKES):
        raise argparse.ArgumentTypeError(f"{text!r}: only A to Z can be spelled")
    return text.upper()


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--video", type=ending(".mp4"), required=True, help="file to write")
    add("--word", type=spellable, default="JAZZ", help="what the hand spells (JAZZ)")
    add("--seed", type=bounded(int, 0, 2**31), default=8, help="same seed, same hand (8)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    write_video(args.video, args.word, args.seed)


if __name__ == "__main__":
    run(main)

"""Movement before the camera: whether the hand rests, and whether it draws a J or a Z.

Where the hand is followed, its landmarks tell both. J is drawn by the hand of I, whose palm turns
away. Z is drawn by the tip of an index finger. Where the hand is not followed, the change of the
small picture tells whether it rests; J and Z are not read.
"""

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np

INDEX, LITTLE = 8, 20  # landmarks: the tips of these fingers
STARTS_WITH = {"J": "I", "Z": "DGLX"}  # letters that the model reads in the hand that draws it
AGAIN = 1.0  # seconds from the end of a sign until it can end again, at least
SHORT = 0.1  # seconds over which movement is measured
TICK = 0.035  # seconds: pictures that follow each other faster change no less
WINDOW = 1.7  # seconds in which a sign is drawn
LOST = 0.2  # seconds without its shape after which a hand draws no longer
HIDDEN = 0.5  # seconds that a J's finger may be hidden behind the hand, which rests at last
STRAIGHT, FOLDED = 0.9, 0.08  # a finger's length by its bones', stretched; how much less others are
THUMB = 1.0  # sizes of the palm from its tip to the middle knuckle, where it is not stretched
PALM, TURN = 0.25, 0.5  # of Pose.palm: least where J begins, least change until it ends
SLOW = 2.0  # sides of the box a second: a J ends slower; the hand of an I that goes down does not
FALL, HOOK = 1.0, 0.25  # sizes of the palm that J falls; what it rises and goes aside, by that
STROKE = 0.25  # sizes of the palm: a shorter stroke is none
SHORTEST = 0.4  # stroke of a Z, by the longest
POINTS = 0.7  # share of the time in which a hand that draws is seen in its shape, at least


class Strokes(NamedTuple):
    """The strokes of a Z."""

    shortest: float  # at least, sizes of the palm
    descent: float  # from the upper stroke to the lower, by the longest, at least
    level: float  # slope of these two, at most
    points: float  # share of the time in which the finger is seen to point, at least


# A finger that draws fast is blurred. Where it draws a clear Z, it need not be seen all the time.
ZS = Strokes(STROKE, 0.2, 0.5, POINTS), Strokes(1.0, 0.4, 0.35, 0.35)


class Speeds(NamedTuple):
    """What speeds mean."""

    rests: float  # at most, of a hand at rest
    moves: float  # more: it is on its way to another letter
    leaves: float  # more: it lets go of a letter, or ends a sign


HAND = Speeds(0.23, 0.29, 0.8)  # of landmarks, sides of the hand's box a second
# Change in SHORT, in standard deviations of the picture. It tells little of a slow hand: between
# 0.075 and 0.1 it rests, so that its letter is held, and moves, so that another letter may come.
PICTURE = Speeds(0.1, 0.075, 0.17)


class Pose(NamedTuple):
    """A hand at one time."""

    time: float  # seconds
    points: np.ndarray  # the landmarks, (21, 2), pixels
    side: float  # of the box, pixels
    size: float  # of the palm, pixels
    palm: float  # above 0 where the palm faces the camera, below 0 where the back of the hand does
    shape: str | None  # the sign that such a hand can draw


class Motion:
    """Follows a hand from frame to frame."""

    def __init__(self):
        self.forget()

    def forget(self):
        """Forget all that was seen."""
        self.pictures = deque()  # (time, softened picture) of the last SHORT seconds
        self.poses = deque()  # of the last WINDOW seconds
        self.speeds, self.speed = HAND, np.inf  # and the speed now
        self.fastest = np.inf  # since the last `mark`
        self.drawn = None  # the sign drawn last, until the hand moves on
        self.drawn_seen, self.has_rested = 0.0, False  # when it last had its shape; since `drawn`
        self.last_sign, self.last_at = None, -np.inf  # the sign drawn last, and when it ended

    def jump(self):
        """Forget where the hand was, as when the box jumps, but not that it moved or did not."""
        fastest = self.fastest
        self.forget()
        self.fastest = fastest

    def mark(self):
        """Measure from now on how the hand moves, as after a letter."""
        self.fastest = 0.0

    @property
    def rests(self):
        """Whether the hand is at rest."""
        return self.speed <= self.speeds.rests

    @property
    def moves(self):
        """Whether the hand is on its way to another letter."""
        return self.speed > self.speeds.moves

    @property
    def has_moved(self):
        """Whether it moved since the last `mark`, enough to form another letter."""
        return self.fastest > self.speeds.moves

    @property
    def has_left(self):
        """Whether it moved since the last `mark`, enough to sign the same letter again."""
        return self.fastest > self.speeds.leaves

    @property
    def begun(self):
        """The sign that a moving hand may be drawing, or None."""
        return self.poses[-1].shape if self.poses and not self.rests else None

    def update(self, now, image=None, hand=None):
        """Take a frame at `now` seconds. Return the sign that ends with it, or None.

        image: grey uint8 (S, S), None where no hand is found
        hand: a camera.hand.Hand, None where it is not followed
        """
        if image is None:
            return None
        if hand is None:
            self.speeds, self.speed = PICTURE, self.measure_change(image, now)
        else:
            self.speeds, self.speed = HAND, self.measure_speed(pose_of(hand, now))
        if self.speed < np.inf:  # of a hand that has just come nothing is known yet
            self.fastest = max(self.fastest, self.speed)
        if hand is None:
            return None
        self.leave(now)
        return self.read_sign(now)

    def measure_speed(self, pose):
        """Take a pose. Return how fast the landmarks move on average, sides of the box a second."""
        while self.poses and self.poses[0].time < pose.time - WINDOW:
            self.poses.popleft()
        before = [last for last in self.poses if last.time >= pose.time - 2 * SHORT]
        before = [last for last in before if last.time <= pose.time - SHORT + 1e-6] or before[:1]
        self.poses.append(pose)
        if not before:
            return np.inf  # it has just come
        elapsed = pose.time - before[-1].time
        way = np.linalg.norm(pose.points - before[-1].points, axis=1).mean()
        return way / pose.side / max(elapsed, TICK)

    def leave(self, now):
        """Forget the sign drawn last once the hand has another shape, or has rested and moves."""
        if self.poses[-1].shape == self.drawn:
            self.drawn_seen = now
        self.has_rested |= self.rests
        if now - self.drawn_seen > LOST or (self.has_rested and self.speed > HAND.leaves):
            self.drawn = None

    def read_sign(self, now):
        """Return the sign that ends with the last pose, or None."""
        sign = self.find_sign(now)
        draws = {None: lambda _: False, "J": draws_j, "Z": draws_z}[sign]
        is_same = sign == self.last_sign and now - self.last_at < AGAIN
        if self.drawn or is_same or not draws(self.poses):
            return None
        self.drawn, self.drawn_seen, self.has_rested = sign, now, False
        self.last_sign, self.last_at = sign, now
        self.poses = deque([self.poses[-1]])  # the next sign is drawn after this one
        return sign

    def find_sign(self, now):
        """Return the sign that the hand may be at the end of, by its shape or that just before."""
        if sign := self.poses[-1].shape:
            return sign if sign == "Z" or self.speed <= SLOW else None
        before = {pose.shape for pose in self.poses if pose.time >= now - LOST}
        hidden = {pose.shape for pose in self.poses if pose.time >= now - HIDDEN}
        return "Z" if "Z" in before else "J" if self.rests and "J" in hidden else None

    def measure_change(self, image, now):
        """Take a picture. Return how much it changed in SHORT or, if that is more, since the last.

        What moves to and fro is like itself again. Even changes of light do not count. In standard
        deviations of the picture.
        """
        soft = cv2.boxFilter(image, cv2.CV_32F, (3, 3))
        mean, deviation = cv2.meanStdDev(soft)
        soft -= mean[0]
        while len(self.pictures) > 1 and self.pictures[1][0] <= now - SHORT + 1e-6:
            self.pictures.popleft()
        compared = [self.pictures[0], self.pictures[-1]] if self.pictures else []
        changes = [
            cv2.norm(soft, before, cv2.NORM_L1) * min(1, SHORT / max(now - time, TICK))
            for time, before in compared
        ]
        self.pictures.append((now, soft))
        return max(changes, default=np.inf) / soft.size / (deviation.item() + 1e-3)


def pose_of(hand, now):
    """Return the Pose of a camera.hand.Hand."""
    joints, points = hand.landmarks, hand.landmarks[:, :2]
    index, little = points[5] - points[0], points[17] - points[0]  # knuckles, from the wrist
    size = max(np.linalg.norm(index), np.linalg.norm(little), 1e-6)
    palm = (index[1] * little[0] - index[0] * little[1]) / size**2
    palm = palm if hand.is_right > 0.5 else -palm
    return Pose(now, points, hand.box[2], size, palm, shape_of(joints))


def shape_of(joints):
    """Return the sign that a hand can draw which stretches one finger alone, or None.

    joints: (21, 3). A hand of Y stretches the thumb, too.
    """
    fingers = joints[5:].reshape(4, 4, 3)  # index to little finger, from root to tip
    bones = np.linalg.norm(np.diff(fingers, axis=1), axis=2).sum(1)
    reach = np.linalg.norm(fingers[:, 3] - fingers[:, 0], axis=1)
    index, middle, ring, little = reach / np.maximum(bones, 1e-6)
    size = np.linalg.norm(joints[[5, 17]] - joints[0], axis=1).max()
    has_thumb_in = np.linalg.norm(joints[4] - joints[9]) < THUMB * size
    if has_thumb_in and little > max(STRAIGHT, max(index, middle, ring) + FOLDED):
        return "J"
    return "Z" if index > max(STRAIGHT, max(middle, ring, little) + FOLDED) else None


def draws_j(poses):
    """Return whether a hand of I has turned its palm away, or its finger has drawn a hook."""
    least = max(PALM, poses[-1].palm + TURN)
    has_turned = any(pose.shape == "J" and pose.palm > least for pose in poses)
    return has_turned or draws_hook(poses)


def draws_hook(poses):
    """Return whether the tip of the little finger fell far, then rose beside its way."""
    tips, shapes = follow_tip(poses, LITTLE)
    corners = find_turns(tips[:, 1])[-3:]
    if len(corners) < 3:
        return False
    start, low, end = tips[corners]
    fall, rise, across = low[1] - start[1], low[1] - end[1], abs(end[0] - start[0])
    is_hook = fall > FALL and min(rise, across) > HOOK * fall
    return bool(is_hook and np.mean(shapes[corners[0] :] == "J") > POINTS)


def follow_tip(poses, landmark):
    """Return where a landmark was, (n, 2), in sizes of the palm, and the hand's shapes, (n,)."""
    size = np.median([pose.size for pose in poses])
    tips = np.array([pose.points[landmark] for pose in poses]) / size
    return tips, np.array([pose.shape for pose in poses])


def draws_z(poses):
    """Return whether the tip of a pointing finger has drawn a Z.

    Three strokes to and fro, the middle one descending; a mirror may show them.
    """
    tips, shapes = follow_tip(poses, INDEX)
    corners = find_turns(tips[:, 0])[-4:]
    if len(corners) < 4:
        return False
    corners, start = tips[corners], corners[0]
    across, down = np.abs(np.diff(corners, axis=0)).T
    descent = (corners[2:] - corners[:2]).mean(0)[1]  # from the upper stroke to the lower
    slope, points = max(down[0] / across[0], down[2] / across[2]), np.mean(shapes[start:] == "Z")
    return across.min() > SHORTEST * across.max() and any(
        across.min() > z.shortest
        and descent > z.descent * across.max()
        and slope < z.level
        and points > z.points
        for z in ZS
    )


def find_turns(places):
    """Return where a way to and fro starts, turns and ends: indices into places (n,).

    Strokes shorter than STROKE are none.
    """
    turns, end, side = [0], 0, 0
    for k, place in enumerate(places):
        if side == 0 and abs(place - places[0]) >= STROKE:
            side, end = np.sign(place - places[0]), k
        elif (place - places[end]) * side >= 0:
            end = k
        elif (places[end] - place) * side >= STROKE:
            turns.append(end)
            end, side = k, -side
    return [*turns, end]

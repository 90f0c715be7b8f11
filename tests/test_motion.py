"""Movement before the camera: rest, J and Z, and what is not to be taken for them."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from camera import motion as motions
from camera.motion import Motion, find_turns

FPS = 25
FINGERS = "index", "middle", "ring", "little"


def hand(stretched="", x=0.0, y=0.0, size=60.0, turn=0.0, thumb=False, is_right=1.0):
    """A hand that shows its palm, its wrist at (x, y) pixels, with these fingers stretched.

    `turn`, in degrees, turns it about the forearm.
    """
    landmarks = np.zeros((21, 3))
    landmarks[1:5, 0] = np.linspace(0.2, 0.6 if thumb else 0.3, 4)
    landmarks[1:5, 1] = np.linspace(-0.2, -0.4 if thumb else -0.8, 4)
    if thumb:
        landmarks[4, :2] = 1.2, -0.4
    for k, finger in enumerate(FINGERS):
        root = 5 + 4 * k
        heights = (1.0, 1.4, 1.7, 1.9) if finger in stretched else (1.0, 1.4, 1.2, 1.0)
        landmarks[root : root + 4, 0] = 0.3 - 0.2 * k
        landmarks[root : root + 4, 1] = -np.array(heights)
    landmarks[:, [0, 2]] = landmarks[:, :1] * [np.cos(np.radians(turn)), np.sin(np.radians(turn))]
    landmarks = landmarks * size + (x, y, 0)
    left, top = landmarks[:, :2].min(0)
    return SimpleNamespace(landmarks=landmarks, box=(left, top, 2.2 * size), is_right=is_right)


def signs(hands, fps=FPS, motion=None):
    """The signs that are read in hands, frame by frame; None is a frame without a hand."""
    motion = motion or Motion()
    image = np.zeros((28, 28), np.uint8)
    frames = enumerate(hands)
    read = [motion.update(k / fps, None if one is None else image, one) for k, one in frames]
    return "".join(sign for sign in read if sign)


def along(corners, seconds=0.9, fps=FPS):
    """Points along a line, (n, 2), in even steps of the time."""
    corners = np.array(corners, float)
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    at = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    shares = np.linspace(0, 1, round(seconds * fps))
    return np.stack([np.interp(shares, at, corners[:, k]) for k in (0, 1)], 1)


def draw(corners, stretched="index", size=60.0, fps=FPS, seconds=0.9, **kind):
    """Hands that rest, move along corners, in hand sizes, and rest."""
    way = along(corners, seconds, fps) * size + 200
    way = np.concatenate([way[:1].repeat(fps // 2, 0), way, way[-1:].repeat(fps // 2, 0)])
    return [hand(stretched, x, y, size, **kind) for x, y in way]


def turned(degrees, stretched="little", seconds=0.5, fps=FPS, rest=1.0, **kind):
    """Hands that rest, turn about the forearm, and rest."""
    angles = np.concatenate(
        [
            np.zeros(round(rest * fps)),
            np.linspace(0, degrees, round(seconds * fps)),
            np.full(fps // 2, degrees),
        ]
    )
    return [hand(stretched, 200, 200, turn=angle, **kind) for angle in angles]


Z = [(0, 0), (1, 0), (0, 1), (1, 1)]


def falling(hands, sizes, seconds=0.4):
    """The same, but in the last `seconds` the hand goes down by so many of its sizes."""
    count = round(seconds * FPS)
    for one, way in zip(hands[-count:], np.linspace(0, sizes, count), strict=True):
        one.landmarks[:, 1] += 60 * way
    return hands


def blurred(hands, start, end):
    """The same, but in this share of the frames no finger is seen to be stretched."""
    first, last = round(start * len(hands)), round(end * len(hands))
    for one in hands[first:last]:
        one.landmarks[[6, 7, 18, 19], 0] += 60  # the middle joints leave the line from root to tip
    return hands


# ---------------------------------------------------------------- J
@pytest.mark.parametrize("fps", [10, 25, 60])
@pytest.mark.parametrize("degrees", [100, 180])
def test_an_i_that_turns_its_palm_away_is_j(fps, degrees):
    assert signs(turned(degrees, fps=fps), fps) == "J"


def test_a_left_hand_draws_j_too():
    left = turned(180, is_right=0.0)
    for one in left:
        one.landmarks[:, 0] *= -1
    assert signs(left) == "J"


NOT_J = {
    "it hardly turns": turned(30),
    "it points": turned(180, "index"),
    "two fingers": turned(180, "little index"),
    "an open hand": turned(180, "index middle ring little"),
    "Y": turned(180, thumb=True),
    "nobody is so slow": turned(180, seconds=10.0),
    "the back of the hand first": turned(180)[::-1],
    "it comes up": draw([(0, 2), (0, 0)], "little"),
    "the whole hand moves": draw([(0, 0), (0, 2), (-1, 2)], "little"),
    "it sways": draw([(0, 0), (0.5, 0)] * 4, "little"),
    "it bounces": draw([(0, 0), (0, 1.5), (0, 0)], "little"),
    "a short hook": draw([(0, 0), (0, 0.7), (0.5, 0.7), (0.5, 0.3)], "little"),
    "it goes down and turns": falling(turned(180, seconds=0.4)[: -FPS // 2], 8),
    "a hook with two fingers": draw([(0, 0), (0, 1.5), (0.6, 1.5), (0.6, 0.9)], "index little"),
}


@pytest.mark.parametrize("hands", NOT_J.values(), ids=NOT_J)
def test_other_movements_are_not_j(hands):
    assert signs(hands) == ""


@pytest.mark.parametrize("side", [1, -1])
def test_a_hook_is_j_though_the_hand_hardly_turns(side):
    hook = np.array([(0, 0), (0, 1.5), (0.6, 1.5), (0.6, 0.9)]) * (side, 1)
    assert signs(draw(hook, "little")) == "J"


def test_j_is_read_though_its_finger_hides_behind_the_hand_at_last():
    assert signs(blurred(turned(180, seconds=0.3), 0.6, 1)) == "J"
    assert signs(blurred(turned(30, seconds=0.3), 0.6, 1)) == ""


def test_the_rest_of_a_j_is_no_second_one():
    """Its finger hides for a moment, while the hand goes on to turn."""
    first, last = turned(100, seconds=0.3)[:-6], turned(180, seconds=0.4, rest=0.0)[3:]
    assert signs(blurred(first, 0.78, 1) + last) == "J"
    assert signs(blurred(first, 0.78, 1) + turned(180)) == "JJ"


def test_j_is_read_where_the_hand_is_lost_on_the_way():
    hands = turned(180)
    start = len(hands) // 2
    hands[start : start + 8] = [None] * 8
    assert signs(hands) == "J"


# ---------------------------------------------------------------- Z
@pytest.mark.parametrize("size", [25.0, 60.0, 150.0])
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_a_pointing_hand_draws_z_near_and_far_large_and_small(size, scale):
    corners = np.array(Z) * scale
    assert signs(draw(corners, size=size)) == "Z"
    assert signs(draw(corners * (-1, 1), size=size)) == "Z"  # as in a mirror


@pytest.mark.parametrize("fps", [10, 30, 60])
@pytest.mark.parametrize("seconds", [0.5, 1.2])
def test_z_is_read_at_any_frame_rate_slow_and_fast(fps, seconds):
    assert signs(draw(Z, fps=fps, seconds=seconds), fps) == "Z"


def test_z_may_be_slanted_and_uneven():
    assert signs(draw([(0, 0.1), (0.9, 0), (0.2, 0.8), (1.1, 0.95)])) == "Z"


def test_a_clear_z_is_read_though_the_finger_is_blurred_half_the_time():
    large = 2.5 * np.array(Z)
    assert signs(blurred(draw(large), 0.3, 0.75)) == "Z"
    assert signs(blurred(draw(large), 0.6, 0.75)) == "Z"
    assert signs(blurred(draw(0.8 * np.array(Z)), 0.3, 0.75)) == ""  # this may be anything
    assert signs(blurred(draw(large), 0.15, 0.9)) == ""


def test_two_zs_are_read_where_the_hand_rests_between():
    assert signs(draw(Z) + draw(Z)) == "ZZ"


NOT_Z = {
    "an open hand": draw(Z, "index middle ring little"),
    "the little finger": draw(Z, "little"),
    "it trembles": draw(np.array(Z) * 0.15),
    "nobody is so slow": draw(Z, seconds=5.0),
    "7": draw(Z[:3]),
    "it sways": draw([(0, 0), (1, 0), (0, 0), (1, 0)]),
    "from below": draw([(0, 1), (1, 1), (0, 0), (1, 0)]),
    "N": draw([(0, 1), (0, 0), (1, 1), (1, 0)]),
    "it comes up": draw([(0, 2), (0, 0)]),
    "it circles": draw([(np.cos(a), np.sin(a)) for a in np.linspace(0, 9, 40)]),
}


@pytest.mark.parametrize("hands", NOT_Z.values(), ids=NOT_Z)
def test_other_movements_are_not_z(hands):
    assert signs(hands) == ""


# ---------------------------------------------------------------- after a sign
def test_a_sign_lasts_until_the_hand_moves_on():
    motion = Motion()
    assert signs(turned(180), motion=motion) == "J"
    assert motion.drawn == "J"
    for k in range(12):
        motion.update(3 + k / FPS, np.zeros((28, 28), np.uint8), hand("index middle", 200, 200))
    assert motion.drawn is None


def test_a_moving_hand_may_be_drawing_the_sign_of_its_shape():
    for stretched, sign in [("index", "Z"), ("little", "J"), ("index middle", None)]:
        motion = Motion()
        signs(draw([(0, 0), (2, 0)], stretched)[: FPS // 2 + 10], motion=motion)
        assert motion.begun == sign
        signs([hand(stretched, 400, 400)] * 20, motion=(motion := Motion()))
        assert motion.begun is None


# ---------------------------------------------------------------- rest
@pytest.mark.parametrize("fps", [10, 25, 60, 120])
@pytest.mark.parametrize("size", [25.0, 150.0])
def test_a_hand_that_is_followed_is_told_from_one_at_rest_at_any_rate_and_size(fps, size):
    rng, motion = np.random.default_rng(0), Motion()
    trembling = rng.normal(200, 0.002 * size, (fps, 2))
    signs([hand("", x, y, size) for x, y in trembling], fps, motion)
    assert motion.rests
    moving = 200 + np.linspace(0, size, fps)  # a palm's length a second
    signs([hand("", x, 200, size) for x in moving], fps, (motion := Motion()))
    assert motion.moves
    assert not motion.rests


def test_a_hand_that_has_just_come_does_not_rest():
    motion = Motion()
    assert motion.update(0.0, np.zeros((28, 28), np.uint8), hand()) is None
    assert motion.speed == np.inf
    motion.update(1.0, np.zeros((28, 28), np.uint8), hand())  # it was lost
    assert motion.speed == np.inf


def picture(x=0.0, light=0.0):
    image = np.full((28, 28), 50.0)
    image[8:24, 10:18] = 200
    image = cv2.warpAffine(image, np.float32([[1, 0, x], [0, 1, 0]]), (28, 28), borderMode=1)
    return np.clip(image + light, 0, 255).astype(np.uint8)


def rests(pictures, fps=FPS):
    """Whether the last of these pictures is at rest."""
    motion = Motion()
    for k, image in enumerate(pictures):
        assert motion.update(k / fps, image) is None
    return motion.rests


@pytest.mark.parametrize("fps", [10, 25, 60, 120])
def test_rest_is_told_from_movement_in_pictures_at_any_frame_rate(fps):
    rng, count = np.random.default_rng(0), int(0.6 * fps)
    noise = [rng.integers(0, 6, (28, 28)).astype(np.uint8) for _ in range(count)]
    assert rests([picture() + grains for grains in noise], fps)
    assert rests([picture(light=0.3 * k) for k in range(count)], fps)
    moving = [picture(6 * k / count) for k in range(count)]  # a fifth of the box in half a second
    assert not rests(moving, fps)
    assert rests(moving + [moving[-1]] * int(0.15 * fps + 1), fps)


def test_pictures_of_a_hand_that_moves_to_and_fro_are_not_at_rest():
    """Also where it is back where it was SHORT ago."""
    shaken = [picture((0, 3, -3)[k % 3]) for k in range(20)]  # once in 0.12 seconds
    assert not any(rests(shaken[:k]) for k in range(2, 20))


def test_movement_is_measured_since_a_mark():
    motion, image = Motion(), np.zeros((28, 28), np.uint8)
    assert motion.has_moved  # whatever was before
    assert motion.has_left
    motion.mark()
    states, place = [], 200.0
    for k, speed in enumerate([0] * 20 + [0.6] * 20 + [0] * 20 + [4.0] * 5 + [0] * 20):
        place += speed * 60 / FPS  # palm lengths a second
        motion.update(k / FPS, image, hand("", place, 200))
        motion.mark() if k == 9 else None  # it has come
        states.append((motion.rests, motion.has_moved, motion.has_left))
    assert states[19] == (True, False, False)
    assert states[59] == (True, False, False)  # it swayed
    assert states[84] == (True, True, True)
    motion.mark()
    assert not motion.has_moved


def test_what_was_seen_is_forgotten():
    motion = Motion()
    signs(turned(180), motion=motion)
    motion.forget()
    assert vars(motion) == vars(Motion())


@pytest.mark.parametrize(
    ("places", "turns"),
    [
        ([0, 0, 0], [0, 2]),
        ([0, 1, 2], [0, 2]),
        ([0, 1, 2, 1, 0], [0, 2, 4]),
        ([0, 0.1, 0, 1, 0.9, 1.1, 0, 0.1], [0, 5, 6]),  # the small ones are none
        ([0, -1, 1, -1], [0, 1, 2, 3]),
    ],
)
def test_turns_of_a_way(places, turns):
    assert motions.STROKE <= 0.3
    assert find_turns(np.array(places, float)) == turns

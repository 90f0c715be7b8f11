"""The hand is found wherever it is, followed and lost, and faults are told in one line."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import ROOT

from camera import hand as hands
from camera.hand import HandFinder, SmoothBox, Square, crop_square
from camera.model import Model, temper
from plumbing.faults import UserError

FPS = 25
SHOWN = slice(20, 140)  # frames of hello.mp4 that show a hand all the time


@pytest.fixture(scope="module")
def film():
    """The frames of hello.mp4, uint8 (480, 640, 3)."""
    capture, frames = cv2.VideoCapture(str(ROOT / "data/hello.mp4")), []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame)
    return frames


@pytest.fixture
def finder():
    return HandFinder()


def find_skin(frame):
    """Left, top, right and bottom of the skin, which is redder than all else in hello.mp4."""
    blue, _, red = cv2.split(frame.astype(int))
    rows, columns = np.nonzero(red - blue > 30)
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()])


def move(frame, scale, centre, size):
    """Show a frame of hello.mp4 so that the hand in it is `scale` times as large, at `centre`."""
    left, top, right, bottom = find_skin(frame)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    matrix = np.float32([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = centre - scale * middle
    return cv2.warpAffine(frame, matrix, size, None, cv2.INTER_AREA, cv2.BORDER_REPLICATE)


def is_around_skin(hand, frame):
    """Whether nearly all landmarks lie on skin or beside it."""
    blue, _, red = cv2.split(frame.astype(int))
    reach = max(3, round(hand.box[2] / 20))
    skin = cv2.dilate(np.uint8(red - blue > 30), np.ones((reach, reach), np.uint8))
    x, y = np.clip(hand.landmarks[:, :2].T.astype(int), 0, np.array(skin.shape)[::-1, None] - 1)
    return skin[y, x].mean() > 0.9


# ---------------------------------------------------------------- where the hand is
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_hand_that_wanders_and_changes_size_is_followed(film, finder, is_mirrored):
    size, found, turns = np.array([640, 480]), [], np.linspace(0, 2 * np.pi, 120)
    for number, (frame, turn) in enumerate(zip(film[SHOWN], turns, strict=True)):
        _, top, _, bottom = find_skin(frame)
        share = 0.6 - 0.37 * np.cos(turn)  # of the frame's height; a quarter of it is the wrist
        room = (1 - share) * size / 2
        centre = size / 2 + room * (np.sin(2 * turn), np.cos(3 * turn))
        scene = move(frame, share * size[1] / (bottom - top), centre, size)
        scene = cv2.flip(scene, 1) if is_mirrored else scene
        hand = finder.find(scene, number / FPS)
        found.append(hand is not None and is_around_skin(hand, scene))
    assert np.mean(found) >= 0.98


@pytest.mark.parametrize("share", [0.23, 0.5, 1])  # as above
@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (480, 640)])
def test_a_picture_needs_no_frames_before_it(film, finder, share, size):
    frame = film[60]
    _, top, _, bottom = find_skin(frame)
    scene = move(frame, share * size[1] / (bottom - top), np.array(size) / 2, size)
    assert is_around_skin(finder.find(scene), scene)


def test_a_hand_larger_than_the_frame_is_found_in_a_stream(film, finder):
    _, top, _, bottom = find_skin(film[60])
    centre = 320, 240 + 90  # the wrist is below the frame
    scene = move(film[60], 1.3 * 480 / (bottom - top), centre, (640, 480))
    assert any(finder.find(scene, number / FPS) for number in range(10))


def test_pictures_leave_what_is_followed_as_it_was(film, finder):
    first = finder.find(film[60], 0.0)
    finder.find(film[100])
    assert finder.hand is first


def test_right_and_left_hands_are_told_apart(film, finder):
    assert finder.find(film[60]).is_right > 0.9
    assert finder.find(cv2.flip(film[60], 1)).is_right < 0.1


def test_no_hand_is_found_where_there_is_none(film, finder):
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for number, frame in enumerate([film[0], np.zeros_like(noise), noise] * 4):
        assert finder.find(frame) is None
        assert finder.find(frame, number / FPS) is None


def test_a_hand_that_leaves_is_lost_and_found_again(film, finder):
    there = [finder.find(frame, number / FPS) is not None for number, frame in enumerate(film)]
    assert not any(there[:8])
    assert all(there[20:140])
    assert not any(there[152:158])  # between the two words
    assert all(there[180:240])


def test_of_two_hands_the_raised_or_the_larger_one_is_taken(film):
    hand = cv2.resize(film[60], (320, 240), interpolation=cv2.INTER_AREA)
    small = cv2.resize(film[60], (160, 120), interpolation=cv2.INTER_AREA)
    scene = np.full((480, 640, 3), film[60][0, 0])
    scene[240:, :320] = scene[:240, 320:] = hand
    assert HandFinder().find(scene).box[0] > 320 - 40, "the raised one is on the right"
    scene[:240, 320:] = scene[0, 0]
    scene[300:420, 400:560] = small
    assert HandFinder().find(scene).box[0] < 320, "the larger one is on the left"


def test_a_hand_that_is_raised_takes_over(film, finder):
    hand = cv2.resize(film[60], (320, 240), interpolation=cv2.INTER_AREA)
    scene = np.full((480, 640, 3), film[60][0, 0])
    scene[240:, :320] = hand
    assert finder.find(scene, 0.0).box[0] < 320
    scene[:240, 320:] = hand
    assert [finder.find(scene, 0.1 * step) for step in range(1, 13)][-1].box[0] > 280


def test_a_still_hand_is_not_looked_for_in_every_frame(film, finder, monkeypatch):
    looks = []
    look = finder.look
    monkeypatch.setattr(finder, "look", lambda *args: looks.append(args) or look(*args))
    for number in range(31):
        assert finder.find(film[60], number / 30) is not None
    assert len(looks) < 20


# ---------------------------------------------------------------- frames
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (17, 40), (64, 64)])
def test_frames_may_be_smaller_than_what_the_networks_take(finder, shape):
    frame = np.full((*shape, 3), 128, np.uint8)
    assert finder.find(frame) is None
    for number in range(8):
        assert finder.find(frame, number / FPS) is None


def test_a_small_picture_of_a_hand_is_read(film, finder):
    small = cv2.resize(film[60], (96, 72), interpolation=cv2.INTER_AREA)
    assert is_around_skin(finder.find(small), small)


def test_depth_is_in_pixels_too(film, finder):
    small = cv2.resize(film[60], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    depth, halved = (finder.find(frame).landmarks[:, 2] for frame in (film[60], small))
    assert np.ptp(halved) == pytest.approx(np.ptp(depth) / 2, rel=0.2)


def test_time_may_jump(film, finder):
    for now in (0.0, 0.0, 5.0, 4.0, 1e9, 0.0):
        assert finder.find(film[60], now) is not None


def test_the_box_is_135_per_cent_of_the_landmarks(film, finder):
    hand = finder.find(film[60])
    low, high = hand.landmarks[:, :2].min(0), hand.landmarks[:, :2].max(0)
    left, top, side = hand.box
    assert side == pytest.approx(1.35 * (high - low).max())
    assert (left + side / 2, top + side / 2) == pytest.approx((low + high) / 2)


# ---------------------------------------------------------------- geometry
def test_a_square_turns_shares_into_pixels():
    corners = np.array([(0, 0), (1, 0), (0.5, 0.5)])
    assert Square(5, 7, 4).to_frame(corners) == pytest.approx(np.array([(3, 5), (7, 5), (5, 7)]))
    turned = Square(5, 7, 4, np.pi / 2).to_frame(corners)  # clockwise: its top is on the right
    assert turned == pytest.approx(np.array([(7, 5), (7, 9), (5, 7)]))


def test_a_square_is_cut_as_it_lies():
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(Square(20, 15, 10).cut(frame, 10), frame[10:20, 15:25])


def test_a_crop_beyond_the_frame_repeats_its_border():
    frame = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(crop_square(frame, 1, 0, 3), frame[:, 1:])
    assert crop_square(frame, -1, -1, 3).tolist() == [[0, 0, 1], [0, 0, 1], [4, 4, 5]]
    assert crop_square(frame, 3.4, 2.4, 2).tolist() == [[11, 11], [11, 11]]
    assert crop_square(frame, -9, -9, 0).tolist() == [[0]]
    assert crop_square(frame, 20, 1, 2).tolist() == [[7, 7], [11, 11]]


def test_a_box_that_shakes_is_calmed_and_one_that_moves_is_followed():
    rng = np.random.default_rng(0)
    shaken = np.array([100, 100, 80]) + rng.normal(0, 1, (200, 3))
    smooth = SmoothBox()
    calmed = np.array([smooth.update(box, n / 30) for n, box in enumerate(shaken)])
    assert calmed[50:].std(0).max() < 0.5
    smooth = SmoothBox()
    for n in range(60):
        left, _, _ = smooth.update((10 * n, 0, 80), n / 30)  # nearly four sides a second
    assert 10 * n - left < 20


# ---------------------------------------------------------------- the letter
def test_landmarks_tell_the_letter_however_large_and_on_either_hand(film, finder):
    """Four times in hello.mp4 a hand is held: H, E, L, L, O."""
    read = []
    for frame in film[SHOWN.start : SHOWN.stop : 10]:
        hand = finder.find(frame)
        probabilities = finder.read(hand)
        assert probabilities.shape == (24,)
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        read.append(hands.ALPHABET[probabilities.argmax()])
        for change in (0.25, [-1, 1, 1]):
            other = replace(hand, landmarks=np.float32(hand.landmarks * change))
            assert finder.read(other) == pytest.approx(probabilities, abs=1e-3)
    assert sum(letter in "HELO" for letter in read) > 0.6 * len(read)


def likely(**letters):
    """Probabilities of letters, and of the others a little each: float32 (24,)."""
    rest = (1 - sum(letters.values())) / (24 - len(letters))
    return np.float32([letters.get(letter, rest) for letter in hands.ALPHABET])


MODEL = Model(None, None)


def test_readings_that_agree_are_certain_and_others_are_not():
    agreed = temper(*hands.agree(MODEL, likely(A=0.7, S=0.25), likely(A=0.6, E=0.3)))
    assert hands.ALPHABET[agreed.argmax()] == "A"
    assert agreed.max() > 0.8
    apart, belief = hands.agree(MODEL, likely(A=0.9), likely(E=0.9))
    assert belief < 0.1
    assert temper(apart, belief).max() < 0.35
    assert sorted(np.argsort(apart)[-2:]) == [0, 4]  # A and E, which suggestions of words go by
    mended = temper(*hands.agree(MODEL, likely(A=0.5, B=0.4), likely(B=0.9)))
    assert hands.ALPHABET[mended.argmax()] == "B"
    assert mended.max() > 0.8


def test_a_picture_without_a_hand_stays_one():
    for share in (0.3, 0):
        odds, _ = hands.agree(MODEL, likely(A=0.9) * share, likely(A=0.9))
        assert odds.sum() == pytest.approx(share, abs=1e-5)


def test_a_taught_model_knows_better_than_landmarks_that_were_not_taught():
    taught = replace(MODEL, is_taught=True)
    by_picture, by_landmarks = likely(A=0.8), likely(E=0.95)
    assert hands.ALPHABET[hands.agree(taught, by_picture, by_landmarks)[0].argmax()] == "A"
    both_taught = replace(taught, landmarks="a session")
    agreed, untaught = (hands.agree(m, by_picture, by_landmarks) for m in (both_taught, MODEL))
    assert hands.ALPHABET[agreed[0].argmax()] == "E"
    assert agreed[1] == untaught[1] < hands.agree(taught, by_picture, by_landmarks)[1]
    assert hands.ALPHABET[untaught[0].argmax()] == "E"


def test_a_model_of_other_letters_reads_pictures_alone():
    other = replace(MODEL, alphabet="HI")
    odds, belief = hands.agree(other, np.float32([0.2, 0.7]), likely(A=0.9))
    assert (odds.tolist(), belief) == ([pytest.approx(0.2), pytest.approx(0.7)], 1)


# ---------------------------------------------------------------- faults
def test_a_finder_that_is_missing_damaged_or_another_is_told_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"no hand finder .*palm_detection\.onnx: .*get it anew"):
        HandFinder(tmp_path)
    for name in (hands.PALMS, hands.LANDMARKS, hands.LETTERS_NETWORK):
        shutil.copy(hands.FOLDER / name, tmp_path)
    HandFinder(tmp_path)
    landmarks = tmp_path / hands.LANDMARKS
    landmarks.write_bytes(landmarks.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"hand_landmark\.onnx: no ONNX model, .*get it anew"):
        HandFinder(tmp_path)
    shutil.copy(hands.FOLDER / hands.PALMS, landmarks)
    with pytest.raises(UserError, match=r"hand_landmark\.onnx is another network: .*get it"):
        HandFinder(tmp_path)

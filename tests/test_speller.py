"""From probabilities to text."""

import numpy as np
import pytest

from camera.model import ALPHABET
from camera.speller import CERTAIN, DOUBT, HOLD, SMOOTHING, Speller


def only(letter, share=0.97):
    """Probabilities with so much on one letter; None: the same for each."""
    if letter is None:
        return np.full(24, 1 / 24, np.float32)
    probabilities = np.full(24, (1 - share) / 23, np.float32)
    probabilities[ALPHABET.index(letter)] = share
    return probabilities


def spell(*parts, fps=30, speller=None):
    """(frame, letter) of all that is added while (letter, seconds, [image]) are read."""
    speller = speller or Speller(ALPHABET, 0.53)
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
    assert spell(("H", 2.0), fps=fps) == [(int(np.ceil(HOLD * fps - 1e-9)), "H")]
    slow = Speller(ALPHABET, 0.53, hold=0.8)
    assert spell(("H", 2.0), fps=fps, speller=slow) == [(int(np.ceil(0.8 * fps - 1e-9)), "H")]


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_the_next_letter_needs_its_own_hold_at_any_frame_rate(fps):
    times = [frame / fps for frame, _ in spell(("H", 1.0), ("I", 2.0), fps=fps)]
    recognised = 1.0 + SMOOTHING * np.log(0.97 / (0.97 - 0.53))  # what smoothing takes
    assert len(times) == 2
    certain = 1.0 + SMOOTHING * np.log(0.97 / (0.97 - CERTAIN))
    assert recognised + HOLD - 2 / fps <= times[1] <= certain + HOLD + 2 / fps


def test_probabilities_are_smoothed_in_seconds():
    speller = Speller(ALPHABET, 0.53)
    speller.update(only("A"), 0.0)
    speller.update(only("B"), 0.1)
    share = np.exp(-0.1 / SMOOTHING)
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
    assert text(*parts, speller=Speller(ALPHABET, 0.53, hold=0.8)) == expected


def test_an_uncertain_letter_takes_longer():
    times = []
    for share in (0.97, 0.7, 0.55):
        speller = Speller(ALPHABET, 0.53)
        added = [speller.update(only("A", share), frame / 100) for frame in range(100)]
        times.append(added.index("A") / 100)
    assert times == pytest.approx([HOLD * (1 + DOUBT * x) for x in (0, 0.2, 0.35)], abs=0.011)


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
    speller = Speller(ALPHABET, 0.98)
    assert spell(("A", 3.0), speller=speller) == []
    assert speller.letter is None
    speller = Speller(ALPHABET, 0.53)
    times = 0.0, 5.0, 5.0 + HOLD
    assert [speller.update(only("A"), now) for now in times] == [None, None, "A"]

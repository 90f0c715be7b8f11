"""The network of landmarks is taught a hand, too; where it cannot be, pictures are taught alone."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from conftest import ROOT

from camera import learn, learn_landmarks
from camera.hand import HandFinder
from camera.learn_landmarks import REHEARSAL, enlarge, find_landmarks, vary
from camera.model import ALPHABET, load_model, to_probabilities
from plumbing.faults import UserError

ODD = "AOT"  # letters that our person signs with the hand upside down
SURE = 0.5


def read_all(session, landmarks):
    (logits,) = session.run(["logits"], {"landmarks": landmarks.astype(np.float32)})
    return to_probabilities(logits, -np.inf)


def letters_of(probabilities):
    return [ALPHABET[number] for number in probabilities.argmax(axis=1)]


@pytest.fixture(scope="module")
def untaught():
    return HandFinder().letters


@pytest.fixture(scope="module")
def rendered():
    return np.load(REHEARSAL).astype(np.float32)


@pytest.fixture(scope="module")
def person(untaught, rendered):
    """The landmarks of a hand for each letter, but ODD ones upside down: float32 (24, 21, 3)."""
    read = read_all(untaught, rendered)
    hands = rendered[read.argmax(axis=0)]
    assert letters_of(read_all(untaught, hands)) == [*ALPHABET]
    hands[[ALPHABET.index(letter) for letter in ODD], :, :2] *= -1
    return hands


class Finder:
    """Stands in for HandFinder: a picture's grey value is the number of its hand, 255 is none."""

    def __init__(self, hands):
        self.hands = hands

    def find(self, frame):
        number = int(frame[0, 0, 0])
        return None if number == 255 else SimpleNamespace(landmarks=self.hands[number])


def picture_of(number, letter):
    return learn.Picture(f"{letter}.png", letter, np.full((28, 28), number, np.uint8))


def learn_from(pictures, hands, monkeypatch):
    monkeypatch.setattr(learn_landmarks, "HandFinder", lambda: Finder(hands))
    return learn_landmarks.learn_landmarks(pictures, 60)


def open_taught(layers):
    return learn.open_session(learn_landmarks.NETWORK, layers)


@pytest.fixture
def lesson(person, monkeypatch):
    """What a picture of each letter teaches."""
    pictures = [picture_of(number, letter) for number, letter in enumerate(ALPHABET)]
    return learn_from(pictures, person, monkeypatch)


def test_odd_signs_are_read_once_they_are_taught(untaught, person, lesson):
    exams, letters = vary(person, 8, np.random.default_rng(5)), np.repeat([*ALPHABET], 8)
    is_odd = np.isin(letters, [*ODD])
    before = np.array(letters_of(read_all(untaught, exams))) == letters
    after = np.array(letters_of(read_all(open_taught(lesson), exams))) == letters
    assert before[is_odd].mean() < 0.3
    assert after[is_odd].mean() > 0.9
    assert after[~is_odd].mean() > 0.9
    mirrored = letters_of(read_all(open_taught(lesson), exams * np.float32([-1, 1, 1])))
    assert (np.array(mirrored) == letters)[is_odd].mean() > 0.9


def test_other_hands_are_read_as_before(untaught, rendered, lesson):
    before, after = (read_all(one, rendered) for one in (untaught, open_taught(lesson)))
    known = before.max(axis=1) > SURE
    assert (after[known].argmax(axis=1) == before[known].argmax(axis=1)).mean() > 0.96


@pytest.mark.parametrize("letters", ["A", "AOT", "BDGHIL"])
def test_hands_of_letters_not_taught_are_read_as_before(
    untaught, rendered, person, monkeypatch, letters
):
    pictures = [picture_of(ALPHABET.index(letter), letter) for letter in letters]
    taught = open_taught(learn_from(pictures, person, monkeypatch))
    before = read_all(untaught, rendered)
    known = (before.max(axis=1) > SURE) & ~np.isin(letters_of(before), [*letters])
    after = read_all(taught, rendered)
    kept = after[known].argmax(axis=1) == before[known].argmax(axis=1)
    assert kept.mean() > 0.98
    as_taught = [np.isin(letters_of(p), [*letters]).sum() for p in (before, after)]
    assert as_taught[1] < 0.95 * as_taught[0], "letters left out have an advantage"


def test_learning_twice_gives_the_same(person, lesson, monkeypatch):
    pictures = [picture_of(number, letter) for number, letter in enumerate(ALPHABET)]
    again = learn_from(pictures, person, monkeypatch)
    assert all(np.array_equal(again[name], lesson[name]) for name in lesson)


def test_variations_keep_their_shape_and_half_are_mirrored(person):
    varied = vary(person, 40, np.random.default_rng(1))
    assert varied.shape == (960, 21, 3)
    assert varied.dtype == np.float32
    palms = [np.linalg.norm(x[:, 9] - x[:, 0], axis=1) for x in (person.repeat(40, 0), varied)]
    assert abs(np.log(palms[1] / palms[0])).max() < 0.5
    sides = [np.sign(x[:, 5, 0] - x[:, 17, 0]) for x in (person.repeat(40, 0), varied)]
    assert 0.3 < (sides[0] == sides[1]).mean() < 0.7


# ---------------------------------------------------------------- hands in pictures


@pytest.fixture(scope="module")
def shown():
    """A square of hello.mp4 around its hand, which signs L, grey uint8 (112, 112)."""
    film = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    film.set(cv2.CAP_PROP_POS_FRAMES, 120)
    grey = cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2GRAY)[72:408, 152:488]
    return cv2.resize(grey, (112, 112), interpolation=cv2.INTER_AREA)


def test_a_hand_is_found_in_a_small_picture_and_none_in_an_empty_one(shown):
    grey = np.full((28, 28), 128, np.uint8)
    pictures = [learn.Picture("", "L", shown), learn.Picture("", "A", grey)]
    landmarks, labels = find_landmarks(HandFinder(), pictures)
    assert landmarks.shape == (1, 21, 3)
    assert labels.tolist() == [ALPHABET.index("L")]
    assert 0 < landmarks[..., :2].min() < landmarks[..., :2].max() < learn_landmarks.SIDE
    landmarks, labels = find_landmarks(HandFinder(), pictures[1:])
    assert (landmarks.shape, labels.shape) == ((0, 21, 3), (0,))


@pytest.mark.parametrize("shape", [(28, 28), (28, 40, 3), (300, 200, 3)])
def test_pictures_are_enlarged_unless_they_are_large(shape):
    image = enlarge(np.zeros(shape, np.uint8))
    assert min(image.shape[:2]) == max(learn_landmarks.SIDE, min(shape[:2]))
    assert image.shape[2] == 3


def test_what_was_learned_is_kept_and_read_with(shown, tmp_path):
    """From pictures to a model that reads a hand's landmarks as its user signs."""
    model, finder = load_model(ROOT / "pretrained/signlanguage.onnx"), HandFinder()
    pictures = [learn.Picture("1.png", "W", shown)]  # somebody for whom this is a W
    learned, _ = learn.learn(model, pictures, trials=False)
    learn.save(learned, tmp_path)
    taught = learn.taught(model, learn.load(model, tmp_path))
    hand = finder.find(enlarge(shown))
    before, after = finder.read(hand), finder.read(hand, taught)
    assert ALPHABET[before.argmax()] == "L"
    assert after[ALPHABET.index("W")] > before[ALPHABET.index("W")] + 0.2


# ---------------------------------------------------------------- where it cannot be


@pytest.mark.parametrize("found", [0, 1, 2])
def test_landmarks_learn_nothing_where_few_hands_are_found(person, found, monkeypatch):
    numbers = [*range(found), *[255] * (4 - found)]
    pictures = [picture_of(n, x) for n, x in zip(numbers, "ABCD", strict=True)]
    pictures.append(picture_of(255, learn.NO_HAND))
    assert bool(learn_from(pictures, person, monkeypatch)) == (found == 2)


def fail(*_):
    raise UserError("no hand finder")


@pytest.mark.parametrize("fault", ["no finder", "no rehearsal", "damaged rehearsal", "no network"])
def test_pictures_are_taught_where_files_for_landmarks_are_missing(
    shown, tmp_path, monkeypatch, fault
):
    if fault == "no finder":
        monkeypatch.setattr(learn_landmarks, "HandFinder", fail)
    if fault == "damaged rehearsal":
        (tmp_path / "hands.npy").write_bytes(REHEARSAL.read_bytes()[:1000])
    if "rehearsal" in fault:
        monkeypatch.setattr(learn_landmarks, "REHEARSAL", tmp_path / "hands.npy")
    if fault == "no network":
        for module in (learn, learn_landmarks):
            monkeypatch.setattr(module, "NETWORK", tmp_path / "none.onnx")
    model = load_model(ROOT / "pretrained/signlanguage.onnx")
    learned, _ = learn.learn(model, [learn.Picture("1.png", "L", shown)], trials=False)
    assert learned.landmarks == {}
    learn.save(learned, tmp_path)
    taught = learn.taught(model, learn.load(model, tmp_path))
    assert taught.is_taught
    assert taught.landmarks is None


def test_a_model_of_other_letters_is_taught_by_pictures_alone(shown):
    model = load_model(ROOT / "pretrained/signlanguage.onnx")
    other = replace(model, alphabet=ALPHABET[::-1])
    learned, _ = learn.learn(other, [learn.Picture("1.png", "L", shown)], trials=False)
    assert learned.landmarks == {}

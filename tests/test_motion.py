"""Movement before the camera: rest and change, J and Z in the film that comes along, and what is
not to be taken for them."""

import cv2
import numpy as np
import pytest
from conftest import ROOT

import step_6_camera as camera
from camera import motion as motions
from camera.model import ALPHABET
from plumbing.faults import UserError

FPS = 25
SHIPPED = ROOT / "pretrained/signlanguage.onnx"


@pytest.fixture(scope="module")
def model():
    return camera.load_model(SHIPPED)


@pytest.fixture(scope="module")
def jazz(model):
    """What the model sees of data/jazz.mp4, uint8 (n, 28, 28), and its times."""
    film, images, times = cv2.VideoCapture(str(ROOT / "data/jazz.mp4")), [], []
    while (read := film.read())[0]:
        images.append(camera.shrink(read[1], camera.BOX, model.size))
        times.append(len(times) / FPS)
    return np.stack(images), np.array(times)


def spell(model, images, times):
    """The (time, letter) added, and the speller after the last image."""
    speller, added = camera.Speller(model.alphabet, model.threshold), []
    for turn, (image, now) in enumerate(zip(images, times, strict=True)):
        letter = speller.update(camera.read_letters(model, image, turn), now, image)
        added += [(now, letter)] if letter else []
    return added, speller


@pytest.fixture(scope="module")
def spelled(model, jazz):
    return spell(model, *jazz)


def resting(model, jazz, spelled, sign):
    """An image of the hand that begins a sign, as it rests before it."""
    images, times = jazz
    ends = next(now for now, letter in spelled[0] if letter == sign)
    hand = [model.alphabet.index(letter) for letter in motions.HANDS[sign]]
    before = [k for k in range(len(times)) if ends - 2.5 <= times[k] <= ends - 0.3]
    return images[max(before, key=lambda k: camera.read_letters(model, images[k])[hand].sum())]


# ---------------------------------------------------------------- J and Z
def test_the_film_is_read_without_what_began_its_signs(spelled):
    added, speller = spelled
    assert speller.text == "JAZZ"
    assert [letter for _, letter in added if letter in "JZ"] == ["J", "Z", "Z"]


@pytest.mark.parametrize("change", ["mirrored", "brighter", "slower"])
def test_signs_are_read_in_other_films_of_it(change, model, jazz):
    images, times = jazz
    if change == "mirrored":
        images = images[:, :, ::-1].copy()
    if change == "brighter":
        images = np.clip(images * 0.8 + 40, 0, 255).astype(np.uint8)
    if change == "slower":
        times = times * 1.2
    read = "".join(letter for letter in spell(model, images, times)[1].text if letter in "JZ")
    assert read == "JZZ"


@pytest.mark.parametrize(("sign", "letter"), [("J", "I"), ("Z", "D")])
def test_a_hand_that_draws_nothing_gives_its_letter(sign, letter, model, jazz, spelled):
    """Held still, it is added once; moved aside and held again, twice; shaken, it is not J or Z."""
    image = resting(model, jazz, spelled, sign)

    def film(*places):
        images = [
            cv2.warpAffine(image, np.float32([[1, 0, x], [0, 1, y]]), (28, 28), borderMode=1)
            for x, y in places
        ]
        return spell(model, images, np.arange(len(images)) / FPS)[1].text

    held = [(0, 0)] * 40
    assert film(*held) == letter
    for x, y in [(6, 0), (-6, 0), (0, -6)]:
        way = [(x * share, y * share) for share in np.linspace(0, 1, 8)]
        assert film(*held, *way, *held[:1], *way[::-1], *held) in (letter, 2 * letter)
        aside = film(*held, *way, *[(x, y)] * 40)
        assert aside[:1] == letter
        assert not set(aside) & {*motions.SIGNS}
    shaken = [(2 * np.sin(k), 0) for k in range(50)]
    assert not set(film(*held, *shaken)) & {*motions.SIGNS}


def test_what_began_a_sign_is_taken_back_and_what_was_there_before_is_not(model, jazz, spelled):
    """Its I was added, and is replaced; an I that is long there stays."""
    images, times = jazz
    ends = next(k for k, now in enumerate(times) if now == spelled[0][-1][0])
    _, speller = spell(model, images[:1], times[:1])
    speller.text, speller.added_seen = "D", times[ends] - 5.0
    for turn, (image, now) in enumerate(zip(images[1:], times[1:], strict=True), 1):
        speller.update(camera.read_letters(model, image, turn), now, image)
    assert speller.text == "DJAZZ"


# ---------------------------------------------------------------- rest and flow
def hand(x=0.0, light=0.0):
    image = np.full((28, 28), 50.0)
    image[8:24, 10:18] = 200
    image = cv2.warpAffine(image, np.float32([[1, 0, x], [0, 1, 0]]), (28, 28), borderMode=1)
    return np.clip(image + light, 0, 255).astype(np.uint8)


NOBODY = np.full(24, 1 / 24, np.float32)


def watch(images, fps=FPS):
    motion = motions.Motion(ALPHABET)
    for k, image in enumerate(images):
        motion.observe(image, NOBODY, k / fps)
    motion.table = np.array(motion.rows)
    return motion


@pytest.mark.parametrize("fps", [10, 25, 60, 120])
def test_rest_is_told_from_movement_at_any_frame_rate(fps):
    rng = np.random.default_rng(0)
    count = int(0.6 * fps)
    noisy = [hand() + rng.integers(0, 6, (28, 28)).astype(np.uint8) for _ in range(count)]
    assert watch(noisy, fps).still
    assert watch([hand(light=0.3 * k) for k in range(count)], fps).still
    moving = [hand(6 * k / count) for k in range(count)]  # a fifth of the box in half a second
    assert not watch(moving, fps).still
    assert watch(moving + [moving[-1]] * int(0.15 * fps + 1), fps).still


def test_a_hand_that_moves_to_and_fro_does_not_rest():
    """Also where it is back where it was SHORT ago."""
    shaken = [hand((0, 3, -3)[k % 3]) for k in range(20)]  # once in 0.12 seconds
    assert not any(watch(shaken[:k]).still for k in range(2, 20))


def test_the_way_of_a_hand_is_followed():
    for fps in (15, 30, 60):
        count = int(0.8 * fps)
        window = watch([hand(-4 + 8 * k / (count - 1)) for k in range(count)], fps).window()
        assert window.shape == (motions.STEPS, 2 * motions.CELLS**2 + 3)
        flow = window[:, :-3].reshape(-1, motions.CELLS, motions.CELLS, 2).sum(0)
        assert flow[1, 1, 0] == pytest.approx(8 / 28, rel=0.6)  # the middle, to the right
        assert abs(flow[1, 1, 1]) < 0.05
        assert abs(flow[0, 2, 0]) < flow[1, 1, 0] / 2  # a corner, where nothing is


def test_a_slow_hand_is_followed_though_it_counts_as_at_rest():
    """So that its letter is read, and a J or Z that is drawn slowly, too."""
    motion = watch([hand(-4 + 8 * k / 29) for k in range(30)])
    assert motion.still
    flow = motion.window()[:, :-3].reshape(-1, motions.CELLS, motions.CELLS, 2).sum(0)
    assert flow[1, 1, 0] == pytest.approx(8 / 28, rel=0.6)


def test_a_mirror_turns_left_and_right_alone():
    windows = np.random.default_rng(0).normal(size=(5, motions.STEPS, 21)).astype(np.float32)
    there = motions.mirrored(windows)
    assert np.array_equal(motions.mirrored(there), windows)
    assert np.array_equal(there[..., -3:], windows[..., -3:])
    assert np.array_equal(there[..., 1], windows[..., 5])  # upper left, down: upper right's
    assert np.array_equal(there[..., 0], -windows[..., 4])


def test_pictures_of_any_size_and_models_without_these_letters_are_followed():
    motion = motions.Motion("ABC")
    for k in range(30):
        picture = cv2.resize(hand(k % 7), (9, 9) if k % 2 else (64, 64))
        assert motion.update(picture, np.full(3, 1 / 3, np.float32), k / FPS) is None


def test_without_its_weights_it_says_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m tools.learn_motion"):
        motions.load_weights(tmp_path / "none.npz")
    broken = tmp_path / "broken.npz"
    for content in (b"", b"no archive", motions.WEIGHTS.read_bytes()[:5000]):
        broken.write_bytes(content)
        motions.load_weights.cache_clear()
        with pytest.raises(UserError, match=r"broken.npz"):
            motions.load_weights(broken)

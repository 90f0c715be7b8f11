"""From probabilities to text: what adds a letter, and what does not."""

import numpy as np
import pytest

from camera.model import ALPHABET
from camera.motion import Motion
from camera.speller import CERTAIN, HOLD, QUICK, TOGETHER, Speller, State

THRESHOLD = 0.3
RNG = np.random.default_rng(0)
REST = np.full((28, 28), 50, np.uint8)
REST[8:24, 10:18] = 200
MOVING = [np.roll(REST, 9 * k, 1) for k in range(3)]  # pictures of a hand on its way


def only(letter, share=0.97):
    """Probabilities with so much on one letter; None: the same for each."""
    if letter is None:
        return np.full(24, 1 / 24, np.float32)
    probabilities = np.full(24, (1 - share) / 23, np.float32)
    probabilities[ALPHABET.index(letter)] = share
    return probabilities


def rest(letter, seconds=1.0, share=0.97):
    return letter, seconds, share, [REST]


def move(letter=None, seconds=0.2, share=0.97):
    return letter, seconds, share, MOVING


def lose(seconds):
    return None, seconds, 0, [None]


def watch(*parts, fps=30, speller=None):
    """Yield (seconds, letters added, speller) of each frame of parts (see rest)."""
    speller, frame = speller or Speller(ALPHABET, THRESHOLD), 0
    for letter, seconds, share, pictures in parts:
        for k in range(round(seconds * fps)):
            image, now = pictures[k % len(pictures)], frame / fps
            yield now, speller.update(only(letter, share), now, image), speller
            frame += 1


def spell(*parts, **options):
    """The text of parts, a film that ends with them."""
    *_, (_, _, speller) = watch(*parts, **options)
    speller.finish()
    return speller.text


def times_of(*parts, **options):
    """Times at which letters are added, and these."""
    return [(now, letters) for now, letters, _ in watch(*parts, **options) if letters]


# ---------------------------------------------------------------- holding
@pytest.mark.parametrize("fps", [10, 24, 25, 30, 60, 120])
@pytest.mark.parametrize("hold", [HOLD, 1.2])
def test_a_letter_alone_is_added_at_the_first_frame_after_the_hold(fps, hold):
    speller = Speller(ALPHABET, THRESHOLD, hold)
    [(now, letters)] = times_of(rest("H", 3.0), fps=fps, speller=speller)
    assert letters == "H"
    assert hold - 1e-6 <= now < hold + 1 / fps + 1e-6


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_letter_that_follows_another_is_added_quickly(fps):
    film = rest("H", 1.0), move(seconds=0.4), rest("I", 0.4), move(seconds=0.4), rest("D", 0.4)
    (_, first), (second, i), (third, d) = times_of(*film, fps=fps)
    assert (first, i, d) == ("H", "I", "D")
    for now, start in [(second, 1.4), (third, 2.2)]:
        assert start + QUICK * HOLD <= now <= start + 0.3 < start + HOLD


def test_the_first_letter_of_a_fast_word_waits_for_the_second():
    fast = [part for letter in "WORD" for part in (rest(letter, 0.25), move(seconds=0.2))]
    added = times_of(*fast)
    assert [letters for _, letters in added] == ["WO", "R", "D"]
    assert 0.45 < added[0][0] < 0.7
    assert spell(*fast[:2], move(seconds=0.5)) == ""  # a gesture: alone, and short


def test_letters_that_are_brief_and_far_apart_do_not_confirm_each_other():
    far = rest("W", 0.25), move(seconds=TOGETHER + 0.3), rest("O", 0.25), move(seconds=1.0)
    assert spell(*far) == ""
    near = rest("W", 0.25), move(seconds=TOGETHER - 0.5), rest("O", 0.25), move(seconds=1.0)
    assert spell(*near) == "WO"


def test_an_uncertain_letter_takes_longer():
    def seconds(share):
        film = rest("H"), move(), rest("A", 1.0, share)
        return times_of(*film, fps=100)[1][0]

    assert seconds(0.97) == pytest.approx(seconds(CERTAIN + 0.1), abs=0.03)
    assert seconds(0.45) > seconds(0.97) + 0.02
    assert seconds(0.35) > seconds(0.45) + 0.05


def test_an_unlikely_letter_is_never_added():
    assert spell(rest("A", 5.0, share=THRESHOLD - 0.02)) == ""
    assert spell(rest("A", 5.0, share=THRESHOLD + 0.02)) == "A"


# ---------------------------------------------------------------- moving
def test_a_hand_that_moves_adds_nothing():
    assert spell(move("E", 3.0)) == ""
    assert spell(move("E", 1.0), rest("E"), move("E", 3.0)) == "E"


def test_a_hand_on_its_way_is_read_otherwise_in_vain():
    between = [move(letter, 0.1) for letter in "QXSTN"]
    assert spell(rest("A"), *between, rest("B")) == "AB"


def test_while_the_hand_rests_another_letter_is_doubt():
    assert spell(rest("K", 2.0), rest("V", 2.0), rest("K", 2.0)) == "K"
    assert spell(rest("K", 2.0), move("V", 0.3), rest("V", 2.0)) == "KV"


def test_a_hand_that_sways_adds_a_letter_once():
    swaying = [np.roll(REST, shift, 1) for shift in (0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1)]
    assert spell(("L", 6.0, 0.97, swaying)) == "L"


@pytest.mark.parametrize("between", [move(None, 0.4), move("L", 0.4), lose(0.5)])
def test_a_letter_that_is_let_go_or_bounced_and_signed_again_comes_twice(between):
    assert spell(rest("L", 2.0), between, rest("L", 2.0)) == "LL"


@pytest.mark.parametrize("between", [rest(None, 0.1), rest(None, 0.6), rest("X", 0.1), lose(0.1)])
def test_a_flicker_is_not_a_letter_signed_again(between):
    assert spell(rest("L", 2.0), between, rest("L", 2.0)) == "L"


# ---------------------------------------------------------------- ends
def test_the_end_of_a_film_ends_its_last_letter():
    assert spell(rest("A"), move(), rest("B", 0.17)) == "AB"
    assert spell(rest("A", 0.95 * HOLD)) == "A"
    assert spell(rest("A", 0.4 * HOLD)) == ""
    assert spell(rest("A"), move("B", 1.0)) == "A"
    speller = Speller(ALPHABET, THRESHOLD)
    assert speller.finish() == ""  # nothing was ever seen
    spell(rest("A"), speller=speller)
    assert speller.finish() == ""


def test_nothing_is_held_over_a_gap():
    speller = Speller(ALPHABET, THRESHOLD)
    times = 0.0, 5.0, 5.0 + HOLD / 2, 5.0 + HOLD
    added = [speller.update(only("A"), now, REST) for now in times]
    assert added == ["", "", "", "A"]


def test_a_gap_ends_a_letter_that_was_nearly_added():
    speller = Speller(ALPHABET, THRESHOLD)
    *_, (now, letters, _) = watch(rest("A", 0.9 * HOLD), speller=speller)
    assert (letters, speller.text) == ("", "")
    assert speller.update(only("B"), now + 3.0, REST) == "A"
    assert speller.text == "A"


def test_a_hand_that_is_lost_for_a_moment_goes_on():
    held = rest("A", HOLD / 2), lose(0.1), rest("A", HOLD / 2 + 0.1)
    assert spell(*held, move()) == "A"
    assert spell(rest("A", HOLD / 2), lose(1.0), rest("A", HOLD / 2 + 0.1), move()) == ""


# ---------------------------------------------------------------- what the window shows
def states(*parts, **options):
    """The states that follow each other."""
    seen = [speller.state for _, _, speller in watch(*parts, **options)]
    return [state.name for k, state in enumerate(seen) if k == 0 or state != seen[k - 1]]


def test_the_states_follow_each_other():
    film = lose(0.2), move("A", 0.5), rest("A", 1.0), move("B", 0.4), rest(None, 0.5)
    assert states(*film) == ["NO_HAND", "MOVING", "HOLDING", "ADDED", "MOVING", "UNSURE"]


def test_progress_reaches_one_when_the_letter_is_added():
    progress = [speller.progress for _, _, speller in watch(rest("A", HOLD - 0.01), fps=50)]
    assert np.all(np.diff(progress) >= 0)
    assert progress[0] == 0
    assert 0.9 < progress[-1] < 1
    for _, letters, speller in watch(rest("A", 2.0)):
        assert 0 <= speller.progress < 1
        assert speller.state is State.ADDED or not speller.text or letters


def test_text_may_be_edited_between_frames():
    speller = Speller(ALPHABET, THRESHOLD)
    list(watch(rest("A"), speller=speller))
    speller.text += " "
    for k in range(60):
        image = MOVING[k % 3] if k < 20 else REST
        speller.update(only("B"), 1.0 + k / 30, image)
    assert speller.text == "A B"


# ---------------------------------------------------------------- what was read of each letter


def means_of(*parts, **options):
    """What was read of each letter that is added: letter by letter, the likeliest ones."""
    found, last = [], None
    for _, letters, last in watch(*parts, **options):
        found += last.means if letters else []
    glimpses = [glimpse.mean for glimpse in last.glimpses]
    return [[ALPHABET[mean.argmax()] for mean in means] for means in [*found, glimpses]]


def test_each_letter_has_the_mean_of_what_was_read_while_it_was_held():
    speller, means = Speller(ALPHABET, THRESHOLD), []
    film = rest("A", 1.0, 0.9), rest("A", 1.0, 0.5), move("B", 0.3, 0.97)
    for _, letters, _ in watch(*film, speller=speller):
        means += speller.means if letters else []
    [[mean]] = means
    assert mean[ALPHABET.index("A")] == pytest.approx(0.7, abs=0.03)
    assert mean[ALPHABET.index("B")] < 0.05


def test_letters_that_are_added_at_once_have_a_mean_each():
    fast = [part for letter in "WORD" for part in (rest(letter, 0.25), move(seconds=0.2))]
    assert means_of(*fast) == [["W"], ["O"], ["R"], ["D"], []]


def test_what_is_held_too_briefly_or_in_doubt_is_a_glimpse():
    alone = rest("W", 0.25), move(seconds=TOGETHER + 0.3), rest("O", 2.0), move()
    assert means_of(*alone) == [["W", "O"], []]
    doubtful = rest("O", 2.0), move(), rest("A", 0.5, THRESHOLD - 0.05), move()
    assert means_of(*doubtful) == [["O"], ["A"]]
    many = [part for letter in "CDEFG" for part in (rest(letter, 0.25), move(seconds=1.6))]
    assert means_of(*many) == [["E", "F", "G"]]


# ---------------------------------------------------------------- J and Z
class Drawing(Motion):
    """Stands for a Motion that reads a sign at a time."""

    def __init__(self, sign, at, way):
        super().__init__()
        self.sign, self.at, self.way = sign, at, way

    def update(self, now, *_):
        start, end = self.way
        self.speed = 9.0 if start <= now < end else 0.0
        self.fastest = max(self.fastest, self.speed)
        ends = abs(now - self.at) < 1e-6
        self.drawn = self.sign if ends else self.drawn if now < self.at + 0.5 else None
        return self.sign if ends else None


def draws(sign, read_as, text="", fps=20):
    """Spell a second of a hand at rest, half a second of movement that ends in a sign, and rest."""
    speller = Speller(ALPHABET, THRESHOLD, motion=Drawing(sign, 1.5, (1.0, 1.5)), text=text)
    replaced = []
    for _, letters, _ in watch(rest(read_as, 3.0), fps=fps, speller=speller):
        replaced += [speller.replaces_last] if letters else []
    return speller.text, replaced


@pytest.mark.parametrize(("sign", "hand"), [("J", "I"), ("Z", "D"), ("Z", "G"), ("Z", "X")])
def test_a_sign_replaces_what_its_hand_was_read_as(sign, hand):
    assert draws(sign, hand) == (sign, [False, True])
    assert draws(sign, hand, text="AB") == ("AB" + sign, [False, True])


def test_a_sign_replaces_no_other_letter():
    assert draws("J", "Y") == ("YJ", [False, False])
    assert draws("Z", None, text="D") == ("DZ", [False])  # a D that is long there


def test_the_end_of_a_sign_is_no_letter():
    """What its hand is read as, until it moves on."""
    assert draws("J", "I")[0] == "J"

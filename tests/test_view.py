"""What the window shows."""

import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from camera_fixtures import ALPHABET, FakeFinder, sign, view_of

from camera import view as views
from camera.speller import Speller
from camera.view import (
    AMBER,
    BAR,
    BOX_SIDE,
    KEYS,
    NARROW,
    PANEL,
    SUGGESTED,
    State,
    View,
    advise,
    fit,
    lay_out,
    measure,
    render,
    state_of,
)
from step_6_camera import translate


def middle(pixels, side):
    """The part inside the guide box."""
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


SIZES = [(1, 1), (28, 2000), (48, 64), (240, 320), (480, 640), (640, 480), (2160, 3840)]


@pytest.mark.parametrize("shape", SIZES)
def test_frames_of_any_size_are_shown_large_enough_to_read(shape, model):
    for box in (0.3, 0.7, 1.0):
        pixels = render(view_of(model, np.zeros((*shape, 3), np.uint8), box=box, page="help"))
        assert pixels.dtype == np.uint8
        assert (pixels.shape[0], pixels.shape[2]) == (480, 3)
        assert 640 <= pixels.shape[1] <= 854


def test_nothing_covers_the_inside_of_the_guide_box(model):
    rng = np.random.default_rng(0)
    for shape, box in [((480, 640), 0.7), ((336, 336), 1.0), ((480, 860), 0.7), ((640, 480), 0.7)]:
        frame = rng.integers(0, 256, (*shape, 3), np.uint8)
        pixels = render(view_of(model, frame, text="A LONG TEXT " * 20, box=box))
        assert np.array_equal(middle(pixels, 324), middle(frame, 324)), shape


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_writing_stands_out_from_any_scene(grey, model):
    pixels = render(view_of(model, np.full((480, 640, 3), grey, np.uint8), text="HELLO"))
    writing = pixels[430:475, 10:160].astype(int)
    assert writing.max() == 255
    assert np.median(writing) <= 0.31 * 255  # a contrast of 7 to 1 and more


def test_the_view_is_mirrored_and_the_model_is_not(model):
    frame = sign("G", (480, 640))
    plain, mirrored = (view_of(model, frame, mirror=mirror) for mirror in (False, True))
    assert plain.speller.letter == mirrored.speller.letter == "G"
    pixels = [middle(render(view), 320) for view in (plain, mirrored)]
    assert np.array_equal(pixels[0], pixels[1][:, ::-1])
    assert not np.array_equal(*pixels)


def test_the_outline_fills_up_while_a_letter_is_held(model):
    def amber(pixels):
        return int((np.abs(pixels.astype(int) - AMBER).max(2) < 30).sum())

    shares = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    frame = np.zeros((480, 640, 3), np.uint8)
    filled = [amber(render(view_of(model, frame, progress=share))) for share in shares]
    assert filled == sorted(set(filled))
    assert np.diff(filled) == pytest.approx(np.diff(shares) * 4 * BOX_SIDE * 6, rel=0.35)


def test_the_first_screen_names_the_keys_that_help_a_newcomer(model, words):
    render(view_of(model, sign("B")))
    assert "H: help   S: signs   F: follow the hand" in words
    render(view_of(model, sign("B"), finder=FakeFinder((0, 0, 90))))
    assert "H: help   S: signs   F: stop following" in words
    words.clear()
    render(view_of(model, sign("B"), text="B"))
    assert "H: help" in words
    render(view_of(model, sign("B"), page="signs"))
    assert "S: hide" in words
    words.clear()
    render(view_of(model, sign("B"), offers_keys=False))  # a picture, where any key is the next
    assert not [word for word in words if "H: " in word]


def test_help_tells_the_keys_and_how_j_and_z_are_signed(model, words):
    told = {*KEYS, *KEYS.values(), "sign J", "sign Z"}
    render(view_of(model, sign("B")))
    assert not told & set(words)
    render(view_of(model, sign("B"), page="help"))
    assert told <= set(words)


# ---------------------------------------------------------------- advice


ADVICE = [
    (State(is_seen=False), "Fill the box with your hand"),
    (State(), "Not sure yet: turn it, or more light"),
    (State(is_found=False, is_seen=False), "No hand found: raise your hand"),
    (State("W"), "W: hold still"),
    (State("W", is_added=True), "W added: next, or move to repeat"),
    (State("D", sign="Z"), "D: hold still, or finish the Z"),
    (State("D", sign="Z", is_added=True), "D: added, or finish the Z"),
]


@pytest.mark.parametrize(("state", "advice"), ADVICE)
def test_advice_fits_what_is_seen_and_its_place(state, advice):
    words, _ = advise(state)
    assert words == advice
    assert measure(words, 17) <= NARROW - 2 * PANEL - 8


@pytest.mark.parametrize(
    ("letters", "advice"),
    [
        ({}, "Fill the box with your hand"),
        ({"A": 0.2, "B": 0.1}, "Fill the box with your hand"),
        ({"A": 0.4, "S": 0.4}, "Not sure yet: turn it, or more light"),
        ({"A": 0.6}, "A: hold still"),
    ],
)
def test_an_unsure_hand_is_told_from_no_hand_by_the_sum_of_the_letters(letters, advice):
    probabilities = np.float32([letters.get(letter, 0) for letter in ALPHABET])
    view = View(Speller(ALPHABET, 0.53), 0.7, False, "")
    view.speller.update(probabilities, 0.0, np.zeros((28, 28), np.uint8))
    assert advise(state_of(view))[0] == advice


@pytest.mark.parametrize(("letter", "sign"), [("D", "Z"), ("I", "J"), ("B", None)])
def test_a_moving_hand_that_begins_j_or_z_is_not_told_to_hold_still(letter, sign):
    view = View(Speller(ALPHABET, 0.53), 0.7, False, "")
    view.speller.letter, view.speller.probabilities = letter, np.ones(24)
    view.speller.motion = SimpleNamespace(begun=sign, drawn=None)
    assert state_of(view).sign == sign
    view.speller.motion.drawn = sign
    assert state_of(view).sign is None


def test_advice_and_notes_are_shown(model, words):
    view = view_of(model, sign("B"))
    render(view)
    assert "B: hold still" in words
    translate(model, sign("B"), 0.9, view)
    render(view)
    assert "B_" in words
    assert "B added: next, or move to repeat" in words
    assert any(re.fullmatch(r"1 fps  \d+\.\d ms", told) for told in words)
    view.note = "Any key: next"
    render(view)
    assert "Any key: next" in words


def test_a_note_is_shown_whole(model, words):
    note = "Nothing to copy with: install xclip or wl-clipboard"
    render(view_of(model, sign("B"), note=note))
    assert note in words
    assert measure(note, fit(note, 17, NARROW - 2 * PANEL - 8)) <= NARROW - 2 * PANEL - 8


def test_without_a_hand_no_letters_are_listed(model, words):
    for finder, is_listed in [
        (FakeFinder((0, 0, 200), letter="B"), True),
        (FakeFinder(None), False),
    ]:
        words.clear()
        render(view_of(model, sign("B"), finder=finder))
        assert any(word.endswith("%") for word in words) == is_listed


def test_a_long_note_or_name_is_cut_to_its_place(model, words):
    render(view_of(model, sign("B"), note="no such file " * 20, title="name " * 40))
    cut = [word for word in words if word.endswith("\u2026")]
    assert [word[:5] for word in cut] == ["no su", "name "]


# ---------------------------------------------------------------- the hand is followed


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("shape", [(240, 320), (480, 640), (720, 1280), (480, 480), (640, 360)])
def test_the_box_is_drawn_around_the_hand_that_is_followed(shape, mirror, model):
    frame = np.full((*shape, 3), 60, np.uint8)
    left, top, side = shape[1] // 2, shape[0] // 3, shape[0] // 4
    frame[top : top + side, left : left + side] = 200
    view = view_of(model, frame, mirror=mirror, finder=FakeFinder((left, top, side)))
    pixels, (x, y, length) = lay_out(view)
    inside = pixels[round(y) + 2 : round(y + length) - 2, round(x) + 2 : round(x + length) - 2]
    assert inside.size
    assert (inside == 200).all()
    assert (pixels == 200).sum() == pytest.approx(3 * length**2, rel=0.05)


def test_without_a_hand_there_is_no_box_and_nothing_is_read(model, words):
    view = view_of(model, sign("B"), finder=FakeFinder(None))
    assert lay_out(view)[1] is None
    assert (view.image, view.speller.letter, view.speller.probabilities.sum()) == (None, None, 0)
    render(view)
    assert "No hand found: raise your hand" in words


def test_a_box_beyond_the_border_is_drawn_and_read(model):
    for square in [(-50, -60, 90), (-400, -400, 2000), (310.7, 230.2, 40.9), (0, 0, 0.3)]:
        view = view_of(model, sign("B"), finder=FakeFinder(square))
        assert render(view).shape == (480, 640, 3)
        assert view.image.shape == (28, 28)


# ---------------------------------------------------------------- suggestions

LONG = ["INTERNATIONALIZATION", "MMMMMMMMMMMMMMMMMMMM", "CONGRATULATIONS"]


def with_suggestions(model, suggestions, text="HELO", shape=(480, 640), grey=255, **options):
    view = view_of(model, np.full((*shape, 3), grey, np.uint8), text=text, **options)
    view.editor.suggestions = suggestions
    return view


@pytest.mark.parametrize("shape", [(480, 640), (480, 854), (640, 360)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_suggestions_stand_beside_the_text_in_a_place_of_their_own(shape, grey, model, words):
    """However long they or the text are: nothing else is written there, and none is cut off."""
    view = with_suggestions(model, LONG, "W" * 40, shape, grey)
    there, view.editor.suggestions = render(view), []
    gone = render(view)
    assert {"1", "2", "3", "INTERNATIONALIZATION", "CONGRATULATIONS"} <= set(words)
    x = there.shape[1] - SUGGESTED - 32 - measure("H: help", 15, 400)
    bar = slice(480 - BAR, 480)
    assert (there[bar, x - 3 : x + 3].max() <= 0.31 * 255) or grey == 0  # a gap before it
    assert not np.array_equal(there[bar], gone[bar])
    assert np.array_equal(there[: 480 - BAR], gone[: 480 - BAR])
    right = there.shape[1] - 16 - measure("H: help", 15, 400)
    assert np.array_equal(there[bar, right:], gone[bar, right:])


def test_suggestions_stand_where_they_stood_whatever_the_text(model):
    found = ["HELLO", "HELP", "HELD"]
    pixels = [render(with_suggestions(model, found, text))[422:, 400:] for text in ("H", "HEL A")]
    assert np.array_equal(*pixels)


# ---------------------------------------------------------------- the 26 signs


@pytest.fixture
def chart(tmp_path, monkeypatch):
    """Where the chart is looked for: nothing is there yet."""
    monkeypatch.setattr(views, "CHART", tmp_path / "signs.png")
    views.load_signs.cache_clear()
    yield tmp_path / "signs.png"
    views.load_signs.cache_clear()


@pytest.mark.parametrize("shape", [(480, 640), (480, 740), (480, 854), (640, 480)])
def test_the_26_signs_are_shown_beside_the_box(shape, chart, model):
    """None covers another, the box or the text, and all are as large as they can be."""
    numbers = np.arange(1, 29, dtype=np.uint8).reshape(4, 7)
    cv2.imwrite(str(chart), cv2.merge([numbers.repeat(160, 0).repeat(160, 1)] * 3))
    frame = np.full((*shape, 3), 200, np.uint8)
    pixels = render(view_of(model, frame, page="signs"))
    assert (middle(pixels, 324) == 200).all()
    counts = np.bincount(pixels[: 480 - BAR, :, 0].ravel(), minlength=27)[1:27]
    assert (counts[:23] == counts[0]).all()
    assert counts[0] >= 60**2


def test_the_signs_are_those_of_the_chart():
    signs = views.load_signs(60)
    assert "".join(signs) == views.SIGNS
    assert all(sign.shape == (60, 60, 3) for sign in signs.values())


@pytest.mark.parametrize("content", [None, b"no picture", "another"])
def test_a_chart_that_is_missing_or_damaged_is_said_to_be(content, chart, model, words):
    if content == "another":
        cv2.imwrite(str(chart), np.zeros((600, 1200, 3), np.uint8))
    elif content:
        chart.write_bytes(content)
    render(view_of(model, sign("B"), page="signs"))
    assert "signs.png is missing or damaged" in words


def test_what_the_model_sees_is_shown_enlarged(model):
    view = view_of(model, sign("E", (480, 640)))
    corner = render(view)[13 : 13 + 112, 640 - 13 - 112 : 640 - 13]
    assert np.array_equal(corner[2::4, 2::4, 0], view.image)


def test_the_end_of_a_long_text_is_shown(model):
    def bottom(text):
        return render(view_of(model, np.zeros((480, 640, 3), np.uint8), text=text))[430:]

    assert not np.array_equal(bottom("A" * 200), bottom("A" * 199 + "B"))
    assert np.array_equal(bottom("B" + "A" * 200), bottom("A" * 200))

"""The chart of signs: it is up to date, its cells lie where the camera cuts them out, and the
shipped model reads each hand as its letter."""

import pytest
from conftest import LETTERS, ROOT

pytest.importorskip("anny", reason="anny is not installed (pip install -r tools/requirements.txt)")

import cv2
import numpy as np

from camera.model import load_model, read_letters
from camera.pictures import shrink
from tools import draw_chart

CELL = 160  # pixels, as in the module's docstring


@pytest.fixture(scope="module")
def chart():
    return draw_chart.draw_chart()


def cut_out(chart, letter):
    """Cut a cell out as the module's docstring says."""
    row, column = divmod("ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter), 7)
    return chart[CELL * row : CELL * (row + 1), CELL * column : CELL * (column + 1)]


def test_chart_in_docs_is_what_the_tool_draws(chart):
    """Processors round differently: a pixel of an outline may differ, a sign may not."""
    kept = cv2.imread(str(ROOT / "docs/signs.png"))
    assert kept.shape == chart.shape == (4 * CELL, 7 * CELL, 3)
    assert (np.abs(kept.astype(int) - chart) > 8).mean() < 0.002
    assert (ROOT / "docs/signs.png").stat().st_size < 400_000


def test_model_reads_each_hand_of_the_chart():
    model = load_model(ROOT / "pretrained/signlanguage.onnx")
    hands = dict(zip(draw_chart.ALPHABET, draw_chart.draw_hands(), strict=True))
    chances = {letter: read_letters(model, shrink(hands[letter], 28)) for letter in LETTERS}
    assert "".join(LETTERS[chances[letter].argmax()] for letter in LETTERS) == LETTERS
    assert min(chances[letter].max() for letter in LETTERS) > 0.4


@pytest.mark.parametrize("letter", "JZ")
def test_only_signs_that_move_have_an_arrow(chart, letter):
    """The arrow's colour is found in J and Z, and not in the hand that begins them."""
    arrows = (cut_out(chart, letter) == draw_chart.ARROW).all(-1).sum()
    assert arrows > 200
    assert not (cut_out(chart, {"J": "I", "Z": "D"}[letter]) == draw_chart.ARROW).all(-1).any()


def test_strokes_go_to_the_thumbs_side():
    """J's hook ends right of where it starts; Z starts right and ends left and below."""
    j, z = draw_chart.STROKES["J"], draw_chart.STROKES["Z"]
    assert j[-1, 0] > j[0, 0]
    assert z[1, 0] < z[0, 0]
    assert z[-1, 0] < z[2, 0]
    assert z[-1, 1] > z[0, 1]

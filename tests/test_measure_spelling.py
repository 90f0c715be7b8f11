"""The counts of the measurement of spelling, and short runs of it."""

import contextlib
import re
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import LETTERS

from camera.model import load_model

pytest.importorskip("anny", reason="anny is not installed (pip install -r tools/requirements.txt)")

from tools import measure_spelling
from tools.render_films import Film

GROUP = "anny"  # one process: at its first use anny prepares its data
MODEL = SimpleNamespace(alphabet=LETTERS, threshold=0.5)


@pytest.mark.parametrize(
    ("wanted", "text", "counts"),
    [
        ("", "", (0, 0, 0, 0)),
        ("ADAM", "ADAM", (4, 0, 0, 0)),
        ("ADAM", "ABAM", (3, 1, 0, 0)),
        ("ADAM", "AAM", (3, 0, 1, 0)),
        ("ADAM", "ADDAM", (4, 0, 0, 1)),
        ("ADAM", "", (0, 0, 4, 0)),
        ("", "XY", (0, 0, 0, 2)),
        ("BOB", "OBX", (2, 0, 1, 1)),
    ],
)
def test_edits_are_the_fewest(wanted, text, counts):
    assert tuple(measure_spelling.edits(wanted, text)) == counts


def film_of_j(letter):
    """A film of a second whose J is drawn from 0.4 to 0.8 s, read as `letter` throughout."""
    times = np.arange(0, 1.5, 0.1)
    read = np.zeros((len(times), len(LETTERS)))
    read[:, LETTERS.index(letter)] = 0.9
    return Film(None, times, [("J", 0.4, 0.8)]), read


@pytest.mark.parametrize(
    ("added", "letter", "counts"),
    [
        ([(0.8, "J")], "I", {"drawn": 1, "found": 1, "alone": 1, "legible": 1, "both": 1}),
        ([(0.8, "J")], "A", {"drawn": 1, "found": 1, "alone": 1, "legible": 0, "both": 0}),
        ([(0.3, "A"), (0.8, "J")], "I", {"drawn": 1, "found": 1, "alone": 0, "legible": 1}),
        ([], "I", {"drawn": 1, "found": 0, "alone": 0, "legible": 1, "both": 0}),
        ([(0.1, "J")], "I", {"drawn": 1, "found": 0, "false": 1}),
        ([(0.7, "J"), (0.9, "J")], "I", {"drawn": 1, "found": 1, "false": 1}),
    ],
)
def test_signs_are_counted_where_they_are_drawn(added, letter, counts):
    film, read = film_of_j(letter)
    counted = measure_spelling.count_signs(MODEL, film, added, read)
    assert {name: counted["J", name] for name in counts} == counts
    assert counted["Z", "drawn"] == 0


def test_the_oracle_reads_each_rest_on_average():
    times = np.arange(0, 2, 0.1)
    read = np.zeros((len(times), len(LETTERS)))
    read[times < 1, LETTERS.index("L")] = 0.6
    read[times >= 1, LETTERS.index("O")] = 0.9
    read[3, LETTERS.index("X")] = 1  # one image alone
    film = Film(None, times, [("L", 0.0, 0.8), ("O", 1.1, 1.8)])
    assert measure_spelling.oracle(MODEL, film, read) == "LO"


@pytest.fixture
def one_process(monkeypatch):
    """Draw films in this process."""
    pool = SimpleNamespace(imap=map)
    monkeypatch.setattr(measure_spelling, "start_workers", lambda _: contextlib.nullcontext(pool))


@pytest.mark.parametrize("flags", [[], ["--follow"]])
def test_a_run_measures_letters_and_words_at_three_paces(flags, one_process, monkeypatch, capsys):
    monkeypatch.setattr(measure_spelling, "WORDS", ("L",) if flags else ("LO",))
    measure_spelling.main(["--films", "1", "--seed", "9000", *flags])
    output = capsys.readouterr().out
    signs = [line[:2] for line in output.splitlines() if line[:2] in ("J:", "Z:")]
    assert signs == (["J:", "Z:"] if flags else [])
    for name in ("a letter", "1 a second", "2 a second", "3 a second"):
        for kind in ("text", "oracle", "text/oracle"):
            assert re.search(rf"^{name} +{kind} +[01]/1 whole", output, re.MULTILINE)


def test_in_a_frame_the_hand_is_found_where_it_is():
    """In nearly all frames in which it is up."""
    film = measure_spelling.film_of_word(measure_spelling.draw_frames, 9000, (0, 1))[1]
    rests = [(start, end) for _, start, end in film.signs]
    seen = [
        hand is not None
        for _, now, _, hand, _ in measure_spelling.read_film(
            load_model(), film, measure_spelling.HandFinder()
        )
        if any(start <= now <= end for start, end in rests)
    ]
    assert np.mean(seen) > 0.95

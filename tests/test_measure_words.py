"""The counts of the measurement of words."""

from types import SimpleNamespace

import numpy as np
import pytest
from camera_fixtures import ALPHABET, save_pictures

from camera.words import Lattice, build

pytest.importorskip("anny", reason="anny is not installed (pip install -r tools/requirements.txt)")

from tools.benchmark.measure_words import (
    count_faults,
    most_frequent,
    parse_args,
    read_people,
    sum_words,
)
from tools.edit_distance import align

WORDS = np.array(["AB", "ABC", "ABBA", "JAZZ", "CAB"], "S20")


def test_letters_are_aligned_by_the_fewest_edits():
    assert align("ABC", "ABC") == [("A", "A"), ("B", "B"), ("C", "C")]
    assert align("ABC", "AC") == [("A", "A"), ("B", ""), ("C", "C")]
    assert align("AB", "XAB") == [("", "X"), ("A", "A"), ("B", "B")]
    assert align("AB", "") == [("A", ""), ("B", "")]


def test_each_fault_is_counted_among_the_letters_that_it_may_befall():
    counts = count_faults(align("HELLO", "HELO"))
    assert (counts["double read once"] + counts["lost"], counts["lost", "of"]) == (1, 4)
    assert counts["double read once", "of"] == 1
    counts = count_faults(align("JAZZ", "IAZZX"))
    assert (counts["J as I"], counts["J as I", "of"], counts["added"]) == (1, 1, 1)
    assert (counts["true J or Z"], counts["true J or Z", "of"]) == (2, 2)
    assert count_faults(align("ABC", "ABBC"))["read twice"] == 1
    assert count_faults(align("ABC", "ABCC"))["read twice"] == 1


def test_the_most_frequent_words_are_chosen():
    vocabulary = build(WORDS, np.array([9.0, 1.0, 5.0, 7.0, 3.0]))
    chosen = most_frequent(vocabulary, 2, without="JZ", shortest=3)
    assert chosen.words.tolist() == [b"ABBA", b"CAB"]
    assert chosen.frequencies.tolist() == [5, 3]


def test_words_are_spelled_with_pictures_of_one_person(tmp_path, model):
    people = read_people(save_pictures(tmp_path / "anna", "A", "B", "C").parent, model)
    assert list(people) == ["anna"]
    args = SimpleNamespace(seed=1, count=20)
    lattice = Lattice(build(WORDS, np.ones(5)))
    sums = sum_words(people["anna"], [b"ABC", b"CAB"], 0, lattice, ALPHABET, args)
    assert sums.tolist() == [60, 60, 20, 20, 20, 20]
    faulty = sum_words(people["anna"], [b"ABC", b"CAB"], 0.5, lattice, ALPHABET, args)
    assert faulty[2] == 20 > faulty[3]
    assert not sum_words(people["anna"], [b"XYZ"], 0, lattice, ALPHABET, args).any()


@pytest.mark.parametrize("arguments", [[], ["photos", "--films", "3"]])
def test_either_photographs_or_films_are_measured(arguments, capsys):
    with pytest.raises(SystemExit):
        parse_args(arguments)
    assert "either PHOTOS or --films" in capsys.readouterr().err

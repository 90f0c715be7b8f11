"""What a spelled word may be: lists of words, and the search."""

import gzip
import re
import time

import numpy as np
import pytest

from camera import words
from camera.model import ALPHABET
from camera.words import (
    LETTERS,
    Lattice,
    Read,
    build,
    load_vocabulary,
    read_all,
    spread,
    to_letters,
    to_read,
)
from plumbing.faults import UserError

SMALL = (
    "HELLO 90\nHELP 50\nHELD 40\nHELL 10\nWORLD 80\nJAZZ 5\nMAJOR 8\nCAROLINE 9\nBOOK 20\nBOKS 1"
)


def letter(wanted, share=0.8, other=None):
    """A Read with so much on one letter, and what is left on another or on all."""
    read = np.full(26, (1 - share) / 25 if not other else 1e-4, np.float32)
    read[LETTERS.index(wanted)] = share
    if other:
        read[LETTERS.index(other)] = 1 - share
    return Read(read)


def read(text, share=0.8):
    return [letter(x, share) for x in text]


@pytest.fixture
def list_of(tmp_path):
    """A function that writes a list of words, and returns its path."""

    def write(content, name="words.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def small(list_of):
    return Lattice(load_vocabulary(list_of(SMALL)))


@pytest.fixture(scope="session")
def shipped():
    return Lattice(load_vocabulary())


# ---------------------------------------------------------------- searching


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("HELLO", "HELLO"),
        ("WURLD", "WORLD"),  # one letter misread
        ("WRLD", "WORLD"),  # one lost
        ("HELO", "HELLO"),  # a double read once
        ("WOORLD", "WORLD"),  # one read twice
        ("WOXRLD", "WORLD"),  # one added
        ("CAROL", "CAROLINE"),  # not yet finished
        ("MAIOR", "MAJOR"),  # J read as I
        ("IADD", "JAZZ"),
    ],
)
def test_the_word_is_found_whatever_goes_wrong(text, word, small):
    known = [LETTERS.index(y) for y in ALPHABET]
    means = [[letter(x).odds[known]] for x in text]
    assert small.suggest(read_all(text, means, (), ALPHABET))[0] == word


def test_the_second_guess_of_the_model_counts(small):
    sure, unsure = read("HEL", 0.95), letter("B", 0.6, other="P")
    assert small.suggest([*sure, unsure])[0] == "HELP"
    assert small.suggest([*sure, letter("B", 0.6, other="D")])[0] == "HELD"


def test_a_more_frequent_word_comes_first_where_the_letters_fit_as_well():
    rare, frequent = b"BAT", b"CAT"
    lattice = Lattice(build(np.array([rare, frequent], "S20"), np.array([1.0, 500.0])))
    doubtful = [letter("B", 0.5, other="C"), letter("A"), letter("T")]
    assert lattice.suggest(doubtful) == ["CAT", "BAT"]


def test_a_word_that_is_read_is_among_its_suggestions(shipped):
    for name in ("SVEN", "MARY", "JOHN", "LEN", "ABA"):
        assert name in shipped.suggest(read(name, 0.95))


def test_letters_that_are_like_no_word_have_no_suggestions(shipped):
    assert shipped.suggest(read("XQZT", 0.9)) == []
    assert shipped.suggest(read("KXYRBW", 0.9)) == []


def test_one_letter_and_endless_ones_have_no_suggestions(shipped):
    assert shipped.suggest([]) == shipped.suggest(read("H")) == []
    assert shipped.suggest(read("H" * 500)) == []
    assert shipped.suggest(read("HELLO"))[0] == "HELLO"


def test_a_glimpse_of_a_letter_tells_words_apart_and_need_not_be_one(small):
    held, glimpse = read("HEL"), letter("D", 0.6)._replace(sure=False)
    assert small.suggest([*held, glimpse])[0] == "HELD"
    assert small.suggest(held)[0] == "HELL"
    known = [LETTERS.index(y) for y in ALPHABET]
    means = [[x.odds[known]] for x in held]
    means[2].insert(0, letter("X", 0.6).odds[known])
    assert small.suggest(read_all("HEL", means, (), ALPHABET))[0] == "HELL"
    assert small.suggest(read_all("HEL", means, [glimpse.odds[known]], ALPHABET))[0] == "HELD"


def test_letter_by_letter_is_the_same_as_all_at_once(shipped):
    text = read("TRANSLATOR")
    for count in (3, 5, 8, 4, 10):  # also back
        stepwise = shipped.suggest(text[:count])
        assert stepwise == Lattice(shipped.vocabulary).suggest(text[:count])
    last = [*text[:-1], letter("N")]  # a letter that was read more closely in the meantime
    assert shipped.suggest(last) == Lattice(shipped.vocabulary).suggest(last)


def test_the_search_is_the_sum_over_all_ways_to_read_a_word():
    """Beside a search of one word that is written out."""
    names = ["AB", "ABBA", "B", "BABA"]
    lattice = Lattice(build(np.array(names, "S20"), np.ones(4)))
    seen = read("ABA", 0.7)
    lattice.suggest(seen)
    for name, node in zip(lattice.vocabulary.words, lattice.vocabulary.ends, strict=True):
        odds = float(lattice.columns[-1][node]) * np.exp(lattice.scales[-1])
        assert odds == pytest.approx(likelihood(name.decode(), seen), rel=1e-3)


def likelihood(word, seen):
    """The probability of reading letters where a word was spelled, by recursion."""

    def of(i, j):
        if i == j == 0:
            return 1.0
        p = (1 - words.FLOOR) * seen[i - 1].odds + words.FLOOR / 26 if i else None
        here = p[LETTERS.index(word[j - 1])] if i and j else 0
        total = here * of(i - 1, j - 1) if i and j else 0
        total += of(i - 1, j) * (words.ADDED / 26 + words.TWICE * here) if i else 0
        double = j > 1 and word[j - 1] == word[j - 2]
        total += of(i, j - 1) * (words.DOUBLE_LOST if double else words.LOST) if j else 0
        return total

    return of(len(seen), len(word))


def test_a_letter_takes_a_few_milliseconds(shipped):
    """3 ms on a core of its own; this one may be shared."""
    times = []
    for _ in range(5):
        for count in range(2, 8):
            start = time.process_time()
            shipped.suggest(read("WEBCAMS")[:count])
            times.append(time.process_time() - start)
    assert np.median(times) < 0.02


# ---------------------------------------------------------------- what was read


def test_j_and_z_may_have_been_missed():
    probabilities = np.zeros(24, np.float32)
    probabilities[ALPHABET.index("I")] = 0.9
    spreaded = spread(probabilities, ALPHABET)
    assert spreaded[LETTERS.index("I")] == pytest.approx(0.9)
    assert 0.05 < spreaded[LETTERS.index("J")] < 0.9
    assert spreaded[LETTERS.index("Z")] == 0
    signed = to_read("Z", probabilities, ALPHABET)  # what its hand was read as says nothing
    assert LETTERS[signed.argmax()] == "Z"
    assert signed[LETTERS.index("D")] > 0


def test_a_model_may_read_other_letters():
    read_as = spread(np.float32([0.1, 0.7, 0.2]), "\u00c4JB")
    assert read_as[LETTERS.index("J")] == pytest.approx(0.7)
    assert read_as.shape == (26,)


# ---------------------------------------------------------------- lists of words


def test_a_list_has_a_word_a_line_and_perhaps_its_frequency(list_of):
    lines = [
        "hello\t20",
        "World 3e1",
        "",
        "na\u00efve, 4",
        "it's",
        "stra\u00dfe 9",
        "hello 1\r",
        "",
    ]
    vocabulary = load_vocabulary(list_of("\n".join(lines)))
    found = dict(zip(vocabulary.words.tolist(), vocabulary.frequencies.tolist(), strict=True))
    assert found == {b"HELLO": 21, b"WORLD": 30, b"NAIVE": 4, b"ITS": 1}


def test_a_list_may_be_packed(list_of):
    plain, packed = list_of(SMALL), list_of(gzip.compress(SMALL.encode()), "words.gz")
    assert np.array_equal(load_vocabulary(plain).words, load_vocabulary(packed).words)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "0 words of A to Z"),
        ("123\n\u4f60\u597d\n", "0 words of A to Z"),
        ("a 1\nnew york -2\n", "line 2: 'new york -2' is not a word, or a word and its frequency"),
        ("a 0\n", "line 1"),
        ("a -3\n", "line 1"),
        ("a nan\n", "line 1"),
        ("a inf\n", "line 1"),
        ("a 1 2\n", "line 1"),
        (b"\xff\xfe\x00", "not a list of words in UTF-8"),
        (b"\x1f\x8b garbage", "not a list of words in UTF-8"),
        (gzip.compress(b"hello\n", mtime=0)[:-9], "cut short"),
        (gzip.compress(b"a" * 2**25, mtime=0), "more than 16,777,216 bytes unpacked"),
    ],
)
def test_a_list_that_is_none_is_told_in_a_line(content, told, list_of):
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        load_vocabulary(list_of(content))
    assert "\n" not in str(caught.value)
    assert "words.txt" in str(caught.value)


def test_of_a_line_of_several_words_each_counts(list_of):
    vocabulary = load_vocabulary(list_of("new york 8\nyork, 2\nMary Ann\n12 monkeys\n"))
    found = dict(zip(vocabulary.words.tolist(), vocabulary.frequencies, strict=True))
    assert found == {b"NEW": 8, b"YORK": 10, b"MARY": 1, b"ANN": 1, b"MONKEYS": 1}


def test_a_list_of_too_many_words_is_refused(list_of, monkeypatch):
    monkeypatch.setattr(words, "MOST_WORDS", 9)
    with pytest.raises(UserError, match="10 words of A to Z; from 1 to 9 are possible"):
        load_vocabulary(list_of(SMALL))


def test_words_are_spelled_without_accents_hyphens_and_apostrophes():
    cases = {"don't": "DONT", "S\u00e3o": "SAO", "co-op": "COOP", "\u00df": "", "a1": "", "": ""}
    assert {word: to_letters(word) for word in cases} == cases


# ---------------------------------------------------------------- the list that comes along


def test_the_list_that_comes_along_is_small_and_has_names_and_places(shipped):
    assert words.SHIPPED.stat().st_size < 1_000_000
    assert len(shipped.vocabulary.words) == 50_000
    for word in ("HELLO", "MARY", "TOKYO", "GHANA", "YVONNE", "ZURICH", "GAY", "I"):
        assert word in shipped, word


def test_names_read_with_certainty_stay_among_their_suggestions(shipped):
    names = "JAMES MARY ROBERT LINDA SVEN IAN LEN DORIS GUY MAY ANA ELMER EULA CARY HUGO".split()  # noqa: SIM905
    first = 0
    for name in names:
        found = shipped.suggest(read(name, 0.97))
        assert name in found
        first += found[0] == name
    assert first >= 12

"""What a spelled word may be: a vocabulary, and a search of it for what was read.

The search uses the probabilities of all letters, not the likeliest alone. The vocabulary is a
prefix tree, whose nodes are the beginnings of words. A column holds for each node how likely the
letters so far were read if this beginning was spelled: the sum over all ways to lose letters and to
read others more (forward algorithm, Rabiner, 1989). One more letter costs one more column.
"""

import io
import math
import unicodedata
import zlib
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from camera.motion import STARTS_WITH
from plumbing.faults import UserError, printable
from plumbing.files import require_file

SHIPPED = Path(__file__).parents[1] / "pretrained/words.txt.gz"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST = 20  # letters of a word in the vocabulary; longer ones are left out
MOST_WORDS, MOST_BYTES = 200_000, 2**24  # of a list
FEWEST_READ, MOST_READ = 2, 30  # letters that there are suggestions for, glimpses included
GZIP = b"\x1f\x8b"
# Shares of letters, measured by tools/benchmark/measure_words.py on rendered words, and on films of
# people, whose share counts where they differ much.
LOST = 0.07  # not read at all: 0.12 and 0.07
DOUBLE_LOST = 0.2  # of letters that a word doubles, read once: 0.07 and 0.32
ADDED = 0.01  # read where none was spelled
GLIMPSED = 3.0  # glimpses where none was spelled, by those of letters that were lost
TWICE = 0.02  # read twice
J_AS_I, Z_AS_D = 0.2, 0.2  # read as the hand that begins them
SIGN = 0.95  # of movements read as J or Z that were one
# Chosen by two folds over the 11 sources of photographs that are trained on.
FLOOR = 0.01  # share of a letter's probability that is spread evenly: the model may be wrong
COMMON = 4e-5  # frequency above which words are spelled about equally often: few people spell THE
RARER = 1.5  # how much rarer words are spelled, by this power of their frequency
UNFINISHED = 0.007  # probability that of a word only its beginning was spelled so far
UNKNOWN, PER_LETTER = 0.02, 1 / 26  # probability of a word that is not known, and of its letters


class Vocabulary(NamedTuple):
    """Words, sorted, and the prefix tree of their W words: its N nodes level by level."""

    words: np.ndarray  # bytes (W,)
    frequencies: np.ndarray  # float (W,)
    ends: np.ndarray  # the node of each word, intp (W,)
    parents: np.ndarray  # intp (N,); the root is 0, and its own parent
    letters: np.ndarray  # the last letter of each node, an index of LETTERS; the root has none
    lost: np.ndarray  # probability of losing that letter, float32 (N,)
    levels: list  # slices of nodes: those of one letter, of two ...


def load_vocabulary(path=None):
    """Read a list of words: the one that comes along, or a file of one word a line.

    A word may be followed by its frequency, a number above 0, in any unit; words without one are
    taken for equally frequent. Of a line of several words each counts. Accents, hyphens and
    apostrophes are dropped. What is not spelled with A to Z then is left out. The file may be
    packed by gzip. Raises UserError, which names the line.
    """
    path = Path(path or SHIPPED)
    words, frequencies = bytearray(), array("d")  # lists would take some MB more
    for number, line in enumerate(read_lines(path), 1):
        fields = line.replace(",", " ").split()
        last = to_number(fields[-1]) if len(fields) > 1 else None
        fields, frequency = (fields, 1.0) if last is None else (fields[:-1], last)
        is_odd = len(fields) > 1 and any(to_number(field) is not None for field in fields[1:])
        if is_odd or not 0 < frequency < math.inf:
            told = f"{line.strip()[:40]!a} is not a word, or a word and its frequency"
            raise UserError(f"{printable(path)}, line {number}: {told}")
        for field in fields:
            if 0 < len(word := to_letters(field)) <= LONGEST:
                words += word.encode().ljust(LONGEST, b"\0")
                frequencies.append(frequency)
    if not 0 < len(frequencies) <= MOST_WORDS:
        told = f"{len(frequencies):,} words of A to Z; from 1 to {MOST_WORDS:,} are possible"
        raise UserError(f"{printable(path)}: {told}")
    return build(np.frombuffer(words, f"S{LONGEST}"), np.array(frequencies))


def read_lines(path):
    """Yield the lines of a list of words. Raises UserError where it is none."""
    require_file(path, "--words takes a list of words, one a line", MOST_BYTES)
    content = path.read_bytes()
    try:
        if content.startswith(GZIP):
            unpacker = zlib.decompressobj(wbits=31)
            content = unpacker.decompress(content, MOST_BYTES)
            if not unpacker.eof:
                told = f"cut short, or more than {MOST_BYTES:,} bytes unpacked"
                raise UserError(f"{printable(path)}: {told}")
        yield from io.TextIOWrapper(io.BytesIO(content), "utf-8-sig")
    except (UnicodeDecodeError, zlib.error):
        raise UserError(f"{printable(path)}: not a list of words in UTF-8") from None


def to_number(text):
    """Return the number that a text is, None for none."""
    try:
        return float(text)
    except ValueError:
        return None


def to_letters(word):
    """Return a word as it is spelled, in A to Z; "" where it has other letters."""
    if not (word.isascii() and word.isalpha()):
        parts = unicodedata.normalize("NFKD", word)
        word = "".join(c for c in parts if not unicodedata.combining(c) and c not in "'-\u2019")
    return word.upper() if word.isascii() and word.isalpha() else ""


def build(words, frequencies):
    """Build the Vocabulary of words, bytes (W,), in any order, and frequencies, float (W,).

    AT, ATE and BE have six nodes: the root, A and B on the first level, AT and BE on the second,
    ATE on the third. Of the sorted words the first with a beginning makes its node.
    """
    order = np.argsort(words, kind="stable")
    words, frequencies = words[order], frequencies[order]
    first = np.append(True, words[1:] != words[:-1])  # of words that are there twice
    frequencies = np.add.reduceat(frequencies, np.flatnonzero(first))
    words = words[first]
    spelled = words.view(np.uint8).reshape(len(words), -1)
    begins = np.ones(spelled.shape, bool)  # whether a word is the first with this beginning
    begins[1:] = np.logical_or.accumulate(spelled[1:] != spelled[:-1], axis=1)
    begins &= spelled != 0
    node, count = np.zeros(len(words), np.intp), 1  # of the beginning of each word so far
    parents, letters, levels = [np.zeros(1, np.intp)], [np.array([len(LETTERS)])], []
    for place in range(spelled.shape[1]):
        rows = np.flatnonzero(begins[:, place])
        parents.append(node[rows])
        letters.append(spelled[rows, place].astype(np.intp) - ord("A"))
        levels.append(slice(count, count + len(rows)))
        longer = spelled[:, place] != 0
        node[longer] = (count - 1 + np.cumsum(begins[:, place]))[longer]
        count += len(rows)
    parents, letters = np.concatenate(parents), np.concatenate(letters)
    is_double = letters == letters[parents]
    lost = np.where(is_double, DOUBLE_LOST, LOST).astype(np.float32)
    levels = [level for level in levels if level.stop > level.start]
    return Vocabulary(words, frequencies, node, parents, letters, lost, levels)


class Read(NamedTuple):
    """A letter that was read: the probabilities of A to Z, float32 (26,)."""

    odds: np.ndarray
    sure: bool = True  # otherwise it was only glimpsed, and is not in the text


class Lattice:
    """Searches a vocabulary for a word as it is spelled, letter by letter.

    A column f has for each node n, a beginning that ends with the letter x after the beginning m:

        f(n) = before(m) p(x) + before(n) (added / 26 + twice p(x)) + f(m) lost(n)

    the letter read now, of probabilities p, is x; or there is none for it, or x is read again; or x
    was lost. `before` is the column without that letter.
    """

    def __init__(self, vocabulary):
        start = np.zeros(len(vocabulary.parents), np.float32)
        start[0] = 1
        common = COMMON * vocabulary.frequencies.sum()
        priors = (vocabulary.frequencies / (vocabulary.frequencies + common)) ** RARER
        self.priors = (priors / priors.sum()).astype(np.float32)
        self.vocabulary = vocabulary
        self.read = []  # probabilities of the letters so far, float32 (26,) each
        self.columns = [self.lose(start)]  # float32 (N,): before the first letter, after it ...
        self.scales = [0.0]  # logarithms of what the columns were divided by

    def suggest(self, read, count=3):
        """List the words that letters may be, the likeliest first, at most `count`.

        read: a list of Read. Only what changed since the last call is computed.
        """
        same = 0
        for old, new in zip(self.read, read, strict=False):
            if old.sure != new.sure or not np.array_equal(old.odds, new.odds):
                break
            same += 1
        del self.read[same:], self.columns[same + 1 :], self.scales[same + 1 :]
        if not FEWEST_READ <= len(read) <= MOST_READ:
            return []
        for letter in read[same:]:
            self.add(letter)
        return self.rank(count)

    def add(self, letter):
        """Add the column after one more letter, a Read."""
        words, before = self.vocabulary, self.columns[-1]
        likely = (1 - FLOOR) * letter.odds + np.float32(FLOOR / len(LETTERS))
        seen = np.append(likely, np.float32(0)).take(words.letters)
        column = before.take(words.parents) * seen
        column += before * ((ADDED if letter.sure else GLIMPSED) / len(LETTERS) + TWICE * seen)
        self.lose(column)
        scale = column.max()  # or small numbers would vanish
        column /= scale
        self.read.append(letter)
        self.columns.append(column)
        self.scales.append(self.scales[-1] + math.log(scale))

    def lose(self, column):
        """Let letters of the words be lost, in place."""
        words = self.vocabulary
        for level in words.levels:
            column[level] += column[words.parents[level]] * words.lost[level]
        return column

    def rank(self, count):
        """List the likeliest words, at most `count`, if they are likelier than an unknown word.

        What was read is among them, if it is a word.
        """
        words, column = self.vocabulary, self.columns[-1]
        # A word of which only a beginning was spelled so far: the likeliest beginning counts.
        reached = column * np.float32(UNFINISHED)
        for level in words.levels:
            np.maximum(reached[level], reached[words.parents[level]], out=reached[level])
        odds = (column[words.ends] + reached[words.ends]) * self.priors
        unknown = math.log(UNKNOWN) - self.scales[-1]
        sure = [x.odds for x in self.read if x.sure]
        unknown += sum(math.log(max(odds.max(), FLOOR) * PER_LETTER) for odds in sure)
        least = math.exp(np.clip(unknown, -80.0, 80.0))
        found = []
        while len(found) < count and odds[best := odds.argmax()] >= least:
            found.append(words.words[best].decode())
            odds[best] = -1
        text = "".join(LETTERS[odds.argmax()] for odds in sure)
        return found if text in found or text not in self else [*found[: count - 1], text]

    def __contains__(self, word):
        words = self.vocabulary.words
        place = np.searchsorted(words, np.bytes_(word))
        return place < len(words) and words[place] == word.encode()


def read_all(text, means, glimpses, alphabet):
    """Return the Reads of a text of which `Speller.means` has a list for each letter."""
    read = []
    for letter, (*before, mean) in zip(text, means, strict=True):
        read += [Read(spread(glimpse, alphabet), False) for glimpse in before]
        read.append(Read(to_read(letter, mean, alphabet)))
    return read + [Read(spread(glimpse, alphabet), False) for glimpse in glimpses]


def spread(probabilities, alphabet):
    """Return the probabilities of A to Z, for those of a model's alphabet.

    float32 (letters,) -> float32 (26,). J and Z, which are read by movement, may have been missed.
    """
    by_letter = dict(zip(alphabet, map(float, probabilities), strict=True))
    missed = {"J": J_AS_I * by_letter.get("I", 0), "Z": Z_AS_D * by_letter.get("D", 0)}
    return np.array([by_letter.get(x, missed.get(x, 0)) for x in LETTERS], np.float32)


def to_read(letter, probabilities, alphabet):
    """Return what `Lattice.suggest` takes of a letter that was added: float32 (26,)."""
    if letter in alphabet or letter not in STARTS_WITH:
        return spread(probabilities, alphabet)
    return spread([1 - SIGN, SIGN], STARTS_WITH[letter][0] + letter)  # by movement

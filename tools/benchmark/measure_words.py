"""Measure how often the word that was spelled is suggested.

    python -m tools.benchmark.measure_words PHOTOS [--follow]
    python -m tools.benchmark.measure_words --films 36

PHOTOS/SOURCE/LETTER/ holds pictures of each person. A word of three or more letters is drawn from
the 4,000 most frequent, and each of its letters is a random picture of one person. A row each for

    the words as they are; with a tenth of the letters lost or read twice, from another picture;
    with a J or Z that is read as I or D; and with a vocabulary of the 30,000 most frequent words
    without J and Z

tells how many letters and words are right as read, and how often the word is the first suggestion
and among three. With --follow the landmarks of the hand are read, too, where one is found. The last
line tells what a letter costs.

--films spells rendered films of words at one and two letters a second instead, as the camera script
does with --follow, and counts how letters go wrong: camera/words.py has these shares.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import os
import time
from collections import Counter
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from camera.edits import Editor
from camera.hand import HandFinder, agree
from camera.model import find_model, load_model
from camera.pictures import list_pictures, read_picture
from camera.speller import Speller
from camera.words import Lattice, Read, build, load_vocabulary, spread
from plumbing.faults import UserError, printable, run
from plumbing.flags import Parser, bounded
from step_6_camera import classify
from tools.edit_distance import align
from tools.measure_spelling import draw_frames, read_film
from tools.render_films import STARTS_WITH
from tools.render_hands import read_poses, start_workers

DRAWN, SHORTEST = 4_000, 3  # the words are drawn from the most frequent; letters
PLAIN = 30_000  # words of the smaller vocabulary
LONG = 8  # letters of the words that are timed
FAULTS = 0.1  # share of letters that are lost or read twice
PACES = (1, 2)  # letters a second, of films
FAULT_NAMES = ("lost", "double read once", "added", "read twice", "J as I", "Z as D", "true J or Z")
COLUMNS = ("letters", "as read", "first", "of three")


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)
    model, vocabulary = load_model(args.model), load_vocabulary()
    if args.films:
        measure_films(model, vocabulary, args)
    else:
        finder = HandFinder() if args.follow else None
        measure_photos(read_people(args.photos, model, finder), model, vocabulary, args)


# ---------------------------------------------------------------- photographs


def read_people(folder, model, finder=None):
    """Read the pictures of each source, cut around hands; with a `finder`, landmarks, too.

    Returns {source: {letter: probabilities float32 (n, letters)}}.
    """
    people = {}
    for place in sorted(Path(folder).glob("*/")):
        letters = {}
        for letter in model.alphabet:
            frames = [read_picture(path) for path in list_pictures(place / letter)]
            read = [read_hand(model, frame, finder) for frame in frames if frame is not None]
            letters |= {letter: np.array(read)} if read else {}
        people |= {place.name: letters} if letters else {}
    if not people:
        raise UserError(f"{printable(folder)}: no pictures in its SOURCE/A/, SOURCE/B/ and so on")
    return people


def read_hand(model, frame, finder):
    """Read a picture that is cut around a hand: probabilities float32 (letters,)."""
    probabilities = classify(model, frame)[1]
    hand = finder and finder.find(frame)
    return agree(model, probabilities, finder.read(hand))[0] if hand else probabilities


def measure_photos(people, model, vocabulary, args):
    """Print a row for each way to spell, and the sources' shares of the first."""
    plain = most_frequent(vocabulary, PLAIN, without="JZ")
    signed = most_frequent(vocabulary, DRAWN, without="JZ", shortest=SHORTEST).words
    known = most_frequent(vocabulary, DRAWN, shortest=SHORTEST).words
    moved = [word for word in known if b"J" in word or b"Z" in word]
    print(f"{len(people)} people, {args.count} words of each" + " " * 14, *COLUMNS, sep="  ")
    rows = [
        ("the words as they are", vocabulary, signed, 0),
        (f"{FAULTS:.0%} of the letters lost or twice", vocabulary, signed, FAULTS),
        ("J and Z read as I and D", vocabulary, moved, 0),
        (f"{PLAIN:,} words without J and Z", plain, signed, 0),
    ]
    for name, known, words, faults in rows:
        lattice = Lattice(known)
        counts = {
            source: sum_words(letters, words, faults, lattice, model.alphabet, args)
            for source, letters in people.items()
        }
        print_row(name, sum(counts.values()))
        if not faults and known is vocabulary and words is signed:
            for source, count in counts.items():
                print_row(f"  {printable(source)}", count)
    print_time(next(iter(people.values())), vocabulary, model.alphabet)


def print_time(letters, vocabulary, alphabet):
    """Print the processor time that a letter of a word takes, spelled by one person's pictures."""
    lattice, times = Lattice(vocabulary), []
    read = [Read(spread(odds[0], alphabet)) for odds in letters.values()]
    for start in range(len(read) - LONG):
        for end in range(start + 1, start + LONG + 1):
            begin = time.process_time()
            lattice.suggest(read[start:end])
            times.append(1000 * (time.process_time() - begin))
    usual, most = np.median(times), np.quantile(times, 0.95)
    print(f"{len(vocabulary.words):,} words: a letter takes {usual:.1f} ms, 95 % below {most:.1f}")


def sum_words(letters, words, faults, lattice, alphabet, args):
    """Spell `args.count` words by one person's pictures.

    Returns the sums of: letters, letters right, words, right as read, first, among three.
    """
    rng = np.random.default_rng(args.seed)
    drawn = [word.decode() for word in words]
    drawn = [word for word in drawn if all(STARTS_WITH.get(x, x) in letters for x in word)]
    sums = np.zeros(6, int)
    for word in rng.choice(drawn, args.count) if drawn else ():
        right, read = [], []
        for letter in word:
            pictures = letters[STARTS_WITH.get(letter, letter)]
            times = rng.choice([0, 2]) if rng.random() < faults else 1
            for probabilities in pictures[rng.integers(len(pictures), size=times)]:
                right.append(alphabet[probabilities.argmax()] == letter)
                read.append(probabilities)
        text = "".join(alphabet[probabilities.argmax()] for probabilities in read)
        found = lattice.suggest([Read(spread(odds, alphabet)) for odds in read])
        sums += len(right), sum(right), 1, text == word, found[:1] == [word], word in found
    return sums


def most_frequent(vocabulary, count, without="", shortest=1):
    """Return a Vocabulary of the most frequent words of another, of so many letters at least."""
    spelled = vocabulary.words.view(np.uint8).reshape(len(vocabulary.words), -1)
    fits = ~np.isin(spelled, list(without.encode())).any(1) & ((spelled > 0).sum(1) >= shortest)
    rows = np.flatnonzero(fits)
    rows = rows[np.argsort(-vocabulary.frequencies[rows], kind="stable")][:count]
    return build(vocabulary.words[rows], vocabulary.frequencies[rows])


def print_row(name, sums):
    letters, right, words, *shares = sums
    shares = [right / max(letters, 1), *(share / max(words, 1) for share in shares)]
    print(f"{name:38}" + "".join(f"{100 * share:8.1f} %" for share in shares), flush=True)


# ---------------------------------------------------------------- films


def measure_films(model, vocabulary, args):
    """Print a row for each pace, and how often a letter goes wrong in which way."""
    known = most_frequent(vocabulary, DRAWN, shortest=SHORTEST).words
    rng = np.random.default_rng(args.seed)
    words = [word.decode() for word in rng.choice(known, args.films)]
    finder, lattice, faults = HandFinder(), Lattice(vocabulary), Counter()
    print(f"{args.films} films at each pace" + " " * 16, *COLUMNS, sep="  ")
    with start_workers(args.workers) as pool:
        for pace in PACES:
            items = [(number, word, pace) for number, word in enumerate(words)]
            sums = np.zeros(6, int)
            films = pool.imap(partial(film_of, args.seed), items)
            for word, film in zip(words, films, strict=True):
                text, found = spell_film(model, film, finder, lattice)
                pairs = align(word, text)
                right = sum(wanted == got for wanted, got in pairs)
                faults += count_faults(pairs)
                sums += len(word), right, 1, text == word, found[:1] == [word], word in found
            print_row(f"{pace} a second", sums)
    for name in FAULT_NAMES:
        cases, all_cases = faults[name], faults[name, "of"]
        print(f"{name:24}{cases:5} of {all_cases:5}  {cases / max(1, all_cases):.3f}")


def film_of(seed, item):
    """Draw a film of a word: a Film. `item` is its number, the word and the pace."""
    number, word, pace = item
    return draw_frames(read_poses(), [seed, number, pace], word, 25, slot=1 / pace)


def spell_film(model, film, finder, lattice):
    """Spell a film as the camera script does. Returns the text, and its suggestions."""
    editor = Editor(Speller(model.alphabet, model.threshold), lattice)
    for seen in read_film(model, film, finder):
        editor.update(editor.speller.update(*seen))
    editor.finish()
    return editor.speller.text, editor.suggestions


def count_faults(pairs):
    """Count the faults in aligned letters, and the letters of which each fault is possible."""
    counts = Counter()
    for number, (wanted, got) in enumerate(pairs):
        before = [pair for pair in pairs[:number] if pair[0]][-1:]
        is_double = bool(wanted) and bool(before) and before[0][0] == wanted
        name = "double read once" if is_double else "lost"
        if wanted:
            counts[name, "of"] += 1
            counts[name] += got == ""
            counts["added", "of"] += 1
            counts["read twice", "of"] += 1
        elif got in [x for x, _ in pairs[max(0, number - 1) : number + 2]]:
            counts["read twice"] += 1
        else:
            counts["added"] += 1
        if wanted in STARTS_WITH and got:
            counts[f"{wanted} as {STARTS_WITH[wanted]}", "of"] += 1
            counts[f"{wanted} as {STARTS_WITH[wanted]}"] += got == STARTS_WITH[wanted]
        if got in STARTS_WITH:
            counts["true J or Z", "of"] += 1
            counts["true J or Z"] += got == wanted
    return counts


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("photos", metavar="PHOTOS", nargs="?", help="pictures by source and letter")
    add("--films", type=bounded(int, 1, 10**5), help="measure so many rendered films instead")
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--follow", action="store_true", help="read the landmarks of the hands, too")
    add("--count", type=bounded(int, 1, 10**6), default=200, help="words of each person (200)")
    add("--seed", type=bounded(int, 0, 2**31), default=1, help="same seed, same words (1)")
    add("--workers", type=bounded(int, 1, 1000), default=os.cpu_count(), help="processes to use")
    args = parser.parse_args(argv)
    if bool(args.photos) == bool(args.films):
        parser.error("either PHOTOS or --films, please")
    return args


if __name__ == "__main__":
    run(main)

"""Measure how well the camera script spells, on new rendered films of J and Z, letters and words.

    python -m tools.measure_spelling --films 30 --seed 9000
    python -m tools.measure_spelling --model other.onnx --hold 0.5

A film of signs has two to four items: J, Z, letters held, moved aside or shaken. A film of a letter
shows one that a relaxed hand forms, holds for 0.5 to 1 second and lets go. A film of a word shows a
name at 1, 2 or 3 letters a second; the hand rests half of the time. The "oracle" knows when the
hand rests and adds what the model reads there on average: it tells the speller's mistakes from the
model's.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import os
import time
from collections import Counter
from functools import partial

import numpy as np

from camera.model import find_model, load_model, read_letters
from camera.motion import HANDS, SIGNS
from camera.speller import HOLD, Speller
from plumbing.faults import run
from plumbing.flags import bounded
from step_2_dataset import LETTERS
from tools.learn_motion import film_of
from tools.render_films import draw_film
from tools.render_hands import read_poses, start_workers

WORDS = (
    *("ADAM", "ALEX", "AMY", "ANNA", "BELLA", "BOB", "CARLA", "CARLOS", "DAVID", "DORIS", "ELLIE"),
    *("EMIL", "FINN", "FLORA", "GRETA", "HUGO", "INGRID", "KARL", "LUCY", "MIKE", "NORA", "OSCAR"),
    *("PAUL", "QUENTIN", "ROSA", "SVEN", "TIM", "URSULA", "VERA", "WILLY", "XENIA", "YVES"),
)
PACES = (1, 2, 3)  # letters a second
COUNTED = ("drawn", "found", "alone", "legible", "both", "false")  # of J and Z, see count_signs


def film_of_letter(seed, number):
    """Draw film `number` of a letter. Returns the letter and the Film."""
    rng, letter = np.random.default_rng([seed, number, 2]), LETTERS[7 * number % len(LETTERS)]
    slot = rng.uniform(0.5, 1) / 0.6
    return letter, draw_film(read_poses(), [seed, number, 3], letter, 25, slot=slot, share=0.6)


def film_of_word(seed, item):
    """Draw a film of a word; `item` is its number and pace. Returns the word and the Film."""
    number, pace = item
    word = WORDS[number % len(WORDS)]
    return word, draw_film(read_poses(), [seed, number, 3 + pace], word, 25, slot=1 / pace)


def spell(model, film, hold):
    """Spell a film as the camera script does.

    Returns the letters added, a list of (time, letter), with J and Z in place of the letters that
    they start with; probabilities (n, letters), image by image; processor seconds an image.
    """
    speller, added, spent = Speller(model.alphabet, model.threshold, hold), [], 0.0
    read = [
        read_letters(model, image, frame_number) for frame_number, image in enumerate(film.images)
    ]
    for image, now, probabilities in zip(film.images, film.times, read, strict=True):
        start = time.process_time()
        letter = speller.update(probabilities, now, image)
        spent += time.process_time() - start
        if speller.undone:
            added.pop()
        if letter:
            added.append((now, letter))
    return added, np.array(read), spent / len(film.images)


def oracle(model, film, read):
    """Read each of the film's rests, on average over its images. Returns a text."""
    times = film.times
    rests = [(times >= start) & (times <= end + 0.03) for _, start, end in film.signs]
    return "".join(model.alphabet[read[rest].mean(0).argmax()] for rest in rests)


def edits(wanted, text):
    """Count the fewest edits from `wanted` to `text` (edit distance, Levenshtein, 1966).

    Returns (4,): letters of `wanted` that are right, wrong and lost, and letters added.
    """
    table = {(0, 0): (0, 0, 0, 0)}
    for i in range(len(wanted) + 1):
        for j in range(len(text) + 1):
            ways = []
            if i and j:
                same = wanted[i - 1] == text[j - 1]
                ways.append(np.add(table[i - 1, j - 1], (same, not same, 0, 0)))
            if i:
                ways.append(np.add(table[i - 1, j], (0, 0, 1, 0)))
            if j:
                ways.append(np.add(table[i, j - 1], (0, 0, 0, 1)))
            table[i, j] = min(ways, key=lambda counts: sum(counts[1:])) if ways else table[i, j]
    return np.array(table[len(wanted), len(text)])


def count_signs(model, film, added, read):
    """Count a film's J and Z: a Counter by (sign, one of COUNTED).

    found: added from the middle of its movement on. alone: without another letter. legible: the
    model read the hand that it starts with. both: found and legible. false: added where none was.
    """
    counts, signs = Counter(), [(now, letter) for now, letter in added if letter in SIGNS]
    for sign, start, end in film.signs:
        if sign not in SIGNS:
            continue
        middle = (start + end) / 2
        hits = [hit for hit in signs if hit[1] == sign and middle <= hit[0] <= end + 0.6]
        signs = [hit for hit in signs if hit not in hits[:1]]
        hand = [model.alphabet.index(letter) for letter in HANDS[sign]]
        before = (film.times >= start - 0.3) & (film.times <= start + 0.1)
        legible = read[before][:, hand].sum(1).max() >= model.threshold
        alone = [x for now, x in added if start - 0.3 <= now <= end + 0.6] == [sign]
        values = {"drawn": 1, "found": bool(hits), "alone": alone, "legible": legible}
        values |= {"both": legible and bool(hits)}
        counts.update({(sign, name): int(value) for name, value in values.items()})
    counts.update((letter, "false") for _, letter in signs)
    return counts


def measure_signs(model, films, hold):
    """Print how many J and Z are found in films, and how many are added where there is none."""
    counts, minutes, spent = Counter(), 0, []
    for film in films:
        added, read, cost = spell(model, film, hold)
        counts += count_signs(model, film, added, read)
        minutes += film.times[-1] / 60
        spent.append(cost)
    for sign in SIGNS:
        drawn, found, alone, legible, both, false = (counts[sign, name] for name in COUNTED)
        print(
            f"{sign}: {found}/{drawn} found, {both}/{legible} where the model read its hand; "
            f"{alone} without another letter; {false} false in {minutes:.1f} minutes"
        )
    milliseconds = 1000 * np.mean(spent)
    print(f"processor time of the speller, movements included: {milliseconds:.3f} ms a frame")


def measure_texts(name, model, films, hold):
    """Print how films, pairs of (word, Film), are spelled, beside the oracle."""
    sums, rows, minutes, false = np.zeros((3, 4), int), [], 0, 0
    for word, film in films:
        added, read, _ = spell(model, film, hold)
        text, ideal = "".join(letter for _, letter in added), oracle(model, film, read)
        sums += edits(word, text), edits(word, ideal), edits(ideal, text)
        rows.append((text == word, ideal == word, text == ideal))
        minutes += film.times[-1] / 60
        false += sum(letter in SIGNS for letter in text)
    whole = np.sum(rows, 0)
    for kind, count, letters in zip(("text", "oracle", "text/oracle"), whole, sums, strict=True):
        right, wrong, lost, more = letters
        print(
            f"{name:<12}{kind:<12}{count:>4}/{len(rows)} whole   right {right:>4}  wrong {wrong:>4}"
            f"  lost {lost:>4}  added {more:>4}"
        )
    print(f"{name:<12}{false} J or Z in {minutes:.1f} minutes")


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--films", type=bounded(int, 1, 10**5), default=24, help="of each kind (24)")
    add("--seed", type=bounded(int, 0, 2**31), default=9000, help="same seed, same films (9000)")
    add("--hold", type=bounded(float, 0, 100, above=True), default=HOLD, help=f"seconds ({HOLD})")
    add("--workers", type=bounded(int, 1, 1000), default=os.cpu_count(), help="processes to use")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    model, numbers = load_model(args.model), range(args.films)
    with start_workers(args.workers) as pool:
        measure_signs(model, pool.imap(partial(film_of, args.seed), numbers), args.hold)
        letters = pool.imap(partial(film_of_letter, args.seed), numbers)
        measure_texts("a letter", model, letters, args.hold)
        for pace in PACES:
            words = pool.imap(partial(film_of_word, args.seed), [(k, pace) for k in numbers])
            measure_texts(f"{pace} a second", model, words, args.hold)


if __name__ == "__main__":
    run(main)

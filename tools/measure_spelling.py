"""How well the camera script spells, on new rendered films: J and Z, and words at three paces.

    python -m tools.measure_spelling --films 30 --seed 9000
    python -m tools.measure_spelling --model other.onnx --hold 0.5

A film of signs has two to four of J, Z, letters held, moved aside or shaken; a film of a letter,
one that a relaxed hand forms, holds for 0.5 to 1 second and lets go; a film of a word, a name at 1,
2 or 3 letters a second, of which the hand rests half the time. "Oracle" is what somebody would
spell who knows when the hand rests, and adds what the model reads there on average: it shows what
is the speller's fault and what the model's.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import os
import time
from collections import Counter
from functools import partial

import numpy as np

from camera.motion import HANDS, SIGNS
from plumbing.faults import run
from plumbing.flags import number
from step_2_dataset import LETTERS
from step_6_camera import HOLD, Speller, find_model, load_model, read_letters
from tools.learn_motion import film_of
from tools.render_films import draw_film
from tools.render_hands import read_poses, start_workers

WORDS = (
    *("ADAM", "ALEX", "AMY", "ANNA", "BELLA", "BOB", "CARLA", "CARLOS", "DAVID", "DORIS", "ELLIE"),
    *("EMIL", "FINN", "FLORA", "GRETA", "HUGO", "INGRID", "KARL", "LUCY", "MIKE", "NORA", "OSCAR"),
    *("PAUL", "QUENTIN", "ROSA", "SVEN", "TIM", "URSULA", "VERA", "WILLY", "XENIA", "YVES"),
)
PACES = (1, 2, 3)  # letters a second


def film_of_letter(seed, number):
    rng, letter = np.random.default_rng([seed, number, 2]), LETTERS[7 * number % len(LETTERS)]
    slot = rng.uniform(0.5, 1) / 0.6
    return letter, draw_film(read_poses(), [seed, number, 3], letter, 25, slot=slot, share=0.6)


def film_of_word(seed, item):
    number, pace = item
    word = WORDS[number % len(WORDS)]
    return word, draw_film(read_poses(), [seed, number, 3 + pace], word, 25, slot=1 / pace)


def spelled(model, film, hold):
    """The letters added, as (time, letter) in order, with J and Z in place of what began them; the
    probabilities of each image (n, letters); processor seconds that an image took."""
    speller, added, spent = Speller(model.alphabet, model.threshold, hold), [], 0.0
    read = [read_letters(model, image, turn) for turn, image in enumerate(film.images)]
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
    """What is read on average in each of the film's rests."""
    times = film.times
    rests = [(times >= start) & (times <= end + 0.03) for _, start, end in film.signs]
    return "".join(model.alphabet[read[rest].mean(0).argmax()] for rest in rests)


def edits(wanted, text):
    """Letters of `wanted` right, wrong, lost and letters added in `text`, by the fewest edits."""
    table = {(0, 0): (0, 0, 0, 0)}

    def cost(counts):
        return sum(counts[1:])

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
            table[i, j] = min(ways, key=cost) if ways else table[i, j]
    return np.array(table[len(wanted), len(text)])


def measure_signs(model, films, hold):
    """Print how many J and Z are found, in all and where the model read the hand that began them,
    and how many are read where there is none."""
    counts, minutes, spent = Counter(), 0, []
    for film in films:
        added, read, cost = spelled(model, film, hold)
        minutes += film.times[-1] / 60
        spent.append(cost)
        signs = [(now, letter) for now, letter in added if letter in SIGNS]
        for sign, start, end in film.signs:
            if sign not in SIGNS:
                continue
            middle = (start + end) / 2
            hits = [hit for hit in signs if hit[1] == sign and middle <= hit[0] <= end + 0.6]
            signs = [hit for hit in signs if hit not in hits[:1]]
            hand = [model.alphabet.index(letter) for letter in HANDS[sign]]
            begins = (film.times >= start - 0.3) & (film.times <= start + 0.1)
            legible = read[begins][:, hand].sum(1).max() >= model.threshold
            alone = [x for now, x in added if start - 0.3 <= now <= end + 0.6] == [sign]
            what = {"drawn": 1, "found": bool(hits), "alone": alone, "legible": legible}
            what |= {"both": legible and bool(hits)}
            counts.update({(sign, key): int(value) for key, value in what.items()})
        counts.update((letter, "false") for _, letter in signs)
    for sign in SIGNS:
        drawn, found, alone, legible, both, false = (
            counts[sign, key] for key in ("drawn", "found", "alone", "legible", "both", "false")
        )
        print(
            f"{sign}: {found}/{drawn} found, {both}/{legible} where the model read its hand;",
            end="",
        )
        print(f" {alone} without another letter; {false} false in {minutes:.1f} minutes")
    milliseconds = 1000 * np.mean(spent)
    print(f"processor time of the speller, movements included: {milliseconds:.3f} ms a frame")


def measure_texts(name, model, films, hold):
    """Print how words, (word, Film) each, are spelled, beside the oracle."""
    sums, rows, minutes, false = np.zeros((3, 4), int), [], 0, 0
    for word, film in films:
        added, read, _ = spelled(model, film, hold)
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
    add("--films", type=number(int, 1, 10**5), default=24, help="of each kind (24)")
    add("--seed", type=number(int, 0, 2**31), default=9000, help="same seed, same films (9000)")
    add("--hold", type=number(float, 0, 100, above=True), default=HOLD, help=f"seconds ({HOLD})")
    add("--workers", type=number(int, 1, 1000), default=os.cpu_count(), help="processes to use")
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

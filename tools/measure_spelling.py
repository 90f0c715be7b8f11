"""Measure how well the camera script spells, on new rendered films of J and Z, letters and words.

    python -m tools.measure_spelling --films 30 --seed 9000
    python -m tools.measure_spelling --follow --films 24

With --follow the hand is somewhere in a frame, and the hand finder finds it; then J and Z are read,
too. A film of signs has two to four items: J, Z, letters held, moved aside or shaken. A film of a
letter shows one that a relaxed hand forms, holds for 0.5 to 1 second and lets go. A film of a
word shows a name at 1, 2 or 3 letters a second; the hand rests half of the time. The "oracle" knows
when the hand rests and adds what the model reads there on average: it tells the speller's mistakes
from the model's.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import os
import time
from collections import Counter
from functools import partial

import cv2
import numpy as np

from camera.hand import HandFinder, agree, crop_square
from camera.model import find_model, load_model, read_letters
from camera.motion import STARTS_WITH
from camera.pictures import shrink
from camera.speller import HOLD, Speller
from plumbing.faults import run
from plumbing.flags import Parser, bounded
from step_2_dataset import LETTERS
from tools.edit_distance import edits
from tools.render_films import (
    PLACE,
    SKIN,
    WALL,
    Film,
    X,
    Y,
    draw_film,
    draw_hands,
    moments_at,
    plan_film,
    random_items,
)
from tools.render_hands import read_poses, start_workers
from tools.rooms import draw_background

WORDS = (
    *("ADAM", "ALEX", "AMY", "ANNA", "BELLA", "BOB", "CARLA", "CARLOS", "DAVID", "DORIS", "ELLIE"),
    *("EMIL", "FINN", "FLORA", "GRETA", "HUGO", "INGRID", "KARL", "LUCY", "MIKE", "NORA", "OSCAR"),
    *("PAUL", "QUENTIN", "ROSA", "SVEN", "TIM", "URSULA", "VERA", "WILLY", "XENIA", "YVES"),
)
WIDTH, HEIGHT = 320, 240  # pixels of a frame in which the hand is followed
NEAR = (0.4, 0.75)  # size of the hand there, by that in an image for the model
PACES = (1, 2, 3)  # letters a second
COUNTED = ("drawn", "found", "alone", "legible", "both", "false")  # of J and Z, see count_signs


def draw_frames(poses, seed, items, fps=25, **pace):
    """Draw a film as tools.render_films.draw_film does, but in frames, with the hand anywhere.

    Returns a Film whose images are BGR uint8 (n, HEIGHT, WIDTH, 3).
    """
    rng = np.random.default_rng(seed)
    plan = plan_film(poses, rng, items, **pace)
    times = np.arange(0, plan.now, 1 / fps)
    moments = moments_at(plan.stops, times, rng)
    moments[:, PLACE.start :] *= rng.uniform(*NEAR) * HEIGHT / WIDTH
    moments[:, [X, Y]] += rng.uniform((-0.15, -0.05), (0.15, 0.1))
    room, look, is_left = draw_background(rng, WIDTH), int(rng.integers(2**31)), rng.random() < 0.5
    cut, frames = (WIDTH - HEIGHT) // 2, []
    for grey, alpha in draw_hands(moments, look, WIDTH):
        scene = grey[..., None] * SKIN + ((1 - alpha) * room)[..., None] * WALL
        noise = rng.normal(0, 2, (HEIGHT, WIDTH, 3))
        frame = np.clip(scene[cut : cut + HEIGHT] * 255 + noise, 0, 255).astype(np.uint8)
        frames.append(cv2.flip(frame, 1) if is_left else frame)
    return Film(np.stack(frames), times, plan.signs)


def film_of_signs(draw, seed, number):
    """Draw film `number` of signs: a Film."""
    rng = np.random.default_rng([seed, number])
    pace = {"slot": rng.uniform(0.4, 1.2), "share": rng.uniform(0.35, 0.65)}
    fps = float(rng.choice([15, 20, 25, 30]))
    return draw(read_poses(), [seed, number, 1], random_items(rng), fps, **pace)


def film_of_letter(draw, seed, number):
    """Draw film `number` of a letter. Returns the letter and the Film."""
    rng, letter = np.random.default_rng([seed, number, 2]), LETTERS[7 * number % len(LETTERS)]
    slot = rng.uniform(0.5, 1) / 0.6
    return letter, draw(read_poses(), [seed, number, 3], letter, 25, slot=slot, share=0.6)


def film_of_word(draw, seed, item):
    """Draw a film of a word; `item` is its number and pace. Returns the word and the Film."""
    number, pace = item
    word = WORDS[number % len(WORDS)]
    return word, draw(read_poses(), [seed, number, 3 + pace], word, 25, slot=1 / pace)


def read_film(model, film, finder=None):
    """Yield for each image of a film what Speller.update takes."""
    finder and finder.forget()
    for number, (image, now) in enumerate(zip(film.images, film.times, strict=True)):
        hand = finder.find(image, now) if finder else None
        if finder and not hand:
            yield np.zeros(len(model.alphabet), np.float32), now, None, None, 1.0
            continue
        if hand:
            image = shrink(crop_square(image, *hand.box), model.size, is_frame=True)
        probabilities, belief = read_letters(model, image, number), 1.0
        if hand:
            probabilities, belief = agree(model, probabilities, finder.read(hand))
        yield probabilities, now, image, hand, belief


def spell(model, film, hold, finder=None):
    """Spell a film as the camera script does.

    Returns the letters added, a list of (time, letter), with J and Z in place of the letters that
    they start with; probabilities (n, letters), image by image; processor seconds an image.
    """
    speller, added, spent = Speller(model.alphabet, model.threshold, hold), [], 0.0
    read = list(read_film(model, film, finder))
    for probabilities, now, image, hand, belief in read:
        start = time.process_time()
        letters = speller.update(probabilities, now, image, hand, belief)
        spent += time.process_time() - start
        if speller.replaces_last:
            added.pop()
        added += [(now, letter) for letter in letters]
    added += [(film.times[-1], letter) for letter in speller.finish()]
    return added, np.array([probabilities for probabilities, *_ in read]), spent / len(read)


def oracle(model, film, read):
    """Read each of the film's rests, on average over its images. Returns a text."""
    times = film.times
    rests = [(times >= start) & (times <= end + 0.03) for _, start, end in film.signs]
    return "".join(model.alphabet[read[rest].mean(0).argmax()] for rest in rests)


def count_signs(model, film, added, read):
    """Count a film's J and Z: a Counter by (sign, one of COUNTED).

    found: added from the middle of its movement on. alone: without another letter. legible: the
    model read the hand that it starts with. both: found and legible. false: added where none was.
    """
    counts, signs = Counter(), [item for item in added if item[1] in STARTS_WITH]
    for sign, start, end in film.signs:
        if sign not in STARTS_WITH:
            continue
        middle = (start + end) / 2
        hits = [hit for hit in signs if hit[1] == sign and middle <= hit[0] <= end + 0.6]
        signs = [hit for hit in signs if hit not in hits[:1]]
        hand = [model.alphabet.index(letter) for letter in STARTS_WITH[sign]]
        before = (film.times >= start - 0.3) & (film.times <= start + 0.1)
        legible = read[before][:, hand].sum(1).max() >= model.threshold
        alone = [x for now, x in added if start - 0.3 <= now <= end + 0.6] == [sign]
        values = {"drawn": 1, "found": bool(hits), "alone": alone, "legible": legible}
        values |= {"both": legible and bool(hits)}
        counts.update({(sign, name): int(value) for name, value in values.items()})
    counts.update((letter, "false") for _, letter in signs)
    return counts


def measure_signs(model, films, hold, finder):
    """Print how many J and Z are found in films, and how many are added where there is none."""
    counts, minutes, spent = Counter(), 0, []
    for film in films:
        added, read, cost = spell(model, film, hold, finder)
        counts += count_signs(model, film, added, read)
        minutes += film.times[-1] / 60
        spent.append(cost)
    for sign in STARTS_WITH:
        drawn, found, alone, legible, both, false = (counts[sign, name] for name in COUNTED)
        print(
            f"{sign}: {found}/{drawn} found, {both}/{legible} where the model read its hand; "
            f"{alone} without another letter; {false} false in {minutes:.1f} minutes"
        )
    milliseconds = 1000 * np.mean(spent)
    print(f"processor time of the speller, movements included: {milliseconds:.3f} ms a frame")


def measure_texts(name, model, films, hold, finder):
    """Print how films, pairs of (word, Film), are spelled, beside the oracle."""
    sums, rows, minutes, false = np.zeros((3, 4), int), [], 0, 0
    for word, film in films:
        added, read, _ = spell(model, film, hold, finder)
        text, ideal = "".join(letter for _, letter in added), oracle(model, film, read)
        sums += edits(word, text), edits(word, ideal), edits(ideal, text)
        rows.append((text == word, ideal == word, text == ideal))
        minutes += film.times[-1] / 60
        false += sum(letter in STARTS_WITH for letter in text)
    whole = np.sum(rows, 0)
    for kind, count, letters in zip(("text", "oracle", "text/oracle"), whole, sums, strict=True):
        right, wrong, lost, more = letters
        print(
            f"{name:<12}{kind:<12}{count:>4}/{len(rows)} whole   right {right:>4}  wrong {wrong:>4}"
            f"  lost {lost:>4}  added {more:>4}"
        )
    print(f"{name:<12}{false} J or Z in {minutes:.1f} minutes")


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--follow", action="store_true", help="films in whose frames the hand is anywhere")
    add("--films", type=bounded(int, 1, 10**5), default=24, help="of each kind (24)")
    add("--seed", type=bounded(int, 0, 2**31), default=9000, help="same seed, same films (9000)")
    add("--hold", type=bounded(float, 0, 100, above=True), default=HOLD, help=f"seconds ({HOLD})")
    add("--workers", type=bounded(int, 1, 1000), default=os.cpu_count(), help="processes to use")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    model, numbers = load_model(args.model), range(args.films)
    draw, finder = (draw_frames, HandFinder()) if args.follow else (draw_film, None)
    with start_workers(args.workers) as pool:
        if args.follow:
            signs = pool.imap(partial(film_of_signs, draw, args.seed), numbers)
            measure_signs(model, signs, args.hold, finder)
        letters = pool.imap(partial(film_of_letter, draw, args.seed), numbers)
        measure_texts("a letter", model, letters, args.hold, finder)
        for pace in PACES:
            items = [(number, pace) for number in numbers]
            words = pool.imap(partial(film_of_word, draw, args.seed), items)
            measure_texts(f"{pace} a second", model, words, args.hold, finder)


if __name__ == "__main__":
    run(main)

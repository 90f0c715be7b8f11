"""Measure what teaching gives: how well people's signs are read, untaught and taught.

    python -m tools.measure_teaching --photos DIR [--follow] [--pictures 1 3] [--letters 24]

DIR/SOURCE/LETTER/ holds pictures of each person, cut around the hand, DIR/no_hand/ pictures without
a hand, if there are any. Of each letter, pictures spread over the first third (by name) are taught,
and the last third is read; no letter is refused. With --follow the hand's landmarks are read, too.
A row for each source, then their mean and the lowest:

    untaught  as the model is
    taught    after so many pictures of each letter
    moved     the same pictures moved, turned and lit otherwise, as in learning
    mirrored  as the other hand
    others    of letters that were not taught, where --letters are fewer: before and after
    refused   pictures without a hand, at the threshold that 95 % of the letters reach that are
              read rightly: before and after
    found     pictures in which --follow finds the hand; of the others the picture alone is read
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import time
import warnings
from pathlib import Path

import cv2
import numpy as np

from camera import learn
from camera.hand import HandFinder, agree
from camera.learn_landmarks import SIDE, enlarge
from camera.model import average_views, load_model, temper, to_probabilities
from camera.pictures import list_pictures, read_picture
from plumbing.faults import UserError, number_of, printable, run
from plumbing.flags import Parser, bounded, nonempty

COLUMNS = ("untaught", "taught", "moved", "mirrored", "others", "", "refused", "", "found")
KEPT = 0.95  # of the letters read rightly pass the threshold


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)
    model = load_model(args.model)
    finder = HandFinder() if args.follow else None
    sources, empty = read_sources(args.photos, model)
    rooms = see(model, finder, empty)
    for count in args.pictures:
        counted = number_of(count, "picture"), number_of(args.letters, "letter")
        print(f"{printable(model.path)}, {' of each of '.join(counted)}")
        print(f"{'source':16}" + "".join(f"{c:>9}" for c in (*COLUMNS, "seconds")))
        rows = []
        for name, pictures in sources.items():
            rows.append(measure(model, finder, pictures, rooms, count, args.letters))
            print_row(name, rows[-1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of columns without figures
            print_row("mean", np.nanmean(rows, axis=0))
            print_row("lowest", np.nanmin(rows, axis=0))


def read_sources(folder, model):
    """Return the pictures of each source in `folder`, a dict, and grey ones of no hand, a list."""
    sources, empty = {}, []
    for place in sorted(Path(folder).glob("*/")):
        if place.name.upper() == learn.NO_HAND:
            empty = [read_picture(path) for path in list_pictures(place)]
        elif learn.list_signs(place, model.alphabet):
            pictures = learn.read_pictures(place, model.alphabet)
            if split(pictures, 1)[0]:
                sources[place.name] = pictures
            else:
                print(f"{printable(place)}: left out, as no letter has three pictures")
    if not sources:
        raise UserError(f"{printable(folder)}: no pictures in its SOURCE/A/, SOURCE/B/ and so on")
    greys = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in empty]
    return sources, [learn.crop_middle(grey) for grey in greys]


def measure(model, finder, pictures, rooms, count, letters):
    """Return the figures of a source in the order of COLUMNS, NaN where there is none; seconds.

    `letters` of its letters, evenly spread, are taught by `count` pictures each. `rooms` are what
    `see` gives of pictures without a hand. Float (10,).
    """
    lessons, exams = split(pictures, count)
    signed = sorted({picture.letter for picture in exams})
    chosen = {signed[i] for i in spread(len(signed), letters)}
    start = time.perf_counter()
    lessons = [picture for picture in lessons if picture.letter in chosen]
    models = model, learn.taught(model, learn.learn(model, lessons, trials=False)[0])
    seconds = time.perf_counter() - start
    greys = [picture.image for picture in exams]
    labels = np.array([model.alphabet.index(picture.letter) for picture in exams])
    is_taught = np.array([picture.letter in chosen for picture in exams])
    seen, moved = see(model, finder, greys), see_moved(model, finder, greys)
    mirrored = see(model, finder, [np.ascontiguousarray(grey[:, ::-1]) for grey in greys])
    before, after = (read(one, finder, *seen) for one in models)
    others = [read(models[1], finder, *sight) for sight in (moved, mirrored)]
    figures = [share(p, labels, is_taught) for p in (before, after, *others)]
    figures += [share(p, labels, ~is_taught) for p in (before, after)]
    for one, read_as in zip(models, (before, after), strict=True):
        room = read(one, finder, *rooms) if rooms[1] else []
        figures.append(refused(read_as, labels, room))
    found = np.mean([hand is not None for hand in seen[1]]) if finder else np.nan
    return np.array([*figures, found, seconds])


def see(model, finder, greys):
    """Return square grey pictures as the model sees them, and a list of their Hands.

    float32 (N, size, size) in 0..255; None instead of a Hand that is not found
    """
    images = [learn.resize(grey, model.size) for grey in greys]
    hands = [finder and finder.find(enlarge(grey)) for grey in greys]
    return np.array(images, np.float32).reshape(-1, model.size, model.size), hands


def see_moved(model, finder, greys):
    """Return the same of the pictures moved, turned and lit otherwise, as in learning."""
    images, large = (
        learn.augment(greys, 1, size, np.random.default_rng(1)) for size in (model.size, SIDE)
    )
    return images, see(model, finder, large.astype(np.uint8))[1]


def read(model, finder, images, hands):
    """Return the probabilities of the letters, float32 (N, letters)."""
    pixels = ((images / 255 - model.mean) / model.std).astype(np.float32)[:, None]
    logits = average_views(model.logits, pixels, range(model.views))
    probabilities = to_probabilities(logits, model.no_hand_logit)
    for number, hand in enumerate(hands):
        if hand:
            by_landmarks = finder.read(hand, model)
            probabilities[number] = temper(*agree(model, probabilities[number], by_landmarks))
    return probabilities


def split(pictures, count):
    """Return of each letter `count` pictures, spread over its first third, and its last third."""
    lessons, exams = [], []
    for letter in sorted({picture.letter for picture in pictures} - {learn.NO_HAND}):
        several = [picture for picture in pictures if picture.letter == letter]
        third = len(several) // 3
        lessons += [several[i] for i in spread(third, count)]
        exams += several[len(several) - third :]
    return lessons, exams


def spread(size, count):
    """Return up to `count` different whole numbers below `size`, evenly spread; one: the middle."""
    places = np.linspace(0, size - 1, count) if count > 1 else [(size - 1) / 2]
    return sorted({round(place) for place in places}) if size else []


def share(probabilities, labels, chosen):
    """Return the share of the `chosen` images that is read rightly; NaN if there are none."""
    right = probabilities[chosen].argmax(axis=1) == labels[chosen]
    return right.mean() if len(right) else np.nan


def refused(probabilities, labels, empty):
    """Return the share of images without a hand that falls below the threshold; NaN of none."""
    if not len(empty):
        return np.nan
    right = probabilities.argmax(axis=1) == labels
    threshold = np.quantile(probabilities[right].max(axis=1), 1 - KEPT) if right.any() else 0
    return (empty.max(axis=1) < threshold).mean()


def print_row(name, figures):
    cells = ["" if np.isnan(figure) else f"{100 * figure:.1f} %" for figure in figures[:-1]]
    print(f"{printable(name):16}" + "".join(f"{c:>9}" for c in cells) + f"{figures[-1]:9.1f}")


def parse_args(argv):
    parser = Parser(description=__doc__.splitlines()[0])
    add, whole = parser.add_argument, bounded(int, 1, 1000)
    add("--photos", metavar="DIR", type=nonempty, required=True, help="pictures by source, letter")
    add("--model", metavar="FILE", type=nonempty, help="the one that the camera script would use")
    add("--follow", action="store_true", help="read the hand's landmarks, too")
    add("--pictures", type=whole, nargs="+", default=[1, 3], help="of each letter (1 and 3)")
    add("--letters", type=whole, default=24, help="how many letters are taught (24)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run(main)

"""Measure how signers are read of whom nothing was used in training: by their landmarks.

    pip install pose-format==0.15.0
    pip install --no-deps spoken-to-signed==0.4.0        # 96 MB, MIT licence
    python -m tools.measure_poses

The second package has films of hand alphabets, one letter each, as the landmarks that MediaPipe
found (pictures it has none): one signer of American Sign Language, and of other sign languages some
that draw J and Z in the same way. Prints which letters the landmarks' network reads in the middle
half of each American film, how words are spelled whose letters follow each other, and how many J
and Z are found and added. The rules for J and Z (camera/motion.py) were chosen by these films, too.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import csv
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from camera.hand import FOLDER, LETTERS_NETWORK, Hand, SmoothBox, box_of_landmarks, open_network
from camera.model import ALPHABET, load_model, to_probabilities
from camera.motion import STARTS_WITH, Motion
from camera.speller import Speller
from plumbing.faults import UserError, number_of, run
from plumbing.flags import Parser, bounded
from tools.edit_distance import edits

FPS = 25
AMERICAN = "ase"  # codes of sign languages, ISO 639-3
ALIKE = ("ase", "asq", "bzs", "gsg", "ise", "mfs", "sgg")  # those that draw J and Z alike
CERTAIN = 0.999  # that there is a hand at all
LENGTH, CUT = 5, 3  # letters a word; frames left out at either end of a letter, on its way


class Pose(NamedTuple):
    """A film of a letter."""

    language: str
    letter: str
    landmarks: np.ndarray  # float32 (n, 21, 3), pixels, of the frames in which the hand was found
    is_right: bool


def find_folder():
    """Return the folder of the films. Raises UserError where the package is missing."""
    package = find_spec("spoken_to_signed")
    if not (package and find_spec("pose_format")):
        raise UserError(
            "no films of poses; get them with: pip install pose-format==0.15.0, "
            "pip install --no-deps spoken-to-signed==0.4.0"
        )
    return Path(package.submodule_search_locations[0], "assets", "fingerspelling_lexicon")


def read_poses(folder):
    """Read the films, a list of Poses; those without a hand are left out."""
    with open(folder / "index.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    poses = [read_pose(folder / row["path"], row) for row in rows]
    return [pose for pose in poses if len(pose.landmarks)]


def read_pose(path, row):
    """Read one film: a Pose, of the hand that is found more often."""
    from pose_format import Pose as Film  # here: the tests do without the package

    film = Film.read(path.read_bytes())
    hands, start = {}, 0
    for part in film.header.components:
        end = start + len(part.points)
        if part.name in ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS"):
            is_found = (film.body.confidence[:, 0, start:end] > 0).all(axis=1)
            points = np.asarray(film.body.data[:, 0, start:end].filled(0), np.float32)
            hands[part.name.startswith("RIGHT")] = points[is_found]
        start = end
    is_right = len(hands[True]) >= len(hands[False])
    return Pose(row["signed_language"], row["glosses"].upper(), hands[is_right], is_right)


def read_letters(network, landmarks):
    """Return the letters' probabilities: float32 (n, 21, 3) -> (n, 24)."""
    (logits,) = network.run(["logits"], {"landmarks": landmarks})
    return to_probabilities(logits, -np.inf)


def measure_letters(network, poses):
    """Print which letters are read in the middle half of their films."""
    wrong, count = [], 0
    for pose in poses:
        if pose.language == AMERICAN and pose.letter in ALPHABET:
            quarter = len(pose.landmarks) // 4
            read = read_letters(network, pose.landmarks[quarter : 3 * quarter + 1]).mean(axis=0)
            letter, count = ALPHABET[read.argmax()], count + 1
            wrong += [f"{pose.letter} read {letter}"] if letter != pose.letter else []
    print(f"letters: {count - len(wrong)}/{count} right", *wrong, sep=", ")


def watch(pose):
    """Yield the time and Hand of each frame."""
    box = SmoothBox()
    for number, landmarks in enumerate(pose.landmarks):
        now = number / FPS
        square = box.update(box_of_landmarks(landmarks), now)
        yield now, Hand(landmarks, 1.0, float(pose.is_right), square)


def measure_words(network, poses, model, count, seed):
    """Print how words of random letters are spelled, J and Z among them."""
    letters = {pose.letter: pose for pose in poses if pose.language == AMERICAN}
    rng, sums, whole = np.random.default_rng(seed), np.zeros(4, int), 0
    image = np.zeros((model.size, model.size), np.uint8)  # the speller wants one, and follows hands
    for _ in range(count):
        word = "".join(rng.choice(sorted(letters), LENGTH, replace=False))
        landmarks = np.concatenate([letters[letter].landmarks[CUT:-CUT] for letter in word])
        film = Pose(AMERICAN, word, landmarks, letters[word[0]].is_right)
        speller, read = Speller(model.alphabet, model.threshold), read_letters(network, landmarks)
        for (now, hand), probabilities in zip(watch(film), CERTAIN * read, strict=True):
            speller.update(probabilities, now, image, hand)
        speller.finish()
        sums, whole = sums + edits(word, speller.text), whole + (speller.text == word)
    right, wrong, lost, added = sums
    print(
        f"{number_of(count, 'word')} of {LENGTH} letters: {whole} whole; letters: right {right}, "
        f"wrong {wrong}, lost {lost}, added {added}"
    )


def find_signs(pose):
    """Return the J and Z that are read in a film."""
    motion, image = Motion(), np.zeros((28, 28), np.uint8)  # it wants one, and follows the hand
    return "".join(motion.update(now, image, hand) or "" for now, hand in watch(pose))


def measure_signs(poses):
    """Print how many J and Z are found, and which films of other letters have some."""
    signs = [find_signs(pose) for pose in poses]
    for letter in STARTS_WITH:
        found = [
            letter in read
            for pose, read in zip(poses, signs, strict=True)
            if pose.letter == letter and pose.language in ALIKE
        ]
        print(f"{letter}: {sum(found)}/{len(found)} found")
    others = [pair for pair in zip(poses, signs, strict=True) if pair[0].letter not in STARTS_WITH]
    false = [f"{pose.language} {pose.letter} read {read}" for pose, read in others if read]
    print(f"J or Z in {len(false)} of {len(others)} films of other letters", *false, sep=", ")


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--words", type=bounded(int, 1, 10**5), default=60, help="words to spell (60)")
    add("--seed", type=bounded(int, 0, 2**31), default=0, help="same seed, same words (0)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    poses = read_poses(find_folder())
    network, model = open_network(FOLDER / LETTERS_NETWORK, {"logits"}), load_model()
    measure_letters(network, poses)
    measure_words(network, poses, model, args.words, args.seed)
    measure_signs(poses)


if __name__ == "__main__":
    run(main)

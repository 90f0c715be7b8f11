"""Measure other programs that read American Sign Language's alphabet: photographs and films.

    python3.11 -m venv peers
    peers/bin/pip install onnxruntime==1.32.0 cvzone==1.6.1 \\
        asl-alpnum-recognizer==0.6 signspell==2.0.1
    peers/bin/python -m tools.measure_peers signspell --photos DIR --films DIR

In the same way asl-alpnum. smart-gestures==0.3.3 wants another MediaPipe, and so an environment of
its own, with onnxruntime. Each program is run as it comes: it finds the hand in its own way and
reads it with its own model. All is shown as it is, and then mirrored.

--photos reads DIR/SOURCE/LETTER/, pictures cut around the hand. Each is enlarged, in the middle of
a webcam's picture, its border repeated. A hand that is not found is misread. Cut pictures are hard
to find a hand in, so the landmarks that this project finds are given to each program, too. Digits
that are signed as letters count as these.

--films reads DIR/labels.csv (file, text, seconds): `|` stands between texts that are both right,
and the text is empty where nobody spells. Films are shown at 30 frames a second.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import csv
from collections import defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from camera.hand import HandFinder
from camera.letter_folders import list_letters
from camera.model import ALPHABET
from plumbing.faults import UserError, printable, run
from plumbing.flags import Parser, nonempty
from tools.edit_distance import edits

WIDTH, HEIGHT, FPS = 640, 480, 30  # of a webcam
# Pixels of a photograph's side. MediaPipe finds most hands, and most landmarks are read rightly, in
# photographs of sources that this project was trained on.
SIDE, LANDMARKS_SIDE = 192, 384
AGREE = 10  # frames: signspell adds a letter that so many agree on, unless it is the last one
ALIKE = {"0": "O", "2": "V", "6": "W", "9": "F"}  # digits that are signed as letters


class SmartGestures:
    """Reads a letter or digit from landmarks, which its user gets from MediaPipe."""

    def __init__(self, are_stills):
        from mediapipe.python.solutions.hands import Hands
        from smart_gestures.alphabet.asl_model import ASLModel

        self.hands = Hands(static_image_mode=are_stills, max_num_hands=1)
        self.model = ASLModel()

    def start(self):
        """Forget the frames seen so far."""
        self.hands.reset()

    def read(self, frame):
        """Return what is read (None for nothing), whether it is sure, and whether it saw a hand."""
        found = self.hands.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_hand_landmarks
        if not found:
            return None, False, False
        shares = [(point.x, point.y, point.z) for point in found[0].landmark]
        return self.read_landmarks(shares * np.array([WIDTH, HEIGHT, WIDTH])), True, True

    def read_landmarks(self, points):
        """Return what is read from landmarks: float (21, 3), pixels of a webcam's picture."""
        shares = points / [WIDTH, HEIGHT, WIDTH]
        return self.model.predict([dict(zip("xyz", p, strict=True)) for p in shares.tolist()])[0]


class SmartGesturesUnscaled(SmartGestures):
    """Its network without what `predict` does before: landmarks as shares of a square around them.

    The network reads them far better so. Perhaps it was trained with pictures of hands, unscaled.
    """

    def read_landmarks(self, points):
        import torch

        low, high = points.min(axis=0), points.max(axis=0)
        middle, side = (low + high) / 2, 1.35 * max(high[:2] - low[:2])
        shares = (points - [*middle[:2], 0]) / side + [0.5, 0.5, 0]
        with torch.no_grad():
            logits = self.model.model(torch.tensor(shares.reshape(1, -1), dtype=torch.float32))
        return self.model.classes[int(logits.argmax())]


class AslAlpnum:
    """Reads a letter, a digit or a word for none of them from a frame."""

    def __init__(self, are_stills):
        from ASL_alnum_recognizer import SignLanguageRecognizer

        self.program = SignLanguageRecognizer()

    def start(self):
        self.program.detector.hands.reset()

    def read(self, frame):
        answer, _ = self.program.predict_from_image(frame.copy())  # it draws on it
        has_hand = bool(self.program.detector.results.multi_hand_landmarks)
        return answer, len(answer) == 1, has_hand

    def read_landmarks(self, points):
        odds = self.program.model.predict(points.astype(int).reshape(1, -1), verbose=0)
        return self.program.labels.get(int(odds.argmax()))


class Signspell:
    """Reads a letter from 30 frames. A photograph is shown 30 times."""

    def __init__(self, are_stills):
        from asl_alphabet import SEQUENCE_LENGTH, Recognizer

        self.program, self.length = Recognizer(), SEQUENCE_LENGTH
        self.times = SEQUENCE_LENGTH if are_stills else 1

    def start(self):
        self.program._holistic.reset()
        self.program._sequence.clear()

    def read(self, frame):
        for time in range(self.times):
            letter, _, odds = self.program.predict(frame)
            has_hand = bool(self.program.last_results.right_hand_landmarks)
            if time == 0 and self.times > 1 and not has_hand:
                return None, False, False  # the same photograph again would show none, either
        return self.name(odds), letter is not None, has_hand

    def read_landmarks(self, points):
        frame = (points / [WIDTH, HEIGHT, WIDTH]).reshape(1, 1, -1)
        odds = self.program._model.predict(frame.repeat(self.length, axis=1), verbose=0)
        return self.name(odds[0])

    def name(self, odds):
        return None if odds is None else chr(ord("A") + int(odds.argmax()))


PEERS = {
    "smart-gestures": SmartGestures,
    "smart-gestures-unscaled": SmartGesturesUnscaled,
    "asl-alpnum": AslAlpnum,
    "signspell": Signspell,
}


def name_letter(answer):
    """Return the letter that a program's answer stands for, or what else it says."""
    answer = (answer or "").upper()
    return ALIKE.get(answer, answer)


def open_peer(name, are_stills):
    """Return a program. Raises UserError where it is not installed."""
    try:
        return PEERS[name](are_stills)
    except ModuleNotFoundError as error:
        hint = "the head of tools/measure_peers.py tells how to install it"
        raise UserError(f"{name}: the package {error.name} is missing; {hint}") from error


# ---------------------------------------------------------------- photographs


def place(picture, side):
    """Return how much a picture is enlarged, and the left and top of it in a webcam's picture."""
    height, width = picture.shape[:2]
    scale = min(side / max(height, width), HEIGHT / height)
    return scale, (WIDTH - round(width * scale)) // 2, (HEIGHT - round(height * scale)) // 2


def show(picture, side, is_mirrored):
    """Put a picture into the middle of a webcam's, its longer side enlarged to `side` pixels."""
    scale, left, top = place(picture, side)
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    bottom, right = HEIGHT - top - picture.shape[0], WIDTH - left - picture.shape[1]
    frame = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return cv2.flip(frame, 1) if is_mirrored else frame


def look(peer, picture, is_mirrored):
    """Return what a program reads in a photograph, and whether it finds the hand."""
    peer.start()
    answer, _, has_hand = peer.read(show(picture, SIDE, is_mirrored))
    return answer, has_hand


def look_through(finder, peer, picture, is_mirrored):
    """Return what a program reads from this project's landmarks, and whether there are some."""
    hand = finder.find(picture)
    if hand is None:
        return None, False
    scale, left, top = place(picture, LANDMARKS_SIDE)
    points = hand.landmarks.astype(float) * scale + [left, top, 0]
    if is_mirrored:
        points[:, 0] = WIDTH - points[:, 0]
    return peer.read_landmarks(points), True


def measure_photos(read, folder):
    """Print the share of photographs that are read rightly, and of those whose hand was found.

    read: picture -> what is read in it, and whether a hand was found
    """
    sources = defaultdict(list)
    for path, letter in list_letters(folder, ALPHABET, "*/*/"):
        answer, has_hand = read(cv2.imread(str(path)))
        is_right = has_hand and name_letter(answer) == letter
        sources[path.parts[-3]].append((is_right, has_hand))
    if not sources:
        raise UserError(f"{printable(folder)}: no pictures in SOURCE/LETTER/")
    shares = np.array([np.mean(pairs, axis=0) for pairs in sources.values()])
    rights, hands = np.concatenate(list(sources.values())).sum(axis=0)
    print(f"mean {shares[:, 0].mean():.1%}, lowest {shares[:, 0].min():.1%}; ", end="")
    print(f"hands found {hands}, of these read {rights / max(1, hands):.1%}")


# ---------------------------------------------------------------- films


def spell(peer, frames):
    """Return the text that a film's frames give, an iterable, and the share that showed a hand."""
    peer.start()
    text, last, run_length, hands = "", None, 0, []
    for frame in frames:
        answer, is_sure, has_hand = peer.read(frame)
        run_length, last = run_length + 1 if answer == last else 1, answer
        if run_length >= AGREE and is_sure and name_letter(answer) != text[-1:]:
            text += name_letter(answer)
        hands.append(has_hand)
    return text, np.mean(hands)


def read_film(path, is_mirrored):
    """Yield a film's frames as a webcam would show them: FPS a second, whatever the film has."""
    film = cv2.VideoCapture(str(path))
    rate, number, shown = film.get(cv2.CAP_PROP_FPS) or FPS, 0, 0
    while (picture := film.read()[1]) is not None:
        number += 1
        while shown / FPS < number / rate:
            shown += 1
            yield show(picture, WIDTH, is_mirrored)
    if not shown:
        raise UserError(f"{printable(path)}: no film that OpenCV can read")


def measure_films(peer, folder, is_mirrored):
    """Print how letters are spelled, by the nearest of the texts that are right."""
    sums, exact, films, idle, seconds, hands = np.zeros(4, int), 0, 0, 0, 0.0, []
    with open(Path(folder) / "labels.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        text, share = spell(peer, read_film(Path(folder) / row["file"], is_mirrored))
        print(f"{row['file']}: {row['text'] or 'nobody spells'}, read {text or 'nothing'}")
        if not row["text"]:
            idle, seconds = idle + len(text), seconds + float(row["seconds"])
            continue
        counts = min((edits(t, text) for t in row["text"].split("|")), key=lambda c: sum(c[1:]))
        sums, films, exact = sums + counts, films + 1, exact + (sum(counts[1:]) == 0)
        hands.append(share)
    right, wrong, lost, added = sums
    print(f"{films} films: right {right}, wrong {wrong}, lost {lost}, added {added}, ", end="")
    print(f"letter error {sum(sums[1:]) / sum(sums[:3]):.3f}, exact {exact}, ", end="")
    print(f"hands found in {np.mean(hands):.1%} of the frames; ", end="")
    print(f"nobody spells: {idle} letters in {seconds / 60:.1f} minutes")


def parse_args(argv=None):
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("peer", choices=PEERS, help="the program")
    add("--photos", type=nonempty, metavar="DIR", help="photographs, in DIR/SOURCE/LETTER/")
    add("--films", type=nonempty, metavar="DIR", help="films, and their texts in DIR/labels.csv")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    finder = HandFinder() if args.photos else None
    for is_mirrored in (False, True):
        way = "mirrored" if is_mirrored else "as it is"
        if args.photos:
            peer = open_peer(args.peer, are_stills=True)
            print(f"photographs, {way}, the hand found by itself: ", end="")
            measure_photos(partial(look, peer, is_mirrored=is_mirrored), args.photos)
            print(f"photographs, {way}, the hand found by this project: ", end="")
            own = partial(look_through, finder, peer, is_mirrored=is_mirrored)
            measure_photos(own, args.photos)
        if args.films:
            print(f"films, {way}")
            measure_films(open_peer(args.peer, are_stills=False), args.films, is_mirrored)


if __name__ == "__main__":
    run(main)

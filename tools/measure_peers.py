"""Measure other programs that read American Sign Language's alphabet: photographs and films.

    python3.11 -m venv peers
    peers/bin/pip install signspell==2.0.1 asl-alpnum-recognizer==0.6 cvzone==1.6.1
    peers/bin/python -m tools.measure_peers signspell --photos DIR --films DIR

So for asl-alpnum, too. smart-gestures==0.3.3 needs an environment of its own: it wants another
MediaPipe. Each program is run as it comes, with its own way to find the hand and its own model.

--photos reads DIR/SOURCE/LETTER/, pictures cut around the hand. Each is enlarged to --side in the
middle of a picture of 640x480, and its border repeated. --films reads DIR/labels.csv (file, text,
seconds): `|` stands between texts that are both right, and the text is empty where nobody spells.
Films are shown at 30 frames a second. Digits that are signed as letters count as these letters.
Everything is shown as it is and mirrored, for programs are made for one or the other.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import csv
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from camera.letter_folders import read_letter_folders
from plumbing.faults import UserError, printable, run
from plumbing.flags import bounded, nonempty
from tools.edit_distance import edits

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"
WIDTH, HEIGHT, FPS = 640, 480, 30  # of a webcam
AGREE = 10  # frames, signspell's own rule: a letter is added if so many agree, and it isn't the last
ALIKE = {"0": "O", "2": "V", "6": "W", "9": "F"}  # digits that are signed as letters


class SmartGestures:
    """Reads a letter or digit from a frame's landmarks, which its user gets from MediaPipe."""

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
        points = [{"x": point.x, "y": point.y, "z": point.z} for point in found[0].landmark]
        return self.model.predict(points)[0], True, True


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


class Signspell:
    """Reads a letter from 30 frames. A photograph is shown 30 times."""

    def __init__(self, are_stills):
        from asl_alphabet import SEQUENCE_LENGTH, Recognizer

        self.program, self.times = Recognizer(), SEQUENCE_LENGTH if are_stills else 1

    def start(self):
        self.program._holistic.reset()
        self.program._sequence.clear()

    def read(self, frame):
        for time in range(self.times):
            letter, _, odds = self.program.predict(frame)
            has_hand = bool(self.program.last_results.right_hand_landmarks)
            if time == 0 and self.times > 1 and not has_hand:
                return None, False, False
        best = None if odds is None else chr(ord("A") + int(odds.argmax()))
        return best, letter is not None, has_hand


PEERS = {"smart-gestures": SmartGestures, "asl-alpnum": AslAlpnum, "signspell": Signspell}


def show(picture, side, is_mirrored):
    """Put a picture into the middle of a webcam's, its longer side enlarged to `side` pixels."""
    scale = min(side / max(picture.shape[:2]), HEIGHT / picture.shape[0])
    width, height = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    left, top = (WIDTH - width) // 2, (HEIGHT - height) // 2
    borders = top, HEIGHT - height - top, left, WIDTH - width - left
    frame = cv2.copyMakeBorder(picture, *borders, cv2.BORDER_REPLICATE)
    return cv2.flip(frame, 1) if is_mirrored else frame


def measure_photos(peer, folder, side, is_mirrored):
    """Print the share of photographs that are read rightly; without a hand that is found: wrong."""
    sources, found, false, rooms = defaultdict(list), 0, 0, 0
    for path, label, picture in read_letter_folders(folder, LETTERS):
        peer.start()
        answer, _, has_hand = peer.read(show(picture, side, is_mirrored))
        if label == len(LETTERS):  # a picture without a hand
            rooms, false = rooms + 1, false + has_hand
            continue
        answer = (answer or "").upper()
        sources[path.parts[-3]].append(has_hand and ALIKE.get(answer, answer) == LETTERS[label])
        found += has_hand
    shares = {name: np.mean(right) for name, right in sources.items()}
    count = sum(map(len, sources.values()))
    print(f"{count} photographs, {len(shares)} sources: mean {np.mean([*shares.values()]):.1%}, ", end="")
    print(f"lowest {min(shares.values()):.1%}; hands found {found / count:.1%}, in {false} of {rooms} without")
    print(*(f"{name} {share:.1%}" for name, share in shares.items()), sep=", ")


def spell(peer, frames):
    """Return the text that a film's frames give, an iterable, and the share that showed a hand."""
    peer.start()
    text, last, run_length, hands = "", None, 0, []
    for frame in frames:
        answer, is_sure, has_hand = peer.read(frame)
        answer = (answer or "").upper()
        run_length, last = run_length + 1 if answer == last else 1, answer
        letter = ALIKE.get(answer, answer)
        if run_length >= AGREE and is_sure and letter != text[-1:]:
            text += letter
        hands.append(has_hand)
    return text, np.mean(hands)


def read_film(path, side, is_mirrored):
    """Yield a film's frames as a webcam would show them: FPS a second, whatever the film has."""
    film = cv2.VideoCapture(str(path))
    rate, number, shown = film.get(cv2.CAP_PROP_FPS) or FPS, 0, 0
    while (picture := film.read()[1]) is not None:
        number += 1
        while shown / FPS < number / rate:
            shown += 1
            yield show(picture, side, is_mirrored)
    if not shown:
        raise UserError(f"{printable(path)}: no film that OpenCV can read")


def measure_films(peer, folder, side, is_mirrored):
    """Print how letters are spelled, by the nearest of the texts that are right."""
    sums, exact, films, idle, seconds, hands = np.zeros(4, int), 0, 0, 0, 0.0, []
    with open(Path(folder) / "labels.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        text, share = spell(peer, read_film(Path(folder) / row["file"], side, is_mirrored))
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
    print(f"hands found in {np.mean(hands):.1%}; ", end="")
    print(f"nobody spells: {idle} letters in {seconds / 60:.1f} minutes")


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("peer", choices=PEERS, help="the program")
    add("--photos", type=nonempty, metavar="DIR", help="photographs, in DIR/SOURCE/LETTER/")
    add("--films", type=nonempty, metavar="DIR", help="films, and their texts in DIR/labels.csv")
    side = bounded(int, 28, HEIGHT)
    add("--side", type=side, default=160, help="of a photograph, pixels of 640x480 (160)")
    add("--film-side", type=bounded(int, 28, WIDTH), default=WIDTH, help="of a film's frame (640)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    for is_mirrored in (False, True):
        print("mirrored" if is_mirrored else "as it is")
        if args.photos:
            measure_photos(open_peer(args.peer, True), args.photos, args.side, is_mirrored)
        if args.films:
            measure_films(open_peer(args.peer, False), args.films, args.film_side, is_mirrored)


def open_peer(name, are_stills):
    """Return a program. Raises UserError where it is not installed."""
    try:
        return PEERS[name](are_stills)
    except ModuleNotFoundError as error:
        raise UserError(f"{error}; tools/measure_peers.py tells how to install {name}") from error


if __name__ == "__main__":
    run(main)

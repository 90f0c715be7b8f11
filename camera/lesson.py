"""Take pictures of the user's own signs: `python step_6_camera.py --teach`.

`Lesson` decides what to ask for and when to take a picture. Step 6 shows it, and camera/learn.py
learns from what it took.
"""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

STILL = 0.5  # seconds that a hand holds still before its picture is taken
REST = 0.15  # change over STILL, in standard deviations of the image, that is still
MOVE = 0.6  # change after which a hand shows something else than in its last picture
PAUSE = 1.0  # least seconds between two pictures of a letter
EXTRA = ("come closer", "go back a little", "tilt it a little", "turn it a little")


@dataclass
class Taken:
    """A picture of a letter: its image, grey uint8 (S, S), what it was read as, and its file."""

    letter: str
    image: np.ndarray
    read_as: str
    path: Path | None = None

    @property
    def is_right(self):
        return self.read_as == self.letter


@dataclass
class Lesson:
    """Walk through the letters, from one still hand to the next.

    A letter that is read rightly gets one picture, another one more for each wish of EXTRA.

    | state   | until                                   | then                      |
    |---------|-----------------------------------------|---------------------------|
    | moving  | another hand than in the last picture   | waiting                   |
    | waiting | a hand holds still for STILL seconds    | a picture is taken        |
    | done    | every letter has its pictures           | `letter` is None          |
    """

    letters: list  # to teach, in this order
    number: int = 0  # of the letter asked for
    taken: list = field(default_factory=list)  # Taken, in the order of taking
    progress: float = 0.0  # share of STILL that has passed
    _recent: deque = field(
        default_factory=deque
    )  # (time, softened image) of the last STILL seconds
    _last: np.ndarray | None = None  # softened image of the last picture
    _is_new: bool = True  # whether the hand moved since that picture
    _taken_at: float = -np.inf

    @property
    def letter(self):
        """The letter asked for; None when there is none left."""
        return self.letters[self.number] if self.number < len(self.letters) else None

    @property
    def of_letter(self):
        """The pictures of the letter asked for."""
        return [taken for taken in self.taken if taken.letter == self.letter]

    @property
    def wish(self):
        """What the next picture of this letter should show otherwise; "" for the first."""
        return EXTRA[len(self.of_letter) - 1] if self.of_letter else ""

    def update(self, image, is_hand, now):
        """Take an image, grey uint8 (S, S); return whether its picture is to be taken now."""
        soft = soften(image)
        if self._last is not None and change(self._last, soft) > MOVE:
            self._is_new = True
        while len(self._recent) > 1 and self._recent[1][0] <= now - STILL:
            self._recent.popleft()
        if not is_hand or any(change(before, soft) > REST for _, before in self._recent):
            self._recent.clear()
        self._recent.append((now, soft))
        is_due = self._is_new or (self.of_letter and now - self._taken_at >= PAUSE + STILL)
        held = now - self._recent[0][0] if is_hand and is_due and self.letter else 0.0
        self.progress = min(1.0, held / STILL)
        return self.progress == 1.0

    def add(self, image, read_as, now, path=None):
        """Keep the picture of the letter asked for, and go on to what is asked for next."""
        self.taken.append(Taken(self.letter, image, read_as, path))
        self._last, self._is_new, self._taken_at = soften(image), False, now
        self._recent.clear()
        self.progress = 0.0
        if self.of_letter[0].is_right or len(self.of_letter) > len(EXTRA):
            self.number += 1
        return self.taken[-1]

    def skip(self):
        """Ask for the next letter."""
        self.number = min(self.number + 1, len(self.letters))

    def back(self):
        """Ask again for the letter of the last picture or, without one, for the letter before.

        Returns the pictures that this takes back.
        """
        if not self.of_letter:
            self.number = max(0, self.number - 1)
        return self.forget()

    def go_to(self, letter):
        """Ask for a letter anew. Returns the pictures that this takes back."""
        if letter not in self.letters:
            self.letters.append(letter)
        self.number = self.letters.index(letter)
        return self.forget()

    def forget(self):
        """Drop this lesson's pictures of the letter asked for, and return them."""
        dropped = self.of_letter
        self.taken = [taken for taken in self.taken if taken.letter != self.letter]
        self._is_new = True
        return dropped


def soften(image):
    """Return a grey image less noise and light. uint8 (S, S) -> float32 (S, S), mean 0, std 1."""
    soft = cv2.blur(image.astype(np.float32), (3, 3))
    return (soft - soft.mean()) / (soft.std() + 1)


def change(before, after):
    """Return how much two softened images differ, in their standard deviations."""
    return float(np.abs(after - before).mean())

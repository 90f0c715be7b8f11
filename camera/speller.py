"""From probabilities to text: add each letter that is held."""

from dataclasses import dataclass

import numpy as np

from camera.motion import HANDS, STEP, STEPS, Motion, moved

HOLD = 0.08  # seconds a letter is held, certain and seen at rest: see tools/measure_spelling.py
CERTAIN, DOUBT = 0.9, 2.0  # below this probability it takes longer, by this times what it lacks
SMOOTHING = 0.05  # seconds, time constant of the moving average of probabilities
RELEASE = 0.25  # seconds a letter must be gone before it can be added again
GAP = 1.0  # seconds between two frames after which the letter counts as new


@dataclass
class Speller:
    """Adds to the text each letter that is held. Times are seconds of the camera or video."""

    alphabet: str
    threshold: float
    hold: float = HOLD
    text: str = ""
    letter: str | None = None  # the one read now, if any is certain
    added: str | None = None  # the one added last, until it is released
    undone: bool = False  # whether a J or Z has just replaced what its hand was read as
    progress: float = 0.0  # share of the hold that has passed
    probabilities: np.ndarray | None = None  # smoothed
    image: np.ndarray | None = None  # what the model saw when `added` was added
    now: float = 0.0
    added_seen: float = 0.0  # when `added` was last read

    def __post_init__(self):
        self.motion = Motion(self.alphabet)

    def update(self, probabilities, now, image=None):
        """Take what was read of a frame; return the letter that it completes, or None."""
        passed = self.smooth(probabilities, now)
        sign = None if image is None else self.motion.update(image, probabilities, now)
        best = int(self.probabilities.argmax())
        share = float(self.probabilities[best])
        letter = self.motion.drawn or (self.alphabet[best] if share >= self.threshold else None)
        if letter != self.letter:
            self.letter, self.progress, passed = letter, 0.0, 0.0
        self.undone = bool(sign and self.text) and self.text[-1] in HANDS[sign]
        self.undone &= now - self.added_seen < STEPS * STEP
        if sign:
            return self.add(sign, image)
        self.release(image)
        if letter in (None, self.added, self.motion.drawn):
            self.progress = 0.0
            return None
        if self.motion.still:
            self.progress += passed / self.hold / (1 + DOUBT * max(0, CERTAIN - share))
        # a hold of exactly so many frames must not fail by a rounding error
        return self.add(letter, image) if self.progress > 1 - 1e-6 else None

    def smooth(self, probabilities, now):
        """Exponential moving average of the probabilities, begun anew after a gap."""
        passed, self.now = now - self.now, now
        if self.probabilities is None or passed > GAP:
            self.probabilities, self.letter = probabilities.copy(), None
            self.motion.clear()
        weight = 1 - np.exp(-max(passed, 0) / SMOOTHING)
        self.probabilities += weight * (probabilities - self.probabilities)
        return passed

    def release(self, image):
        """Let the letter added last be added again once it was gone, or the hand was moved."""
        if self.letter != self.added:
            if self.now - self.added_seen >= RELEASE:
                self.added = None
        elif image is not None and self.image is not None and moved(self.image, image):
            self.added, self.progress = None, 0.0
        else:
            self.added_seen = self.now

    def add(self, letter, image):
        """Add a letter to the text, in place of what a J or Z was read as at first."""
        self.text = self.text[: -1 if self.undone else None] + letter
        self.added, self.added_seen, self.image, self.progress = letter, self.now, image, 0.0
        return letter

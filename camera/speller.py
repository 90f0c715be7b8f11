"""From probabilities to text: add each letter that is held at rest."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from camera.motion import LEAVES, STARTS_WITH, WINDOW, Motion

HOLD = 0.6  # seconds that a letter is held which stands alone
QUICK = 0.13  # share of these that a certain letter of a word is held
CERTAIN, DOUBT = 0.6, 8.0  # below this probability it takes longer, by this times what it lacks
TOGETHER = 1.5  # seconds between two letters of a word, at most
SMOOTHING = 0.08  # seconds, time constant of the moving average of probabilities
MOVES = 1.5  # speed of a hand on its way to another letter, by that of a hand at rest, at least
RELEASE = 0.25  # seconds without a letter, or a hand, after which it has been let go
GAP = 1.0  # seconds between two frames after which all counts as new
ENDS = 0.5  # share of its time that the last letter of a film is held, at least
State = Enum("State", "NO_HAND UNSURE MOVING HOLDING ADDED")


@dataclass
class Speller:
    """Adds to the text each letter that a hand holds. Times are seconds of the camera or video.

    | state   | what is seen                        | what it does                              |
    |---------|-------------------------------------|-------------------------------------------|
    | NO_HAND | no hand, where it is followed       | waits; lets go of all after RELEASE       |
    | UNSURE  | no letter reaches the threshold     | lets go of the one added, after RELEASE   |
    | MOVING  | a letter, but the hand moves        | waits                                     |
    | HOLDING | a letter at rest for `hold`         | adds it                                   |
    |         | one for QUICK, soon after another   | adds it, and the other if that had to wait |
    |         | one for QUICK, alone                | lets it wait for the next                 |
    | ADDED   | the letter added last, still there  | nothing, until the hand leaves            |

    Between two letters the hand moves: what is read otherwise while it rests is doubt. Gestures are
    read as a letter now and then, and words as several: hence `hold` for one that stands alone.
    """

    alphabet: str
    threshold: float  # least probability of a letter
    hold: float = HOLD
    text: str = ""
    state: State = State.UNSURE
    letter: str | None = None  # the one read now, if any is certain
    added: str | None = None  # the one added last, until it is let go
    waiting: str | None = None  # the first of a word, until the second confirms it
    replaces_last: bool = False  # whether a J or Z has just replaced what its hand was read as
    progress: float = 0.0  # share of the hold that has passed
    probabilities: np.ndarray | None = None  # smoothed, float32 (letters,)
    now: float = 0.0
    motion: Motion = field(default_factory=Motion)
    held: float = 0.0  # seconds at rest
    certainty: float = 0.0  # reaches 1 when it has been held for QUICK, or longer in doubt
    letter_seen: float = -np.inf  # when `added` or `waiting` was last read
    hand_seen: float = -np.inf
    added_at: float = -np.inf
    fastest: float = np.inf  # of the hand since the last letter, by that of a hand at rest

    def __post_init__(self):
        self.let_go()

    @property
    def sign(self):
        """The J or Z that the hand may be drawing, or None."""
        return None if self.motion.drawn else self.motion.begun

    def update(self, probabilities, now, image=None, hand=None):
        """Take what was read of a frame. Return the letters that are added with it, mostly "".

        probabilities: float32 (letters,), of one view of the frame
        now: seconds
        image: what the model saw, grey uint8 (S, S); None where the hand that it follows is lost
        hand: a camera.hand.Hand, where it is followed
        """
        elapsed, self.now, self.replaces_last = now - self.now, now, False
        if elapsed > GAP:
            elapsed = 0.0
            self.forget()
        if image is None:
            return self.miss()
        self.hand_seen = now
        sign = self.motion.update(now, image, hand)
        self.fastest = max(self.fastest, self.motion.speed)
        self.smooth(probabilities, elapsed)
        if sign:
            return self.replace(sign)
        self.read()
        self.release()
        self.state = self.find_state()
        return self.hold_on(elapsed) if self.state == State.HOLDING else ""

    def miss(self):
        """Do without a hand for a frame."""
        self.state = State.NO_HAND
        if self.now - self.hand_seen > RELEASE:
            self.let_go()
        return ""

    def forget(self):
        """Forget all but the text, as when the box jumps."""
        self.motion.forget()
        self.let_go()

    def let_go(self):
        """Let go of the letter that was read, and of the one added last."""
        self.probabilities = np.zeros(len(self.alphabet), np.float32)
        self.letter = self.added = self.waiting = None
        self.held = self.certainty = self.progress = 0.0
        self.fastest = np.inf

    def smooth(self, probabilities, elapsed):
        """Bring a frame into the moving average of the probabilities: fast while the hand moves."""
        faster = min(max(1.0, self.motion.speed), 1e6)
        weight = 1 - np.exp(-elapsed / SMOOTHING * faster) if self.probabilities.any() else 1
        self.probabilities += np.float32(weight) * (probabilities - self.probabilities)

    def read(self):
        """Find the letter that is read now."""
        best = int(self.probabilities.argmax())
        is_certain = self.probabilities[best] >= self.threshold
        letter = self.motion.drawn or (self.alphabet[best] if is_certain else None)
        if letter != self.letter:
            self.letter, self.held, self.certainty, self.progress = letter, 0.0, 0.0, 0.0

    def release(self):
        """Let go of a letter that has not been read for RELEASE."""
        if self.letter and self.letter in (self.added, self.waiting):
            self.letter_seen = self.now
        elif self.now - self.letter_seen > RELEASE:
            self.added = None

    def find_state(self):
        """Tell what the hand does."""
        if self.letter is None:
            return State.UNSURE
        least = LEAVES if self.letter == self.added else MOVES
        if self.letter == self.motion.drawn or self.fastest <= least:
            return State.ADDED
        return State.MOVING if self.motion.speed > 1 else State.HOLDING

    def hold_on(self, elapsed):
        """Hold the letter for another frame. Return the letters that are added."""
        doubt = max(0.0, CERTAIN - float(self.probabilities.max()))
        self.held += elapsed
        self.certainty += elapsed / (QUICK * self.hold * (1 + DOUBT * doubt))
        follows = self.now - self.added_at < TOGETHER
        confirms = self.waiting not in (None, self.letter)
        confirms &= self.now - self.letter_seen < TOGETHER
        self.progress = self.certainty if follows or confirms else self.held / self.hold
        # a hold of exactly so many frames must not fail by a rounding error
        if self.certainty < 1 - 1e-6:
            return ""
        if follows or confirms or self.held > self.hold - 1e-6:
            return self.add(self.letter)
        if self.waiting != self.letter:
            self.waiting, self.letter_seen = self.letter, self.now
        return ""

    def add(self, letter):
        """Add a letter to the text, after the one that waits for it. Return both."""
        waits = self.waiting not in (None, letter) and self.now - self.letter_seen < TOGETHER
        letters = (self.waiting if waits else "") + letter
        self.text += letters
        self.letter = self.added = letter
        self.waiting, self.state = None, State.ADDED
        self.added_at = self.letter_seen = self.now
        self.held = self.certainty = self.progress = self.fastest = 0.0
        return letters

    def replace(self, sign):
        """Add a J or Z in place of what its hand was read as at first. Return the letters added."""
        if self.waiting and self.waiting in STARTS_WITH[sign]:
            self.waiting = None
        recent = self.now - self.added_at < WINDOW
        self.replaces_last = recent and self.text[-1:] != "" and self.text[-1] in STARTS_WITH[sign]
        if self.replaces_last:
            self.text = self.text[:-1]
        return self.add(sign)

    def finish(self):
        """End the film. Return the letter that it cuts short, if it was held for long enough."""
        if self.state != State.HOLDING or self.progress < ENDS or self.certainty < ENDS:
            return ""
        return self.add(self.letter)

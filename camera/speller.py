"""From probabilities to text: add each letter that a hand holds at rest."""

import math
from dataclasses import dataclass, field
from enum import Enum

import cv2
import numpy as np

from camera.model import temper
from camera.motion import STARTS_WITH, WINDOW, Motion

# Chosen on films of people who spell and of people who do not; tools/measure_spelling.py tells how
# words are read at three paces.
HOLD = 0.6  # seconds that a letter is held which stands alone
QUICK = 0.13  # share of HOLD that a certain letter of a word is held
CERTAIN, DOUBT = 0.55, 8.0  # below this probability it takes longer, by this times what it lacks
TOGETHER = 1.3  # seconds from one letter of a word to the next, at most
SMOOTHING = 0.12  # seconds, time constant of the moving average while the hand rests
HAND = 0.95  # least sum of the letters' probabilities to add one; the rest is that of no hand
FOUND_HAND = 0.7  # the same where the hand is followed: mostly there is one
RELEASE = 0.25  # seconds without a hand after which all but the text is forgotten
GAP = 1.0  # seconds between two frames after which it is, too
GLIMPSE, MOST_GLIMPSES = 0.06, 3  # seconds of a rest that adds no letter; of these, how many
ENDS = 0.8  # share of its time that the last letter of a film must have been held
State = Enum("State", "NO_HAND UNSURE MOVING HOLDING ADDED")


@dataclass
class Glimpse:
    """What was read in a rest of the hand that added no letter."""

    mean: np.ndarray | float = 0.0  # of the probabilities, float32 (letters,)
    frames: int = 0
    seconds: float = 0.0
    waits: bool = False  # whether a letter waits that may be added yet


@dataclass
class Speller:
    """Adds to the text each letter that a hand holds. Times are seconds of the camera or video.

    | state   | what is seen                         | what happens                            |
    |---------|--------------------------------------|-----------------------------------------|
    | NO_HAND | no hand is found                     | nothing                                 |
    | UNSURE  | no letter, or no hand, is likely     | nothing                                 |
    | ADDED   | the hand since its letter was added  | nothing, until it moves                 |
    | MOVING  | a letter, and the hand moves         | nothing, until it rests                 |
    | HOLDING | a letter at rest, for HOLD           | it is added                             |
    |         | or for QUICK, soon after another     | it is added, after one that waits       |
    |         | or for QUICK, alone                  | it waits for the second letter          |

    Between two letters the hand moves; what is read otherwise while it rests is doubt. A gesture
    looks like a letter now and then, a word like several: one that stands alone is held for longer.
    """

    alphabet: str
    threshold: float  # least probability of a letter
    hold: float = HOLD
    text: str = ""
    motion: Motion = field(default_factory=Motion)
    now: float = 0.0
    hand_seen: float = -np.inf
    probabilities: np.ndarray | None = None  # smoothed, float32 (letters,)
    state: State = State.UNSURE

    # The letter that is read now. It is added once it has been certain for long enough (`evidence`)
    # and, unless it belongs to a word, held for `hold` (`progress`).
    letter: str | None = None  # the one read now
    is_hand: bool = False  # whether it is read in a hand
    held: float = 0.0  # seconds that it has been held
    evidence: float = 0.0  # 1 once it has been held for QUICK, or longer in doubt
    progress: float = 0.0  # 1 once it has been held for long enough; the window shows it
    mean: np.ndarray | None = None  # of the probabilities while it is held
    frames: int = 0  # that `mean` is of

    # The one added last.
    added: str | None = None
    added_at: float = -np.inf
    added_seen: float = -np.inf  # when it was last seen, where the hand is followed
    replaces_last: bool = False  # whether it is a J or Z, in place of what its hand was read as

    # The first letter of a word, until the second one confirms it.
    waiting: str | None = None
    waiting_seen: float = -np.inf  # when it was last held
    waiting_left: bool = False  # whether the hand moved since
    waiting_mean: np.ndarray | None = None

    # For the suggestions of words.
    means: list = field(default_factory=list)  # of each letter that the last update added, a list:
    # the glimpses before it and its mean, which still changes while the hand goes on to rest
    glimpses: list = field(default_factory=list)  # means of rests since, in which none was added
    glimpse: Glimpse = field(default_factory=lambda: Glimpse())  # of the rest now

    def __post_init__(self):
        self.let_go()

    def update(self, probabilities, now, image=None, hand=None, belief=1.0):
        """Take what was read of a frame. Return the letters that it adds, mostly "".

        probabilities: float32 (letters,)
        now: seconds
        image: what the model saw, grey uint8 (S, S); None where no hand is found
        hand: a camera.hand.Hand; None where the hand is not followed
        belief: how far to believe the probabilities, 0 to 1; words are suggested by all of them
        """
        elapsed, self.now, self.replaces_last, self.means = now - self.now, now, False, []
        if elapsed <= GAP:
            return self.take(probabilities, elapsed, image, hand, belief)
        ended = self.finish()
        self.forget()
        return ended + self.take(probabilities, 0.0, image, hand, belief)

    def take(self, probabilities, elapsed, image, hand, belief):
        """Take what was read of a frame, `elapsed` seconds after the last. Return as `update`."""
        if image is None:
            return self.miss()
        self.hand_seen = self.now
        sign = self.motion.update(self.now, image, hand)
        self.waiting_left |= self.motion.moves
        self.smooth(temper(probabilities, belief) if belief < 1 else probabilities, elapsed)
        if sign:
            return self.replace(sign)
        self.read(HAND if hand is None else FOUND_HAND)
        self.state = self.find_state()
        if hand and self.state is State.ADDED:
            self.added_seen = self.now
        if self.state in (State.HOLDING, State.ADDED):
            self.frames += 1
            cv2.accumulateWeighted(probabilities, self.mean, 1 / self.frames)
        self.glance(probabilities, elapsed)
        return self.hold_on(elapsed) if self.state == State.HOLDING else ""

    def finish(self):
        """End the film. Return the last letter, if it was held for nearly long enough, or ""."""
        is_held = self.state == State.HOLDING and min(self.progress, self.evidence) >= ENDS
        return self.add(self.letter) if is_held else ""

    @property
    def sign(self):
        """The J or Z that the hand may be drawing, or None."""
        return None if self.motion.drawn else self.motion.begun

    def miss(self):
        """Do without a hand for a frame."""
        self.state = State.NO_HAND
        if self.now - self.hand_seen > RELEASE:
            self.let_go()
        return ""

    def forget(self):
        """Forget all but the text, as after a gap."""
        self.motion.forget()
        self.let_go()

    def let_go(self):
        """Forget the letter that is read and those before: the next may be any."""
        self.probabilities = np.zeros(len(self.alphabet), np.float32)
        self.letter = self.added = self.waiting = None
        self.start_mean()
        self.held = self.evidence = self.progress = 0.0
        self.motion.fastest = np.inf

    def start_mean(self):
        """Begin to average the probabilities of a letter."""
        self.mean, self.frames = np.zeros(len(self.alphabet), np.float32), 0

    def smooth(self, probabilities, elapsed):
        """Bring a frame into the moving average, faster while the hand moves."""
        pace = min(max(1.0, self.motion.speed / self.motion.speeds.rests), 1e6)
        weight = 1 - math.exp(-elapsed / SMOOTHING * pace) if self.probabilities.any() else 1
        cv2.accumulateWeighted(probabilities, self.probabilities, weight)

    def read(self, least):
        """Find the letter that is read now, in a hand if the sum of probabilities is `least`."""
        best = int(self.probabilities.argmax())
        is_likely = self.probabilities[best] >= self.threshold
        self.is_hand = float(self.probabilities.sum()) >= least
        letter = self.motion.drawn or (self.alphabet[best] if is_likely else None)
        if letter != self.letter or not self.is_hand:
            self.held = self.evidence = self.progress = 0.0
            self.start_mean()
        self.letter = letter

    def glance(self, probabilities, elapsed):
        """Keep what is read while the hand rests, though too briefly or in doubt."""
        glimpse, count = self.glimpse, np.float32(self.glimpse.frames + 1)
        if self.motion.rests and self.is_hand and self.state is not State.ADDED:
            glimpse.frames += 1
            glimpse.seconds += elapsed
            glimpse.mean = glimpse.mean + (probabilities - glimpse.mean) / count
            glimpse.waits = self.letter is not None and self.letter == self.waiting
        elif glimpse.frames:
            if glimpse.seconds >= GLIMPSE and self.state is not State.ADDED:
                self.glimpses = [*self.glimpses, glimpse][-MOST_GLIMPSES:]
            self.glimpse = Glimpse()

    def take_glimpses(self):
        """Return the means of the glimpses since the last letter, and forget them."""
        waited = self.confirms
        means = [g.mean for g in self.glimpses if not (g.waits and waited)]
        self.glimpses, self.glimpse = [], Glimpse()
        return means

    def find_state(self):
        """Return what the hand does."""
        if self.letter is None or not self.is_hand:
            return State.UNSURE
        is_same = self.letter == self.added
        is_new = self.motion.has_left if is_same else self.motion.has_moved
        if not is_new or self.letter == self.motion.drawn:
            return State.ADDED
        return State.HOLDING if self.motion.rests else State.MOVING

    def hold_on(self, elapsed):
        """Hold the letter for another frame. Return the letters that are added, or ""."""
        doubt = max(0.0, CERTAIN - float(self.probabilities.max()))
        self.held += elapsed
        self.evidence += elapsed / (QUICK * self.hold * (1 + DOUBT * doubt))
        last = max(self.added_at, self.added_seen)
        in_word = self.confirms or self.now - last < TOGETHER
        self.progress = self.evidence if in_word else self.held / self.hold
        # a hold of exactly so many frames must not fail by a rounding error
        if min(self.evidence, self.progress) > 1 - 1e-6:
            return self.add(self.letter)
        if self.evidence > 1 - 1e-6:
            self.waiting, self.waiting_seen, self.waiting_left = self.letter, self.now, False
            self.waiting_mean = self.mean
        return ""

    @property
    def confirms(self):
        """Whether the letter follows one that waits for it."""
        is_next = self.waiting not in (None, self.letter) and self.waiting_left
        return is_next and self.now - self.waiting_seen < TOGETHER

    def add(self, letter):
        """Add a letter to the text, after the one that waits for it. Return what is added."""
        self.letter = letter
        glimpses = self.take_glimpses()
        self.means += [[self.waiting_mean]] if self.confirms else []
        self.means.append([*glimpses, self.mean])
        letters = self.waiting + letter if self.confirms else letter
        self.text += letters
        self.added, self.added_at, self.waiting, self.state = letter, self.now, None, State.ADDED
        self.held = self.evidence = self.progress = 0.0
        self.motion.mark()
        return letters

    def replace(self, sign):
        """Add a J or Z in place of what its hand was read as at first. Return what is added."""
        if self.waiting and self.waiting in STARTS_WITH[sign]:
            self.waiting = None
        is_recent = self.now - self.added_at < WINDOW
        self.replaces_last = is_recent and self.text.endswith(tuple(STARTS_WITH[sign]))
        self.text = self.text[:-1] if self.replaces_last else self.text
        return self.add(sign)

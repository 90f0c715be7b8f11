"""The text and its words: letters as they come, keys, suggestions, spaces, speech."""

import math
import sys
from dataclasses import dataclass, field

from camera.clipboard import copy
from camera.hand import HandFinder
from camera.speech import Speaker
from camera.words import LETTERS, Lattice, load_vocabulary, read_all
from plumbing.faults import UserError

PAGES = {"h": "help", "s": "signs"}  # that a key shows or hides
BACK = "\b", "\x7f"  # what BACKSPACE gives
PAUSE = 5.0  # seconds without a new letter after which a word has ended
AWAY = 1.0  # seconds without a hand after which it has, too
HAND_SEEN = 0.5  # sum of the letters' probabilities: 95 % of images without a hand have less, and
# 2 % of the hands whose letter is uncertain


@dataclass
class Editor:
    """Follows the text of a speller letter by letter, and edits it as keys ask for.

    What was read is never changed but by a key. The methods return entries to log: letters, edits
    in capitals, and "WORDS", a tab and the suggestions once a word has ended.
    """

    speller: object  # camera.speller.Speller
    lattice: Lattice | None = None  # None: no suggestions
    speaker: Speaker | None = None  # None: no speech
    space: float = math.inf  # seconds without a hand that are a space
    suggestions: list = field(default_factory=list)  # what the last word may be, best first
    means: list = field(default_factory=list)  # of each letter of the text what Speller.means has,
    # None for spaces and what no hand spelled
    start: int = 0  # where in the text the last word begins, or a space behind that
    is_over: bool = False  # whether the hand went away since the last letter or BACKSPACE
    left_at: float = -math.inf  # when it did
    untaken: tuple | None = None  # what `state` was before a suggestion was taken just now
    cleared: tuple | None = None  # what it was before C
    is_told: bool = True  # whether the end of the last word was
    is_spaced: bool = False  # whether the text ends with a space that no key made
    spoken: str = ""  # the last word, if it was
    hand_seen: float = -math.inf

    def update(self, letters):
        """Take the letters of `Speller.update`, frame by frame. Return entries to log."""
        speller, entries = self.speller, []
        if speller.state.name != "NO_HAND" and speller.probabilities.sum() >= HAND_SEEN:
            self.hand_seen = speller.now
        if speller.replaces_last:
            self.means = self.means[:-1]
            entries.append("BACKSPACE")
        if letters:
            return entries + self.add(letters)
        away = speller.now - self.hand_seen
        is_away = away > min(AWAY, self.space)
        if is_away and self.left_at != self.hand_seen:
            self.is_over, self.left_at = True, self.hand_seen
        if is_away or speller.now - speller.added_at > PAUSE:
            entries += self.end_word()
        if away >= self.space and self.word and not self.is_spaced:
            self.change(speller.text + " ", [*self.means, None], is_spaced=True)
            entries.append("SPACE")
        return entries

    def add(self, letters):
        """Follow letters that were added: of a new word where the hand has been away."""
        if self.is_over:
            self.start, self.is_over = len(self.speller.text) - len(letters), False
        if self.is_spaced or self.word == letters:
            self.spoken = ""
        means = [*self.means, *self.speller.means[-len(letters) :]]
        self.change(self.speller.text, means)
        self.is_told = False
        self.suggest()
        return list(letters)

    def finish(self):
        """End the text. Return entries to log."""
        letters = self.speller.finish()
        return [*(self.add(letters) if letters else []), *self.end_word()]

    def close(self):
        """Let the speech end, and tell if it failed."""
        if self.speaker:
            self.speaker.close()
        if self.fault:
            print(self.fault, file=sys.stderr)

    @property
    def fault(self):
        """What went wrong with the speech, or ""."""
        return self.speaker.fault if self.speaker else ""

    # ------------------------------------------------------------ the last word

    @property
    def state(self):
        """The text and what is known of it."""
        return self.speller.text, self.means, self.is_spaced, self.start

    def change(self, text, means, is_spaced=False):
        """Change the text; `means` is of each of its letters, or of the last."""
        means = means[max(0, len(means) - len(text)) :]
        self.means = [None] * (len(text) - len(means)) + means
        self.speller.text, self.is_spaced, self.untaken = text, is_spaced, None
        self.start = self.start if self.start < len(text) else 0

    @property
    def word(self):
        """The last word as it was read, or "" after a space that a key made."""
        text = self.speller.text.removesuffix(" ") if self.is_spaced else self.speller.text
        return text[self.start :].rpartition(" ")[2]

    def suggest(self, glimpses=()):
        """Find what the last word may be, which perhaps ends with glimpses of more letters."""
        word, end = self.word, len(self.means) - self.is_spaced
        means = self.means[end - len(word) : end]
        is_spelled = self.lattice and all(means) and all(letter in LETTERS for letter in word)
        read = read_all(word, means, glimpses, self.speller.alphabet) if is_spelled else []
        self.suggestions = self.lattice.suggest(read) if self.lattice else []

    def end_word(self):
        """Tell and speak the last word once, where it has ended. Return entries to log."""
        if self.is_told or not self.word:
            return []
        self.is_told = True
        self.suggest([glimpse.mean for glimpse in self.speller.glimpses])
        self.speller.glimpses = []
        self.speak(self.word)
        return ["WORDS\t" + " ".join(self.suggestions)] if self.suggestions else []

    def speak(self, word):
        """Speak a word, unless it was the last that was spoken."""
        if self.speaker and word != self.spoken:
            self.speaker.say(word)
        self.spoken = word

    # ------------------------------------------------------------ keys

    def press(self, key):
        """Edit the text as a key asks for. Return entries to log."""
        if key in BACK:
            return self.go_back()
        if key == " ":
            return self.add_space()
        if key in ("1", "2", "3"):
            return self.take(int(key) - 1)
        return self.clear() if key == "c" else []

    def clear(self):
        """Empty the text."""
        if self.speller.text:
            self.cleared = self.state
            self.change("", [])
        self.suggestions, self.is_told, self.spoken = [], True, ""
        return ["CLEAR"]

    def add_space(self):
        """Keep the last word as it was read."""
        entries = self.end_word()
        if self.is_spaced:  # one space is enough
            self.is_spaced = False
        elif not self.untaken:  # a suggestion that was taken brought one
            self.change(self.speller.text + " ", [*self.means, None])
            entries.append("SPACE")
        self.suggestions, self.spoken = [], ""
        return entries

    def take(self, number):
        """Put a suggestion, and a space, in the place of the last word."""
        if number >= len(self.suggestions):
            return []
        taken, before = self.suggestions[number], self.state
        start = len(before[0]) - self.is_spaced - len(self.word)
        means = self.means[:start] + [None] * (len(taken) + 1)
        self.speak(taken)
        self.change(before[0][:start] + taken + " ", means)
        self.suggestions, self.is_told, self.spoken = [], True, ""
        self.untaken = before
        return [f"TAKE\t{taken}"]

    def go_back(self):
        """Take back a suggestion that was just taken, or the last letter; of no text, C."""
        self.is_over = False
        if self.untaken:
            self.restore(self.untaken)
            return [f"UNTAKE\t{self.word}"]
        if self.cleared and not self.speller.text:
            self.restore(self.cleared)
            self.cleared = None
            return [f"UNCLEAR\t{self.speller.text}"]
        self.change(self.speller.text[:-1], self.means[:-1])
        self.suggest()
        return ["BACKSPACE"]

    def restore(self, state):
        """Bring back what `state` was."""
        *before, start = state
        self.change(*before)
        self.start = start
        self.suggest()


def make_editor(speller, args):
    """Make the Editor that the flags ask for. Raises UserError where it cannot be had."""
    speaker = Speaker() if args.speak else None
    lattice = None if args.no_words else Lattice(load_vocabulary(args.words))
    return Editor(speller, lattice, speaker, args.space or math.inf)


def handle_key(key, view):
    """Do what a key asks for; "" is none. Return the edits to log."""
    if key:
        view.note = ""
    if key in PAGES:
        view.page = PAGES[key] if view.page != PAGES[key] else ""
    if key == "f":
        toggle_follow(view)
    if key == "t":
        view.note = copy(view.speller.text.strip())
    return view.editor.press(key)


def toggle_follow(view):
    """Follow the hand, or stop. Where the finder cannot be loaded, a note says so."""
    try:
        view.finder = None if view.finder else HandFinder()
    except UserError as error:  # the text so far is worth more
        view.note = str(error)
    view.speller.motion.jump()

"""Speak words, by what the system has."""

import queue
import shutil
import subprocess
import threading

from plumbing.faults import UserError

READ_ALOUD = (
    "Add-Type -AssemblyName System.Speech; "
    "(New-Object System.Speech.Synthesis.SpeechSynthesizer).Speak([Console]::In.ReadLine())"
)
PROGRAMS = (  # the first that is there; they take the word from standard input
    ("say", "-f", "-"),  # macOS
    ("spd-say", "--wait", "--pipe-mode"),  # Linux, with the user's own voice
    ("espeak-ng", "--stdin"),
    ("powershell", "-NoProfile", "-NonInteractive", "-Command", READ_ALOUD),  # Windows
)
ADVICE = "install espeak-ng, or do without --speak"
LONGEST = 10.0  # seconds that a word may take
PATIENCE = 3.0  # seconds that words which still wait at the end may take


class Speaker:
    """Speaks words one after another, in a thread: whoever asks never waits.

    Raises UserError where nothing can speak. `fault` then says, in a line, what went wrong later.
    """

    def __init__(self):
        self.command = next((p for p in PROGRAMS if shutil.which(p[0])), None)
        if not self.command:
            names = ", ".join(program for program, *_ in PROGRAMS)
            raise UserError(f"--speak finds none of {names}: {ADVICE}")
        self.fault, self.child, self.is_closed = "", None, False
        self.words = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.work, name="speech", daemon=True)
        self.thread.start()

    def say(self, word):
        """Speak a word after those that wait."""
        self.words.put(word)

    def work(self):
        """Speak what waits, until None comes, or the script ends."""
        while (word := self.words.get()) is not None and not self.is_closed:
            try:
                self.speak(word)
            except (OSError, subprocess.SubprocessError) as error:
                self.fault = f"{self.command[0]} cannot speak: {error}"

    def speak(self, word):
        """Run the program for a word, and wait for its end."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(self.command, stdin=subprocess.PIPE, **quiet) as self.child:
            try:
                self.child.communicate(f"{word.lower()}\n".encode(), timeout=LONGEST)
            finally:
                self.child.kill()  # one that hangs; the block then reaps it
        if self.child.returncode and not self.is_closed:
            self.fault = f"{self.command[0]} cannot speak: it ended with {self.child.returncode}"

    def close(self, patience=PATIENCE):
        """Speak what still waits, for some seconds at most, and end."""
        self.words.put(None)
        try:
            self.thread.join(patience)
        finally:  # also after Ctrl-C
            self.is_closed = True
            if self.child:
                self.child.kill()
            self.thread.join(1)

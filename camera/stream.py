"""Read frames of a camera, a film or an address, with their times."""

import os
import re
import time
import zlib

from camera.addresses import is_address, show_address
from camera.cameras import Camera
from camera.films import Film, is_plain, sample_of, tell_file_cause
from plumbing.faults import UserError

RETRIES, RETRY_EVERY = 10, 0.5  # times, seconds: a camera that gives no frames
SILENT, LOOK_EVERY = 2.0, 0.4  # seconds without a frame: a camera is lost; keys are looked at
COMPARED, MOST_COMPARED = 5, 100  # frames, different ones and all, by which a film is known again
MOST_PLAIN = 90  # frames of one colour before that is told
LOST = "Camera lost: trying again"


class Stream:
    """Frames of a camera (an index), a film or an address, with their times in seconds.

    Raises UserError where a camera or film cannot be opened; of a server, `frames` does. What is
    waited for is `trouble`, "" while frames come; each is printed once.
    """

    def __init__(self, source):
        is_index = source.isascii() and source.isdigit() and len(source) < 5
        self.is_camera = is_index or source.startswith("/dev/video")
        self.trouble, self.start, self.now = "", time.monotonic(), -1.0
        self.plain, self.dark = 0, ""  # frames of one colour so far, -1 once another came; a note
        if self.is_camera:
            self.origin = Camera(source)
        elif is_address(source):
            from camera.server import Server  # here: it takes 40 ms and 10 MB

            self.origin = Server(source)
        else:
            self.origin = open_file(source)
        self.name, self.close = self.origin.name, self.origin.close

    @property
    def fps(self):
        """Frames a second, as far as they are known."""
        return self.origin.fps

    def frames(self):
        """Yield the time of each frame and the frame, BGR uint8 (H, W, 3).

        None in its place while a camera or server is waited for. Raises UserError where that is in
        vain, or where a film is damaged.
        """
        if isinstance(self.origin, Film):
            yield from self.origin.frames()
            tell(self.origin.tell_end())
        elif isinstance(self.origin, Camera):
            for now, frame in self.read_again():
                self.set_trouble(LOST if frame is None else self.dark)
                if self.now >= 0:
                    yield now, frame
        else:
            yield from self.look_meanwhile()
            tell(self.origin.note)

    def set_trouble(self, words):
        """Note what is waited for, and print it when that changes."""
        if words != self.trouble:
            tell(words)
        self.trouble = words

    def look_meanwhile(self):
        """Yield frames of a server, which is waited for in a thread.

        A camera's frame counts until the next one comes: it is yielded again.
        """
        from camera.background import run_ahead

        self.set_trouble(f"Connecting to {self.name}")
        seen, moment, last, is_gone = -SILENT, 0.0, None, False
        for item in run_ahead(self.read_again(), LOOK_EVERY):
            now = time.monotonic() - self.start
            is_gone = item[1] is None if item else is_gone
            if item and not is_gone:
                seen, (moment, last) = now, item
                self.set_trouble(self.dark)
                yield item
            elif last is not None and not is_gone and now - seen < SILENT:
                yield (now, last) if self.origin.is_live else (moment, None)
            else:
                lost = LOST if self.origin.is_live else f"Waiting for {self.name}"
                self.set_trouble(lost if last is not None or is_gone else self.trouble)
                yield moment, None

    def read_again(self):
        """Yield the time and frame of a camera or server, None for a frame when it gives none.

        Then it is tried again. Ends where a film has ended, also one that begins again by that.
        Raises UserError after RETRIES.
        """
        failures, base, beginnings = 0, 0.0, Beginnings()
        while failures <= RETRIES:
            beginnings.start()
            for moment, frame in self.origin.connect():
                failures = 0
                if not self.is_camera and beginnings.repeat(frame):
                    if beginnings.is_film:
                        return
                    continue
                if self.now < 0 and moment is not None:
                    self.start = time.monotonic()
                self.watch(frame)
                self.now = time.monotonic() - self.start if moment is None else base + moment
                yield self.now, frame
            if self.origin.has_ended():
                return
            failures, base = failures + 1, self.now + 1 / self.fps
            yield self.now, None
            time.sleep(RETRY_EVERY)
        more = "any more" if self.now >= 0 else "at all"
        raise UserError(f"{self.name} gives no pictures {more}: {self.origin.find_loss()}")

    def watch(self, frame):
        """Note where all frames of a camera are black, or of another colour."""
        if self.plain >= 0:
            self.plain = self.plain + 1 if is_plain(sample_of(frame)) else -1
            is_dark = self.plain >= MOST_PLAIN and self.origin.is_live
            told = f"{self.name} gives pictures of one colour: is it covered, or in use elsewhere?"
            self.dark = told if is_dark else ""

    def wait_of(self, now):
        """Return the milliseconds until the frame of this time is due: films must not run ahead."""
        return 0 if self.origin.is_live else 1000 * (now - (time.monotonic() - self.start))


def open_file(source):
    """Open a film's file, by its name or as file://. Raises UserError."""
    if re.match("file:/", source, re.I):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        source = url2pathname(urlsplit(source).path)
    name = source if os.path.exists(source) else show_address(source)
    if not os.path.exists(source):
        raise UserError(f"{name} cannot be opened: {tell_missing(source)}")
    if not os.path.isfile(source):
        raise UserError(f"{name} is neither a video nor a folder with pictures in it")
    return Film(source, name, lambda: tell_file_cause(source))


def tell_missing(source):
    """Return what may be meant by the name of a file that is not there."""
    if source.startswith("~"):
        return f"there is no such file; write {os.path.expanduser('~')} for ~, or no quotes"
    if re.match(r"\w+:/|[\w.-]+(:\d+)?/", source) and not os.path.isdir(source.split("/")[0]):
        return "there is no such file; an address begins with http:// or rtsp://"
    return "there is no such file"


class Beginnings:
    """The first frames of each connection to a server, by which a film that is sent again is known.

    A camera never gives the same frames twice, unless they show one picture only.
    """

    def __init__(self):
        self.marks, self.earlier, self.is_film = [], [], False

    def start(self):
        """Begin another connection."""
        if self.marks and self.marks not in self.earlier:
            self.earlier.append(self.marks)
        self.marks, self.alike = [], self.earlier

    def repeat(self, frame):
        """Return whether the frame, like all before it, is an earlier connection's."""
        if len(self.marks) < MOST_COMPARED and len(set(self.marks)) < COMPARED:
            mark, place = zlib.crc32(frame), len(self.marks)
            self.marks.append(mark)
            self.alike = [m for m in self.alike if place < len(m) and m[place] == mark]
            self.is_film = self.marks in self.alike and len(set(self.marks)) > 1
            return bool(self.alike)
        return False


def tell(words):
    """Print a line about the source, if there is one to print."""
    if words:
        print(words, flush=True)

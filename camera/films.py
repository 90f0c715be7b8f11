"""Read films: files, and what comes like one from an address."""

import math
import os
import re
import shlex
import time
from collections import deque
from itertools import pairwise

import cv2
import numpy as np

from camera.containers import find_missing, is_mirrored, tell_kind
from plumbing.faults import UserError, printable

FPS, FASTEST = 30.0, 240.0  # frames a second: where a film tells none, or nonsense
GREATEST_GAP, JITTER = 3600.0, 1.0  # seconds between two frames, forward and back
SLOW, REPEAT = 0.5, 0.2  # seconds from frame to frame that are too long; after which it is repeated
LAST = 1.0  # seconds that the last of slow frames is shown, at most
STRANGEST = 4.0  # ratio of a pixel's sides
FROZEN = 30  # equal frames after which a film is looked at as if it were interlaced
TURNS = {  # by degrees
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
CODECS = {"AV01": "AV1", "THEO": "Theora", "EVC1": "EVC", "VVC1": "VVC", "JXL": "JPEG XL"}


def open_film(name, params=()):
    """Return an OpenCV capture of a file or address, open or not; `params` are properties of it."""
    # OpenCV's other readers tell of faults on standard error, and take "%d" for picture numbers.
    if ":" in name and os.path.isfile(name) and not os.path.isabs(name):
        name = f"file:{name}"  # FFmpeg takes what is before a colon for a protocol
    return cv2.VideoCapture(name, cv2.CAP_FFMPEG, *filter(None, [params]))


def tell_file_cause(path):
    """Return why a file cannot be opened as a film."""
    try:
        kind = tell_kind(path)
    except OSError as error:
        return error.strerror
    return f"it is {kind}" if kind else "it is no film, or damaged at its beginning"


def open_deinterlaced(name):
    """Return a capture of a film whose fields are woven into frames by FFmpeg's filters.

    It is not open where OpenCV was built without them, as it is for some systems.
    """
    name = re.sub(r"([\\':])", r"\\\1", name)  # in an option
    name = re.sub(r"([\\'\[\],;])", r"\\\1", name)  # in a chain of filters
    before = os.environ.get(OPTIONS)
    os.environ[OPTIONS] = "input_format;lavfi"
    try:
        return open_film(f"movie=filename={name},bwdif=send_frame,setfield=prog")
    finally:
        del os.environ[OPTIONS]
        os.environ.update({OPTIONS: before} if before is not None else {})


class Film:
    """Frames of a film and their times.

    source: a file, or an address that OpenCV takes
    name: as messages show it
    find_cause: returns why it cannot be opened, for a UserError
    params: properties that OpenCV opens it with
    is_finite: whether it may be opened twice, and read from its beginning again

    Raises UserError where it cannot be opened, or none of its frames be decoded.
    """

    is_live = False

    def __init__(self, source, name, find_cause, params=(), is_finite=True):
        self.source, self.name, self.is_finite = source, name, is_finite
        self.is_file = os.path.isfile(source)
        self.capture = open_film(source, params)
        if not self.capture.isOpened():
            raise UserError(f"{name} cannot be opened: {find_cause()}")
        self.codec = codec_of(self.capture)
        self.number, self.equal = 0, 0  # frames read; those before the last that were like it
        self.sample, self.was_frozen = b"", False  # some rows of the last; for `FROZEN` frames
        self.lacks_filters = self.shows_anything = self.has_slow_frames = False
        self.turn = None  # of TURNS, where the reader does not turn frames itself
        self.is_mirrored = self.is_file and is_mirrored(source)
        self.waits = deque(maxlen=16)  # seconds that the last frames took to come
        self.waiting = deque(self.read_start())
        if len(self.waiting) < 2 and (told := self.tell_unshown()):
            self.capture.release()
            raise UserError(f"{name} {told}")
        rate = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate <= FASTEST else FPS
        self.stretch = stretch_of(self.capture)
        self.check_start()

    def close(self):
        self.capture.release()

    def frames(self):
        """Yield the time of each frame, from 0 on, and the frame, BGR uint8 (H, W, 3).

        Raises UserError at the end where some are missing, or none of them shows anything.
        """
        yield from self.repeat_slow(self.read_all())
        if self.lacks_filters and not self.shows_anything:
            raise UserError(f"{self.name} {self.tell_interlaced()}")
        if self.is_file and (missing := find_missing(self.source)):
            size, end = missing
            told = f"{size:,} of {end:,} bytes are there; copy or download it anew"
            raise UserError(f"{self.name} is damaged: {told}")

    def read(self):
        """Return the time that the next frame is said to have, and the frame; None at the end."""
        asked = time.monotonic()
        is_read, frame = self.capture.read()
        if not is_read and self.is_file:  # OpenCV gives up where there is much sound in between
            is_read, frame = self.capture.read()
        frame = self.put_upright(frame, self.turn) if is_read else frame
        self.waits.append(time.monotonic() - asked)
        return (self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, frame) if is_read else None

    def put_upright(self, frame, turn):
        """Turn a frame by one of TURNS or None, then as a mirrored film needs it.

        OpenCV takes one that is mirrored sideways for one that stands on its head.
        """
        frame = frame if turn is None else cv2.rotate(frame, turn)
        return cv2.flip(frame, 0) if self.is_mirrored else frame

    def read_all(self):
        """Yield the time of each frame and the frame, as they are read."""
        clock = Clock(self.fps)
        while read := self.waiting.popleft() if self.waiting else self.read():
            stamp, frame = read
            now = clock.time_of(stamp)
            frame = self.check_fields(frame)
            self.number += 1
            yield now, stretch_frame(frame, self.stretch)

    def repeat_slow(self, frames):
        """Yield frames, and those again and again after which none comes for long."""
        last = gap = slow = 0
        for (now, frame), (after, _) in pairwise(chain_last(frames)):
            last, gap = after, after - now if after > now else gap
            slow += gap > SLOW
            yield now, frame
            until = now + (gap if after > now else min(gap, LAST))
            if gap > SLOW:
                for again in np.arange(now + REPEAT, until - REPEAT / 2, REPEAT):
                    yield float(again), frame
        self.has_slow_frames = slow > max(2, self.number / 2) and last > 0

    def read_start(self):
        """Yield what `read` returns up to a frame unlike the first, FROZEN times at most."""
        first = None
        for _ in range(FROZEN if self.is_finite else 2):
            if (read := self.read()) is None:
                return
            stamp, frame = read
            differs = first is not None and sample_of(first) != sample_of(frame)
            first = first if first is not None else frame
            yield stamp, frame if differs else first  # one for all: they are large
            if differs:
                return

    def check_start(self):
        """Read the film in another way if OpenCV does not fill its frames: it is interlaced.

        Such frames are all of one colour, or what was in the memory before, and all the same.
        """
        stamp, first = self.waiting[0]
        if self.is_finite and self.codec and len(self.waiting) > 1 and self.waiting[-1][1] is first:
            better = self.read_fields(first)
            if better is not None:
                self.waiting = deque([(stamp, better)])

    def check_fields(self, frame):
        """Return the frame; it is read in another way where the film has stood still for long."""
        sample = sample_of(frame)
        self.shows_anything = self.shows_anything or not is_plain(sample)
        self.equal = self.equal + 1 if sample == self.sample else 0
        self.sample = sample
        if self.equal < FROZEN or self.was_frozen or not (self.is_finite and self.codec):
            return frame
        self.was_frozen = True
        better = None if self.waiting else self.read_fields(frame)
        return frame if better is None else better

    def read_fields(self, frame):
        """Return the frame as FFmpeg's filters give it, and go on with them; None if it is alike.

        Raises UserError where it is not read rightly, and there are no filters.
        """
        other = open_deinterlaced(self.source)
        if not other.isOpened():
            self.lacks_filters = True
            self.compare(frame)
            return None
        for _ in range(self.number):
            other.grab()
        is_read, better = other.read()
        turn = TURNS.get(self.capture.get(cv2.CAP_PROP_ORIENTATION_META))
        better = self.put_upright(better, turn) if is_read else better
        if not is_read or better.shape != frame.shape or cv2.absdiff(better, frame).mean() < 1:
            other.release()
            return None
        self.capture.release()
        self.capture, self.turn = other, turn
        return better

    def compare(self, frame):
        """Raise UserError unless a second reader begins with the first frame, as this one did."""
        is_read, other = open_film(self.source).read()
        other = self.put_upright(other, None) if is_read else other
        if self.number == 0 and is_read and not np.array_equal(frame, other):
            raise UserError(f"{self.name} {self.tell_interlaced()}")

    def tell_interlaced(self):
        """Return what to do with a film that OpenCV cannot show."""
        return f"is interlaced, and OpenCV cannot show it here; {self.convert('-vf yadif')}"

    def tell_unshown(self):
        """Return why no frame can be read, or but a picture beside sound, and what to do."""
        if self.waiting:
            is_sound = self.is_file and tell_kind(self.source) == "sound alone"
            return "cannot be opened: it is sound alone, with a cover" if is_sound else ""
        if not self.codec or (self.is_file and find_missing(self.source)):
            return "is damaged: none of its frames can be read; copy or download it anew"
        if self.codec.upper() in CODECS:
            name = CODECS[self.codec.upper()]
            return f"is coded as {name}, which OpenCV cannot decode; {self.convert()}"
        return f"is damaged, or OpenCV cannot decode {self.codec}; {self.convert()}"

    def convert(self, flags=""):
        """Return the advice to convert the film."""
        source = shlex.quote(self.source) if self.is_file else "FILM"
        words = filter(None, ["ffmpeg -i", printable(source), flags, "-c:v libx264 converted.mp4"])
        return f"convert it: {' '.join(words)}"

    def tell_end(self):
        """Return a note on what was read, or ""."""
        if self.has_slow_frames:
            return "The frames are too far apart to tell all letters: 4 a second are needed"
        if self.number > 1 and not self.shows_anything:
            return f"All {self.number} frames of {self.name} are of one colour"
        return ""


class Clock:
    """Times of frames from what a film says of them: they begin at 0 and never stand still."""

    def __init__(self, fps):
        self.step, self.now, self.offset = 1 / fps, None, 0.0

    def time_of(self, stamp):
        """Return the time of the next frame, seconds.

        A stamp that hardly goes back is passed over. Where one goes far, the clock was set anew.
        """
        following = 0.0 if self.now is None else self.now + self.step
        stamp = stamp if math.isfinite(stamp) else following - self.offset
        if self.now is None or not -JITTER < stamp + self.offset - self.now < GREATEST_GAP:
            self.offset = following - stamp
        now = stamp + self.offset
        self.now = now if self.now is None or now > self.now else following
        return self.now


def chain_last(frames):
    """Yield (time, frame) and, after the last, its time again."""
    last = None
    for last in frames:
        yield last
    if last:
        yield last[0], None


def sample_of(frame):
    """Return the bytes of some rows of a frame, by which others are compared with it."""
    return frame[:: max(1, len(frame) // 16)].tobytes()


def is_plain(sample):
    """Return whether all bytes of a sample are the same."""
    return sample == sample[:1] * len(sample)


def codec_of(capture):
    """Return the four letters that name a film's codec, or ""."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    text = code.to_bytes(4, "little").decode("latin-1").strip("\0 ") if 0 < code < 2**32 else ""
    return text if text.isprintable() else ""


def stretch_of(capture):
    """Return by what to multiply a frame's width and height so that its pixels are square."""
    ratio = [capture.get(key) for key in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN)]
    aspect = ratio[0] / ratio[1] if min(ratio) > 0 else 1.0
    if not 1 / STRANGEST <= aspect <= STRANGEST or aspect == 1:
        return 1.0, 1.0
    if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 == 90:  # OpenCV has turned the frame
        aspect = 1 / aspect
    return max(aspect, 1.0), max(1 / aspect, 1.0)


def stretch_frame(frame, stretch):
    """Return a frame with square pixels."""
    if stretch == (1.0, 1.0):
        return frame
    width, height = (round(n * by) for n, by in zip(frame.shape[1::-1], stretch, strict=True))
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)

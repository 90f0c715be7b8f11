"""Read frames of a camera, a video file or a URL."""

import os
import time

import cv2

from plumbing.faults import UserError

RETRIES, RETRY_EVERY = 10, 0.5  # times, seconds: a silent camera
FPS, GREATEST_GAP = 30.0, 3600.0  # frames a second, seconds: where a video's own make no sense
ADVICE = "is it there, whole, and not in use? Another camera is --source 1"


class Stream:
    """Frames of a camera (an index), a video file or a URL, with their times in seconds.

    Raises UserError where it cannot be opened.
    """

    def __init__(self, source):
        index = int(source) if source.isascii() and source.isdigit() and len(source) < 5 else None
        self.is_camera = index is not None or source.startswith("/dev/video")
        self.name = f"camera {source}" if self.is_camera else source
        self.source = source if index is None else index
        if not self.is_camera and os.path.exists(source) and not os.path.isfile(source):
            raise UserError(f"{source} is neither a video nor a folder with pictures in it")
        # OpenCV's other readers of films tell of faults on standard error, and take "%d" in a name
        # for the numbers of pictures.
        self.reader = cv2.CAP_ANY if self.is_camera else cv2.CAP_FFMPEG
        self.capture = cv2.VideoCapture(self.source, self.reader)
        if not self.capture.isOpened():
            raise UserError(f"{self.name} cannot be opened: {ADVICE}")
        count, rate = map(self.capture.get, (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
        self.is_live = self.is_camera or ("://" in source and count <= 0)
        self.length = count / rate if rate > 0 and not self.is_live else 0.0  # seconds
        self.fps = rate if 0 < rate <= 240 else FPS
        self.start, self.now = time.monotonic(), -1 / self.fps
        self.close = self.capture.release

    def frames(self):
        """Yield the time of each frame and the frame, BGR uint8 (H, W, 3).

        None in its place while a silent camera is tried again. Raises UserError where that is in
        vain, or where a video ends too early.
        """
        failures = 0
        while failures <= (RETRIES if self.is_live else 0):
            ok, frame = self.capture.read()
            failures = 0 if ok else failures + 1
            if ok:
                self.now = self.frame_time()
                yield self.now, frame
            elif self.is_live:
                if self.now >= 0:
                    yield self.now, None
                time.sleep(RETRY_EVERY)
                self.capture.open(self.source, self.reader)
        if self.is_live:
            raise UserError(f"{self.name} gives no pictures any more: {ADVICE}")
        if self.now < 0 or self.now + 1 / self.fps < 0.9 * self.length:
            end = max(self.now, 0)
            raise UserError(f"{self.name} is damaged: ends at {end:.1f} of {self.length:.1f} s")

    def frame_time(self):
        """Return the time of the frame just read: the clock's, the video's or, failing that, the
        next by its rate."""
        if self.is_live:
            return time.monotonic() - self.start
        stamp = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        is_likely = self.now < stamp < self.now + GREATEST_GAP
        return stamp if is_likely else self.now + 1 / self.fps

    def wait_of(self, now):
        """Return the milliseconds until the frame of this time is due: films must not run ahead."""
        return 0 if self.is_live else 1000 * (now - (time.monotonic() - self.start))

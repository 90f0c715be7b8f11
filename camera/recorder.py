"""Write what the window shows to a video file."""

import os
import shutil

import cv2

from plumbing.faults import UserError

SPARE_DISK = 16 * 2**20  # bytes a recording leaves free
CODECS = {".avi": "MJPG", ".mp4": "mp4v"}


class Recorder:
    """Record pictures as a video of a constant rate, in a `with` block.

    Pictures are repeated, or left out, as their times ask for it. The rate is the `fps` that the
    stream has when the first picture comes.
    """

    def __init__(self, path, stream):
        self.path, self.stream, self.count, self.writer = path, stream, 0, cv2.VideoWriter()

    def add(self, now, pixels):
        """Add a picture, BGR uint8 (H, W, 3), at its time in seconds.

        All are scaled to the size of the first. Raises UserError where the disk is nearly full.
        """
        if not self.count:
            self.fps, self.start, self.size = self.stream.fps, now, pixels.shape[1::-1]
            codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
            self.writer.open(str(self.path), codec, self.fps, self.size)
        pixels = cv2.resize(pixels, self.size)
        while self.count <= round((now - self.start) * self.fps):
            self.writer.write(pixels)
            self.count += 1
            if shutil.disk_usage(self.path.parent).free < SPARE_DISK:
                raise UserError(f"the recording ends at {now:.1f} s: the disk is full")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        """Finish the video, and look whether it can be played: OpenCV says nothing of faults.

        Raises UserError where it is not all there, unless another fault is on its way.
        """
        self.writer.release()
        is_shown, is_whole = self.check()
        if not is_shown:
            os.truncate(self.path, 0)  # half a header is nothing to keep
        is_ended = isinstance(error, KeyboardInterrupt | SystemExit)  # perhaps before a frame came
        if not is_whole and (error is None or (is_ended and is_shown)):
            what = "not all" if is_shown else "nothing"
            raise UserError(f"{what} was recorded: no frames came, or there was no room for them")

    def check(self):
        """Return whether the first frame can be read, and whether the last one can, too."""
        film = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        if not (self.count and film.read()[0]):
            return False, False
        if self.count == 1:
            return True, True
        film.set(cv2.CAP_PROP_POS_FRAMES, self.count - 1)
        last = (self.count - 1) / self.fps  # seconds
        is_whole = film.read()[0] and film.get(cv2.CAP_PROP_POS_MSEC) / 1000 > last - 0.5 / self.fps
        return True, is_whole

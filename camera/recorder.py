"""Write what the window shows to a video file."""

import os
import shutil

import cv2

from plumbing.faults import UserError

SPARE_DISK = 16 * 2**20  # bytes a recording leaves free
CODECS = {".avi": "MJPG", ".mp4": "mp4v"}


class Recorder:
    """Record pictures as a video of a constant rate, in a `with` block.

    Pictures are repeated, or left out, as their times ask for it.
    """

    def __init__(self, path, fps):
        self.path, self.fps, self.count, self.writer = path, fps, 0, cv2.VideoWriter()

    def add(self, now, pixels):
        """Add a picture, BGR uint8 (H, W, 3), at its time in seconds.

        All are scaled to the size of the first. Raises UserError where the disk is nearly full.
        """
        if not self.count:
            self.start, self.size = now, pixels.shape[1::-1]
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
        film = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        is_whole = film.get(cv2.CAP_PROP_FRAME_COUNT) >= max(1, self.count)
        if not (is_shown := film.read()[0]):
            os.truncate(self.path, 0)  # half a header is nothing to keep
        is_ended = isinstance(error, KeyboardInterrupt | SystemExit)  # perhaps before a frame came
        if not is_whole and (error is None or (is_ended and is_shown)):
            what = "not all" if is_shown else "nothing"
            raise UserError(f"{what} was recorded: no frames came, or there was no room for them")

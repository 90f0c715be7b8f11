"""Write what the window shows to a video file."""

import os
import shutil

import cv2

from plumbing.faults import UserError

SPARE_DISK = 16 * 2**20  # bytes a recording leaves free
CODECS = {".avi": "MJPG", ".mp4": "mp4v"}


class Recorder:
    """Video of a constant rate: repeats pictures or leaves them out as their times ask for it."""

    def __init__(self, draft, fps):
        self.draft, self.fps, self.count, self.writer = draft, fps, 0, cv2.VideoWriter()

    def add(self, now, pixels):
        if not self.count:
            self.start, self.size = now, pixels.shape[1::-1]
            codec = cv2.VideoWriter_fourcc(*CODECS[self.draft.suffix.lower()])
            self.writer.open(str(self.draft), codec, self.fps, self.size)
        pixels = cv2.resize(pixels, self.size)
        while self.count <= round((now - self.start) * self.fps):
            self.writer.write(pixels)
            self.count += 1
            if shutil.disk_usage(self.draft.parent).free < SPARE_DISK:
                raise UserError(f"the recording ends at {now:.1f} s: the disk is full")

    def close(self, kind=None, error=None, trace=None):
        self.writer.release()
        film = cv2.VideoCapture(str(self.draft), cv2.CAP_FFMPEG)
        whole, shown = film.get(cv2.CAP_PROP_FRAME_COUNT) >= max(1, self.count), film.read()[0]
        if not shown:
            os.truncate(self.draft, 0)  # half a header is nothing to keep
        is_ended = isinstance(error, KeyboardInterrupt | SystemExit)  # perhaps before a frame came
        if not whole and (error is None or (is_ended and shown)):
            what = "not all" if shown else "nothing"
            raise UserError(f"{what} was recorded: no frames came, or there was no room for them")

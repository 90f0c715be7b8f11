"""Read a camera that is connected to this computer."""

import glob
import os
import re
import sys

import cv2

from camera.films import FASTEST, FPS
from plumbing.faults import UserError

LOOSE = "is it plugged in, and used by no other program?"


class Camera:
    """A camera, by its index or as /dev/video0. Raises UserError where it cannot be opened."""

    is_live = True

    def __init__(self, source):
        self.source = int(source) if source.isdigit() else source
        self.name = f"camera {source}"
        self.is_new = True  # opened, and not yet read
        self.capture = cv2.VideoCapture(self.source, cv2.CAP_ANY)
        if not self.capture.isOpened():
            raise UserError(f"{self.name} cannot be opened: {self.find_cause()}")
        rate = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate <= FASTEST else FPS

    def close(self):
        self.capture.release()

    def connect(self):
        """Yield None, as its frames come without times, and each frame until it gives none."""
        if not self.is_new:
            self.capture.open(self.source, cv2.CAP_ANY)
        self.is_new = False
        while (read := self.capture.read())[0]:
            yield None, read[1]

    def has_ended(self):
        """Return whether this was a film, and is over."""
        return False

    def find_cause(self):
        """Return why it cannot be opened."""
        if sys.platform != "linux":
            return f"{LOOSE} Or it is forbidden by the system's settings for privacy"
        path = f"/dev/video{self.source}" if isinstance(self.source, int) else self.source
        if os.path.exists(path):
            is_allowed = os.access(path, os.R_OK | os.W_OK)
            return "another program uses it" if is_allowed else f"you may not use {path}"
        numbers = (re.search(r"\d+$", name) for name in glob.glob("/dev/video*"))
        others = sorted(int(number[0]) for number in numbers if number)
        if not others:
            return "no camera is connected; for a film, write --source FILE"
        return f"there is none of this number; try --source {' or '.join(map(str, others))}"

    def find_loss(self):
        """Return what may have happened to it since."""
        return LOOSE

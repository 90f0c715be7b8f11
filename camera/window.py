"""The window: show pixels, get keys."""

import contextlib
import os
import subprocess
import sys

import cv2

from camera.view import VIEW_HEIGHT, render
from plumbing.faults import UserError

TITLE = "Fingerspelling"
SCALE_AT_FIRST = 1.5  # of the view; the user may change the window's size


def check_display():
    """Raise UserError where no window opens. A child tries it: Qt would abort this process."""
    if sys.platform != "linux":
        return
    trial = [sys.executable, "-c", f"import cv2; cv2.namedWindow({TITLE!r})"]
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    with contextlib.suppress(subprocess.TimeoutExpired):
        if named and subprocess.run(trial, capture_output=True, timeout=10).returncode == 0:
            return
    raise UserError("no display to open a window on; use --headless")


def is_open():
    """Return whether the window is there: the user may have closed it."""
    with contextlib.suppress(cv2.error):  # which Qt raises where there is no window at all
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
    return False


def show(pixels, milliseconds=1):
    """Show pixels for so long, or until a key is pressed.

    Returns the key in lower case, "" for none, "q" also for Escape and a closed window.
    """
    if not is_open():
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        width, height = pixels.shape[1], VIEW_HEIGHT
        cv2.resizeWindow(TITLE, round(SCALE_AT_FIRST * width), round(SCALE_AT_FIRST * height))
    cv2.imshow(TITLE, pixels)
    key = cv2.waitKeyEx(max(1, round(milliseconds))) & 0xFFFF  # waitKey takes an arrow for a Q
    if key == 27 or not is_open():
        return "q"
    return chr(key).lower() if key < 128 else ""


def wait_for_key(view):
    """Show a view until a key is pressed, and return it."""
    pixels, key = render(view), ""
    while not key:
        key = show(pixels, 50)
    return key

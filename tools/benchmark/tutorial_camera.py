"""The tutorial's camera script without its window, for the benchmark.

    python -m tools.benchmark.tutorial_camera VIDEO MODEL

It imports what that script imports, and prints each frame's letter.
"""

import sys

import cv2
import numpy as np
import onnxruntime as ort

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"
MEAN, STD = 0.485, 0.229


def center_crop(frame):
    """Cut out the middle of a frame, BGR (H, W, 3) -> (S, S, 3), S the shorter side."""
    h, w, _ = frame.shape
    start = abs(h - w) // 2
    return frame[start : start + w] if h > w else frame[:, start : start + h]


def read_frame(frame, session):
    """Do what the script's loop does with a frame, BGR uint8 (H, W, 3). Returns the letter."""
    grey = cv2.cvtColor(center_crop(frame), cv2.COLOR_RGB2GRAY)
    x = (cv2.resize(grey, (28, 28)) - MEAN * 255) / (STD * 255)
    y = session.run(None, {"input": x.reshape(1, 1, 28, 28).astype(np.float32)})[0]
    return LETTERS[int(np.argmax(y, axis=1)[0])]


def main(video, model):
    session = ort.InferenceSession(model)
    film = cv2.VideoCapture(video)
    while (frame := film.read()[1]) is not None:
        print(read_frame(frame, session), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

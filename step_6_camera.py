"""Step 6: read the letters that a hand spells before the camera.

    $ python step_6_camera.py --source data/hello.mp4 --headless
    Model: pretrained/signlanguage.onnx
    1.52	H
    ...
    Spelled: HELLO

    $ python step_6_camera.py       # the first camera, in a window; --help lists flags and keys

A frame goes through centre crop, grey, 28x28 and the network, as in the tutorial. Probabilities are
smoothed over time. A letter that the hand holds still is added to the text: soon after another one
quickly, alone after --hold seconds (camera/speller.py). With --follow the box goes to the hand,
wherever in the frame it is, and its landmarks are read, too: the letter, and J and Z.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import contextlib
import sys
from pathlib import Path

import cv2
import numpy as np

from camera.edits import handle_key, make_editor
from camera.flags import parse_args
from camera.hand import HandFinder, agree, crop_square
from camera.labels import label_pictures
from camera.letter_folders import MY_HAND
from camera.model import load_model, read_letters
from camera.pictures import shrink
from camera.recorder import Recorder
from camera.speller import Speller
from camera.stream import Stream
from camera.view import View, render
from camera.window import check_display, show
from plumbing.faults import printable, run
from plumbing.files import growing_file


def center_crop(frame, box=1.0):
    """Cut the centred square out of a frame.

    Parameters: `frame`, array (H, W) or (H, W, C); `box`, share of the frame's shorter side that
    the square takes, above 0, at most 1.
    Returns: array (S, S) or (S, S, C), in the frame's memory.

    >>> center_crop(np.zeros((480, 640, 3), np.uint8), box=0.7).shape
    (336, 336, 3)
    """
    height, width = frame.shape[:2]
    side = max(1, round(min(height, width) * box))
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


def classify(model, frame, box=1.0, frame_number=None, square=None):
    """Read the letter that a hand shows in the box of a frame.

    Parameters: `model`, from `load_model`; `frame`, BGR uint8 (H, W, 3); `box`, share of its
    shorter side that the centred box takes; `frame_number`, of a video, which is read from one view
    a frame in turn, or None for a picture, read from all views; `square`, (left, top, side) in
    pixels, a box to read in place of the centred one.
    Returns: what the model sees, grey uint8 (size, size), and the probability of each letter of
    model.alphabet, float32 (letters,); the rest is "no hand".
    Raises: UserError if the model fails.

    >>> model = load_model("pretrained/signlanguage.onnx")
    >>> film = cv2.VideoCapture("data/hello.mp4")
    >>> frames = [film.read()[1] for _ in range(30)]
    >>> image, probabilities = classify(model, frames[-1], box=0.7)
    >>> image.shape, model.alphabet[probabilities.argmax()]
    ((28, 28), 'H')
    """
    crop = center_crop(frame, box) if square is None else crop_square(frame, *square)
    image = shrink(crop, model.size, is_frame=frame_number is not None)
    return image, read_letters(model, image, frame_number)


def translate(model, frame, now, view, frame_number=None):
    """Read a frame at `now` seconds.

    `view` is all that lasts from frame to frame: it finds the hand, spells, and is what the window
    shows. Returns the letters that the frame adds to the text, mostly none; one that waited may
    come with the next. Where no hand is found, nothing is read.
    """
    view.latency.start()
    moment = None if frame_number is None else now
    hand, belief = view.finder.find(frame, moment) if view.finder else None, 1.0
    view.frame, view.square = frame, hand and hand.box
    if view.finder and not hand:
        view.image, probabilities = None, np.zeros(len(model.alphabet), np.float32)
    else:
        view.image, probabilities = classify(model, frame, view.box, frame_number, view.square)
        if hand:
            probabilities, belief = agree(model, probabilities, view.finder.read(hand, model))
    letters = view.speller.update(probabilities, now, view.image, hand, belief)
    view.latency.stop()
    return letters


def spell_stream(stream, model, view, logs, recorder, window):
    """Read a stream to its end or until a key ends it; log letters and edits as they come."""
    for frame_number, (now, frame) in enumerate(stream.frames()):
        view.trouble = stream.trouble
        if frame is not None:
            letters = translate(model, frame, now, view, frame_number)
            log(logs, now, *view.editor.update(letters))
        pixels = render(view) if recorder or window else None
        if recorder and view.frame is not None:
            recorder.add(now, pixels)
        key = show(pixels, stream.wait_of(now)) if window else ""
        if key == "q":
            break
        log(logs, now, *handle_key(key, view))


def log(files, now, *entries):
    """Write letters, edits and suggestions with their time, a line each, into files."""
    for entry in entries:
        for file in files:
            print(f"{now:.2f}\t{entry}", file=file, flush=True)


def spell(args, model, finder):
    """Spell what a camera or video shows, and print the text, whatever ends it."""
    speller = Speller(model.alphabet, args.threshold or model.threshold, args.hold)
    editor = make_editor(speller, args)
    logs, recorder = [sys.stdout] if args.headless else [], None
    with contextlib.ExitStack() as stack:  # what is entered last ends first
        stack.callback(editor.close)
        stream = stack.enter_context(contextlib.closing(Stream(args.source)))
        if args.transcript:
            draft = stack.enter_context(growing_file(args.transcript))
            logs.append(stack.enter_context(draft.open("w", encoding="utf-8")))
        if args.record:
            draft = stack.enter_context(growing_file(args.record))
            recorder = stack.enter_context(Recorder(draft, stream))
        mirror = stream.is_camera if args.mirror is None else args.mirror
        title = printable(Path(stream.name).name)
        view = View(speller, args.box, mirror, title, finder=finder, editor=editor)
        stack.callback(lambda: view.frame is None or print("Spelled:", speller.text or "nothing"))
        stack.callback(lambda: log(logs, speller.now, *editor.finish()))
        spell_stream(stream, model, view, logs, recorder, not args.headless)


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)  # a frame is too small for two: they wait for each other, both busy
    if not args.headless:
        check_display()
    model = load_model(args.model)
    note = printable(model.note)
    # What teaching needs takes 8 MB: it is imported where it is needed.
    if MY_HAND.is_dir() and not (args.teach or args.untaught):
        from camera.learn import use_hand

        model, taught_by = use_hand(model)
        note = taught_by or note  # of the model as it was
    print(", ".join(filter(None, [f"Model: {printable(model.path)}", note])), flush=True)
    finder = HandFinder() if args.follow else None
    if args.teach:
        from camera.teach import teach

        teach(args, model, finder, center_crop)
    elif args.pictures:
        label_pictures(args, model, finder, translate)
    else:
        spell(args, model, finder)


if __name__ == "__main__":
    run(main)

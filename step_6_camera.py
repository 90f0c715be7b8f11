"""Step 6: read the letters that a hand spells before the camera.

    $ python step_6_camera.py --source data/hello.mp4 --headless
    Model: pretrained/signlanguage.onnx
    1.52	H
    ...
    Spelled: HELLO

    $ python step_6_camera.py       # the first camera, in a window; --help lists flags and keys

A frame goes through centre crop, grey, 28x28 and the network, as in the tutorial. Probabilities are
smoothed over time. A letter is added to the text once the hand has held it still: for --hold
seconds if it stands alone, for less within a word (camera/speller.py). With --follow the box goes
to the hand, wherever it is, and the landmarks of the hand are read, too: its letter, and J and Z.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import contextlib
from pathlib import Path

import cv2
import numpy as np

from camera.edits import handle_key, make_editor
from camera.flags import parse_args
from camera.hand import HandFinder, agree, crop_square
from camera.labels import label_pictures
from camera.model import open_model, read_letters
from camera.outputs import log, open_outputs, print_text
from camera.pictures import shrink
from camera.speller import Speller
from camera.stream import Stream
from camera.view import View, render
from camera.window import check_display, show
from plumbing.faults import printable, run


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

    Parameters: `model`, a camera.model.Model; `frame`, BGR uint8 (H, W, 3); `box`, share of its
    shorter side that the centred box takes; `frame_number`, in a video, whose frames are read from
    the model's views in turn, or None for a picture, which is read from all; `square`, (left, top,
    side) in pixels, a box to read in place of the centred one.
    Returns: what the model sees, grey uint8 (size, size), and the probability of each letter of
    model.alphabet, float32 (letters,); the rest is "no hand".
    Raises: UserError if the model fails.

    >>> from camera.model import load_model
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

    `view`, a camera.view.View, is all that lasts from frame to frame: finder, speller, and what
    else the window shows (not one of a model's views of an image). Returns the letters that the
    frame adds to the text, mostly none; one that waited may come with the next. Where --follow
    finds no hand, nothing is read.
    """
    view.latency.start()
    hand, belief = None, 1.0  # belief: how far to trust the probabilities, 0 to 1
    if view.finder:
        hand = view.finder.find(frame, None if frame_number is None else now)
    view.frame, view.square = frame, hand.box if hand else None
    if view.finder and not hand:
        view.image, probabilities = None, np.zeros(len(model.alphabet), np.float32)
    else:
        view.image, probabilities = classify(model, frame, view.box, frame_number, view.square)
        if hand:  # where picture and landmarks disagree, there is little belief
            probabilities, belief = agree(model, probabilities, view.finder.read(hand, model))
    letters = view.speller.update(probabilities, now, view.image, hand, belief)
    view.latency.stop()
    return letters


def spell_stream(stream, model, view, logs, recorder, window):
    """Read a stream to its end or until a key ends it; log letters and edits as they come."""
    for frame_number, (now, frame) in enumerate(stream.frames()):
        view.trouble = stream.trouble
        if frame is not None:  # None: a camera is waited for
            letters = translate(model, frame, now, view, frame_number)
            log(logs, now, *view.editor.update(letters))
        pixels = render(view) if recorder or window else None
        if recorder and view.frame is not None:
            recorder.add(now, pixels)
        key = show(pixels, stream.wait_of(now)) if window else ""
        if key == "q":
            break
        log(logs, now, *handle_key(key, view))


def spell(args, model, finder):
    """Spell what a camera or video shows, and print the text, whatever ends it."""
    speller = Speller(model.alphabet, args.threshold or model.threshold, args.hold)
    editor = make_editor(speller, args)
    with contextlib.ExitStack() as stack:  # what is entered last ends first
        stack.callback(editor.close)
        stream = stack.enter_context(contextlib.closing(Stream(args.source)))
        logs, recorder = stack.enter_context(open_outputs(args, stream))
        mirror = stream.is_camera if args.mirror is None else args.mirror
        title = printable(Path(stream.name).name)
        view = View(speller, args.box, mirror, title, finder=finder, editor=editor)
        stack.callback(print_text, view, args.headless)
        stack.callback(lambda: log(logs, speller.now, *editor.finish()))
        spell_stream(stream, model, view, logs, recorder, not args.headless)


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)  # a frame is too small for two: they wait for each other, both busy
    if not args.headless:
        check_display()
    model = open_model(args.model, as_taught=not (args.teach or args.untaught))
    finder = HandFinder() if args.follow else None
    if args.teach:
        from camera.teach import teach  # here: it takes 8 MB

        teach(args, model, finder, center_crop)
    elif args.pictures:
        label_pictures(args, model, finder, translate)
    else:
        spell(args, model, finder)


if __name__ == "__main__":
    run(main)

"""Step 6: read the letters that a hand spells before the camera.

    $ python step_6_camera.py --source data/hello.mp4 --headless
    Model: pretrained/signlanguage.onnx
    1.20	H
    ...
    Spelled: HELLO

    $ python step_6_camera.py       # the first camera, in a window; --help lists flags and keys

A frame goes through centre crop, grey, 28x28 and the network, as in the tutorial. Probabilities are
smoothed over time, and a letter held still is added to the text. J and Z are read from movement.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import argparse
import contextlib
import os
import sys
from pathlib import Path

import cv2

from camera.model import find_model, load_model, read_letters, shrink
from camera.pictures import list_pictures, read_picture
from camera.recorder import CODECS, Recorder
from camera.speller import HOLD, Speller
from camera.stream import Stream
from camera.view import KEYS, View, render
from camera.window import check_display, show, wait_for_key
from plumbing.faults import UserError, printable, run
from plumbing.files import growing_file
from plumbing.flags import number

BOX = 0.7  # guide box, share of the frame's shorter side: a hand at arm's length fills it


# ---------------------------------------------------------------- from a frame to probabilities
def classify(model, frame, box=1.0, turn=None):
    """What the model sees of the centred box of a frame, BGR uint8 (H, W, 3): grey, uint8
    (size, size); and what `read_letters` gives of that."""
    image = shrink(center_crop(frame, box), model.size)
    return image, read_letters(model, image, turn)


def center_crop(frame, box=1.0):
    """Centred square of a frame (H, W) or (H, W, C), a share `box` of its shorter side; a view."""
    height, width = frame.shape[:2]
    side = max(1, round(min(height, width) * box))
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


# ---------------------------------------------------------------- from a stream to a text
def spell_stream(stream, model, view, logs, recorder, window):
    """Read a stream to its end or until a key ends it; log letters and edits as they come."""
    for turn, (now, frame) in enumerate(stream.frames()):
        view.note = "Camera lost: trying again" if frame is None else ""
        if frame is not None:
            letter = translate(model, frame, now, view, turn)
            log(logs, now, "BACKSPACE" if view.speller.undone else None)
            log(logs, now, letter)
        pixels = render(view) if recorder or window else None
        if recorder:
            recorder.add(now, pixels)
        key = show(pixels, stream.early(now)) if window else ""
        if key == "q":
            break
        log(logs, now, handle_key(key, view))


def translate(model, frame, now, view, turn=None):
    """Read a frame, and let the view show it; return the letter that it adds, or None. `turn` is as
    for `read_letters`."""
    view.latency.start()
    view.image, probabilities = classify(model, frame, view.box, turn)
    letter = view.speller.update(probabilities, now, view.image)
    view.latency.stop()
    view.frame = frame
    return letter


SIGNED = """signs that move, in 0.4 to 1.5 seconds, before and after other letters:
  J           sign I, then draw a J with the little finger, and turn the wrist at its hook
  Z           point with the index finger, then draw a Z"""
ANY_KEY = "Any key: next   Q: end"


def spell(args, model):
    """Spell what a camera or video shows, and print the text, whatever ends it."""
    speller = Speller(model.alphabet, args.threshold or model.threshold, args.hold)
    logs, recorder = [sys.stdout] if args.headless else [], None
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(contextlib.closing(Stream(args.source)))
        stack.callback(lambda: print("Spelled:", speller.text or "nothing", flush=True))
        if args.transcript:
            draft = stack.enter_context(growing_file(args.transcript))
            logs.append(stack.enter_context(draft.open("w", encoding="utf-8")))
        if args.record:
            draft = stack.enter_context(growing_file(args.record))
            recorder = Recorder(draft, stream.fps)
            stack.push(recorder.close)
        mirror = stream.is_camera if args.mirror is None else args.mirror
        view = View(speller, args.box, mirror, printable(Path(stream.name).name))
        spell_stream(stream, model, view, logs, recorder, not args.headless)


def handle_key(key, view):
    """Do what a key asks for; return what to log of it, if anything."""
    speller = view.speller
    view.help ^= key == "h"
    edits = {
        " ": ("SPACE", speller.text + " "),
        "\b": ("BACKSPACE", speller.text[:-1]),
        "\x7f": ("BACKSPACE", speller.text[:-1]),
        "c": ("CLEAR", ""),
    }
    edit, speller.text = edits.get(key, (None, speller.text))
    return edit


def label_pictures(args, model):
    """Print a line for each picture, its name, letter or dash and probability, and show it."""
    unread = []
    for path in args.pictures:
        if (frame := read_picture(path)) is None:
            unread.append(printable(path))
            continue
        speller = Speller(model.alphabet, args.threshold or model.threshold)
        view = View(speller, args.box, args.mirror, printable(path.name), hint="", note=ANY_KEY)
        translate(model, frame, 0.0, view)
        letter, probability = speller.letter or "-", speller.probabilities.max()
        print(f"{printable(path)}  {letter}  {probability:.0%}", flush=True)
        if not args.headless and wait_for_key(view) == "q":
            break
    if unread:
        raise UserError(f"{len(unread)} picture(s) could not be read: {', '.join(unread)}")


def log(files, now, what):
    """Write a letter, or edit, with its time into files; nothing where it is None."""
    for file in files if what else ():
        print(f"{now:.2f}\t{what}", file=file, flush=True)


# ---------------------------------------------------------------- flags
def parse_args(argv=None):
    keys = "\n".join(f"  {key:<12}{meaning}" for key, meaning in KEYS.items())
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"keys:\n{keys}\n\n{SIGNED}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, share = parser.add_argument, number(float, 0, 1, above=True)
    time_held = number(float, 0, 3600, above=True)
    add("--source", default="0", help="camera index, video, picture, folder of pictures or URL")
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--box", type=share, help=f"guide box, share of the shorter side ({BOX}; pictures 1)")
    add(
        "--hold",
        type=time_held,
        default=HOLD,
        help=f"seconds that a certain letter is held ({HOLD})",
    )
    add("--threshold", type=share, help="least probability of a letter (the model's own)")
    add("--mirror", action=argparse.BooleanOptionalAction, help="mirror the view (cameras: yes)")
    add("--headless", action="store_true", help="print the letters, without a window")
    add("--record", metavar="FILE", help="write what the window shows, as .avi or .mp4")
    add("--transcript", metavar="FILE", help="write a line for each letter, with its time")
    args = parser.parse_args(argv)
    names = [name for name in vars(args).values() if isinstance(name, str)]
    if any(name.encode(errors="replace").decode() != name or not name for name in names):
        parser.error("a name is empty, or not in UTF-8, and OpenCV takes no other")
    if len({os.path.realpath(name) for name in names}) < len(names):
        parser.error("--source, --model, --record and --transcript must not be the same file")
    args.pictures = list_pictures(args.source)
    args.box = args.box or (1.0 if args.pictures else BOX)
    special = args.record and os.path.exists(args.record) and not os.path.isfile(args.record)
    if args.record and (special or Path(args.record).suffix.lower() not in CODECS):
        parser.error(f"--record: {args.record} is no file that ends in {' or '.join(CODECS)}")
    if args.pictures and (args.record or args.transcript):
        parser.error("--record and --transcript are for cameras and videos, not for pictures")
    return args


def main(argv=None):
    args = parse_args(argv)
    cv2.setNumThreads(1)  # a frame is too small for two: they wait for each other, both busy
    if not args.headless:
        check_display()
    model = load_model(args.model)
    print(f"Model: {printable(model.path)}", flush=True)
    (label_pictures if args.pictures else spell)(args, model)


if __name__ == "__main__":
    run(main)

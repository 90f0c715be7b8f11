"""Judge a model by photographs: step 4's --photos."""

import numpy as np

from camera.hand import HandFinder, agree
from camera.learn import use_hand
from camera.letter_folders import explain_folder, read_letter_folders
from camera.model import load_model, temper
from plumbing import reports
from plumbing.faults import UserError, printable
from plumbing.flags import bounded, nonempty

MISTAKES = "mistakes.png"


def add_photo_flags(parser):
    """Add --photos, and the flags that go with it, to step 4's parser."""
    add = parser.add_argument
    pictures = "read the pictures in DIR/[SOURCE/]LETTER/ instead"
    add("--photos", type=nonempty, metavar="DIR", help=pictures)
    own = "for --photos (the one that the camera script would use)"
    add("--model", type=nonempty, metavar="FILE", help=own)
    share = bounded(float, 0, 1, above=True)
    add("--box", type=share, default=1.0, help="for --photos: box, share of the shorter side (1)")
    add("--follow", action="store_true", help="for --photos: find the hand in the picture")
    add("--untaught", action="store_true", help="for --photos: leave out what --teach learned")


def check_photo_flags(parser, args):
    """Return step 4's flags; without --photos, the others that go with it end the program."""
    if not args.photos and (args.model or args.follow or args.untaught or args.box != 1):
        parser.error("--model, --box, --follow and --untaught go with --photos")
    return args


def judge_photos(args, letters, classify):
    """Print how well a model reads the pictures in the folder `args.photos`.

    `args` are step 4's flags, `classify` is step 6's. The model is as taught in my_hand, if it was.
    Raises UserError if no picture shows a letter, or there is no such model.
    """
    model = load_model(args.model)
    if model.alphabet != letters:
        raise UserError(f"{model.path}: a model of other letters than {letters}")
    model, note = (model, "") if args.untaught else use_hand(model)
    if note:
        print(f"{printable(model.path)}, {note}")
    finder = HandFinder() if args.follow else None

    def read(frame):
        hand = finder.find(frame) if finder else None
        if finder and hand is None:  # nothing is read, as before the camera
            return np.zeros((model.size,) * 2, np.uint8), np.zeros(len(letters), np.float32)
        image, probabilities = classify(model, frame, args.box, square=hand and hand.box)
        if hand:
            probabilities = temper(*agree(model, probabilities, finder.read(hand, model)))
        return image, probabilities

    folder = args.photos
    found = read_letter_folders(folder, letters)
    photos = [(path, label, *read(frame)) for path, label, frame in found]
    if all(label == len(letters) for _, label, _, _ in photos):
        raise UserError(explain_folder(folder, letters))
    reports.print_photos(model.path, photos, model.threshold, letters, MISTAKES)

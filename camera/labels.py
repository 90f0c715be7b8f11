"""Read pictures, one letter each: step 6 with a picture or a folder as its source."""

from camera.pictures import name_unread, read_picture
from camera.speller import Speller
from camera.view import View
from camera.window import wait_for_key
from plumbing.faults import UserError, printable

ANY_KEY = "Any key: next   Q: end"


def label_pictures(args, model, finder, translate):
    """Print a line for each picture, its name, letter or dash and probability, and show it.

    `args` are step 6's flags, and `translate` is its function. Raises UserError at the end for
    pictures that cannot be read.
    """
    unread = []
    for path in args.pictures:
        if (frame := read_picture(path)) is None:
            unread.append(path)
            continue
        speller = Speller(model.alphabet, args.threshold or model.threshold)
        title = printable(path.name)
        view = View(speller, args.box, args.mirror, title, ANY_KEY, finder, offers_keys=False)
        translate(model, frame, 0.0, view)
        letter, probability = speller.letter or "-", speller.probabilities.max()  # none is held
        print(f"{printable(path)}  {letter}  {probability:.0%}", flush=True)
        if not args.headless and wait_for_key(view) == "q":
            break
    if unread:
        raise UserError(name_unread(unread))

"""The flags of step 6."""

import argparse
import os
from pathlib import Path

from camera.model import find_model
from camera.pictures import explain_empty, list_pictures
from camera.recorder import CODECS
from camera.speller import HOLD
from camera.view import KEYS
from plumbing.faults import UserError
from plumbing.flags import Parser, bounded

BOX_SHARE = 0.7  # of the frame's shorter side: a hand at arm's length fills the box
SIGNED = """signs that move, in 0.4 to 1.5 seconds; they are read where the hand is followed:
  J           sign I, then draw a J with the little finger, and turn the wrist at its hook
  Z           point with the index finger, then draw a Z"""


def parse_args(argv=None):
    """Parse the flags of step 6; `pictures` are those that --source names."""
    keys = "\n".join(f"  {key:<12}{meaning}" for key, meaning in KEYS.items())
    parser = Parser(
        description="Read the letters that a hand spells before the camera.",
        epilog=f"keys:\n{keys}\n\n{SIGNED}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, share = parser.add_argument, bounded(float, 0, 1, above=True)
    seconds = bounded(float, 0, 3600, above=True)
    add("--source", default="0", help="camera index, video, picture, folder of pictures or URL")
    add("--model", metavar="FILE", default=str(find_model()), help="ONNX file (%(default)s)")
    add("--follow", action="store_true", help="let the box go to the hand, wherever it is")
    add("--teach", action="store_true", help="learn your own signs, from pictures that it takes")
    add("--untaught", action="store_true", help="leave out what --teach learned (my_hand)")
    add("--box", type=share, help=f"box, share of the shorter side ({BOX_SHARE}; pictures 1)")
    add(
        "--hold",
        type=seconds,
        default=HOLD,
        help=f"seconds to hold a letter that stands alone ({HOLD})",
    )
    add("--threshold", type=share, help="least probability of a letter (the model's own)")
    add("--mirror", action=argparse.BooleanOptionalAction, help="mirror the view (cameras: yes)")
    add("--words", metavar="FILE", help="suggest the words of a list: a line may have several")
    add("--no-words", action="store_true", help="suggest no words")
    add("--speak", action="store_true", help="say each word when it ends")
    add("--space", metavar="SECONDS", type=seconds, help="a hand away for so long spells a space")
    add("--headless", action="store_true", help="print the letters, without a window")
    add("--record", metavar="FILE", help="write what the window shows, as .avi or .mp4")
    add("--transcript", metavar="FILE", help="write a line for each letter, with its time")
    args = parser.parse_args(argv)
    args.pictures = find_pictures(parser, args.source, args.teach)
    args.headless |= args.teach and os.path.isdir(args.source)  # pictures need no window
    args.box = args.box or (1.0 if args.pictures else BOX_SHARE)
    check_files(parser, args)
    return args


def find_pictures(parser, source, teach):
    """Return the pictures that --source names to be read; none of a camera or a film.

    Ends with status 2 for a negative number, and for a single picture to teach by. Raises UserError
    for a folder without any.
    """
    if source.startswith("-") and source[1:].isdigit():
        parser.error(f"--source {source}: cameras are numbered from 0")
    if source.isdigit():  # a camera, also where a folder is called so
        return []
    pictures, is_folder = list_pictures(source), os.path.isdir(source)
    if teach and pictures and not is_folder:
        parser.error("--teach takes a camera, a film, or a folder of pictures in A/, B/ ...")
    if is_folder and not pictures and not teach:
        raise UserError(explain_empty(source))
    return [] if teach else pictures


def check_files(parser, args):
    """End with status 2 where the files that flags name cannot be right."""
    names = [name for name in vars(args).values() if isinstance(name, str)]
    if any(name.encode(errors="replace").decode() != name or not name for name in names):
        parser.error("a file's name is empty or not in UTF-8, and OpenCV takes no other")
    if len({os.path.realpath(name) for name in names}) < len(names):
        parser.error("the files that flags name must not be the same file")
    special = args.record and os.path.exists(args.record) and not os.path.isfile(args.record)
    if args.record and (special or Path(args.record).suffix.lower() not in CODECS):
        parser.error(f"--record: {args.record} is no file that ends in {' or '.join(CODECS)}")
    if (args.pictures or args.teach) and (args.record or args.transcript):
        parser.error("--record and --transcript are for spelling, not for pictures or --teach")

"""Write down what is spelled: lines with the time of each letter, a recording, the text."""

import contextlib
import sys

from camera.recorder import Recorder
from plumbing.files import growing_file

HINT = "No letter was read in the middle of the picture; with --follow the box goes to the hand"


@contextlib.contextmanager
def open_outputs(args, stream):
    """Open what step 6's flags ask for, in a `with` block.

    Gives a list of files to `log` to, and a Recorder or None. Raises UserError or OSError.
    """
    logs, recorder = [sys.stdout] if args.headless else [], None
    with contextlib.ExitStack() as stack:
        if args.transcript:
            draft = stack.enter_context(growing_file(args.transcript))
            logs.append(stack.enter_context(draft.open("w", encoding="utf-8")))
        if args.record:
            draft = stack.enter_context(growing_file(args.record))
            recorder = stack.enter_context(Recorder(draft, stream))
        yield logs, recorder


def log(files, now, *entries):
    """Write letters, edits and suggestions with their time, a line each, into files."""
    for entry in entries:
        for file in files:
            print(f"{now:.2f}\t{entry}", file=file, flush=True)


def print_text(view, gives_hint):
    """Print the text that a camera.view.View has, if any frame came.

    With `gives_hint`, and where nothing was read in the centred box, tell of --follow before it.
    """
    if view.frame is None:
        return
    if gives_hint and not view.speller.text and not view.finder:
        print(HINT)
    print("Spelled:", view.speller.text or "nothing")

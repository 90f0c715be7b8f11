"""Print the models at hand, how well each reads, and the command that reads with it.

python -m tools.list_models
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import os
from pathlib import Path

from camera.model import ROOT, load_model
from plumbing.faults import printable, run
from plumbing.flags import Parser

OWN, SHIPPED = Path("signlanguage.onnx"), ROOT / "pretrained/signlanguage.onnx"


def describe(path, origin, flags=""):
    """Describe a model in two lines: what it is, and the command that reads with it."""
    note = load_model(path).note or "nothing is known of how well it reads"
    return f"{printable(path)}: {origin}, {printable(note)}\n  python step_6_camera.py{flags}"


def parse_args(argv=None):
    return Parser(description=__doc__.splitlines()[0]).parse_args(argv)


def main(argv=None):
    parse_args(argv)
    shipped = Path(os.path.relpath(SHIPPED))
    if OWN.exists():
        print(describe(OWN, "trained here"))
        print(describe(shipped, "came with the project", f" --model {printable(shipped)}"))
    else:
        print(describe(shipped, "came with the project"))


if __name__ == "__main__":
    run(main)

"""List all that the scripts may say, so that a person can read it as a whole:

    $ python -m tools.list_messages
    camera/letter_folders.py:105: {name}: no such folder
    ...

Texts of at least three words are taken from the syntax tree, without docstrings. A name in braces
stands for a value.
"""

import ast
import re

from camera.model import ROOT
from plumbing.faults import run
from plumbing.flags import Parser

PLACES = ["step_*.py", "camera/*.py", "plumbing/*.py"]
WORDS = re.compile(r"(\{.+?\}|[A-Za-z'-]+)([ ,:;]+(\{.+?\}|[A-Za-z'-]+)){2}")


def list_messages():
    """Return the messages of all scripts: a list of (path, line, text)."""
    paths = [path for place in PLACES for path in sorted(ROOT.glob(place))]
    return [
        (path.relative_to(ROOT).as_posix(), line, text)
        for path in paths
        for line, text in find_texts(ast.parse(path.read_text("utf-8")))
    ]


def find_texts(tree):
    """Return the line and text of each message in a syntax tree, in the order of lines."""
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # its parts are no messages of their own
            left_out |= {id(part) for part in ast.walk(node) if part is not node}
    texts = [
        (node.lineno, text_of(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in left_out
    ]
    return sorted((line, text) for line, text in texts if WORDS.search(text))


def text_of(node):
    """Return what a string's node says, "" for other constants."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return node.value if isinstance(node.value, str) else ""


def main(argv=None):
    Parser(description="List all that the scripts may say.").parse_args(argv)
    for path, line, text in list_messages():
        print(f"{path}:{line}: {' '.join(text.split())}")


if __name__ == "__main__":
    run(main)

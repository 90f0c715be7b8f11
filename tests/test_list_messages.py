"""The list of all messages, and how long they may be."""

import ast
import re

from conftest import shell

from tools.list_messages import find_texts, list_messages

LONGEST = 160  # characters, before values are filled in
TREE = '''
"""Text that is a docstring."""
def f(path, n):
    """Another text that is one."""
    print(f"{path}: {n:,} images "
          f"are there")
    raise UserError("no such file" if n else f"{path} is {f'not {n} files'} at all")
    two = "two words"
'''


def test_messages_are_found_whole_and_without_docstrings():
    assert find_texts(ast.parse(TREE)) == [
        (5, "{path}: {n} images are there"),
        (7, "no such file"),
        (7, "{path} is {f'not {n} files'} at all"),
    ]


def test_no_message_is_longer_than_a_line():
    messages = list_messages()
    assert len(messages) > 200  # else what follows would hold of nothing
    long = [
        (path, line, text)
        for path, line, text in messages
        if "\n" not in text and len(re.sub(r"\{.*?\}", "{}", text)) > LONGEST
    ]
    assert long == []


def test_the_tool_lists_them():
    done = shell("tools.list_messages")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"^camera/letter_folders\.py:\d+: \{name\}: no such folder$", done.stdout, re.M
    )

"""Find and read pictures that are sorted into folders by letter: DIR/A/, DIR/B/ and so on."""

from pathlib import Path

import numpy as np

from camera.pictures import is_seen, list_pictures, name_unread, read_picture, shrink
from plumbing.contents import DECODED, describe, kind_of, read_head
from plumbing.faults import UserError, printable

MY_HAND = Path("my_hand")  # where --teach keeps the user's pictures, and what it learned
NO_HAND = "NO_HAND"  # the folder of pictures without a hand, if there are any
ALIASES = {"NOTHING": NO_HAND}  # other names of it, of public sets of photographs
NAMED = 8  # folders in one message


def letter_of(place, letters):
    """Return the letter that a folder's name says, NO_HAND, or None for neither."""
    name = ALIASES.get(place.name.upper(), place.name.upper())
    return name if name in (*letters, NO_HAND) and is_seen(place) else None


def list_letters(folder, letters, pattern="*/"):
    """Return the (path, letter) of the pictures in the folders that match, sorted."""
    places = [(place, letter_of(place, letters)) for place in sorted(Path(folder).glob(pattern))]
    return [
        (path, letter)
        for place, letter in places
        if letter is not None
        for path in list_pictures(place)
    ]


def read_letter_folders(folder, letters):
    """Give the pictures in folder/LETTER/ and folder/SOURCE/LETTER/, and those in no_hand/.

    Yields path, label, which is len(letters) for no hand, and frame, BGR uint8 (H, W, 3). Prints
    the names of those that cannot be read, and of folders that are left out.
    """
    labels = {name: label for label, name in enumerate([*letters, NO_HAND])}
    found = [*list_letters(folder, letters), *list_letters(folder, letters, "*/*/")]
    for path, letter in sorted(found):
        if (frame := read_picture(path)) is None:
            print(f"{printable(path)}: {explain_unread(path)}")
        else:
            yield path, labels[letter], frame
    if found:
        note_left_out(folder, letters)


def read_signs(folder, letters, size):
    """Read the pictures of `read_letter_folders`: their centred squares, as a model sees them.

    Returns labels uint8 (N,) and images uint8 (N, size, size). Raises UserError if there are none.
    """
    labels, images = [], []
    for _, label, frame in read_letter_folders(folder, letters):
        side = min(frame.shape[:2])
        top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
        labels.append(label)
        images.append(shrink(frame[top : top + side, left : left + side], size))
    if not images:
        raise UserError(explain_folder(folder, letters))
    return np.array(labels, np.uint8), np.array(images)


# ---------------------------------------------------------------- what is wrong


def explain_unread(path):
    """Say what a file is that cannot be read as a picture."""
    head = read_head(path)
    is_other = kind_of(head) not in (None, *DECODED)
    return describe(head) if is_other else "not a picture that can be read"


def note_left_out(folder, letters):
    """Print which folders are left out, because their names are no letters."""
    places = [*Path(folder).glob("*/"), *Path(folder).glob("*/*/")]
    named = [place for place in places if is_seen(place) and letter_of(place, letters) is None]
    inside = [place for place in named if letter_of(place.parent, letters) is None]
    others = [place for place in inside if holds_pictures(place)]
    if others:
        print(f"{printable(folder)}: left out {join(others)}, whose names are none of {letters}")


def holds_pictures(place):
    """Return whether pictures lie in a folder itself."""
    return any(path.parent == place for path in list_pictures(place))


def join(places):
    """Return the names of the first folders, sorted."""
    names = sorted({printable(place.name) for place in places})
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def explain_folder(folder, letters, has_sources=True):
    """Say why no pictures of letters can be read in a folder, and what to do.

    With `has_sources` they may lie in SOURCE/LETTER/, too.
    """
    path, name = Path(folder), printable(folder)
    if not path.exists():
        return f"{name}: no such folder"
    if not path.is_dir():
        known = describe(read_head(path))
        return f"{name}: not a folder" + (f" but {known}" if known else "")
    patterns = ["*/", "*/*/"] if has_sources else ["*/"]
    found = [file for pattern in patterns for file, _ in list_letters(path, letters, pattern)]
    unread = [file for file in found if read_picture(file) is None]
    if unread:
        return name_unread(unread)
    if found:
        return f"{name}: only pictures without a hand; those of letters belong in A/, B/ ..."
    for deeper in ("*/*/", "*/*/*/", "*/*/*/*/")[has_sources:]:
        if inner := list_letters(path, letters, deeper):
            top = Path(*inner[0][0].parts[: len(path.parts) + deeper.count("/") - 1])
            return f"{name}: its letters' folders lie deeper; give {printable(top)} instead"
    places = [place for place in path.glob("*/") if is_seen(place) and list_pictures(place)]
    if places:
        return f"{name}: its folders are called {join(places)}; name them by letters: A, B ..."
    if letter_of(path, letters) and holds_pictures(path):
        return f"{name}: the pictures of one letter; give the folder that it lies in"
    if holds_pictures(path):
        return f"{name}: its pictures belong in folders by letter: {name}/A/, {name}/B/ ..."
    return f"{name}: no pictures in its folders A/, B/ ..." + " or SOURCE/A/" * has_sources

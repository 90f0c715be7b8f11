"""Judge a model by photographs: step 4's --photos."""

from camera.model import load_model
from camera.pictures import read_letter_folders
from plumbing import reports
from plumbing.faults import UserError, printable

MISTAKES = "mistakes.png"


def judge_photos(folder, path, letters, classify):
    """Print how well a model reads the pictures of a folder.

    `path` is the model's, by default the one that the camera script takes; `classify` is step
    6's. Raises UserError if no
    picture shows a letter, or there is no such model.
    """
    model = load_model(path)
    if model.alphabet != letters:
        raise UserError(f"{model.path}: a model of other letters than {letters}")
    photos = [
        (path, label, *classify(model, frame))
        for path, label, frame in read_letter_folders(folder, letters)
    ]
    if all(label == len(letters) for _, label, _, _ in photos):
        raise UserError(f"{printable(folder)}: no pictures in its A/, B/ ... or SOURCE/A/, ...")
    reports.print_photos(model.path, photos, model.threshold, letters, MISTAKES)

"""Read letters with an ONNX model."""

import argparse
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import onnxruntime as ort

from plumbing.faults import UserError, in_background
from plumbing.flags import bounded

ROOT = Path(__file__).parent.parent  # the project's folder
ALPHABET = "ABCDEFGHIKLMNOPQRSTUVWXY"  # of a model that names none: the tutorial's
SLOWEST = 10.0  # seconds a model may take for an image
VIEWS = (False, False), (True, True), (False, True), (True, False)  # (zoomed, mirrored) or not
ZOOM = 6 / 7  # share of the image's side that a zoomed view shows


@dataclass(frozen=True)
class Model:
    """An ONNX model with what its metadata say: the tutorial's values where they say nothing."""

    path: Path
    session: ort.InferenceSession
    alphabet: str = ALPHABET
    mean: float = 0.485  # of pixels in [0, 1]
    std: float = 0.229
    size: int = 28  # pixels
    views: int = 1  # of a picture that it is asked about, the first of `make_views`
    no_hand_logit: float = -np.inf  # the tutorial's model knows no such class
    threshold: float = 0.53  # least probability of a letter; ours, the tutorial has none

    @property
    def note(self):
        """What its maker says of it, such as how well it reads; "" for nothing."""
        return self.session.get_modelmeta().custom_metadata_map.get("note", "")

    def logits(self, inputs, options=None):
        """Run the model on normalised images.

        float32 (N, 1, size, size) -> logits float32 (N, letters). UserError if it gives others.
        """
        try:
            name = self.session.get_inputs()[0].name
            outputs = np.asarray(self.session.run(None, {name: inputs}, options)[0])
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise UserError(f"{self.path} cannot read an image: {error}") from error
        letters = len(self.alphabet)
        is_right = outputs.dtype == np.float32 and outputs.shape == (len(inputs), letters)
        if not (is_right and np.vdot(outputs, outputs) < 1e12):  # NaN is not, either
            raise UserError(f"{self.path} does not give {letters} sensible numbers, one a letter")
        return outputs


METADATA = {"alphabet": str, "mean": bounded(float, 0, 1), "std": bounded(float, 0.001, 1000)}
METADATA |= {"size": bounded(int, 1, 1024), "no_hand_logit": bounded(float, -1000, 1000)}
METADATA |= {"threshold": bounded(float, 0, 1), "views": bounded(int, 1, len(VIEWS))}
OLD_NAMES = {"nothing": "no_hand_logit"}


def load_model(path=None):
    """The Model of an ONNX file or, without a path, the one trained in this folder or else the one
    that comes with the project. Raises UserError where it is none or does not fit."""
    path = Path(path or find_model())
    if not path.is_file():
        raise UserError(f"no model {path}; make it with: python step_4_evaluate.py")
    session = open_session(path)
    try:
        texts = session.get_modelmeta().custom_metadata_map
        texts |= {new: texts[old] for old, new in OLD_NAMES.items() if old in texts}
        values = {key: kind(texts[key]) for key, kind in METADATA.items() if key in texts}
        if not values.get("alphabet", ALPHABET).isprintable():
            raise argparse.ArgumentTypeError("its alphabet cannot be printed")
    except (UnicodeDecodeError, argparse.ArgumentTypeError) as error:
        raise UserError(f"{path} is no model of this kind: {error}") from error
    model, options = Model(path, session, **values), ort.RunOptions()
    grey = np.zeros((model.views, 1, model.size, model.size), np.float32)
    try:  # does it run at all, or for ever?
        stop = partial(setattr, options, "terminate", True)
        in_background(partial(model.logits, grey, options), stop, SLOWEST)
    except TimeoutError as error:
        raise UserError(f"{path} takes more than {SLOWEST:g} seconds for an image") from error
    return model


def find_model():
    own, shipped = Path("signlanguage.onnx"), ROOT / "pretrained/signlanguage.onnx"
    return shipped if shipped.is_file() and not own.exists() else own


def open_session(model):
    """ONNX Runtime's session of a model, the path of its file or its bytes; silent, one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # more would spin between frames: 61 % of a core
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        name = model if isinstance(model, Path) else "the model"
        raise UserError(f"{name} is no ONNX model, or is cut short") from error


def read_letters(model, image, frame_number=None):
    """Return the probability of each letter in an image.

    grey uint8 (size, size) -> float32 (letters,); what they lack to one is that of no hand. A
    picture is read from all views at once. A video frame, known by its number, is read from one,
    another than the frame before: smoothing over time brings them together. UserError if the model
    fails.
    """
    pixels = image * np.float32(1 / 255 / model.std) - np.float32(model.mean / model.std)
    numbers = range(model.views) if frame_number is None else [frame_number % model.views]
    logits = average_views(model.logits, pixels[None, None], numbers)[0]
    return to_probabilities(logits, model.no_hand_logit)


def average_views(run, images, numbers):
    """Return the mean of the logits that `run` gives of the numbered views of each image.

    float32 (N, 1, S, S) -> float32 (N, letters).
    """
    logits = run(make_views(images, numbers))
    return logits.reshape(len(numbers), len(images), -1).mean(axis=0)


def make_views(images, numbers):
    """Return the numbered views of each image, as VIEWS has them (test-time augmentation).

    float32 (N, 1, S, S) and V numbers -> float32 (V * N, 1, S, S), view by view.
    """
    zoom, views = zoom_matrix(images.shape[-1]), []
    for is_zoomed, is_mirrored in map(VIEWS.__getitem__, numbers):
        view = zoom @ images @ zoom.T if is_zoomed else images
        views.append(view[..., ::-1] if is_mirrored else view)
    return np.concatenate(views)


@cache
def zoom_matrix(size):
    """Return the matrix that enlarges the middle of a column of pixels to all of it.

    float32 (size, size), linear interpolation.
    """
    place = np.arange(size) + 0.5
    source = (place - size / 2) * ZOOM + size / 2
    return np.clip(1 - abs(source[:, None] - place), 0, None).astype(np.float32)


def to_probabilities(logits, no_hand_logit):
    """Turn logits into the letters' probabilities.

    float (..., letters) -> the same shape. The softmax includes the logit of "no hand" (-inf for
    none), whose probability is dropped, so that the letters sum to less than one. It is large where
    their log-sum-exp is small: an energy-based score of images out of distribution (Liu et al.,
    2020).
    """
    top = np.maximum(logits.max(axis=-1, keepdims=True), no_hand_logit)
    odds = np.exp(logits - top)
    return odds / (odds.sum(axis=-1, keepdims=True) + np.exp(no_hand_logit - top))

"""Read letters with an ONNX model."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from plumbing.faults import UserError, in_background
from plumbing.flags import number

ROOT = Path(__file__).parent.parent  # the project's folder
TRIM = 0.02  # share of a crop that may be given up for speed
ALPHABET = "ABCDEFGHIKLMNOPQRSTUVWXY"  # of a model that names none: the tutorial's
SLOWEST = 10.0  # seconds a model may take for an image


@dataclass(frozen=True)
class Model:
    """An ONNX model with what its metadata say: the tutorial's values where they say nothing."""

    path: Path
    session: ort.InferenceSession
    alphabet: str = ALPHABET
    mean: float = 0.485  # of pixels in [0, 1]
    std: float = 0.229
    size: int = 28  # pixels
    looks: int = 0  # at an image, that it can be asked for one by one; 0: it cannot
    nothing: float = -np.inf  # logit of no hand: the tutorial's model knows no such class
    threshold: float = 0.53  # least probability of a letter; ours, the tutorial has none

    @property
    def note(self):
        """What its maker says of it, such as how well it reads; "" for nothing."""
        return self.session.get_modelmeta().custom_metadata_map.get("note", "")

    def logits(self, inputs, turn=None, options=None):
        """Logits float32 (letters,) of one image, float32 (1, 1, size, size), the mean of all looks
        or those of the look whose turn it is; else UserError."""
        try:
            inputs = {self.session.get_inputs()[0].name: inputs}
            if self.looks and turn is not None:
                inputs["looks"] = np.array([turn % self.looks])
            outputs = np.asarray(self.session.run(None, inputs, options)[0])
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise UserError(f"{self.path} cannot read an image: {error}") from error
        letters = len(self.alphabet)
        is_right = outputs.dtype == np.float32 and outputs.shape == (1, letters)
        if not (is_right and np.vdot(outputs, outputs) < 1e12):  # NaN is not, either
            raise UserError(f"{self.path} does not give {letters} sensible numbers, one a letter")
        return outputs[0]


METADATA = {"alphabet": str, "mean": number(float, 0, 1), "std": number(float, 0.001, 1000)}
METADATA |= {"size": number(int, 1, 1024), "nothing": number(float, -1000, 1000)}
METADATA |= {"threshold": number(float, 0, 1), "looks": number(int, 0, 1000)}


def load_model(path=None):
    """The Model of an ONNX file or, without a path, the one trained in this folder or else the one
    that comes with the project. Raises UserError where it is none or does not fit."""
    path = Path(path or find_model())
    if not path.is_file():
        raise UserError(f"no model {path}; make it with: python step_4_evaluate.py")
    session = open_session(path)
    try:
        texts = session.get_modelmeta().custom_metadata_map
        values = {key: kind(texts[key]) for key, kind in METADATA.items() if key in texts}
        if not values.get("alphabet", ALPHABET).isprintable():
            raise argparse.ArgumentTypeError("its alphabet cannot be printed")
    except (UnicodeDecodeError, argparse.ArgumentTypeError) as error:
        raise UserError(f"{path} is no model of this kind: {error}") from error
    model, options = Model(path, session, **values), ort.RunOptions()
    grey = np.zeros((1, 1, model.size, model.size), np.float32)
    try:  # does it run at all, or for ever?
        stop = partial(setattr, options, "terminate", True)
        in_background(partial(model.logits, grey, 0, options), stop, SLOWEST)
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


def read_letters(model, image, turn=None):
    """The probability of each letter, float32 (letters,), in a grey image, uint8 (size, size). What
    these lack to one is that of no hand. Raises UserError where the model fails.

    The model looks at a picture several times, mirrored and enlarged. With `turn`, the number of a
    video's frame, it looks once, each time otherwise: smoothing brings the looks together."""
    pixels = image * np.float32(1 / 255 / model.std) - np.float32(model.mean / model.std)
    return to_probabilities(model.logits(pixels[None, None], turn), model.nothing)


def shrink(crop, size):
    """Shrink a square crop to what the model sees.

    BGR uint8 (S, S, 3) -> grey uint8 (size, size).
    """
    whole = len(crop) // size * size  # whole ratios shrink ten times as fast
    if whole >= (1 - TRIM) * len(crop):
        edge = (len(crop) - whole) // 2
        crop = crop[edge : edge + whole, edge : edge + whole]
    while len(crop) % (2 * size) == 0:  # halving is quick, and leaves a quarter to be made grey
        crop = cv2.resize(crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)  # a mean: no aliasing


def to_probabilities(logits, nothing):
    """Softmax over the letters' logits, float (..., letters), and `nothing`, that of no hand (-inf
    for none), whose share is left out. It is large where the letters' log-sum-exp is small: an
    energy-based score for images out of distribution (negative energy)."""
    top = np.maximum(logits.max(axis=-1, keepdims=True), nothing)
    odds = np.exp(logits - top)
    return odds / (odds.sum(axis=-1, keepdims=True) + np.exp(nothing - top))

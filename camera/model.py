"""Read letters with an ONNX model."""

import argparse
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from camera.letter_folders import MY_HAND
from camera.model_faults import (
    TYPES,
    check_input,
    check_output,
    explain_load,
    gives_probabilities,
    shorten,
)
from plumbing.faults import UserError, in_background, printable
from plumbing.flags import bounded

ROOT = Path(__file__).parent.parent  # the project's folder
ALPHABET = "ABCDEFGHIKLMNOPQRSTUVWXY"  # of a model that names none: the tutorial's
SLOWEST = 10.0  # seconds a model may take for an image
VIEWS = (False, False), (True, True), (False, True), (True, False)  # (zoomed, mirrored) or not
LEAST = 1e-30  # probability, for its logarithm
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
    is_taught: bool = False  # whether it knows its user's signs (camera/learn.py)
    landmarks: ort.InferenceSession | None = None  # reads its user's landmarks, if they were taught
    is_softmax: bool = False  # gives probabilities, whose logarithms are logits

    @property
    def note(self):
        """What its maker says of it, such as how well it reads, and what is odd; "" for nothing."""
        told = [self.session.get_modelmeta().custom_metadata_map.get("note", "")]
        told += ["gives probabilities instead of logits"] * self.is_softmax
        return ", ".join(filter(None, told))

    def logits(self, inputs, options=None):
        """Run the model on normalised images.

        float32 (N, 1, size, size) -> logits float32 (N, letters). UserError if it gives others.
        """
        (image,) = self.session.get_inputs()
        if image.shape[0] == 1 and len(inputs) > 1:  # one at a time
            return np.concatenate([self.logits(one[None], options) for one in inputs])
        images = np.repeat(inputs, 3, axis=1) if image.shape[1] == 3 else inputs
        try:
            images = images.astype(TYPES[image.type], copy=False)
            outputs = np.asarray(self.session.run(None, {image.name: images}, options)[0])
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise UserError(f"{self.path} cannot read an image: {shorten(error)}") from error
        check_output(self.path, outputs, len(inputs), self.alphabet)
        outputs = outputs.astype(np.float32, copy=False)
        return np.log(np.maximum(outputs, LEAST)) if self.is_softmax else outputs


METADATA = {"alphabet": str, "mean": bounded(float, 0, 1), "std": bounded(float, 0.001, 1000)}
METADATA |= {"size": bounded(int, 1, 1024), "no_hand_logit": bounded(float, -1000, 1000)}
METADATA |= {"threshold": bounded(float, 0, 1), "views": bounded(int, 1, len(VIEWS))}
OLD_NAMES = {"nothing": "no_hand_logit"}


def load_model(path=None):
    """Open a Model: of an ONNX file or, without a path, the one trained in this folder or else the
    one that comes with the project. Raises UserError where it is none or does not fit."""
    path = Path(path or find_model())
    if not path.is_file():
        raise UserError(f"no model {path}; make it with: python step_4_evaluate.py")
    session = open_session(path)
    try:
        texts = session.get_modelmeta().custom_metadata_map
        texts |= {new: texts[old] for old, new in OLD_NAMES.items() if old in texts}
        values = read_metadata(texts)
    except (UnicodeDecodeError, argparse.ArgumentTypeError) as error:
        raise UserError(f"{path} has metadata that cannot be right: {error}") from error
    model = Model(path, session, **values)
    check_input(path, session.get_inputs(), model.size, texts)
    return replace(model, is_softmax=gives_probabilities(path, probe(model), model.no_hand_logit))


def open_model(path=None, as_taught=True):
    """Load a model, taught by the pictures in my_hand or not, and print a line about it."""
    model = load_model(path)
    note = printable(model.note)
    if as_taught and MY_HAND.is_dir():
        from camera.learn import use_hand  # here: it takes 8 MB

        model, taught_by = use_hand(model)
        note = "; untaught: ".join(filter(None, [taught_by, note]))
    print(", ".join(filter(None, [f"Model: {printable(model.path)}", note])), flush=True)
    return model


def read_metadata(texts):
    """Return the fields of a Model that its metadata, texts by name, give."""
    values = {}
    for key, kind in METADATA.items():
        try:
            values |= {key: kind(texts[key])} if key in texts else {}
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentTypeError(f"{key}: {error}") from error
    if not values.get("alphabet", ALPHABET).isprintable():
        raise argparse.ArgumentTypeError("alphabet: it cannot be printed")
    return values


def probe(model):
    """Return what a model gives of some images, grey and noisy; UserError if it runs for ever."""
    cv2.setRNGSeed(0)  # NumPy's random numbers would take 8 MB
    noise = cv2.randn(np.empty((model.size, model.size)), 0, 1)[None, None]
    images = np.concatenate([np.zeros((model.views, *noise.shape[1:])), noise, -noise])
    options = ort.RunOptions()
    run = partial(model.logits, images.astype(np.float32), options)
    try:
        return in_background(run, partial(setattr, options, "terminate", True), SLOWEST)
    except TimeoutError as error:
        raise UserError(f"{model.path} takes more than {SLOWEST:g} seconds an image") from error


def find_model():
    own, shipped = Path("signlanguage.onnx"), ROOT / "pretrained/signlanguage.onnx"
    return shipped if shipped.is_file() and not own.exists() else own


def open_session(model, layers=None):
    """Open an ONNX Runtime session, silent and of one thread, of a model's file or its bytes.

    `layers`, arrays by name, take the place of those in the file.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # more would spin between frames: 61 % of a core
    options.log_severity_level = 4
    values = {name: ort.OrtValue.ortvalue_from_numpy(a) for name, a in (layers or {}).items()}
    for name, value in values.items():
        options.add_initializer(name, value)
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        told = explain_load(model, error) if isinstance(model, Path) else "the model is damaged"
        raise UserError(told) from error
    session.layers = values  # it reads them where they lie
    return session


def read_letters(model, image, frame_number=None):
    """Return the probability of each letter in an image.

    grey uint8 (size, size) -> float32 (letters,); what they lack to one is that of no hand. A
    picture is read from all views at once. A video frame, known by its number, is read from one,
    another than the frame before: smoothing over time brings them together. UserError if the model
    fails.
    """
    pixels = image * np.float32(1 / 255 / model.std) - np.float32(model.mean / model.std)
    if frame_number is None:
        logits = average_views(model.logits, pixels[None, None], range(model.views))
    else:
        logits = model.logits(make_view(pixels[None, None], frame_number % model.views))
    return to_probabilities(logits[0], model.no_hand_logit)


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
    return np.concatenate([make_view(images, number) for number in numbers])


def make_view(images, number):
    """Return the numbered view of each image, float32 (N, 1, S, S)."""
    is_zoomed, is_mirrored = VIEWS[number]
    if is_zoomed:
        zoom = zoom_matrix(images.shape[-1])
        images = zoom @ images @ zoom.T
    return images[..., ::-1] if is_mirrored else images


@cache
def zoom_matrix(size):
    """Return the matrix that enlarges the middle of a column of pixels to all of it.

    float32 (size, size), linear interpolation.
    """
    place = np.arange(size) + 0.5
    source = (place - size / 2) * ZOOM + size / 2
    return np.clip(1 - abs(source[:, None] - place), 0, None).astype(np.float32)


def temper(probabilities, belief):
    """Spread what is not believed of the letters' probabilities, float32 (letters,), evenly.

    belief: 0 to 1
    """
    return belief * probabilities + (1 - belief) * probabilities.mean()


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

"""Say why an ONNX model cannot be used: what it is, takes or gives, and what is expected."""

import re

import numpy as np

from plumbing.contents import describe, kind_of, read_head
from plumbing.faults import UserError, in_a_line

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
MANY = 120  # characters of ONNX Runtime's own words
HUGE = 1e6  # no logit is as large
EXPORT = "export it as one file, in float32"
CAUSES = {  # what ONNX Runtime says: what it means
    r"External data path does not exist: \"?(?:[^\"]*[/\\])?([^\"]+)": "its weights are in {0}, "
    "which is not beside it: put it there, or export the model as one file",
    r"[Ee]xternal data": f"its weights are in another file, which does not fit: {EXPORT}",
    r"(?:implementation|kernel) for (\w+)": "ONNX Runtime has no {0} for its precision, such as "
    f"double or half: {EXPORT}",
    r"IR version: (\d+), max supported IR version: (\d+)": "of ONNX's IR version {0}, and "
    "ONNX Runtime here reads up to {1}: update onnxruntime, or export with an older onnx",
    r"till opset (\d+)": "of an opset above {0}, the newest that ONNX Runtime here knows: "
    "update onnxruntime, or export with opset_version={0}",
    r"No opset import for domain '?([\w.]+)": "has operators of its own ({0}), which are not here",
    r"Protobuf parsing failed|ModelProto does not have a graph|No graph was found": "no ONNX "
    "model, or cut short",
}


def explain_load(path, error):
    """Say why ONNX Runtime cannot load the model at `path`, given its error."""
    head = read_head(path)
    if kind_of(head) is not None:
        hint = "; python step_4_evaluate.py exports checkpoint.pth" * (head[:2] == b"PK")
        return f"{path}: no ONNX model but {describe(head)}{hint}"
    for pattern, meaning in CAUSES.items():
        if found := re.search(pattern, str(error)):
            return f"{path}: {meaning.format(*map(in_a_line, found.groups()))}"
    return f"{path}: damaged, or not for ONNX Runtime: {shorten(error)}"


def shorten(error):
    """Return the first words of an error of ONNX Runtime's, without its codes."""
    text = re.sub(r"^\[ONNXRuntimeError\][ :\w]*: |^.*? failed:", "", in_a_line(error))
    return text if len(text) <= MANY else f"{text[:MANY]}..."


def check_input(path, inputs, size, metadata):
    """Raise UserError unless a model takes grey images of `size` pixels.

    Three channels will do where the metadata say how pixels are normalised: all get the same.
    """
    if len(inputs) != 1:
        raise UserError(f"{path} has {len(inputs)} inputs instead of one, an image")
    (image,), expected = inputs, (None, 1, size, size)
    fits = len(image.shape) == 4 and all(
        not isinstance(found, int) or found == right
        for found, right in zip(image.shape[1:], expected[1:], strict=True)
    )
    has_colours = list(image.shape[1:]) == [3, size, size] and {"mean", "std"} <= metadata.keys()
    batch = image.shape[0] if image.shape else None
    if image.type in TYPES and (fits or has_colours) and not (isinstance(batch, int) and batch > 1):
        return
    kind = image.type.removeprefix("tensor(").removesuffix(")")
    shape = ", ".join("N" if not isinstance(n, int) else str(n) for n in image.shape)
    raise UserError(
        f"{path} takes {kind} ({shape}) instead of float (N, 1, {size}, {size}): any number of "
        f"grey images, {size} pixels wide"
    )


def check_output(path, outputs, count, alphabet):
    """Raise UserError unless `outputs` are a sensible number for each letter of `count` images."""
    letters = len(alphabet)
    if outputs.shape != (count, letters):
        shape = outputs.shape[1:] if outputs.shape[:1] == (count,) else outputs.shape
        found = " x ".join(map(str, shape)) or "1"
        raise UserError(
            f"{path} gives {found} numbers for an image instead of {letters}, one for each of "
            f"{alphabet}; it can name other letters in its metadata, as alphabet"
        )
    numbers = outputs.astype(np.float32, copy=False)
    if outputs.dtype.kind != "f" or not np.vdot(numbers, numbers) < HUGE**2:  # NaN is not, either
        raise UserError(
            f"{path} does not give sensible numbers: {letters} logits are expected, one a letter"
        )


def gives_probabilities(path, outputs, no_hand_logit):
    """Return whether a model's outputs, float (N, letters), are probabilities, not logits.

    Raises UserError where they are, or look like them, and cannot be used.
    """
    inside = outputs.min() >= 0 and outputs.max() <= 1 and (outputs != np.rint(outputs)).any()
    if not inside:
        return False
    if np.abs(outputs.sum(axis=1) - 1).max() > 1e-2:
        raise UserError(
            f"{path} gives numbers from 0 to 1, as after a sigmoid; logits are expected: export "
            "it without its last layer"
        )
    if no_hand_logit > -np.inf:
        raise UserError(
            f"{path} gives probabilities, but metadata with a no_hand_logit, which needs logits: "
            "export it without its softmax"
        )
    return True

"""The fully connected layers at the end of a network: taken out of its file, and trained on.

They name the shapes that the layers before them see. numpy instead of PyTorch, which reading
letters does not need.
"""

import numpy as np

from camera.model import open_session
from plumbing.faults import UserError, printable

LAYERS = tuple(f"fc{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias"))
FEATURES = "features"  # name of the tensor that the first of the layers takes
BATCH_SIZE = 128
LEARNING_RATE = 0.002  # Adam's (Kingma and Ba, 2015), at its peak
MOMENTUM, MOMENTUM_SQUARED = 0.9, 0.99


def open_layers(path, shape):
    """Return a session that gives FEATURES and the layers too, and the layers, a list of arrays.

    `shape` is that of the input of the network in the file `path`. Serialized Protocol Buffers
    messages merge where they follow each other: behind the network's bytes comes one that consists
    of the names of further outputs. Raises OSError, or UserError where there are no such tensors.
    """
    names = [encode(1, name.encode()) for name in (FEATURES, *LAYERS)]
    graph = b"".join(encode(12, name) for name in names)  # GraphProto.output, ValueInfoProto.name
    content = path.read_bytes() + encode(7, graph)  # ModelProto.graph
    try:
        session = open_session(content)
        inputs = {session.get_inputs()[0].name: np.zeros(shape, np.float32)}
        layers = session.run(LAYERS, inputs)
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise UserError(
            f"{printable(path)} cannot be taught: it is no export of step_4_evaluate.py"
        ) from error
    return session, layers


def encode(number, content):
    """Return the field of a Protocol Buffers message that has this number and content (bytes)."""
    length, digits = len(content), []
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content


def forward(layers, features):
    """Return what each fully connected layer takes, and the logits of the last, as a list.

    layers: [weight, bias] * 3; features: float32 (N, C) -> float32 (N, C), ..., (N, letters)
    """
    values = [features]
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        if len(values) > 1:
            values[-1] = np.maximum(values[-1], 0)
        values.append(values[-1] @ weight.T + bias)
    return values


def backward(layers, values, error):
    """Return the gradients of `layers`, given `error`, the logits' gradient (N, letters)."""
    gradients = []
    for weight, value in zip(layers[-2::-2], values[-2::-1], strict=True):
        gradients = [error.T @ value, error.sum(axis=0), *gradients]
        if value is not values[0]:  # nothing is trained before the features
            error = (error @ weight) * (value > 0)
    return gradients


def softmax(logits, no_hand_logit):
    """Return the probabilities of the letters and, last, of no hand, whose logit is constant.

    float32 (N, letters) -> (N, letters + 1)
    """
    logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=no_hand_logit)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def raise_targets(answers, labels, least):
    """Return targets: `answers`, with the probability of each row's letter raised to `least`.

    float32 (N, letters + 1) and int64 (N,) -> float32 (N, letters + 1)
    """
    rows = np.arange(len(labels))
    old = answers[rows, labels]
    new = np.maximum(old, np.float32(least))
    targets = answers * ((1 - new) / np.maximum(1 - old, np.float32(1e-6)))[:, None]
    targets[rows, labels] = new
    return targets


def train(layers, features, targets, weights, steps, no_hand_logit, rng):
    """Return `layers` trained on, by Adam on the cross-entropy.

    features: float32 (N, C); targets: probabilities float32 (N, letters + 1);
    weights: float (N,), how often each row is drawn, relative to the others
    """
    layers = [layer.copy() for layer in layers]
    means, squares = [np.zeros_like(a) for a in layers], [np.zeros_like(a) for a in layers]
    rows = rng.choice(len(features), (steps, BATCH_SIZE), p=weights / weights.sum())
    for step, batch in enumerate(rows, start=1):
        values = forward(layers, features[batch])
        error = softmax(values[-1], no_hand_logit) - targets[batch]
        warm_up, cool_down = min(1, 10 * step / steps), (1 + np.cos(np.pi * step / steps)) / 2
        rate = LEARNING_RATE * warm_up * cool_down
        gradients = backward(layers, values, error[:, :-1] / np.float32(BATCH_SIZE))
        for layer, gradient, mean, square in zip(layers, gradients, means, squares, strict=True):
            mean += np.float32(1 - MOMENTUM) * (gradient - mean)
            square += np.float32(1 - MOMENTUM_SQUARED) * (gradient**2 - square)
            size = np.sqrt(square / np.float32(1 - MOMENTUM_SQUARED**step)) + np.float32(1e-8)
            layer -= np.float32(rate / (1 - MOMENTUM**step)) * mean / size
    return layers

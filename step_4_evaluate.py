"""Step 4: evaluate the network, export it, evaluate the export.

    python step_4_evaluate.py

Reads checkpoint.pth and data/, writes signlanguage.onnx (one self-contained file, any batch size),
confusion.png (which letters are taken for which) and prints accuracy and a table by letter.
signlanguage.onnx is replaced only by a model that passed: checked by onnx, and with logits within
MAX_DIFFERENCE of PyTorch's on every test image. @RESULT@
"""

import argparse

import numpy as np
import onnx
import onnxruntime as ort
import torch
from matplotlib.figure import Figure

from step_2_dataset import (
    LETTERS,
    MEAN,
    SIZE,
    STD,
    DataError,
    available_sets,
    get_train_test_loaders,
    run,
    write_figure,
    write_file,
)
from step_3_train import CHECKPOINT, Net, load_state

MODEL = "signlanguage.onnx"
PICTURE = "confusion.png"
BATCH_SIZE = 256
MAX_DIFFERENCE = 1e-4  # between the logits of both runtimes


def evaluate(outputs, labels):
    """The number of images read rightly, a float.

    `outputs` are logits or probabilities (N, classes), `labels` the true classes, (N,) or (N, 1);
    arrays, tensors or lists.
    """
    y = as_array(labels).reshape(-1)
    yhat = np.argmax(as_array(outputs), axis=1)
    return float(np.sum(yhat == y))


def as_array(values):
    """A tensor, wherever it lies and whatever made it, or a list as an array."""
    return values.detach().cpu().numpy() if torch.is_tensor(values) else np.asarray(values)


def batch_evaluate(net, dataloader):
    """The share of images read rightly, 0..1. Arguments as for `predict`."""
    outputs, labels = predict(net, dataloader)
    return evaluate(outputs, labels) / len(labels)


def predict(net, dataloader):
    """Logits float32 (N, 24) and labels int64 (N,) of all images of `dataloader`, as arrays.

    `net` is a Net, which is put into evaluation mode, or a function that takes and gives what Net
    does, as tensors or arrays. Raises DataError if there are no images.
    """
    if isinstance(net, torch.nn.Module):
        net.eval()
    outputs, labels = [], []
    with torch.inference_mode():
        for batch in dataloader:
            outputs.append(as_array(net(batch["image"])))
            labels.append(batch["label"][:, 0].numpy().astype(np.int64))
    if not labels:
        raise DataError("no images to evaluate")
    return np.concatenate(outputs), np.concatenate(labels)


def load_net(path=CHECKPOINT):
    """The Net whose state_dict is in the file `path`. Raises FileNotFoundError or DataError."""
    net = Net()
    try:
        net.load_state_dict(load_state(path))
    except (RuntimeError, TypeError, AttributeError):  # other names or shapes, or no state_dict
        raise DataError(
            f"{path}: weights of another network; python step_3_train.py trains this one"
        ) from None
    return net


def export(net):
    """`net` as an ONNX model (onnx.ModelProto) for any batch size, checked by onnx.

    Its metadata says what a program must know to use it: alphabet, mean, std and size.
    """
    images = torch.zeros(2, 1, SIZE, SIZE)
    program = torch.onnx.export(
        net.eval(),
        (images,),
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    model = program.model_proto
    metadata = {"alphabet": LETTERS, "mean": MEAN, "std": STD, "size": SIZE}
    onnx.helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.checker.check_model(model, full_check=True)
    return model


def onnx_net(model):
    """A function that runs an onnx.ModelProto as a Net: images (N, 1, 28, 28) to logits (N, 24)."""
    options = ort.SessionOptions()
    # Spinning, its threads would keep the processor from PyTorch's, which prepare the images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda images: session.run(None, {"input": images.numpy()})[0]


def report(runtime, net, loaders):
    """Print accuracy on the training and validation images of every data set.

    `loaders` are get_train_test_loaders' by the name of the data set. Returns the validation
    images' logits and labels, as `predict` does, by the name of the data set.
    """
    print("=" * 10, runtime, "=" * 10)
    results = {}
    for name, pair in loaders.items():
        for part, loader in zip(("Training", "Validation"), pair, strict=True):
            results[name] = outputs, labels = predict(net, loader)
            right, n = int(evaluate(outputs, labels)), len(labels)
            counts = f"{right:,}/{n:,} right, {n - right:,} mistakes"
            print(f"{part} accuracy: {100 * right / n:.2f} ({counts}), {name}")
    return results


def check_difference(results, others):
    """Print the largest difference between the logits of two runtimes' `report`, and raise
    DataError if it is above MAX_DIFFERENCE (or not a number)."""
    difference = max(np.abs(results[name][0] - others[name][0]).max() for name in results)
    print(f"Largest difference between the logits: {difference:.1e} (allowed: {MAX_DIFFERENCE})")
    if not difference <= MAX_DIFFERENCE:
        raise DataError(f"the exported model differs from the network; {MODEL} is left as it was")


def confusion_matrix(outputs, labels):
    """Counts int64 (24, 24): how many images of the row's letter were read as the column's."""
    matrix = np.zeros((len(LETTERS), len(LETTERS)), np.int64)
    np.add.at(matrix, (labels, outputs.argmax(axis=1)), 1)
    return matrix


def print_letters(name, matrix):
    """Print a line for each letter of the data set `name`, those most often misread first."""
    print(f"{'Letter':8}{'right':>9}{'share':>9}  taken for  ({name}, validation)")
    totals = matrix.sum(axis=1)
    shares = matrix.diagonal() / np.maximum(totals, 1)
    for row in np.argsort(shares, kind="stable"):
        if totals[row]:
            right = f"{matrix[row, row]}/{totals[row]}"
            line = f"{LETTERS[row]:8}{right:>9}{shares[row]:9.4f}  {mistaken_for(matrix, row)}"
            print(line.rstrip())


def mistaken_for(matrix, row):
    """The letters that the row's letter was taken for, with counts, most frequent first."""
    order = np.argsort(-matrix[row], kind="stable")
    wrong = [column for column in order if column != row and matrix[row, column]]
    return ", ".join(f"{LETTERS[column]} {matrix[row, column]}" for column in wrong)


def save_confusion(path, matrices):
    """Write a picture of confusion matrices, given by the name of their data set."""
    figure = Figure(figsize=(8 * len(matrices), 8.3), layout="constrained")
    for number, (name, matrix) in enumerate(matrices.items(), start=1):
        mistakes = matrix.sum() - np.trace(matrix)
        axes = figure.add_subplot(1, len(matrices), number, xlabel="read as", ylabel="signed")
        axes.set_title(f"{name}: {mistakes:,} mistakes in {matrix.sum():,} validation images")
        draw_confusion(axes, matrix)
    write_figure(path, figure)


def draw_confusion(axes, matrix):
    """Draw a confusion matrix: a cell's share of its row as a shade, its count as text."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(LETTERS)), LETTERS)
    axes.set_yticks(range(len(LETTERS)), LETTERS)
    axes.tick_params(top=True, labeltop=True)
    for row, column in np.argwhere(matrix):
        color = "white" if shares[row, column] > 0.5 else "black"
        style = {"ha": "center", "va": "center", "fontsize": 7, "color": color}
        axes.text(column, row, matrix[row, column], **style)


def validate():
    """Evaluate checkpoint.pth on every data set in data/, export it to signlanguage.onnx, evaluate
    that and compare the two."""
    net = load_net()
    loaders = {
        name: get_train_test_loaders(BATCH_SIZE, augment=False, sets=[name])
        for name in available_sets()
    }
    results = report("PyTorch", net, loaders)
    model = export(net)
    onnx_results = report("ONNX", onnx_net(model), loaders)
    check_difference(results, onnx_results)
    write_file(MODEL, model.SerializeToString())
    matrices = {name: confusion_matrix(*result) for name, result in onnx_results.items()}
    for name, matrix in matrices.items():
        print_letters(name, matrix)
    save_confusion(PICTURE, matrices)
    print(f"{MODEL}: the exported model; {PICTURE}: which letters it takes for which")


def main(argv=None):
    argparse.ArgumentParser(description="Evaluate checkpoint.pth and export it.").parse_args(argv)
    validate()


if __name__ == "__main__":
    run(main)

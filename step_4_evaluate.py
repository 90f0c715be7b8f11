"""Step 4: evaluate the network, export it, evaluate the export.

    python step_4_evaluate.py
    python step_4_evaluate.py --photos DIR [--model FILE]

Reads checkpoint.pth and data/, writes signlanguage.onnx (one self-contained file, any batch size),
confusion.png (which letters are taken for which) and prints accuracy and a table by letter.
signlanguage.onnx is replaced only by a model that passed: checked by onnx, and with logits within
MAX_DIFFERENCE of PyTorch's on every test image.

With --photos it reads the pictures of any size in DIR/LETTER/ or DIR/SOURCE/LETTER/, and those in
no_hand/, which should be refused, as the camera script would and with the model that it would use.
It prints how many are right, and writes mistakes.png, the wrong ones it was most certain about.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from step_2_dataset import (
    LETTERS,
    MEAN,
    RENDERED,
    SIZE,
    STD,
    DataError,
    available_sets,
    get_train_test_loaders,
    run,
    write_figure,
    write_file,
)
from step_3_train import CHECKPOINT, NOTHING, Net, load_state
from step_6_camera import (
    Problem,
    center_crop,
    find_model,
    load_model,
    read_picture,
    shrink,
    to_probabilities,
)
from step_6_camera import predict as predict_one

MODEL = "signlanguage.onnx"
PICTURE = "confusion.png"
BATCH_SIZE = 64  # of four times as many looks: 256 take PyTorch nearly twice as long an image
MAX_DIFFERENCE = 1e-4  # between the logits of both runtimes
KEPT = 0.98  # of the rendered images read rightly that the threshold lets pass: photographs fewer

NO_HAND = "no_hand"  # folder of pictures that should be refused
CROP = 0.92  # side of a shifted crop, share of the whole picture's
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # where such crops lie: top or bottom, left or right
CONFUSIONS = 12  # printed
MISTAKES = "mistakes.png"
COLUMNS, ROWS = 10, 6  # of that picture


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

    Its metadata says what a program must know to use it: `alphabet`, `mean`, `std` and `size` of an
    image, and `nothing`, the logit of no hand beside the letters'.
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
    for node in model.graph.node:
        node.ClearField("metadata_props")  # traces of its code, with this machine's paths
    metadata = {"alphabet": LETTERS, "mean": MEAN, "std": STD, "size": SIZE, "nothing": NOTHING}
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


def choose_threshold(results):
    """The probability that KEPT of the rightly read validation images reach: the camera script
    takes what is below it for no letter.

    `results` are those of `report`. The rendered hands' count, if there are any: they have
    backgrounds, as before a camera, where fewer still reach it.
    """
    outputs, labels = results.get(RENDERED) or next(iter(results.values()))
    right = outputs.argmax(axis=1) == labels
    if not right.any():
        return 1 / len(LETTERS)
    certainty = to_probabilities(outputs[right], NOTHING).max(axis=1)
    return float(np.quantile(certainty, 1 - KEPT))


def confusion_matrix(outputs, labels):
    """Counts int64 (24, 24): how many images of the row's letter were read as the column's."""
    matrix = np.zeros((len(LETTERS), len(LETTERS)), np.int64)
    np.add.at(matrix, (labels, outputs.argmax(axis=1)), 1)
    return matrix


def print_letters(name, matrix):
    """Print a line for each letter of the images `name`, those most often misread first."""
    print(f"{'Letter':8}{'right':>9}{'share':>9}  taken for  ({name})")
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
    threshold = choose_threshold(onnx_results)
    model.metadata_props.add(key="threshold", value=f"{threshold:.3f}")
    write_file(MODEL, model.SerializeToString())
    print(f"Threshold: {threshold:.3f}, the probability from which the camera believes a letter")
    matrices = {name: confusion_matrix(*result) for name, result in onnx_results.items()}
    for name, matrix in matrices.items():
        print_letters(f"{name}, validation", matrix)
    save_confusion(PICTURE, matrices)
    print(f"{MODEL}: the exported model; {PICTURE}: which letters it takes for which")


# ---------------------------------------------------------------- photos


@dataclass(frozen=True)
class Photos:
    """The pictures of a folder that could be read, as arrays of N."""

    paths: np.ndarray
    sources: np.ndarray  # names
    labels: np.ndarray  # places in LETTERS; -1 without a hand
    views: np.ndarray  # uint8 (N, 6, SIZE, SIZE), see `draw_views`


def read_photos(folder):
    """Read the Photos in `folder`, naming those that cannot be read, which are counted too.

    Returns them and that count. Raises DataError if none shows a letter.
    """
    rows, unreadable = [], 0
    for place in find_places(Path(folder)):
        label = -1 if place.name == NO_HAND else LETTERS.index(place.name.upper())
        for path in sorted(place.glob("[!.]*")):
            if (frame := read_picture(path)) is None:
                print(f"{path}: not a picture that can be read")
                unreadable += 1
            else:
                rows.append((str(path), place.parent.name, label, draw_views(frame)))
    if not any(label >= 0 for _, _, label, _ in rows):
        raise DataError(f"{folder}: no pictures in {folder}/A/, /B/ ... or {folder}/SOURCE/A/ ...")
    return Photos(*map(np.array, zip(*rows, strict=True))), unreadable


def find_places(folder):
    """The folders of a letter, or of no hand, in `folder` and in the folders in it."""
    places = sorted([*folder.glob("*/"), *folder.glob("*/*/")])
    return [
        place
        for place in places
        if place.name == NO_HAND or (len(place.name) == 1 and place.name.upper() in LETTERS)
    ]


def draw_views(frame):
    """What the camera script makes of a frame of which the guide box is the whole centred square:
    as it is, mirrored, and of four crops shifted to its corners; uint8 (6, SIZE, SIZE)."""
    square = center_crop(frame)
    side = max(1, round(len(square) * CROP))
    room = len(square) - side
    starts = [(down * room, right * room) for down, right in CORNERS]
    crops = [square[top : top + side, left : left + side] for top, left in starts]
    whole = shrink(square)
    return np.stack([whole, whole[:, ::-1], *map(shrink, crops)])


def read_views(model, views):
    """Probabilities float32 (N, 6, 24) of the views uint8 (N, 6, SIZE, SIZE)."""
    images = tqdm(np.concatenate(views), "reading", leave=False, disable=None)
    # One by one, as the camera does: the tutorial's model takes no more.
    return np.stack([predict_one(model, image) for image in images]).reshape(*views.shape[:2], -1)


def print_photos(photos, probabilities, threshold):
    """Print how the letters of `photos` were read, and what is refused at `threshold`.

    `probabilities` are those of `read_views`.
    """
    hands = photos.labels >= 0
    labels, sources = photos.labels[hands], photos.sources[hands]
    plain, mirrored = probabilities[:, 0], probabilities[:, 1]
    readings = {
        "as it is": plain,
        "mirrored": mirrored,
        "5 crops": np.delete(probabilities, 1, axis=1).mean(axis=1),
        "all six": probabilities.mean(axis=1),  # these crops and the mirror image
    }
    right = plain[hands].argmax(axis=1) == labels
    print(f"Right: {right.sum():,}/{len(right):,} ({100 * right.mean():.2f} %)")
    for name, outputs in readings.items():
        shares = shares_by_source(outputs[hands].argmax(axis=1) == labels, sources)
        print(f"{name:9} {summary(shares)}")
    for source, share in shares_by_source(right, sources).items():
        print(f"{100 * share:9.2f} % of {(sources == source).sum():,} in {source}")
    matrix = confusion_matrix(plain[hands], labels)
    print_letters("photos", matrix)
    print_confusions(matrix)
    print_refused(plain.max(axis=1) < threshold, hands, right, threshold)


def shares_by_source(right, sources):
    """The share of True in `right`, bool (N,), by the name of the source."""
    return {str(source): right[sources == source].mean() for source in np.unique(sources)}


def summary(shares):
    lowest = min(shares, key=shares.get)
    mean = 100 * np.mean(list(shares.values()))
    return f"{mean:.2f} % mean over sources, {100 * shares[lowest]:.2f} % lowest ({lowest})"


def print_confusions(matrix):
    """Print which letters were most often taken for which."""
    wrong = matrix - np.diag(matrix.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    cells = [(i, j) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    texts = [f"{LETTERS[i]} for {LETTERS[j]} {wrong[i, j]}" for i, j in cells if wrong[i, j]]
    print("Most often taken:", ", ".join(texts) or "none wrongly")


def print_refused(refused, hands, right, threshold):
    """Print how many pictures are refused, bool (N,), among those with a hand, bool (N,), read
    rightly or not, bool (hands,), and among those without."""
    groups = {
        "letters read rightly": refused[hands][right],
        "letters read wrongly": refused[hands][~right],
        "pictures without a hand": refused[~hands],
    }
    print(f"At the threshold of the model, {threshold}:")
    for name, group in groups.items():
        if n := len(group):
            share = f"{100 * group.mean():.2f} %"
            print(
                f"  {name}: {group.sum():,}/{n:,} refused ({share}), {n - group.sum():,} accepted"
            )


def save_mistakes(path, photos, probabilities):
    """Write a picture of what was read wrongly with the highest of `probabilities` (N, 24)."""
    read, certainty = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(read != photos.labels)
    worst = wrong[np.argsort(-certainty[wrong], kind="stable")][: ROWS * COLUMNS]
    figure = Figure(figsize=(1.4 * COLUMNS, 1.75 * ROWS), layout="constrained")
    for place, number in enumerate(worst, start=1):
        axes = figure.add_subplot(ROWS, COLUMNS, place)
        axes.imshow(photos.views[number, 0], cmap="gray", vmin=0, vmax=255)
        signed = LETTERS[photos.labels[number]] if photos.labels[number] >= 0 else "no hand"
        title = f"{signed} read {LETTERS[read[number]]} {100 * certainty[number]:.0f} %"
        axes.set_title(title, fontsize=8)
        name = f"{photos.sources[number]}/{Path(photos.paths[number]).name}"
        axes.set_xlabel(name[-24:], fontsize=5)
        axes.set(xticks=[], yticks=[])
    write_figure(path, figure)


def judge_photos(folder, path=None):
    """Print how well the model at `path`, by default the camera script's, reads the pictures of
    `folder`. Raises DataError if there are none, or no such model."""
    path = path or find_model()
    try:
        model = load_model(path)
    except Problem as error:
        raise DataError(error) from None
    if model.alphabet != LETTERS or model.size != SIZE:
        raise DataError(f"{path}: not a model of {LETTERS} at {SIZE}x{SIZE} pixels")
    photos, unreadable = read_photos(folder)
    probabilities = read_views(model, photos.views)
    hands = (photos.labels >= 0).sum()
    others = len(photos.labels) - hands
    print(f"{path}, {folder}: {hands:,} hands, {others:,} without, {unreadable:,} unreadable")
    print_photos(photos, probabilities, model.threshold)
    save_mistakes(MISTAKES, photos, probabilities[:, 0])
    print(f"{MISTAKES}: the mistakes that the model was most certain about")


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description="Evaluate checkpoint.pth and export it.")
    add = parser.add_argument
    add("--photos", metavar="DIR", help="read the pictures in DIR/[SOURCE/]LETTER/ instead")
    add(
        "--model",
        metavar="FILE",
        help="for --photos (signlanguage.onnx here, or else pretrained/signlanguage.onnx)",
    )
    args = parser.parse_args(argv)
    if args.model and not args.photos:
        parser.error("--model goes with --photos")
    return args


def main(argv=None):
    args = parse_args(argv)
    if args.photos:
        judge_photos(args.photos, args.model)
    else:
        validate()


if __name__ == "__main__":
    run(main)

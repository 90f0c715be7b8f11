"""Step 4: measure the network, export it, measure the export.

    $ python step_4_evaluate.py
    Validation accuracy: 99.76 (7,155/7,172 right, 17 mistakes), Sign Language MNIST
    Largest difference between the logits: 5.2e-06 (allowed: 0.0001)

    $ python step_4_evaluate.py --photos DIR [--follow] [--model FILE]

Reads checkpoint.pth and data/, writes signlanguage.onnx and confusion.png (which letters are taken
for which). As in the tutorial, the test files' images are called validation images. If the export
differs from the network, an older signlanguage.onnx stays.
With --photos it reads pictures instead, as the camera script would: DIR/LETTER/ or
DIR/SOURCE/LETTER/, and no_hand/, which should be refused; mistakes.png shows its mistakes.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import onnx
import torch
from torch.utils.data import DataLoader

from camera.model import VIEWS, average_views, open_session, to_probabilities
from camera.photos import add_photo_flags, check_photo_flags, judge_photos
from plumbing import reports
from plumbing.cores import threads_beside_others
from plumbing.faults import UserError, run
from plumbing.files import write_file
from plumbing.flags import Parser
from plumbing.onnx_files import add_metadata, name_features
from plumbing.sign_mnist import SETS, WITHOUT_HAND, available_sets, find_data
from step_2_dataset import LETTERS, MEAN, NO_HAND, SIZE, STD, SignLanguageMNIST
from step_3_train import NO_HAND_LOGIT, load_net
from step_6_camera import classify

MODEL, PICTURE = "signlanguage.onnx", "confusion.png"
BATCH_SIZE = 512  # images; with the tutorial's 32 each takes a quarter longer
PART = 32  # images that a core reads at once: many more do not fit its cache
OPSET = 14  # the version of ONNX's operators, of 2021, so that old runtimes take it


def evaluate(outputs, labels):
    """Count the images that are read rightly.

    Parameters: `outputs`, logits or probabilities (N, classes), an array, a tensor or lists;
    `labels`, the true classes, (N,) or (N, 1), likewise.
    Returns: float.

    >>> evaluate([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    1.0
    """
    y = torch.as_tensor(labels).reshape(-1)
    yhat = torch.as_tensor(outputs).argmax(dim=1)
    return float((yhat == y).sum())


def batch_evaluate(net, dataloader):
    """Return the share of images that are read rightly, 0 to 1.

    Parameters: `net`, a Net, or a function of tensors (N, 1, 28, 28) that gives logits (N, 24);
    `dataloader`, of a SignLanguageMNIST.
    Raises: UserError if there are no images, or a logit is not finite.

    >>> images = SignLanguageMNIST("data/rendered_test.csv.gz")
    >>> share = batch_evaluate(load_net("pretrained/checkpoint.pth"), DataLoader(images, 256))
    >>> 0.7 < share < 0.9
    True
    """
    outputs, labels = predict(net, dataloader)
    return evaluate(outputs, labels) / len(labels)


def predict(net, dataloader):
    """Run a network on all images of a DataLoader; takes and raises what `batch_evaluate` does.

    Returns: arrays, logits float32 (N, 24) and labels int64 (N,).
    """
    if isinstance(net, torch.nn.Module):
        net.eval()
    outputs, labels = [], []
    with torch.inference_mode():
        for batch in dataloader:
            outputs.append(torch.as_tensor(net(batch["image"])))
            labels.append(batch["label"][:, 0].long())
            if not outputs[-1].isfinite().all():
                raise UserError("the weights are NaN or far too large; train anew, at a lower --lr")
    if not labels:
        raise UserError("no images to evaluate")
    return torch.cat(outputs).numpy(), torch.cat(labels).numpy()


def export(net):
    """Turn a Net into an ONNX model for any batch size, checked by onnx.

    float32 "input" (N, 1, 28, 28) -> float32 "logits" (N, 24). Metadata say all that a program must
    know to use it (docs/model-card.md). What fc1 takes is named "features", for --teach.
    """
    content = io.BytesIO()
    with warnings.catch_warnings():
        # PyTorch calls this exporter deprecated. The newer one takes 40 times as long, needs a
        # package more, and writes ONNX that older runtimes refuse.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net.eval(),
            torch.zeros(2, 1, SIZE, SIZE),
            content,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(content.getvalue())
    name_features(model.graph)
    metadata = {"alphabet": LETTERS, "mean": MEAN, "std": STD, "size": SIZE}
    add_metadata(model, metadata | {"no_hand_logit": NO_HAND_LOGIT, "views": len(VIEWS)})
    onnx.checker.check_model(model, full_check=True)
    return model


def as_function(model, views=1):
    """Return a function that gives the logits of an onnx.ModelProto, the mean of the first views.

    Tensors (N, 1, 28, 28) -> arrays float32 (N, 24). Each core reads parts of a batch, because
    threads that share the work of one operation wait for each other.
    """
    session = open_session(model.SerializeToString())  # of one thread
    pool = ThreadPoolExecutor(os.cpu_count())

    def give_logits(images):
        return session.run(None, {"input": images})[0]

    def read(images):
        parts = np.split(images.numpy(), range(PART, len(images), PART))
        read_part = partial(average_views, give_logits, numbers=range(views))
        return np.concatenate(list(pool.map(read_part, parts)))

    return read


def validate():
    """Measure checkpoint.pth on every data set in data/, export it, and measure the export.

    The logits of network and export must agree. Then the export reads the validation images as the
    camera script reads a picture, by the mean of four views: unchanged, zoomed, mirrored, both.
    The threshold, below which the camera shows no letter, lets nearly all rightly read ones pass.
    """
    net, loaders = load_net(), get_loaders()
    with threads_beside_others():
        expected = measure_all("PyTorch", net, loaders)
    model = export(net)
    reports.check_difference(expected, measure_all("ONNX", as_function(model), loaders))
    loaders = {key: loader for key, loader in loaders.items() if key[1] == "Validation"}
    results = measure_all(f"ONNX, {len(VIEWS)} views", as_function(model, len(VIEWS)), loaders)
    probabilities = {
        name: (to_probabilities(logits, NO_HAND_LOGIT), labels)
        for (name, _), (logits, labels) in results.items()
    }
    threshold, note = reports.summarise(probabilities, LETTERS, PICTURE)
    add_metadata(model, {"threshold": threshold, "note": note})
    write_file(MODEL, model.SerializeToString())
    print(f"{PICTURE}: which letters it takes for which; {MODEL}: the exported model, {note}")
    print(f"step_6_camera.py reads with {MODEL} from now on; remove it to read as before")


def get_loaders():
    """Return DataLoaders of what is in data/, by data set and "Training" or "Validation".

    Of images without a hand, validation only. UserError if no letters are there to validate on.
    """
    loaders = {
        (name, part): DataLoader(SignLanguageMNIST(find_data(file)), BATCH_SIZE)
        for name in available_sets()
        for part, file in zip(("Training", "Validation"), SETS[name], strict=True)
        if file and (name, part) != (WITHOUT_HAND, "Training")
    }
    if not any(part == "Validation" and name != WITHOUT_HAND for name, part in loaders):
        raise UserError("data/: no letters to validate on; python step_2_dataset.py gets some")
    return loaders


def measure_all(runtime, net, loaders):
    """Print the accuracy on the hands of each DataLoader; return what `predict` gives of each."""
    print("=" * 10, runtime, "=" * 10)
    results = {key: predict(net, loader) for key, loader in loaders.items()}
    for (name, part), (logits, labels) in results.items():
        hands = labels != NO_HAND
        if hands.any():
            right = evaluate(logits[hands], labels[hands])
            print(f"{part} accuracy: {reports.accuracy_text(right, hands.sum())}, {name}")
    return results


def parse_args(argv=None):
    parser = Parser(description="Evaluate checkpoint.pth and export it.")
    add_photo_flags(parser)
    return check_photo_flags(parser, parser.parse_args(argv))


def main(argv=None):
    args = parse_args(argv)
    if args.photos:
        judge_photos(args, LETTERS, classify)  # by step 6's own function
    else:
        validate()


if __name__ == "__main__":
    run(main)

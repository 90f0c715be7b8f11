"""Read and write what torch.save writes: with care, as a file may be damaged or none of these."""

import contextlib
import io
import pickle
import sys
import warnings
import zipfile
from pathlib import Path

import torch

from plumbing.download import ARCHIVE_ERRORS
from plumbing.faults import UserError
from plumbing.files import require_file, write_file

MAX_STATE = 200_000_000  # bytes of a file to load: 1,700,000 are written, or three times as many
# What torch.load, and zipfile before it, raises for what is not written by torch.save.
LOAD_ERRORS = (
    *ARCHIVE_ERRORS,
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    OverflowError,
)


def to_bytes(state):
    """What torch.save writes of `state`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state(path, advice="python step_3_train.py makes it"):
    """What torch.save wrote to `path`, tensors on the CPU.

    Raises FileNotFoundError, which ends with `advice`, OSError if it cannot be read, or UserError
    if it is not such a file.
    """
    require_file(path, advice, MAX_STATE)
    content = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:  # torch itself ignores its checksums
            packed = any(member.compress_type for member in file.infolist())  # which torch's is not
            if packed or file.testzip():
                raise zipfile.BadZipFile
        with warnings.catch_warnings(action="ignore"):  # of tensors that are not ours
            return torch.load(io.BytesIO(content), "cpu", weights_only=True)
    except LOAD_ERRORS:
        raise UserError(
            f"{path}: damaged, or not written by step_3_train.py; remove it and train again"
        ) from None


def are_alike(state, other):
    """Whether two states have the same keys, and values of the same types and shapes."""
    if type(state) is not type(other):
        return False
    if isinstance(state, dict):
        return state.keys() == other.keys() and all(are_alike(state[k], other[k]) for k in other)
    if isinstance(state, list | tuple):
        return len(state) == len(other) and all(map(are_alike, state, other))
    if torch.is_tensor(state):
        kinds = [(x.shape, x.dtype, x.layout, x.is_meta) for x in (state, other)]
        return kinds[0] == kinds[1]
    return True


def to_progress(net, optimizer, settings, history):
    """Return all that a training needs to go on after the epochs of `history`."""
    return {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "settings": settings,
        "history": history,
    }


def save_progress(path, *progress):
    """Write what `to_progress` gives to a file."""
    write_file(path, to_bytes(to_progress(*progress)))


def restore_progress(path, net, optimizer, scheduler, settings):
    """Bring a new net, optimizer and scheduler to where the run that wrote `path` was.

    Returns its history.

    Raises FileNotFoundError if there is nothing to resume, UserError if that run had other
    `settings` or another network.
    """
    state = load_state(path, "there is no unfinished run to resume; train without --resume")
    expected = to_progress(net, optimizer, settings, [(1.0, 1.0)])
    weights = enumerate(net.parameters())
    expected["optimizer"]["state"] = {i: {"momentum_buffer": w.data} for i, w in weights}
    history = state.get("history") if isinstance(state, dict) else None
    if isinstance(history, list):
        expected["history"] *= len(history)
    foreign = UserError(f"{path}: not of a training of this network; train without --resume")
    if not are_alike(state, expected):
        raise foreign
    for name, value in settings.items():
        if (then := state["settings"][name]) != value:
            raise UserError(
                f"{path}: the unfinished run had {name} {then}, not {value}; give the same flags "
                "and data, or train without --resume"
            )
    if not 1 <= len(history) <= settings["epochs"] or not all(map(is_possible, history)):
        raise foreign
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    steps = scheduler.total_steps * len(history) // settings["epochs"]
    scheduler.load_state_dict({"last_epoch": steps - 1, "_step_count": steps + 1})
    scheduler.step()
    return history


@contextlib.contextmanager
def resumable(path, history):
    """Tell, if Ctrl-C ends the block, after which epoch --resume goes on; `path` is None if none is
    kept."""
    try:
        yield
    except KeyboardInterrupt:
        if path and history:
            print(f"Interrupted; --resume goes on after epoch {len(history)}", file=sys.stderr)
        raise


def is_possible(result):
    """Return whether a loss and an accuracy can be of an epoch."""
    loss, accuracy = result
    return 0 <= loss < 1e30 and 0 <= accuracy <= 1

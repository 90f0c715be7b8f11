"""Plumbing: what torch.save writes, read with care, as it may be damaged or not be that at all.
Skip it on first reading."""

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import torch

from plumbing.download import ARCHIVE_ERRORS
from plumbing.faults import UserError
from plumbing.files import require_file

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

"""Write files whole or not at all, and read none that has no end."""

import contextlib
import glob
import os
import shutil
import stat
from pathlib import Path

from plumbing.faults import UserError, in_a_line


@contextlib.contextmanager
def whole_file(path):
    """Yield a draft's path beside `path`; move it to `path` when the block ends well.

    An interrupted run, or a full disk, leaves the old file whole. A symbolic link stays one, and
    its target is replaced; a device or a pipe is written into. Raises UserError for a folder.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise UserError(f"{path}: a folder, not a file to write to")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        yield path
        return
    clear_drafts(path.parent, path.stem)
    draft = path.with_name(f"{draft_name(path.stem)}{path.suffix}")
    try:
        draft.touch(exist_ok=False)
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.filename in (draft, str(draft)):
            error.filename = str(path)  # the name that the user knows
        raise
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


@contextlib.contextmanager
def growing_file(path):
    """Do as `whole_file` for what grows until the user ends it: Ctrl-C and signals end it well.

    Where nothing was written yet, the old file stays. What a fault cuts short is kept as
    NAME.partial.EXT, and the old file as it was.
    """
    ended = None
    with whole_file(path) as draft:
        try:
            yield draft
        except (KeyboardInterrupt, SystemExit) as signal:
            if draft.stat().st_size == 0:
                raise
            ended = signal
        except (UserError, OSError) as error:
            if not draft.is_file() or draft.stat().st_size == 0:
                raise
            partial = draft.replace(Path(path).with_stem(f"{Path(path).stem}.partial"))
            raise UserError(f"{in_a_line(error)}; what came before that is in {partial}") from error
    if ended:
        raise ended


def draft_name(stem):
    """Return a name for what is not finished, which nobody can guess and which says whose it is."""
    return f".{stem}.{os.getpid()}.{os.urandom(4).hex()}.tmp"


def clear_drafts(folder, stem):
    """Remove the drafts in `folder`, named by `draft_name`, of runs that were killed."""
    for path in Path(folder).glob(f".{glob.escape(stem)}.*.tmp*"):
        owner = path.name.removeprefix(f".{stem}.").split(".")[0]
        if owner.isdecimal() and not is_running(int(owner)):
            with contextlib.suppress(OSError):  # another run may be doing the same
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_running(process):
    """Return whether there is a process of that number. On Windows, to ask would end it."""
    try:
        return os.name == "nt" or os.kill(process, 0) is None
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True


def require_file(path, advice, most=None):
    """Check that `path` is a file of at most `most` bytes; a pipe may never end.

    Raises FileNotFoundError, which ends with `advice`, where there is none, else UserError.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path}: no such file; {advice}") from None
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: a folder or a device, not a file")
    if most and status.st_size > most:
        raise UserError(f"{path}: {status.st_size:,} bytes, more than {most:,}")


def write_file(path, content):
    """Write bytes to `path` whole or not at all: see `whole_file`."""
    with whole_file(path) as draft:
        try:
            draft.write_bytes(content)
        except OSError as error:  # a full disk: Python does not say where
            error.filename = draft
            raise


def write_new_file(path, content):
    """Do as `write_file` for a file that is not there yet.

    Raises FileExistsError where it is, even if another process makes it at the same moment.
    """
    path.touch(exist_ok=False)
    try:
        write_file(path, content)
    finally:
        if path.stat().st_size == 0:  # it failed
            path.unlink()

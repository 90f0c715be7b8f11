"""Leave processor cores to other programs.

Threads that share the work of one operation wait for each other, and in PyTorch's convolutions they
spin while they wait. Where another program takes the core of one, all wait for it: a step of
training takes ten times as long as in one thread. No setting of OpenMP changes that.
"""

import contextlib
import os
import time
from pathlib import Path

import torch

RUNNING = Path("/proc/loadavg")  # its fourth field is "running/all" tasks; only Linux has it
LOOKS = 10
PAUSE = 0.01  # seconds before each look


@contextlib.contextmanager
def threads_beside_others():
    """Let PyTorch use, in the block, no more threads than there are cores that no other needs.

    A number of threads that the user chose, in OMP_NUM_THREADS, stays.
    """
    threads = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ and threads > 1:
        torch.set_num_threads(max(1, min(threads, os.cpu_count() - count_busy_cores())))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def count_busy_cores():
    """Return how many cores other programs keep busy; 0 where that cannot be seen.

    Takes a tenth of a second on Linux.
    """
    others = 0
    for _ in range(LOOKS):
        time.sleep(PAUSE)
        try:
            others += int(RUNNING.read_text().split()[3].split("/")[0]) - 1  # this thread runs, too
        except (OSError, ValueError, IndexError):
            return 0
    return round(others / LOOKS)

"""Run a command and print its peak memory in MiB as the last line of output.

    python -m tools.benchmark.peak_memory COMMAND [ARGUMENT ...]

A process of its own: the system counts the memory of the process that starts a command, too.
"""

import os
import subprocess
import sys

MEBIBYTE = 2**20 if sys.platform == "darwin" else 2**10  # in the unit of ru_maxrss


def main(*command):
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    print(usage.ru_maxrss / MEBIBYTE)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Break the scripts on purpose, and count how often they break a promise of docs/reliability.md.

    make fuzz                                             # some 20 minutes on two busy cores
    python -m tools.fuzz --family csv names --runs 500 --seed 2
    python -m tools.fuzz --family csv --seed 2 --only 17  # one run again, with all its output
    python -m tools.fuzz --long                           # an hour of film, 20 interruptions

A run has a folder of its own with the files that a script needs, some of them damaged, and old
results. Most runs share one process. A broken promise is tried again in a process of its own and
counted only if it is broken again; every 25th run starts that way. Kills, two runs at once and the
like are always processes. Runs on Linux and macOS; full disks need Linux and root.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import contextlib
import queue
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from plumbing.faults import run
from plumbing.flags import Parser
from tools.fuzz.box import Box
from tools.fuzz.families import BREAKS, FAMILIES, PROCESSES, Skip, broken

REAL_EVERY = 25  # runs


def judge(box, family, seed, number, real=False):
    """Make a run; if it breaks a promise, make it again in a process of its own.

    Returns the faults, and those of the worker alone (lists of str).
    """

    def attempt(real):
        box.empty(real)
        family(random.Random(f"{family.__name__} {seed} {number}"), box)
        return box.faults

    real = real or family in PROCESSES or number % REAL_EVERY == REAL_EVERY - 1
    faults = attempt(real)
    again = faults if real or not faults else attempt(real=True)
    return again, [] if again else faults


def judge_all(families, args):
    """Judge the runs of all families, some at a time, and print the table.

    Returns the number of runs, and of those with faults.
    """
    count = deviations = 0
    with contextlib.ExitStack() as stack:
        boxes = queue.SimpleQueue()
        for _ in range(args.jobs):
            box = stack.enter_context(contextlib.closing(Box()))
            box.limit, box.long = args.limit, args.long
            boxes.put(box)

        def one(family, number):
            box = boxes.get()
            try:
                return number, *judge(box, family, args.seed, number), None
            except Skip as skip:
                return number, [], [], str(skip)
            finally:
                boxes.put(box)

        pool = stack.enter_context(ThreadPoolExecutor(args.jobs))
        for name, family in families.items():
            runs = args.process_runs if family in PROCESSES else args.runs
            runs = {"long_film": 1, "resume": 20 if args.long else min(runs, 3)}.get(name, runs)
            results = list(pool.map(partial(one, family), range(runs)))
            print_row(name, args.seed, results)
            count += sum(skipped is None for *_, skipped in results)
            deviations += sum(bool(faults) for _, faults, *_ in results)
    return count, deviations


def print_row(name, seed, results):
    """Print a family's row, and the command that repeats each run with faults."""
    skips = [skipped for *_, skipped in results if skipped]
    runs, deviations = len(results) - len(skips), sum(bool(faults) for _, faults, *_ in results)
    print(f"{name:12}{runs:>6}{deviations:>12}  {skips[0] if skips else ''}".rstrip(), flush=True)
    for number, faults, in_worker_only, _ in results:
        if faults or in_worker_only:
            again = f"python -m tools.fuzz --family {name} --seed {seed} --only {number}"
            what = "; ".join(faults or ["not counted, as only in the worker", *in_worker_only])
            print(f"    {again}: {what}".encode("ascii", "backslashreplace").decode(), flush=True)


def self_check(box, real, limit):
    """Check the harness: it notices every way to break a promise, and no other. Exits if not."""
    box.limit = limit
    box.empty(real)
    broken("", None, box)
    if box.faults:
        sys.exit(f"fuzz: the harness is broken, it sees {box.faults} where there is no fault")
    for name, break_it in BREAKS.items():
        box.limit = 1 if name == "a run that does not end" else limit
        box.empty(real)
        break_it(None, box)
        if not box.faults:
            sys.exit(f"fuzz: the harness is broken, it does not notice {name}")


def parse_args(argv, names):
    parser = Parser("python -m tools.fuzz", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--family", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    add("--seed", type=int, default=1)
    add("--runs", type=int, default=100, help="runs of a family in one process (100)")
    add("--process-runs", type=int, default=8, help="runs of a family of processes (8)")
    add("--only", type=int, metavar="NUMBER", help="make this run alone and print all its output")
    add("--jobs", type=int, default=2, help="runs at the same time (2)")
    add("--limit", type=float, default=120, help="seconds that a run may take (120)")
    add("--long", action="store_true", help="an hour of film, and 20 interrupted trainings")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv, list(FAMILIES))
    families = {name: FAMILIES[name] for name in args.family}
    if args.only is not None:
        with contextlib.closing(Box()) as box:
            box.tell, box.long = print, args.long
            faults = judge(box, families[args.family[0]], args.seed, args.only, True)[0]
        print("\n".join(faults) or "as promised")
        return int(bool(faults))
    with contextlib.closing(Box()) as box:
        for real in (False, True):
            self_check(box, real, args.limit)
    print(f"{'family':12}{'runs':>6}{'deviations':>12}")
    count, deviations = judge_all(families, args)
    print(f"{'all':12}{count:>6}{deviations:>12}")
    return int(deviations > 0)


if __name__ == "__main__":
    run(lambda: sys.exit(main()))

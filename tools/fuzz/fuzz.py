"""Break the scripts on purpose, and count how often they do not answer as the README promises.

    make fuzz                                                  # some 20 minutes on two busy cores
    python -m tools.fuzz.fuzz --family csv names --runs 500 --seed 2
    python -m tools.fuzz.fuzz --family csv --seed 2 --only 17       # one run again, told in full
    python -m tools.fuzz.fuzz --long      # an hour of film, 20 interruptions

A run begins with a folder of its own and the files that a script needs, some of them damaged, and
old results. The script is called in a process that serves many runs; what deviates is repeated in
a process of its own, and only then counted, and every 25th run is made so at once. Kills, two runs
at once and the like are processes from the start. Linux or macOS; full disks on Linux as root.
"""

import argparse
import contextlib
import json
import os
import queue
import random
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tools.fuzz.fuzz_families import BREAKS, FAMILIES, PROCESSES, RESULTS, Skip, broken

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("fuzz_worker.py")
LIFE = 200  # runs of a worker
REAL_EVERY = 25
REFERENCES = {}  # what Box.reference gave
LOCK = threading.Lock()


class Box:
    """A folder for runs, a process for them, and what was wrong with those since `empty`."""

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.logs = Path(tempfile.mkdtemp(prefix="fuzz-logs-"))
        self.folder, self.worker, self.limit, self.long = self.place / "work", None, 120, False
        self.server = self.real = self.tell = None
        self.empty()

    def empty(self, real=False):
        """Begin anew; `real` asks for a process of its own for every run."""
        self.real, self.faults = real, []
        self.unmount()
        for name in os.listdir(self.place):
            path = self.place / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in ("work", "home", "tmp"):
            (self.place / name).mkdir()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.unmount()
        self.end_worker()
        shutil.rmtree(self.place)
        shutil.rmtree(self.logs)

    def mount(self, size):
        """Put a disk of so many bytes where the folder is."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", self.folder]
        if subprocess.run(mount, capture_output=True).returncode:
            raise Skip("a small disk cannot be mounted: that takes Linux, and root")

    def unmount(self):
        if os.path.ismount(self.folder):
            subprocess.run(["umount", "-l", self.folder], check=True)

    def write(self, files):
        """Write files, bytes by their names in the folder."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def fault(self, *words):
        self.faults.append(" ".join(map(str, words)))

    # ------------------------------------------------------------ runs

    def run(self, script, *arguments, first="", results=(), whole=None):
        """Run a script to its end, and check all that is promised. `results` are the names in its
        flags; `whole` the contents of results that may stand even if the run fails."""
        before = self.snapshot()
        if self.real or self.tell:
            with self.start(script, *arguments, first=first) as process:
                status, errors = self.wait(process)
        else:
            status, errors = self.run_in_worker([first, script, *arguments])
        if status not in (0, 1, 2):
            self.fault("status", status)
        self.check_words(status, errors)
        self.check_files(before, status == 0, RESULTS[script] | set(results), whole or {})
        self.check_leftovers()
        return status

    def start(self, script, *arguments, first=""):
        """A process that runs a script as a shell would, or after `first`."""
        command = [WORKER, first, script] if first else [ROOT / script]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        if self.tell:
            self.tell(f"{self.folder}$", *map(ascii, [first, script, *arguments]))
        command = [os.fsencode(word) for word in [sys.executable, *command, *arguments]]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment(), **pipes)

    def wait(self, process):
        """The exit status of a process, and what it wrote to standard error."""
        try:
            _, errors = process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            self.fault("runs for more than", self.limit, "seconds")
        if self.tell:
            self.tell(errors.decode(errors="replace"), "status", process.returncode)
        return process.returncode, errors.decode(errors="replace")

    def environment(self):
        """No more than a shell gives; matplotlib's table of fonts is not made for every run."""
        names = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        places = {"HOME": self.place / "home", "TMPDIR": self.place / "tmp"}
        places["MPLCONFIGDIR"] = Path(tempfile.gettempdir(), "fuzz-fonts")
        return names | {name: str(place) for name, place in places.items()}

    def run_in_worker(self, command):
        if self.worker is None:
            options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            command_line = [sys.executable, WORKER]
            self.worker = subprocess.Popen(command_line, env=self.environment(), **options)
            self.life = LIFE
        job = [str(self.folder), str(self.logs), command]
        print(json.dumps(job), file=self.worker.stdin, flush=True)
        in_time = select.select([self.worker.stdout], [], [], self.limit)[0]
        answer, self.life = self.worker.stdout.readline() if in_time else "", self.life - 1
        status, threads = json.loads(answer) if answer else (None, True)
        if threads or not self.life:
            ended = self.end_worker()
            status = ended if status is None else status
        if not in_time:
            self.fault("runs for more than", self.limit, "seconds")
        return status, (self.logs / "stderr").read_text(errors="replace")

    def end_worker(self):
        if self.worker:
            self.worker.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                self.worker.stdin.close()
            if self.worker.poll() is None:
                self.worker.kill()
            status, self.worker = self.worker.wait(), None
            return status

    def reference(self, name, prepare):
        """What a run undisturbed leaves, as `snapshot`, and the seconds that it takes. `prepare`
        fills a Box and gives the run: what is first, script, arguments."""
        with LOCK, contextlib.closing(Box()) as box:
            if name not in REFERENCES:
                first, *command = prepare(box)
                start = time.monotonic()
                with box.start(*command, first=first) as process:
                    status, errors = box.wait(process)
                if status:
                    raise RuntimeError(f"{name} fails undisturbed: {errors}")
                REFERENCES[name] = box.snapshot(), time.monotonic() - start
        return REFERENCES[name]

    # ------------------------------------------------------------ promises

    def check_words(self, status, errors):
        """At most a line for a failure, the usage for a wrong flag, nothing for success."""
        if "Traceback" in errors or "Exception ignored" in errors:
            self.fault("traceback:", errors.strip().splitlines()[-1])
        elif status == 2:
            if not errors.startswith("usage:"):
                self.fault("status 2 without usage:", errors[:200])
        elif errors.count("\n") > (status != 0) or (status == 1 and not errors):
            self.fault(f"status {status} with {errors.count(chr(10))} lines:", errors[:200])

    def check_files(self, before, succeeded, results, whole):
        """Old files are as they were, but for results of a run that succeeded, and new ones are
        results. None is outside the folder."""
        after = self.snapshot()
        for name, content in before.items():
            if is_draft(name):  # of a run that was killed
                continue
            allowed = (content, whole.get(name)) if name in results else (content,)
            if after.get(name) not in allowed and not (succeeded and name in results):
                self.fault(ascii(name), "was changed" if name in after else "was removed")
        for name in after.keys() - before.keys() - results:
            is_partial = ".partial" in name and not succeeded
            if after[name] != "folder" and not is_draft(name) and not is_partial:
                self.fault(ascii(name), "was written")
        outside = [path for path in self.place.rglob("*") if not path.is_dir()]
        if outside := [str(path) for path in outside if self.folder not in path.parents]:
            self.fault("written outside the folder:", *map(ascii, outside))

    def check_leftovers(self):
        if drafts := [name for name in self.snapshot() if is_draft(name)]:
            self.fault("left behind:", drafts)

    def snapshot(self):
        """The files in the folder, by name: their content (bytes), or what else they are (str)."""
        found = {}
        for folder, folders, names in os.walk(self.folder):
            for path in (Path(folder, name) for name in [*folders, *names]):
                mode = path.lstat().st_mode
                kind = "folder" if stat.S_ISDIR(mode) else stat.filemode(mode)[0]
                if stat.S_ISREG(mode):
                    kind = path.read_bytes()
                found[str(path.relative_to(self.folder))] = kind
        return found


def is_draft(name):
    return ".tmp" in name or "/.new" in name


# ---------------------------------------------------------------- all runs


def judge(box, family, seed, number, real=False):
    """Make a run, and what deviates again in a process of its own. Returns what is wrong, and what
    was so in the worker only."""

    def attempt(real):
        box.empty(real)
        family(random.Random(f"{family.__name__} {seed} {number}"), box)
        return box.faults

    real = real or family in PROCESSES or number % REAL_EVERY == REAL_EVERY - 1
    faults = attempt(real)
    again = faults if real or not faults else attempt(real=True)
    return again, [] if again else faults


def judge_all(families, args):
    """Judge the runs of all families, some at a time, and print the table. Returns how many runs
    were made, and how many deviated."""
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
    skips = [skipped for *_, skipped in results if skipped]
    runs, deviations = len(results) - len(skips), sum(bool(faults) for _, faults, *_ in results)
    print(f"{name:12}{runs:>6}{deviations:>12}  {skips[0] if skips else ''}".rstrip(), flush=True)
    for number, faults, in_worker_only, _ in results:
        if faults or in_worker_only:
            again = f"python -m tools.fuzz.fuzz --family {name} --seed {seed} --only {number}"
            what = "; ".join(faults or ["not counted, as only in the worker", *in_worker_only])
            print(f"    {again}: {what}".encode("ascii", "backslashreplace").decode(), flush=True)


def self_check(box, real, limit):
    """End with a word unless each of the ways to break a promise is noticed, and no others."""
    box.limit = limit
    box.empty(real)
    broken("", None, box)
    if box.faults:
        sys.exit(f"fuzz.py: the harness is broken, it sees {box.faults} where nothing is wrong")
    for name, break_it in BREAKS.items():
        box.limit = 1 if name == "a run that does not end" else limit
        box.empty(real)
        break_it(None, box)
        if not box.faults:
            sys.exit(f"fuzz.py: the harness is broken, it does not notice {name}")


def parse_args(argv, names):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--family", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    add("--seed", type=int, default=1)
    add("--runs", type=int, default=100, help="of a family in one process (100)")
    add("--process-runs", type=int, default=8, help="of a family of processes (8)")
    add("--only", type=int, metavar="NUMBER", help="make this run alone, and tell all about it")
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
    sys.exit(main())

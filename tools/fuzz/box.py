"""A folder for one run of a script, and the promises that are checked after it."""

import contextlib
import json
import os
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tools.fuzz.families import RESULTS, Skip

ROOT = Path(__file__).parents[2]
WORKER = ["-m", "tools.fuzz.worker"]
LIFE = 200  # runs of a worker
REFERENCES = {}  # what Box.reference returned, by name
LOCK = threading.Lock()


class Box:
    """A folder for runs, a process for them, and `faults`: broken promises since `empty`."""

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.logs = Path(tempfile.mkdtemp(prefix="fuzz-logs-"))
        self.folder, self.worker, self.limit, self.long = self.place / "work", None, 120, False
        self.server = self.real = self.tell = None
        self.empty()

    def empty(self, real=False):
        """Start again with an empty folder; with `real`, each run is a process of its own."""
        self.real, self.faults = real, []
        self.unmount()
        for name in os.listdir(self.place):
            path = self.place / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in ("work", "home", "tmp"):
            (self.place / name).mkdir()

    def close(self):
        """End the process and remove the folders."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.unmount()
        self.end_worker()
        shutil.rmtree(self.place)
        shutil.rmtree(self.logs)

    def mount(self, size):
        """Mount a disk of so many bytes at the folder. Raises Skip where that cannot be done."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", self.folder]
        if subprocess.run(mount, capture_output=True).returncode:
            raise Skip("a small disk cannot be mounted: that takes Linux, and root")

    def unmount(self):
        """Undo `mount`."""
        if os.path.ismount(self.folder):
            subprocess.run(["umount", "-l", self.folder], check=True)

    def write(self, files):
        """Write files into the folder, a dict of name -> bytes."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def fault(self, *words):
        """Note a broken promise."""
        self.faults.append(" ".join(map(str, words)))

    # ------------------------------------------------------------ runs

    def run(self, script, *arguments, first="", results=(), whole=None):
        """Run a script to its end and check every promise. Returns its exit status.

        `first` is Python to execute before it. `results` are file names given in its flags;
        `whole` holds contents of results that may stand even if the run fails.
        """
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
        """Start a process that runs a script as a shell would, or after executing `first`."""
        command = [*WORKER, self.folder, first, script] if first else [ROOT / script]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        if self.tell:
            self.tell(f"{self.folder}$", *map(ascii, [first, script, *arguments]))
        command = [os.fsencode(word) for word in [sys.executable, *command, *arguments]]
        place = ROOT if first else self.folder
        return subprocess.Popen(command, cwd=place, env=self.environment(), **pipes)

    def wait(self, process):
        """Wait for a process. Returns its exit status and what it wrote to standard error."""
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
        """Return a shell's bare environment; runs share matplotlib's table of fonts."""
        names = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        places = {"HOME": self.place / "home", "TMPDIR": self.place / "tmp"}
        places["MPLCONFIGDIR"] = Path(tempfile.gettempdir(), "fuzz-fonts")
        return names | {name: str(place) for name, place in places.items()}

    def run_in_worker(self, command):
        """Run [first, script, ...] in the worker. Returns exit status and standard error."""
        if self.worker is None:
            self.worker, self.life = self.start_worker(), LIFE
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

    def start_worker(self):
        """Start a process that waits for runs."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, *WORKER]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment(), **pipes)

    def end_worker(self):
        """End the worker. Returns its exit status, None if there was none."""
        if self.worker:
            self.worker.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                self.worker.stdin.close()
            if self.worker.poll() is None:
                self.worker.kill()
            status, self.worker = self.worker.wait(), None
            return status
        return None

    def reference(self, name, prepare):
        """Return the snapshot that an undisturbed run leaves, and its seconds.

        `prepare` fills a Box and returns the run: first, script, arguments.
        """
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
        """Check standard error: one line for a failure, usage for a wrong flag, else nothing."""
        if "Traceback" in errors or "Exception ignored" in errors:
            self.fault("traceback:", errors.strip().splitlines()[-1])
        elif status == 2:
            if not errors.startswith("usage:"):
                self.fault("status 2 without usage:", errors[:200])
        elif errors.count("\n") > (status != 0) or (status == 1 and not errors):
            self.fault(f"status {status} with {errors.count(chr(10))} lines:", errors[:200])

    def check_files(self, before, succeeded, results, whole):
        """Check files: old ones are unchanged, new ones are results, none is outside the folder.

        A run that succeeded may replace old results.
        """
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
        """Check that no draft is left."""
        if drafts := [name for name in self.snapshot() if is_draft(name)]:
            self.fault("left behind:", drafts)

    def snapshot(self):
        """Read the folder: a dict of name -> content (bytes), or kind (str) of what is no file."""
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
    """Return whether a name is that of an unfinished file."""
    return ".tmp" in name or "/.new" in name

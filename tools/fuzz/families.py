"""What is done to the scripts. A family is a function of a random generator and a Box."""

import contextlib
import functools
import gzip
import http.server
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import cv2

from tools.fuzz.damage import (
    CHECKPOINT,
    DATA,
    MODEL,
    SHIPPED,
    TEXTS,
    csv_file,
    damage_model,
    damage_state,
    film,
    mutate,
    pack,
    picture,
)
from tools.fuzz.films import find_ffmpeg, make_film
from tools.fuzz.tables import plain_lines, reshape

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STEP_2, STEP_3 = "step_2_dataset.py", "step_3_train.py"
STEP_4, STEP_6 = "step_4_evaluate.py", "step_6_camera.py"
SHOWN = {"film.mp4": film(), "photos/A/1.png": picture()}
RESULTS = {  # what a run may write; one that succeeds may replace it, too
    STEP_2: {"samples.png", *DATA},
    STEP_3: {"checkpoint.pth", "training.png", "training.pth"},
    STEP_4: {"signlanguage.onnx", "confusion.png", "mistakes.png"},
    STEP_6: {"letters.txt", "view.avi"},
}
LEARNED = "my_hand/learned.npz"
LIST = ["hello", "HELD", "caf\u00e9", "o'clock", "new york", "a" * 30, "", "# words", "\u624b", "2"]
OLD = dict.fromkeys(set().union(*RESULTS.values()) - {"training.pth", "signlanguage.onnx"}, b"old")


class Skip(Exception):
    """Why a run cannot be made here."""


# ---------------------------------------------------------------- families in one process


def csv(rng, box, damage=mutate, suffix="", pack=bytes):
    """Damage csv files, in data/ or elsewhere."""
    files = {f"{name}{suffix}": pack(content) for name, content in DATA.items()}
    bad = rng.choice(list(files))
    files[bad] = damage(rng, files[bad])
    commands = 6 * [(STEP_3, "--dry-run")] + 2 * [(STEP_3, "--epochs", "1")]
    command = rng.choice([*commands, (STEP_2,), (STEP_2, "--from", "new/data")])
    if "--from" in command:
        box.write(OLD | {f"new/{name}": content for name, content in files.items()})
    else:
        box.write({name: old for name, old in OLD.items() if name not in DATA} | files)
    box.run(*command)


def gz(rng, box):
    """Damage the same files before or after they are packed."""

    def damage(rng, content):
        inner = gzip.compress(mutate(rng, gzip.decompress(content)), 1)
        changed = rng.choice([mutate(rng, content), inner])
        return rng.choice([changed, changed, changed + content, content + changed])

    csv(rng, box, damage, ".gz", functools.partial(gzip.compress, compresslevel=1))


def tables(rng, box):
    """Give tables in another shape, whole or damaged. Whole ones must be read, every value."""
    files = {f"new/{name}": reshape(rng, content) for name, content in DATA.items()}
    if is_damaged := rng.random() < 0.5:
        bad = rng.choice(list(files))
        files[bad] = mutate(rng, files[bad])
    box.write(OLD | files)
    if box.run(STEP_2, "--from", "new/data") and not is_damaged:
        box.fault("a table that can be read was refused")
    elif not is_damaged:
        after = box.snapshot()
        for name in (name for name in DATA if plain_lines(after[name]) != plain_lines(DATA[name])):
            box.fault(name, "was read with other values")


def serve(box):
    """Serve `box.answer`, and then `box.repeated` for a while. Returns the server's url."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                self.rfile.readline()
                for part in [box.answer, *[box.repeated] * 20_000 * bool(box.repeated)]:
                    self.wfile.write(part)

    if box.server is None:
        box.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        box.server.daemon_threads = True
        threading.Thread(target=box.server.serve_forever, args=(0.05,), daemon=True).start()
    return f"http://127.0.0.1:{box.server.server_port}/"


def get(rng, box, answer, repeated=b""):
    """Run step 2 with a server's answer as the data set to download."""
    box.answer, box.repeated = answer, repeated
    first = f"""
import step_2_dataset, plumbing.download
plumbing.sign_mnist.ARCHIVES = (({serve(box)!r}, None),)
plumbing.sign_mnist.is_published = lambda *_: True
plumbing.download.MAX_DOWNLOAD = plumbing.download.MAX_UNPACKED = 1_000_000
plumbing.download.TIMEOUT, plumbing.download.MAX_WAIT = 0.5, 2
"""
    rendered = zip(
        ["data/rendered_train.csv", "data/rendered_test.csv"], DATA.values(), strict=True
    )
    box.write({"samples.png": b"old"} | rng.choice([{}, {}, {}, dict(rendered)]))
    box.run(STEP_2, first=first)


def ok(body):
    """Return an http answer (bytes) without fault."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def archive(rng, box):
    """Serve zip and tar archives, without fault in http."""
    body = pack(rng)
    get(rng, box, ok(rng.choice([body, mutate(rng, body), mutate(rng, body)])))


def answers(rng, box):
    """Serve http answers that are damaged, endless or redirect."""
    lines = [b"Transfer-Encoding: chunked", b"Content-Length: 9", b"X: " + b"y" * 70000]
    places = [b"/x", b"http://[::1/", b"file:///etc/passwd", b"//\xff", b"https://127.0.0.1:1/"]
    lines += [b"Location: " + place for place in places]
    status = rng.choice([b"200 OK", b"302 Found", b"308 x", b"404 No", b"500", b"206 x", b"100 x"])
    head = [b"HTTP/1.1 " + status, *rng.choices(lines, k=rng.randrange(4)), b"", b""]
    head, body = b"\r\n".join(head), pack(rng)
    answer = rng.choice([head + body, mutate(rng, head) + body, mutate(rng, ok(body)[:60]) + body])
    get(rng, box, answer, rng.choice([b"", b"", b"x" * 1000, b"\r\n", b"9\r\n"]))


def checkpoint(rng, box):
    """Damage checkpoint.pth before step 4."""
    box.write(OLD | DATA | {"checkpoint.pth": damage_state(rng, CHECKPOINT)})
    box.run(STEP_4)


def state(rng, box):
    """Damage training.pth before --resume."""
    flags = ["--epochs", "2", "--no-accel"]
    stop = """
import step_3_train
train = step_3_train.train
step_3_train.train = lambda *given: exit() if given[4] else train(*given)
"""
    files, _ = box.reference("unfinished", lambda box: (box.write(DATA), stop, STEP_3, *flags)[1:])
    box.write(OLD | DATA | {"training.pth": damage_state(rng, files["training.pth"])})
    box.run(STEP_3, *flags, "--resume")


def model(rng, box):
    """Damage signlanguage.onnx before step 6, or before step 4 reads photographs."""
    box.write(OLD | SHOWN | {"signlanguage.onnx": damage_model(rng)})
    show = [(STEP_6, "--headless", "--source", source) for source in ("film.mp4", "photos")]
    box.run(*rng.choice([*show, *show, (STEP_4, "--photos", "photos")]))


def pictures(rng, box):
    """Damage pictures, named after their format or another."""
    suffixes = [".png", ".jpg", ".bmp", ".webp", ".tiff", ".pgm", ".ppm", ".gif", ".jp2", ".avif"]
    content = mutate(rng, picture(rng.choice(suffixes)))
    suffix = rng.choice([*suffixes, "", ".heic", ".jfif", ".mp4"])
    box.write(OLD | {"photos/A/1.png": picture(), f"photos/A/2{suffix}": content})
    show = (STEP_6, "--headless", "--source", "photos")
    box.run(*rng.choice([show, show, show, (STEP_4, "--photos", "photos")]))


def videos(rng, box):
    """Damage films, whose letters or view are written over old files."""
    suffix, codec = rng.choice([(".mp4", "mp4v"), (".avi", "MJPG"), (".avi", "mp4v")])
    box.write(OLD | {f"film{suffix}": mutate(rng, film(suffix, codec=codec))})
    flags = rng.choice([[], ["--transcript", "letters.txt"], ["--record", "view.avi"]])
    box.run(STEP_6, "--headless", "--source", f"film{suffix}", *flags)


def films(rng, box):
    """Read films of many kinds: a whole one is read to its end, and one cut short is not."""
    if not find_ffmpeg():
        raise Skip("ffmpeg is missing")
    content = b""
    while not content:  # not every container takes every kind
        suffix, content = make_film(rng)
    is_whole, name = rng.random() < 0.7, f"film{suffix}"
    content = content if is_whole else content[: rng.randrange(len(content))]
    box.write(OLD | {name: content})
    flags = rng.choice([[], ["--transcript", "letters.txt"], ["--record", "view.avi"]])
    status = box.run(STEP_6, "--headless", "--source", name, *flags)
    if is_whole and status:
        box.fault("status", status, "for a whole film")


def words(rng, box):
    """Damage lists of words, plain or packed."""
    ends, kinds = (
        ["", " 3", ",1e-5", "\t0.5", " x", " -1", " 2 3"],
        ["utf-8", "utf-8-sig", "utf-16"],
    )
    listed = rng.choice([LIST[:4], LIST])
    lines = [rng.choice(listed) + rng.choice(ends[:4]) for _ in range(rng.randrange(40))]
    lines += [rng.choice(LIST) + rng.choice(ends)] * (rng.random() < 0.3)
    content = rng.choice(["\n", "\n", "\r\n"]).join(lines).encode(rng.choice(kinds))
    content = rng.choice([content, mutate(rng, content)])
    if rng.random() < 0.4:
        content = gzip.compress(content, 1)
        content = rng.choice([content, mutate(rng, content)])
    box.write(OLD | SHOWN | {"words.txt": content})
    box.run(STEP_6, "--headless", "--source", "film.mp4", "--words", "words.txt")


def taught(rng, box):
    """Damage what --teach learned, or a picture that it learned from. It may learn anew."""
    lesson = STEP_6, "--headless", "--teach", "--source", "photos"
    whole, _ = box.reference("lesson", lambda box: (box.write(SHOWN), "", *lesson)[1:])
    hand = {name: x for name, x in whole.items() if name.startswith("my_hand/") and x != "folder"}
    bad = rng.choice([LEARNED, LEARNED, rng.choice(list(hand))])
    box.write(OLD | SHOWN | hand | {bad: mutate(rng, hand[bad])})
    source = rng.choice(["film.mp4", "photos"])
    box.run(STEP_6, "--headless", "--source", source, results={LEARNED})


FLAGS = {
    STEP_2: ["--from"],
    STEP_3: ["--data", "--epochs", "--batch-size", "--lr", "--seed", "--resume", "--no-accel"],
    STEP_4: ["--photos", "--model"],
    STEP_6: ["--model", "--box", "--hold", "--threshold", "--mirror", "--record", "--transcript"],
}
PLACES = ["x.avi", "data", "photos", "film.mp4", "pipe", "/dev/null", "/dev/full", "no/x.avi"]
PLACES += ["film.mp4/x", "file:///etc/passwd", "http://127.0.0.1:1/x.mp4", "concat:film.mp4|x"]


def flags(rng, box):
    """Give odd flags and values; never a camera, nor what may rightly take long."""
    box.write(OLD | DATA | SHOWN)
    os.mkfifo(box.folder / "pipe")
    script = rng.choice(list(FLAGS))
    words = {STEP_3: ["--dry-run"], STEP_4: ["--photos", "photos"]}.get(script, [])
    if script == STEP_6:
        source = rng.choice(["film.mp4", "film.mp4", "photos", *PLACES, *TEXTS])
        words = ["--source", "film.mp4" if source == "0" else source]
        words += rng.choice([["--headless"], ["--headless"], ["--headless"], []])
    values = [*TEXTS, *PLACES, *["0.5", "1", "2", "0.9"] * 6]
    for _ in range(rng.randrange(1, 4)):
        flag, value = rng.choice(FLAGS[script]), rng.choice(values)
        if (flag, value) != ("--transcript", "pipe"):  # which would rightly wait for a reader
            words += rng.choice(2 * [[flag, value]] + [[f"{flag}={value}"], [value], [flag]])
    box.run(script, *words, results=set(values) - SHOWN.keys())


PARTS = ["a", " ", "-", "$\\frac{", "\n", "\r", "\x1b[2J", "\udcff", "\u624b", "%d", "%s", "'", '"']
PARTS += ["..", "~", "*", "[a]", "{}", "a" * 110, "\u202e", "\x7f", "#", ":", "|", "\\", "_^", "0"]


def names(rng, box):
    """Give odd names to files and folders."""
    name = "".join(rng.choices(PARTS, k=rng.randrange(1, 4)))
    name = "a" if name == ".." else name  # the folder above is not this run's to write to
    photo, text, view = f"photos/{name}/A/{name}.png", f"{name}.txt", f"{name}.avi"
    files = {f"{name}{file[4:]}": content for file, content in DATA.items()}
    files |= {f"{name}.csv": csv_file(24), f"{name}.mp4": film(), f"{name}.onnx": MODEL}
    with contextlib.suppress(OSError):  # of a name that is too long
        box.write(OLD | DATA | SHOWN | files)
        box.write({photo: rng.choice([picture(), mutate(rng, picture())])})
    show = [STEP_6, "--headless", "--source"]
    commands = [
        [*show, rng.choice([photo, os.path.dirname(photo)])],
        [*show, f"{name}.mp4", f"--transcript={text}"],
        [*show, "film.mp4", f"--record={view}"],
        [*show, "photos/A", "--model", f"{name}.onnx"],
        [STEP_4, "--photos", rng.choice(["photos", f"photos/{name}"]), "--model", SHIPPED],
        [STEP_4, "--photos", "photos", f"--model={name}.onnx"],
        [STEP_3, "--dry-run", "--data", f"{name}.csv"],
        [STEP_2, f"--from={name}"],
    ]
    box.run(*map(str, rng.choice(commands)), results={text, view})


# ---------------------------------------------------------------- families of processes

STEPS = {
    STEP_2: ["--from", "new/data"],
    STEP_3: ["--epochs", "2", "--no-accel"],
    STEP_4: [],
    STEP_6: ["--source=film.mp4", "--headless", "--transcript=letters.txt", "--record=view.avi"],
    "training": ["--epochs", "12", "--batch-size", "16", "--no-accel"],
}
SCRIPTS = [STEP_2, STEP_3, STEP_4, STEP_6]


def prepare(step, box):
    """Fill a folder for a step to succeed in. Returns what runs first (nothing) and its command."""
    inputs = {
        STEP_2: {f"new/{name}": content for name, content in DATA.items()},
        STEP_4: DATA | {"checkpoint.pth": CHECKPOINT},
        STEP_6: {"film.mp4": film(frames=120), "signlanguage.onnx": MODEL},
    }
    box.write(OLD | inputs.get(step, DATA))
    return "", STEP_3 if step == "training" else step, *STEPS[step]


def undisturbed(rng, box, steps=SCRIPTS):
    """Choose a step and fill the folder for it.

    Returns the step, its command, the snapshot that an undisturbed run leaves, and its seconds.
    """
    step = rng.choice(steps)
    whole, seconds = box.reference(step, functools.partial(prepare, step))
    return step, prepare(step, box)[1:], whole, seconds


def count_frames(name, content):
    """Count the readable frames of a film; a picture has one."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(content)
        film = cv2.VideoCapture(str(Path(folder, name)), cv2.CAP_FFMPEG)
        return sum(1 for _ in iter(lambda: film.read()[0], False))


def check_same(box, whole):
    """Note a fault unless the folder is like the snapshot `whole`.

    samples.png is drawn at random and view.avi shows speeds: only their frames are counted.
    """
    after = box.snapshot()
    names = whole.keys() | after.keys()
    differ = {name for name in names if whole.get(name) != after.get(name)}
    for name in differ & {"samples.png", "view.avi"}:
        if name in after and count_frames(name, after[name]) == count_frames(name, whole[name]) > 0:
            differ.remove(name)
    if differ:
        box.fault("other than undisturbed:", *sorted(differ))


def disk(rng, box):
    """Run a step on a full disk, or nearly so."""
    box.mount(2**26)
    _, command, whole, _ = undisturbed(rng, box)
    free = rng.choice([0, 0, 4096, 20_000, 100_000, 600_000, 2_000_000, 4_000_000, 18_000_000])
    box.write({"filling": bytes(max(shutil.disk_usage(box.folder).free - free, 0))})
    box.run(*command, whole=whole)


def kill(rng, box):
    """End a step at any moment, then run it to its end: nothing is left of the first run."""
    step, command, whole, seconds = undisturbed(rng, box)
    before, sent = box.snapshot(), rng.choice(SIGNALS)
    with box.start(*command) as process:
        wait_for_imports(process)
        time.sleep(rng.random() * seconds)
        process.send_signal(sent)
        check_end(box, process, sent)
    after, killed = box.snapshot(), sent == signal.SIGKILL
    parts = ["samples.png", *RESULTS[STEP_6]]
    parts = {x: after[x] for x in parts if is_result(x, after[x], whole[x], not killed)}
    box.check_files(before, False, RESULTS[step], whole | parts)
    if status := box.run(*command):
        box.fault("status", status, "of the run after that")
    check_same(box, whole)


def wait_for_imports(process):
    """Wait for a script's first import: before it, Ctrl-C is answered by Python itself."""
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        time.sleep(0.5)
    while maps.exists() and process.poll() is None and "lib-dynload" not in maps.read_text():
        time.sleep(0.005)


def check_end(box, process, sent=0):
    """Check that a signal ended a script with the status of a shell, or came too late."""
    status, errors = box.wait(process)
    unhandled = () if sent == signal.SIGINT else (-sent,)
    if status not in (0, 128 + sent, *unhandled):
        box.fault("status", status, f"after signal {int(sent)}:", errors)
    box.check_words(status, errors)
    return status


def is_result(name, content, whole, growing):
    """Return whether a result is as long as the whole one or, if `growing`, its beginning."""
    if name == "letters.txt":
        return growing and whole.startswith(content)
    frames = count_frames(name, content), count_frames(name, whole)
    return 0 < frames[0] <= frames[1] and (growing or frames[0] == frames[1])


def together(rng, box):
    """Run a step twice at once in one folder."""
    _, command, whole, seconds = undisturbed(rng, box)
    with box.start(*command) as first:
        time.sleep(rng.random() * rng.choice([0.1, 1]) * seconds)
        with box.start(*command) as second:
            check_end(box, first)
            check_end(box, second)
    check_same(box, whole)


def resume(rng, box):
    """Interrupt a training up to three times: it ends at the weights of one undisturbed."""
    _, command, whole, _ = undisturbed(rng, box, ["training"])
    sent = rng.choices(SIGNALS, k=rng.randrange(1, 4))
    for number in [*sent, 0]:
        more = ["--resume"] if (box.folder / "training.pth").exists() else []
        with box.start(*command, *more) as process:
            if number:
                for _ in range(rng.randrange(2, 8)):
                    process.stdout.readline()
                time.sleep(rng.random() * 0.1)
                process.send_signal(number)
            if check_end(box, process, number) == 0:
                break
    check_same(box, whole)


def long_film(_, box):
    """Read a film of minutes, recorded, or of an hour: memory stays as after a quarter."""
    box.write({"film.mp4": film(frames=108_000 if box.long else 3_000)})
    flags, sizes = ["--transcript", "letters.txt"] if box.long else ["--record", "view.avi"], []
    with box.start(STEP_6, "--headless", "--source", "film.mp4", *flags) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None and status.exists():
            if found := re.search(r"VmRSS:\s+(\d+)", status.read_text()):
                sizes.append(int(found[1]) / 1024)
            time.sleep(0.05)
        check_end(box, process)
    if not sizes:
        raise Skip("memory is looked up in /proc")
    quarter = len(sizes) // 4
    growth = max(sizes[-quarter:]) - max(sizes[quarter : 2 * quarter])
    if growth > 8:
        box.fault(f"{growth:.1f} MB more in the last quarter")


# ---------------------------------------------------------------- broken on purpose


def broken(first, _, box):
    """Let a script do something that breaks a promise."""
    box.write(OLD)
    box.run(STEP_6, "--headless", "--source", "no.mp4", first=f"import os, sys\n{first}")


BREAKS = {
    "a traceback": "1 / 0",
    "two lines": "print('one', file=sys.stderr)",
    "a line that C writes": r"os.write(2, b'one\n')",
    "words on success": "print('one', file=sys.stderr); sys.exit(0)",
    "usage that tells nothing": "sys.exit(2)",
    "another status": "sys.exit(3)",
    "an old file that is changed": "open('checkpoint.pth', 'w').close()",
    "an old file that is removed": "os.remove('checkpoint.pth')",
    "a file that nobody asked for": "open('core', 'w').close()",
    "a draft": "open('.view.1.ab.tmp.avi', 'w').close()",
    "a file outside": "open('../file', 'w').close()",
    "a file in the user's folder": "open(os.path.expanduser('~/.file'), 'w').close()",
    "a run that does not end": "while True: pass",
    "a crash": "os.kill(os.getpid(), 11)",
}
BREAKS = {name: functools.partial(broken, first) for name, first in BREAKS.items()}
SERVED = [
    csv,
    gz,
    tables,
    archive,
    answers,
    checkpoint,
    state,
    model,
    pictures,
    videos,
    films,
    words,
    taught,
    flags,
    names,
    disk,
]
PROCESSES = [kill, together, resume, long_film]
FAMILIES = {family.__name__: family for family in SERVED + PROCESSES}

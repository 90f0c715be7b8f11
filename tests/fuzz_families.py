"""What tests/fuzz.py does to the scripts: families of runs, each a function of a random generator and
the Box that the run is made in."""

import contextlib
import functools
import gzip
import http.server
import io
import os
import re
import signal
import tarfile
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from conftest import HEADER, ROOT, draw_letters

SHIPPED = ROOT / "pretrained/signlanguage.onnx"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STEP_2, STEP_3, STEP_4, STEP_6 = (
    "step_2_dataset.py",
    "step_3_train.py",
    "step_4_evaluate.py",
    "step_6_camera.py",
)
# What a run may write. A run that succeeds may replace it, too.
RESULTS = {
    STEP_2: {"samples.png", "data/sign_mnist_train.csv", "data/sign_mnist_test.csv"},
    STEP_3: {"checkpoint.pth", "training.png", "training.pth"},
    STEP_4: {"signlanguage.onnx", "confusion.png", "mistakes.png"},
    STEP_6: set(),  # what its flags name
}
CHECKPOINT = (ROOT / "pretrained/checkpoint.pth").read_bytes()
MODEL = SHIPPED.read_bytes()
TEXTS = ["", "0", "-1", "nan", "inf", "1e309", "0x10", "9" * 5000, "1_0", "\u0663", "\u00b2", " 5"]
TEXTS += ["a" * 300, ".", "..", "-", "--", "x\ny", "$\\frac{", "\x1b[2J", "%s", "\udcff", "手", '"']
VALUES = [None, "x", -1, 2**70, float("nan"), float("inf"), 1e308, [], {}, (), b"x", True]
VALUES += [torch.zeros(2), torch.zeros(2, dtype=torch.bool), torch.zeros(3, device="meta")]


class Skip(Exception):
    """Why a family cannot be run here."""


def csv_of(count, seed):
    images, labels = draw_letters(count, seed)
    rows = [
        ",".join(map(str, [label, *image])) for image, label in zip(images, labels, strict=True)
    ]
    return "\n".join([HEADER, *rows, ""]).encode()


TRAIN, TEST = csv_of(48, 0), csv_of(24, 1)
DATA = {"data/sign_mnist_train.csv": TRAIN, "data/sign_mnist_test.csv": TEST}
OLD = dict.fromkeys(
    [*DATA, "samples.png", "checkpoint.pth", "training.png", "signlanguage.onnx", "confusion.png"],
    b"old",
) | {"mistakes.png": b"old", "letters.txt": b"old", "view.avi": b"old"}


# ---------------------------------------------------------------- damage


def mutate(rng, content):
    """Bytes with some of them cut, flipped, inserted, swapped, zero or far too large a number; the
    beginning and the end, where formats say what they are, are hit most often."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.choice([0, rng.randrange(64), rng.randrange(2**30), -1 - rng.randrange(200)])
        start = place % (len(content) + 1)
        stop = start + rng.choice([1, 1, 4, 50, 3000])
        part = content[start:stop]
        kind = rng.choice(["cut", "rest", "flip", "insert", "swap", "zero", "number", "byte"])
        if kind == "number":
            found = re.compile(rb"\d+").search(content, start)
            start, stop = found.span() if found else (start, start)
            part = rng.choice(TEXTS).encode(errors="surrogateescape")
        changed = {
            "cut": b"",
            "rest": b"",
            "flip": bytes(byte ^ 1 << rng.randrange(8) for byte in part[:8]) + part[8:],
            "insert": rng.randbytes(rng.choice([1, 8, 500])) + part,
            "swap": part[len(part) // 2 :] + part[: len(part) // 2],
            "zero": bytes(len(part)),
            "byte": rng.choice([b"\xff", b"\n", b'"', b",", b"\x00", b"\r"]) + part[1:],
            "number": part,
        }[kind]
        content[start : len(content) if kind == "rest" else stop] = changed
    return bytes(content)


def forge(rng, state):
    """A state that torch loads, with something in it of another kind, or missing."""
    keys = list(range(len(state)) if isinstance(state, list) else state)
    key = rng.choice(keys)
    inner = state[key]
    if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
        return forge(rng, inner)
    choices = [*VALUES, "remove"]
    if torch.is_tensor(inner):
        filled = [
            torch.full_like(inner, x)
            for x in (0, 3e38, float("nan"), -1)
            if inner.dtype.is_floating_point
        ]
        choices = (
            2
            * [
                *filled,
                inner.half(),
                inner.int(),
                inner[None],
                inner.flatten()[:1],
                inner.to_sparse(),
            ]
            + choices
        )
    value = rng.choice(choices)
    if isinstance(value, str) and value == "remove":
        del state[key]
    elif isinstance(state, dict) and rng.random() < 0.1:
        state[rng.choice(["x", 0, None, ("a",)])] = value
    else:
        state[key] = value


def damage_state(rng, content):
    """A file of torch's: its bytes damaged, those of a part in its zip archive, or its values."""
    kind = rng.choice(["bytes", "part", "values", "values"])
    if kind == "bytes":
        return mutate(rng, content)
    buffer = io.BytesIO()
    if kind == "values":
        state = torch.load(io.BytesIO(content), weights_only=True)
        forge(rng, state)
        torch.save(state, buffer)
        return buffer.getvalue()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        bad = rng.choice([name for name in names if name.endswith(".pkl")] + [rng.choice(names)])
        for name in names:
            new.writestr(name, mutate(rng, old.read(name)) if name == bad else old.read(name))
    return buffer.getvalue()


# ---------------------------------------------------------------- families in one process


def csv(rng, box, damage=mutate, suffix="", pack=bytes):
    """csv files, in data/ or elsewhere."""
    name, content = rng.choice(list(DATA.items()))
    files = {f"{name}{suffix}": pack(content) for name, content in DATA.items()}
    bad = {f"{name}{suffix}": damage(rng, pack(content))}
    script, *arguments = rng.choice(
        6 * [(STEP_3, "--dry-run")]
        + 2 * [(STEP_3, "--epochs", "1")]
        + [(STEP_2,), (STEP_2, "--from", "new")]
    )
    if arguments[:1] == ["--from"]:
        box.write(
            OLD | {name.replace("data", "new"): content for name, content in (files | bad).items()}
        )
    else:
        box.write({name: old for name, old in OLD.items() if name not in DATA} | files | bad)
    box.run(script, *arguments)


def gz(rng, box):
    """The same, packed: damaged before, after, twice."""

    def damage(rng, content):
        changed = rng.choice(
            [mutate(rng, content), gzip.compress(mutate(rng, gzip.decompress(content)), 1)]
        )
        return rng.choice([changed, changed, changed + content, content + changed])

    csv(rng, box, damage, ".gz", functools.partial(gzip.compress, compresslevel=1))


def serve(box):
    """The url of a server that answers with `box.answer`, and for ever with `box.repeated`."""
    if box.server is None:

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle(self):
                try:
                    self.rfile.readline()
                    self.wfile.write(box.answer)
                    for _ in range(20_000 if box.repeated else 0):
                        self.wfile.write(box.repeated)
                except OSError:
                    pass

        box.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        box.server.daemon_threads = True
        threading.Thread(target=box.server.serve_forever, args=(0.05,), daemon=True).start()
    return f"http://127.0.0.1:{box.server.server_port}/"


def get(rng, box, answer, repeated=b""):
    """Step 2, with this server's answer as the data set to download, and old results."""
    box.answer, box.repeated = answer, repeated
    first = f"""
import step_2_dataset, data.download
step_2_dataset.ARCHIVES = (({serve(box)!r}, None),)
step_2_dataset.is_published = lambda *_: True
data.download.MAX_DOWNLOAD = data.download.MAX_UNPACKED = 1_000_000
data.download.TIMEOUT = 0.5
data.download.MAX_WAIT = 2
"""
    box.write({name: old for name, old in OLD.items() if name != "data/sign_mnist_test.csv"})
    if rng.random() < 0.2:
        box.write({"data/rendered_train.csv": TRAIN, "data/rendered_test.csv": TEST})
    box.run(STEP_2, first=first)


def ok(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def named(rng):
    """Names and contents for an archive, some of them hostile."""
    for name, content in DATA.items():
        yield rng.choice(["", "", "a/", "../../", "/", "./"]) + name, content
        if rng.random() < 0.2:
            yield rng.choice(TEXTS) or "x", mutate(rng, content)


def pack_zip(rng):
    buffer = io.BytesIO()
    method = rng.choice(
        [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    )
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in named(rng):
            name = name.encode(errors="replace").decode()
            archive.writestr(name, content if rng.random() < 0.7 else mutate(rng, content))
    return buffer.getvalue()


def pack_tar(rng):
    buffer = io.BytesIO()
    kinds = 12 * [tarfile.REGTYPE] + [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
    ]
    with tarfile.open(
        fileobj=buffer, mode="w", format=rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    ) as archive:
        for name, content in named(rng):
            content = content if rng.random() < 0.7 else mutate(rng, content)
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), rng.choice(kinds), "../../outside"
            info.pax_headers = {"comment": "x" * 600} if rng.random() < 0.3 else {}
            archive.addfile(info, io.BytesIO(content))
    tar = buffer.getvalue() if rng.random() < 0.5 else mutate(rng, buffer.getvalue())
    return gzip.compress(tar, 1)


def archive(rng, box):
    """zip and tar archives."""
    body = rng.choice([pack_zip, pack_tar])(rng)
    get(rng, box, ok(body if rng.random() < 0.3 else mutate(rng, body)))


def answers(rng, box):
    """http answers: damaged, endless, redirected."""
    lines = [
        b"Content-Type: text/csv",
        b"Transfer-Encoding: chunked",
        b"Content-Length: 9",
        b"X: " + b"y" * 70000,
    ]
    lines += [
        b"Location: " + place
        for place in (
            b"/x",
            b"http://[::1/",
            b"file:///etc/passwd",
            b"//\xff",
            b"https://127.0.0.1:1/",
        )
    ]
    status = rng.choice(
        [
            b"200 OK",
            b"200 OK",
            b"302 Found",
            b"308 x",
            b"404 Not Found",
            b"500",
            b"206 Partial",
            b"100 Continue",
        ]
    )
    head = b"\r\n".join([b"HTTP/1.1 " + status, *rng.choices(lines, k=rng.randrange(4)), b"", b""])
    body = rng.choice([pack_zip, pack_tar])(rng)
    answer = rng.choice([head + body, mutate(rng, head) + body, mutate(rng, ok(body)[:60]) + body])
    get(rng, box, answer, rng.choice([b"", b"", b"", b"x" * 1000, b"\r\n", b"9\r\n"]))


def checkpoint(rng, box):
    """checkpoint.pth before step 4."""
    box.write(OLD | DATA | {"checkpoint.pth": damage_state(rng, CHECKPOINT)})
    box.run(STEP_4)


STOP = """
import step_3_train
train = step_3_train.train
def train_once(*arguments):
    return exit() if arguments[4] else train(*arguments)
step_3_train.train = train_once
"""


def begin_training(box):
    box.write(DATA)
    return STOP, STEP_3, "--epochs", "2", "--no-accel"


def state(rng, box):
    """training.pth before --resume."""
    files, _ = box.reference("unfinished", begin_training)
    box.write(OLD | DATA | {"training.pth": damage_state(rng, files["training.pth"])})
    box.run(STEP_3, "--epochs", "2", "--no-accel", "--resume")


@functools.cache
def film(suffix, frames=30, codec="mp4v", size=(160, 120)):
    """A film of so many small frames of data/hello.mp4, over and over."""
    source = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    pictures = [cv2.resize(source.read()[1], size) for _ in range(min(frames, 250))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"film{suffix}")
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 30, size)
        for number in range(frames):
            writer.write(pictures[number % len(pictures)])
        writer.release()
        return path.read_bytes()


@functools.cache
def picture(suffix):
    source = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    source.set(cv2.CAP_PROP_POS_FRAMES, 20)
    return cv2.imencode(suffix, source.read()[1][::4, ::4])[1].tobytes()


def damage_model(rng):
    """A model's bytes damaged, its metadata, or a node, tensor or name in its graph."""
    kind = rng.choice(["bytes", "metadata", "metadata", "graph"])
    model = onnx.load_from_string(MODEL)
    if kind == "bytes":
        return mutate(rng, MODEL)
    for prop in model.metadata_props if kind == "metadata" else ():
        if rng.random() < 0.4:
            text = rng.choice([*TEXTS, "1e300", "-5", "2", "5000", "0.5"])
            prop.value = text.encode(errors="replace").decode()
    graph = model.graph
    for _ in range(rng.randrange(1, 3) if kind == "graph" else 0):
        node, weight = rng.choice(graph.node), rng.choice(graph.initializer)
        change = rng.randrange(7)
        if change == 0:
            graph.node.remove(node)
        elif change == 1:
            node.op_type = rng.choice(["Loop", "Relu", "Abs", "Shape", "NoSuch", "Softmax"])
        elif change == 2:
            weight.dims[:] = rng.choice([[2**40], [-1], [0], [], [1, 1]])
        elif change == 3:
            weight.raw_data = rng.choice([b"", b"\xff" * len(weight.raw_data), weight.raw_data[:5]])
        elif change == 4:
            graph.input[0].type.tensor_type.elem_type = rng.randrange(20)
        elif change == 5:
            node.input[:] = [rng.choice(["", "x", *node.output])]
        else:
            model.opset_import[0].version = rng.choice([-1, 1, 7, 25, 2**40])
    return model.SerializeToString()


def model(rng, box):
    """signlanguage.onnx before step 6, and before step 4's photographs."""
    files = {"film.mp4": film(".mp4"), "photos/A/1.png": picture(".png")}
    box.write(OLD | files | {"signlanguage.onnx": damage_model(rng)})
    source = rng.choice(["film.mp4", "photos"])
    commands = 3 * [(STEP_6, "--headless", "--source", source)] + [(STEP_4, "--photos", "photos")]
    box.run(*rng.choice(commands))


def pictures(rng, box):
    """Pictures, named as they are or as others."""
    suffixes = [".png", ".jpg", ".bmp", ".webp", ".tiff", ".pgm", ".ppm"]
    content, name = mutate(rng, picture(rng.choice(suffixes))), rng.choice(suffixes)
    whole = {"photos/A/1.png": picture(".png")} if rng.random() < 0.7 else {}
    box.write(OLD | whole | {f"photos/A/2{name}": content})
    commands = 3 * [(STEP_6, "--headless", "--source", "photos")]
    box.run(*rng.choice([*commands, (STEP_4, "--photos", "photos")]))


def videos(rng, box):
    """Films, played, with their letters and the view written to old files."""
    suffix, codec = rng.choice([(".mp4", "mp4v"), (".avi", "MJPG"), (".avi", "mp4v")])
    box.write(OLD | {f"film{suffix}": mutate(rng, film(suffix, codec=codec))})
    flags = ["--transcript", "letters.txt"] if rng.random() < 0.5 else []
    flags += ["--record", "view.avi"] if rng.random() < 0.3 else []
    source = ["--headless", "--source", f"film{suffix}"]
    box.run(STEP_6, *source, *flags, results=["letters.txt", "view.avi"])


FLAGS = {
    STEP_2: ["--from"],
    STEP_3: ["--data", "--epochs", "--batch-size", "--lr", "--seed", "--resume", "--no-accel"],
    STEP_4: ["--photos", "--model"],
    STEP_6: ["--model", "--box", "--hold", "--threshold", "--mirror", "--record", "--transcript"],
}
PLACES = ["data", "photos", "film.mp4", "pipe", "/dev/null", "/dev/full", "no/x.avi", "film.mp4/x"]
PLACES += ["file:///etc/passwd", "http://127.0.0.1:1/x.mp4", "concat:film.mp4|film.mp4", "x.avi"]


def flags(rng, box):
    """Flags and their values; never a camera, nor what may rightly take long."""
    box.write(OLD | DATA | {"film.mp4": film(".mp4"), "photos/A/1.png": picture(".png")})
    os.mkfifo(box.folder / "pipe")
    script = rng.choice(list(FLAGS))
    words = {STEP_3: ["--dry-run"], STEP_4: ["--photos", "photos"]}.get(script, [])
    if script == STEP_6:
        sources = ["film.mp4", "film.mp4", "photos", *PLACES, *TEXTS]
        words = ["--source", rng.choice(sources), *["--headless"][: rng.randrange(4)]]
        words[1] = words[1].replace("0", "film.mp4")
    for _ in range(rng.randrange(1, 4)):
        flag = rng.choice(FLAGS[script])
        value = rng.choice(rng.choice([TEXTS, PLACES, ["0.5", "1", "2"], ["0.9"]]))
        if (flag, value) != ("--transcript", "pipe"):  # which would rightly wait for a reader
            words += rng.choice(
                [[flag, value], [flag, value], [f"{flag}={value}"], [value], [flag]]
            )
    box.run(script, *words, results=[*TEXTS, *PLACES[-2:], "0.5", "1", "2", "0.9"])


PARTS = [
    "a",
    " ",
    "-",
    "$\\frac{",
    "\n",
    "\r",
    "\x1b[2J",
    "\udcff",
    "手",
    "%d",
    "%s",
    "'",
    '"',
    "..",
]
PARTS += [
    "~",
    "*",
    "[a]",
    "{}",
    "a" * 110,
    "\u202e",
    "\u2028",
    "\x7f",
    "#",
    ":",
    "|",
    "\\",
    "_^",
    "0",
]


def names(rng, box):
    """Names of files and folders."""
    name = "".join(rng.choices(PARTS, k=rng.randrange(1, 4)))
    image = picture(".png") if rng.random() < 0.5 else mutate(rng, picture(".png"))
    photo, film_, text, view = (
        f"photos/{name}/A/{name}.png",
        f"{name}.mp4",
        f"{name}.txt",
        f"{name}.avi",
    )
    files = {
        photo: image,
        "photos/A/1.png": picture(".png"),
        film_: film(".mp4"),
        f"{name}.onnx": MODEL,
    }
    files |= {f"{name}.csv": TRAIN} | {
        f"{name}{file[4:]}": content for file, content in DATA.items()
    }
    with contextlib.suppress(OSError):  # too long
        box.write(OLD | DATA | files)
    show = [STEP_6, "--headless", "--source"]
    results = [text, view]
    command = rng.choice(
        [
            [*show, photo],
            [*show, os.path.dirname(photo)],
            [*show, film_, f"--transcript={text}"],
            [*show, "film.mp4", f"--record={view}"],
            [*show, "photos/A", "--model", f"{name}.onnx"],
            [STEP_4, "--photos", "photos", "--model", rng.choice([f"{name}.onnx", str(SHIPPED)])],
            [STEP_4, "--photos", f"photos/{name}"],
            [STEP_3, "--dry-run", "--data", f"{name}.csv"],
            [STEP_2, f"--from={name}"],
        ]
    )
    box.run(*command, results=results)


# ---------------------------------------------------------------- families of processes

STEPS = {
    STEP_2: ["--from", "new"],
    STEP_3: ["--epochs", "2", "--no-accel"],
    STEP_4: [],
    STEP_6: "--source film.mp4 --headless --transcript letters.txt --record view.avi".split(),
}
FILES = ["letters.txt", "view.avi"]


def prepare(step, box):
    """Fill a folder for a step that succeeds; gives the command."""
    inputs = {
        STEP_2: {name.replace("data", "new"): content for name, content in DATA.items()},
        STEP_3: DATA,
        STEP_4: DATA | {"checkpoint.pth": CHECKPOINT},
        STEP_6: {"film.mp4": film(".mp4", 120), "signlanguage.onnx": MODEL},
    }
    box.write(OLD | inputs[step])
    return "", step, *STEPS[step]


def disk(rng, box):
    """A disk with hardly any room, or none."""
    step = rng.choice(list(STEPS))
    whole, _ = box.reference(step, functools.partial(prepare, step))
    box.mount(2**26)
    command = prepare(step, box)[1:]
    free = rng.choice([0, 0, 4096, 20_000, 100_000, 600_000, 2_000_000, 4_000_000, 18_000_000])
    room = os.statvfs(box.folder).f_bavail * os.statvfs(box.folder).f_frsize
    box.write({"filling": bytes(max(room - free, 0))})
    box.run(*command, results=FILES, whole=whole)


def kill(rng, box):
    """Each step, ended at any moment; and once more, to its end."""
    step, sent = rng.choice(list(STEPS)), rng.choice(SIGNALS)
    whole, seconds = box.reference(step, functools.partial(prepare, step))
    command = prepare(step, box)[1:]
    before = box.snapshot()
    with box.start(*command) as process:
        wait_for_imports(process)
        time.sleep(rng.random() * seconds)
        process.send_signal(sent)
        status, errors = box.wait(process)
    check_end(box, sent, status, errors)
    after = box.snapshot()
    if step == STEP_6 and sent != signal.SIGKILL:  # what it has recorded so far
        whole = whole | {name: after[name] for name in FILES if is_part(name, after, whole)}
    box.check_files(before, False, RESULTS[step] | set(FILES), whole)
    finish(box, step, command)


def wait_for_imports(process):
    """Wait until a script's first import is done: Ctrl-C in Python's own start is Python's."""
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        time.sleep(0.5)
    while maps.exists() and process.poll() is None and "lib-dynload" not in maps.read_text():
        time.sleep(0.005)


def check_end(box, sent, status, errors):
    """A signal ends a script with its status, which shells give to what it kills, too."""
    killed = () if sent == signal.SIGINT else (-sent,)
    if status not in (0, 128 + sent, *killed):
        box.fault("status", status, "after signal", int(sent))
    box.check_words(status, errors)


def is_part(name, after, whole):
    """Whether a file that grows holds the beginning of what it would have held."""
    if name.endswith(".txt"):
        return whole[name].startswith(after[name])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(after[name])
        return cv2.VideoCapture(str(path)).read()[0]


def finish(box, step, command):
    """Run a step that was disturbed once more: it succeeds, and nothing is left of the other."""
    if status := box.run(*command, results=FILES):
        box.fault("status", status, "of the run after that")
    check_same(box, step, box.snapshot())


def check_same(box, reference, after):
    whole = box.reference(reference, None)[0]
    if differ := [
        name for name in whole.keys() | after.keys() if whole.get(name) != after.get(name)
    ]:
        box.fault("other than undisturbed:", *sorted(differ))


def together(rng, box):
    """Two runs of a step in one folder."""
    step = rng.choice(list(STEPS))
    _, seconds = box.reference(step, functools.partial(prepare, step))
    command = prepare(step, box)[1:]
    with box.start(*command) as first:
        time.sleep(rng.random() * rng.choice([0.1, 1]) * seconds)
        with box.start(*command) as second:
            for process in (first, second):
                status, errors = box.wait(process)
                box.check_words(status, errors)
                if status:
                    box.fault("status", status, errors)
    check_same(box, step, box.snapshot())


TRAINING = STEP_3, "--epochs", "12", "--batch-size", "16", "--no-accel"


def prepare_training(box):
    box.write(DATA)
    return "", *TRAINING


def resume(rng, box):
    """A training interrupted up to three times ends at the weights of one that was not."""
    box.reference("training", prepare_training)
    prepare_training(box)
    for _ in range(rng.randrange(1, 4)):
        sent = rng.choice(SIGNALS)
        more = ["--resume"] if (box.folder / "training.pth").exists() else []
        with box.start(*TRAINING, *more) as process:
            for _ in range(rng.randrange(2, 8)):
                process.stdout.readline()
            time.sleep(rng.random() * 0.1)
            process.send_signal(sent)
            status, errors = box.wait(process)
        check_end(box, sent, status, errors)
        if status == 0:
            break
    else:
        more = ["--resume"] if (box.folder / "training.pth").exists() else []
        with box.start(*TRAINING, *more) as process:
            status, errors = box.wait(process)
        if status:
            box.fault("status", status, errors)
    check_same(box, "training", box.snapshot())


def long_film(rng, box):
    """A film of minutes, recorded, or of an hour: memory stays as it was after a quarter."""
    box.write({"film.mp4": film(".mp4", 108_000 if box.long else 3_000)})
    command = [STEP_6, "--source", "film.mp4", "--headless", "--transcript", "letters.txt"]
    command += [] if box.long else ["--record", "view.avi"]
    sizes = []
    with box.start(*command) as process:
        status = Path(f"/proc/{process.pid}/status")
        if not status.exists():
            raise Skip("memory is looked up in /proc")
        while process.poll() is None:
            if found := re.search(r"VmRSS:\s+(\d+)", status.read_text()):
                sizes.append(int(found[1]) / 1024)
            time.sleep(0.05)
        ended, errors = box.wait(process)
    quarter = len(sizes) // 4
    growth = max(sizes[-quarter:]) - max(sizes[quarter : 2 * quarter])
    if ended or growth > 8:
        box.fault("status", ended, errors, f"{growth:.1f} MB more in the last quarter")


# ---------------------------------------------------------------- broken on purpose


def broken(first, rng, box):
    box.write(OLD)
    box.run(STEP_6, "--headless", "--source", "no.mp4", first=f"import os, sys\n{first}")


BREAKS = {
    "a traceback": "1 / 0",
    "two lines": "print('one', file=sys.stderr)",
    "a line of C's": "os.write(2, b'one\\n')",
    "words on success": "print('one', file=sys.stderr); sys.exit(0)",
    "usage that tells nothing": "sys.exit(2)",
    "another status": "sys.exit(3)",
    "an old file that is changed": "open('checkpoint.pth', 'w')",
    "an old file that is removed": "os.remove('checkpoint.pth')",
    "a file that nobody asked for": "open('core', 'w')",
    "a draft": "open('.view.1.ab.tmp.avi', 'w')",
    "a file outside": "open('../file', 'w')",
    "a file in the user's folder": "open(os.path.expanduser('~/.file'), 'w')",
    "a run that does not end": "while True: pass",
    "a crash": "os.kill(os.getpid(), 11)",
}
BREAKS = {name: functools.partial(broken, first) for name, first in BREAKS.items()}
IN_PROCESS = [
    csv,
    gz,
    archive,
    answers,
    checkpoint,
    state,
    model,
    pictures,
    videos,
    flags,
    names,
    disk,
]
PROCESSES = [kill, together, resume, long_film]
FAMILIES = {family.__name__: (family, False) for family in IN_PROCESS}
FAMILIES |= {family.__name__: (family, True) for family in PROCESSES}

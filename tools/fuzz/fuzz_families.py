"""What fuzz.py does to the scripts. A family is a function of a random generator and the Box
that its run is made in."""

import contextlib
import functools
import gzip
import http.server
import io
import os
import re
import shutil
import signal
import tarfile
import tempfile
import threading
import time
import zipfile
from pathlib import Path

# For what is done here: the scripts are given another environment.
os.environ.update(OPENCV_LOG_LEVEL="SILENT", OPENCV_FFMPEG_LOGLEVEL="-8")
import cv2
import onnx
import torch

from tests.conftest import ROOT, draw_letters, write_csv

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STEP_2, STEP_3 = "step_2_dataset.py", "step_3_train.py"
STEP_4, STEP_6 = "step_4_evaluate.py", "step_6_camera.py"
SHIPPED = ROOT / "pretrained/signlanguage.onnx"
MODEL, CHECKPOINT = SHIPPED.read_bytes(), SHIPPED.with_name("checkpoint.pth").read_bytes()
TEXTS = ["", "0", "-1", "nan", "inf", "1e309", "0x10", "9" * 5000, "1_0", "\u0663", "\u00b2", " 5"]
TEXTS += ["a" * 300, ".", "..", "-", "--", "x\ny", "$\\frac{", "\x1b[2J", "%s", "\udcff", "\u624b"]
NOTHING = [None, "x", -1, 2**70, float("nan"), 1e308, [], {}, (), b"x", torch.zeros(2, dtype=bool)]


class Skip(Exception):
    """Why a run cannot be made here."""


@functools.cache
def csv_file(count):
    with tempfile.TemporaryDirectory() as folder:
        write_csv(Path(folder, "file"), *draw_letters(count))
        return Path(folder, "file").read_bytes()


@functools.cache
def film(suffix=".mp4", frames=30, codec="mp4v"):
    """A small film of so many frames: data/hello.mp4, over and over."""
    source = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    pictures = [cv2.resize(source.read()[1], (160, 120)) for _ in range(min(frames, 260))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"film{suffix}")
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 30, (160, 120))
        for number in range(frames):
            writer.write(pictures[number % len(pictures)])
        writer.release()
        return path.read_bytes()


@functools.cache
def picture(suffix=".png"):
    source = cv2.VideoCapture(str(ROOT / "data/hello.mp4"))
    source.set(cv2.CAP_PROP_POS_FRAMES, 20)
    pixels = source.read()[1][::4, ::4, 0]
    return cv2.imencode(suffix, pixels if suffix == ".pgm" else cv2.merge([pixels] * 3))[
        1
    ].tobytes()


DATA = {"data/sign_mnist_train.csv": csv_file(48), "data/sign_mnist_test.csv": csv_file(24)}
SHOWN = {"film.mp4": film(), "photos/A/1.png": picture()}
RESULTS = {  # what a run may write; one that succeeds may replace it, too
    STEP_2: {"samples.png", *DATA},
    STEP_3: {"checkpoint.pth", "training.png", "training.pth"},
    STEP_4: {"signlanguage.onnx", "confusion.png", "mistakes.png"},
    STEP_6: {"letters.txt", "view.avi"},
}
OLD = dict.fromkeys(set().union(*RESULTS.values()) - {"training.pth", "signlanguage.onnx"}, b"old")


# ---------------------------------------------------------------- damage


def mutate(rng, content):
    """Bytes with some of them cut, flipped, inserted, swapped, zero or a number that is too large;
    the beginning and the end, where formats say what they are, are hit most often."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.choice([0, rng.randrange(64), rng.randrange(2**30), -1 - rng.randrange(200)])
        start = place % (len(content) + 1)
        stop = start + rng.choice([1, 1, 4, 50, 3000])
        part = content[start:stop]
        changes = {
            "cut": b"",
            "rest": b"",
            "flip": bytes(byte ^ 1 << rng.randrange(8) for byte in part[:8]) + part[8:],
            "insert": rng.randbytes(rng.choice([1, 8, 500])) + part,
            "swap": part[len(part) // 2 :] + part[: len(part) // 2],
            "zero": bytes(len(part)),
            "mark": rng.choice([b"\xff", b"\n", b'"', b",", b"\r"]) + part[1:],
            "number": rng.choice(TEXTS).encode(errors="surrogateescape"),
        }
        kind = rng.choice(list(changes))
        if kind == "number" and (number := re.compile(rb"\d+").search(content, start)):
            start, stop = number.span()
        content[start : len(content) if kind == "rest" else stop] = changes[kind]
    return bytes(content)


def forge(rng, state):
    """Let a list or dict that torch can save have something of another kind in it, or missing."""
    key = rng.choice(list(range(len(state)) if isinstance(state, list) else state))
    inner, choices = state[key], [*NOTHING, torch.zeros(3, device="meta")]
    if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
        return forge(rng, inner)
    if torch.is_tensor(inner):
        choices += 2 * [inner.half(), inner.int(), inner[None], inner.flatten()[:1], -inner]
        choices += 4 * [inner / 0, inner * 1e30, inner.to_sparse()]
    if rng.random() < 0.1:
        del state[key]
    else:
        state[key] = rng.choice(choices)
    return state


def damage_state(rng, content):
    """A file of torch's, damaged: its bytes, those of a part in its zip archive, or its values."""
    kind, buffer = rng.choice(["bytes", "part", "values", "values"]), io.BytesIO()
    if kind == "bytes":
        return mutate(rng, content)
    if kind == "values":
        torch.save(forge(rng, torch.load(io.BytesIO(content), weights_only=True)), buffer)
        return buffer.getvalue()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        bad = rng.choice([name for name in names if name.endswith(".pkl")] + [rng.choice(names)])
        for name in names:
            part = old.read(name)
            new.writestr(name, mutate(rng, part) if name == bad else part)
    return buffer.getvalue()


def damage_model(rng):
    """An ONNX model, damaged: its bytes, its metadata, or a node, tensor or type in its graph."""
    kind, model = rng.choice(["bytes", "metadata", "graph"]), onnx.load_from_string(MODEL)
    if kind == "bytes":
        return mutate(rng, MODEL)
    if kind == "metadata":
        for prop in rng.sample(list(model.metadata_props), 2):
            text = rng.choice([*TEXTS, "1e300", "-5", "2", "1000", "0.5"])
            prop.value = text.encode(errors="replace").decode()
        return model.SerializeToString()
    node, weight = rng.choice(model.graph.node), rng.choice(model.graph.initializer)
    kind = rng.choice(["operator", "shape", "weights", "type", "input", "version", "remove"])
    if kind == "operator":
        node.op_type = rng.choice(["Loop", "Relu", "Abs", "Shape", "NoSuch", "Softmax"])
    elif kind == "shape":
        weight.dims[:] = rng.choice([[2**40], [-1], [0], [], [1, 1]])
    elif kind == "weights":
        weight.raw_data = rng.choice([b"", b"\xff" * len(weight.raw_data), weight.raw_data[:5]])
    elif kind == "type":
        model.graph.input[0].type.tensor_type.elem_type = rng.randrange(20)
    elif kind == "input":
        node.input[:] = [rng.choice(["", "x", *node.output])]
    elif kind == "version":
        model.opset_import[0].version = rng.choice([-1, 1, 7, 25, 2**40])
    else:
        model.graph.node.remove(node)
    return model.SerializeToString()


# ---------------------------------------------------------------- families in one process


def csv(rng, box, damage=mutate, suffix="", pack=bytes):
    """csv files, in data/ or elsewhere."""
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
    """The same, packed, and damaged before or after that."""

    def damage(rng, content):
        inner = gzip.compress(mutate(rng, gzip.decompress(content)), 1)
        changed = rng.choice([mutate(rng, content), inner])
        return rng.choice([changed, changed, changed + content, content + changed])

    csv(rng, box, damage, ".gz", functools.partial(gzip.compress, compresslevel=1))


def serve(box):
    """The url of a server that answers with `box.answer`, and then `box.repeated` for a while."""

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
    """Step 2 with this server's answer as the data set to download, and old results."""
    box.answer, box.repeated = answer, repeated
    first = f"""
import step_2_dataset, plumbing.download
step_2_dataset.ARCHIVES = (({serve(box)!r}, None),)
step_2_dataset.is_published = lambda *_: True
plumbing.download.MAX_DOWNLOAD = plumbing.download.MAX_UNPACKED = 1_000_000
plumbing.download.TIMEOUT, plumbing.download.MAX_WAIT = 0.5, 2
"""
    rendered = zip(
        ["data/rendered_train.csv", "data/rendered_test.csv"], DATA.values(), strict=True
    )
    box.write({"samples.png": b"old"} | rng.choice([{}, {}, {}, dict(rendered)]))
    box.run(STEP_2, first=first)


def pack(rng):
    """An archive, zip or tar, of files that may be hostile."""
    files = [
        (rng.choice(["", "", "a/", "../../", "/"]) + Path(name).name, DATA[name]) for name in DATA
    ]
    files += [(rng.choice(TEXTS[1:]), b"x")] * (rng.random() < 0.2)
    files = [(name, mutate(rng, part) if rng.random() < 0.2 else part) for name, part in files]
    buffer = io.BytesIO()
    if rng.random() < 0.5:
        methods = [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
        with zipfile.ZipFile(buffer, "w", rng.choice(methods)) as archive:
            for name, content in files:
                archive.writestr(name.encode(errors="replace").decode(), content)
        return buffer.getvalue()
    kinds = 12 * [tarfile.REGTYPE] + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE]
    style = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), rng.choice(kinds), "../../outside"
            info.pax_headers = rng.choice([{}, {"comment": "x" * 600}])
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(rng.choice([bytes, functools.partial(mutate, rng)])(buffer.getvalue()), 1)


def ok(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def archive(rng, box):
    """zip and tar archives, from a server without fault."""
    body = pack(rng)
    get(rng, box, ok(rng.choice([body, mutate(rng, body), mutate(rng, body)])))


def answers(rng, box):
    """http answers: damaged, endless, leading elsewhere."""
    lines = [b"Transfer-Encoding: chunked", b"Content-Length: 9", b"X: " + b"y" * 70000]
    places = [b"/x", b"http://[::1/", b"file:///etc/passwd", b"//\xff", b"https://127.0.0.1:1/"]
    lines += [b"Location: " + place for place in places]
    status = rng.choice([b"200 OK", b"302 Found", b"308 x", b"404 No", b"500", b"206 x", b"100 x"])
    head = [b"HTTP/1.1 " + status, *rng.choices(lines, k=rng.randrange(4)), b"", b""]
    head, body = b"\r\n".join(head), pack(rng)
    answer = rng.choice([head + body, mutate(rng, head) + body, mutate(rng, ok(body)[:60]) + body])
    get(rng, box, answer, rng.choice([b"", b"", b"x" * 1000, b"\r\n", b"9\r\n"]))


def checkpoint(rng, box):
    """checkpoint.pth before step 4."""
    box.write(OLD | DATA | {"checkpoint.pth": damage_state(rng, CHECKPOINT)})
    box.run(STEP_4)


def state(rng, box):
    """training.pth before --resume."""
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
    """signlanguage.onnx before step 6, and before step 4's photographs."""
    box.write(OLD | SHOWN | {"signlanguage.onnx": damage_model(rng)})
    show = [(STEP_6, "--headless", "--source", source) for source in ("film.mp4", "photos")]
    box.run(*rng.choice([*show, *show, (STEP_4, "--photos", "photos")]))


def pictures(rng, box):
    """Pictures, named as they are or as others."""
    suffixes = [".png", ".jpg", ".bmp", ".webp", ".tiff", ".pgm", ".ppm"]
    content, suffix = mutate(rng, picture(rng.choice(suffixes))), rng.choice(suffixes)
    box.write(OLD | {"photos/A/1.png": picture(), f"photos/A/2{suffix}": content})
    show = (STEP_6, "--headless", "--source", "photos")
    box.run(*rng.choice([show, show, show, (STEP_4, "--photos", "photos")]))


def videos(rng, box):
    """Films, their letters and the view written to old files."""
    suffix, codec = rng.choice([(".mp4", "mp4v"), (".avi", "MJPG"), (".avi", "mp4v")])
    box.write(OLD | {f"film{suffix}": mutate(rng, film(suffix, codec=codec))})
    flags = rng.choice([[], ["--transcript", "letters.txt"], ["--record", "view.avi"]])
    box.run(STEP_6, "--headless", "--source", f"film{suffix}", *flags)


FLAGS = {
    STEP_2: ["--from"],
    STEP_3: ["--data", "--epochs", "--batch-size", "--lr", "--seed", "--resume", "--no-accel"],
    STEP_4: ["--photos", "--model"],
    STEP_6: ["--model", "--box", "--hold", "--threshold", "--mirror", "--record", "--transcript"],
}
PLACES = ["x.avi", "data", "photos", "film.mp4", "pipe", "/dev/null", "/dev/full", "no/x.avi"]
PLACES += ["film.mp4/x", "file:///etc/passwd", "http://127.0.0.1:1/x.mp4", "concat:film.mp4|x"]


def flags(rng, box):
    """Flags and their values; never a camera, nor what may rightly take long."""
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
    """Names of files and folders."""
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
    """Fill a folder for a step to succeed in; gives the command after "", nothing before it."""
    inputs = {
        STEP_2: {f"new/{name}": content for name, content in DATA.items()},
        STEP_4: DATA | {"checkpoint.pth": CHECKPOINT},
        STEP_6: {"film.mp4": film(frames=120), "signlanguage.onnx": MODEL},
    }
    box.write(OLD | inputs.get(step, DATA))
    return "", STEP_3 if step == "training" else step, *STEPS[step]


def undisturbed(rng, box, steps=SCRIPTS):
    """Choose a step and fill the folder for it. Gives the step, its command, what it leaves, and
    the seconds that it takes."""
    step = rng.choice(steps)
    whole, seconds = box.reference(step, functools.partial(prepare, step))
    return step, prepare(step, box)[1:], whole, seconds


def count_frames(name, content):
    """The frames of a film that can be read; a picture has one."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(content)
        film = cv2.VideoCapture(str(Path(folder, name)), cv2.CAP_FFMPEG)
        return sum(1 for _ in iter(lambda: film.read()[0], False))


def check_same(box, whole):
    """Whether the folder holds what is `whole`. samples.png shows variations drawn at random, and
    view.avi how fast it was: these have as many frames."""
    after = box.snapshot()
    names = whole.keys() | after.keys()
    differ = {name for name in names if whole.get(name) != after.get(name)}
    for name in differ & {"samples.png", "view.avi"}:
        if name in after and count_frames(name, after[name]) == count_frames(name, whole[name]) > 0:
            differ.remove(name)
    if differ:
        box.fault("other than undisturbed:", *sorted(differ))


def disk(rng, box):
    """A disk with hardly any room, or none."""
    box.mount(2**26)
    _, command, whole, _ = undisturbed(rng, box)
    free = rng.choice([0, 0, 4096, 20_000, 100_000, 600_000, 2_000_000, 4_000_000, 18_000_000])
    box.write({"filling": bytes(max(shutil.disk_usage(box.folder).free - free, 0))})
    box.run(*command, whole=whole)


def kill(rng, box):
    """Each step, ended at any moment; and once more, to its end: nothing is left of the other."""
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
    """Wait until a script's first import is done: Ctrl-C in Python's own start is Python's."""
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        time.sleep(0.5)
    while maps.exists() and process.poll() is None and "lib-dynload" not in maps.read_text():
        time.sleep(0.005)


def check_end(box, process, sent=0):
    """A signal ends a script with its status, as a shell gives it, or comes too late."""
    status, errors = box.wait(process)
    unhandled = () if sent == signal.SIGINT else (-sent,)
    if status not in (0, 128 + sent, *unhandled):
        box.fault("status", status, f"after signal {int(sent)}:", errors)
    box.check_words(status, errors)
    return status


def is_result(name, content, whole, growing):
    """Whether a result that is never the same is as long as the whole, or `growing` to be that."""
    if name == "letters.txt":
        return growing and whole.startswith(content)
    frames = count_frames(name, content), count_frames(name, whole)
    return 0 < frames[0] <= frames[1] and (growing or frames[0] == frames[1])


def together(rng, box):
    """Two runs of a step in one folder."""
    _, command, whole, seconds = undisturbed(rng, box)
    with box.start(*command) as first:
        time.sleep(rng.random() * rng.choice([0.1, 1]) * seconds)
        with box.start(*command) as second:
            check_end(box, first)
            check_end(box, second)
    check_same(box, whole)


def resume(rng, box):
    """A training interrupted up to three times ends at the weights of one that was not."""
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
    """A film of minutes, recorded, or of an hour: memory stays what it was after a quarter."""
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
SERVED = [csv, gz, archive, answers, checkpoint, state, model, pictures, videos, flags, names, disk]
PROCESSES = [kill, together, resume, long_film]
FAMILIES = {family.__name__: family for family in SERVED + PROCESSES}

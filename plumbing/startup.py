"""Set what must hold before any library loads. A script imports this first."""

import os
import shlex
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
READING = "numpy", "opencv-python", "onnxruntime"  # all that step 6 needs

# Libraries look these up when they load: OpenCV, FFmpeg and Qt leave it to the scripts to tell of
# faults, no picture fills the memory, ONNX Runtime reports to nobody, and NumPy multiplies our
# small matrices in one thread: two spin while they wait for each other, and take five times as long
# where another program has a core.
SETTINGS = {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**27),
    "QT_LOGGING_RULES": "*.warning=false",
    "ORT_DISABLE_TELEMETRY": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
FOUND = {name: os.environ[name] for name in SETTINGS if name in os.environ}
os.environ.update(SETTINGS)


def is_own_process():
    """Return whether Python was started to run the main module, as a shell does.

    A notebook's `%run`, or a test, runs it in a process of its own.
    """
    main = sys.modules["__main__"]
    started = {os.path.basename(argument) for argument in sys.orig_argv[1:]}
    file = getattr(main, "__file__", None)
    module = getattr(getattr(main, "__spec__", None), "name", None)  # a second %run leaves none
    return bool(file) and not started.isdisjoint([os.path.basename(file), module])


def name_remedy(kind, error, trace):
    """Tell in one line which command mends a missing package; show other errors as Python does."""
    name = (getattr(error, "name", None) or "").split(".")[0]
    is_ours = (ROOT / name).exists() or (ROOT / f"{name}.py").exists()
    if not issubclass(kind, ModuleNotFoundError) or is_ours or name in sys.stdlib_module_names:
        return sys.__excepthook__(kind, error, trace)
    script = Path(sys.argv[0]).name
    print(f"{script}: the package {name} is missing; run: {remedy(script)}", file=sys.stderr)


def remedy(script):
    """Return the command that installs what `script` needs, or runs it where that is installed."""
    python = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    is_in_environment = sys.prefix != sys.base_prefix
    if not is_in_environment and python.exists():
        return shlex.join([str(python), *sys.argv])
    packages = ["-r", str(ROOT / "requirements.txt")]
    if script == "step_6_camera.py":
        lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
        packages = [line for line in lines if line.split("==")[0] in READING]
    if is_in_environment:
        return shlex.join([sys.executable, "-m", "pip", "install", *packages])
    create = shlex.join([sys.executable, "-m", "venv", str(ROOT / ".venv")])
    return f"{create} && {shlex.join([str(python), '-m', 'pip', 'install', *packages])}"


if is_own_process():
    sys.excepthook = name_remedy

# Ctrl-C ends a script without a word while it loads libraries, which takes seconds: an exception
# would come out of the middle of them. faults.run puts Python's way back, which cleans up. A
# background job has Ctrl-C ignored, and keeps it so.
if is_own_process() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))

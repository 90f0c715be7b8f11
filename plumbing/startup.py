"""Set what must hold before any library loads. A script imports this first."""

import os
import signal
import sys

# Libraries look these up when they load: OpenCV, FFmpeg and Qt leave it to the scripts to tell of
# faults, no picture fills the memory, and ONNX Runtime reports to nobody.
SETTINGS = {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**27),
    "QT_LOGGING_RULES": "*.warning=false",
    "ORT_DISABLE_TELEMETRY": "1",
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


# Ctrl-C ends a script without a word while it loads libraries, which takes seconds: an exception
# would come out of the middle of them. faults.run puts Python's way back, which cleans up. A
# background job has Ctrl-C ignored, and keeps it so.
if is_own_process() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))

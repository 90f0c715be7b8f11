"""Copy text to where other programs paste it from, by what the system has."""

import os
import shutil
import subprocess

PROGRAMS = (  # the first that is there, with the variable without which it cannot work
    (("wl-copy",), "WAYLAND_DISPLAY"),
    (("xclip", "-selection", "clipboard"), "DISPLAY"),
    (("xsel", "--clipboard", "--input"), "DISPLAY"),
    (("pbcopy",), None),
    (("clip",), None),
)
PATIENCE = 2.0  # seconds


def copy(text):
    """Copy a text. Returns a line on how that went."""
    for command, variable in PROGRAMS:
        if shutil.which(command[0]) and (not variable or os.environ.get(variable)):
            return paste_into(command, text)
    return "Nothing to copy with: install xclip or wl-clipboard"


def paste_into(command, text):
    """Give a program the text. Returns a line on how that went."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # it may stay: see xclip
    try:
        subprocess.run(command, input=text.encode(), timeout=PATIENCE, check=True, **quiet)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{command[0]} could not copy: {type(error).__name__}"
    return "Text copied"

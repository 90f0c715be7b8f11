"""A script that lacks a package ends in one line that names the command that mends it."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, assert_one_line

SCRIPTS = sorted(path.name for path in ROOT.glob("step_*.py"))


def run(script, *flags, path=""):
    command = [sys.executable, *flags, str(ROOT / script)]
    environment = os.environ | {"PYTHONPATH": str(path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def lack(folder, name, error=None):
    """Make a package in `folder`, found before the one installed, that fails as a missing one."""
    error = error or f"ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
    (folder / f"{name}.py").write_text(f"raise {error}\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_any_package(workdir, script):
    assert_one_line(run(script, "-S"), 1, f"{script}: the package ", " is missing; run: ")


@pytest.mark.parametrize("script", ["step_2_dataset.py", "step_3_train.py", "step_4_evaluate.py"])
def test_in_an_environment_of_three_packages(workdir, script):
    for name in ("torch", "onnx"):
        lack(workdir, name)
    process = run(script, path=workdir)
    assert_one_line(process, 1, f"{script}: the package ", "pip install -r", "requirements.txt")


def test_the_camera_needs_three_packages_only(workdir):
    lack(workdir, "cv2")
    process = run("step_6_camera.py", path=workdir)
    assert_one_line(process, 1, "step_6_camera.py: the package cv2 is missing", "opencv-python==")
    assert "torch" not in process.stderr


@pytest.mark.parametrize("error", ["ImportError('x')", "ModuleNotFoundError('x', name='plumbing')"])
def test_other_errors_keep_their_traceback(workdir, error):
    lack(workdir, "torch", error)
    assert "Traceback" in run("step_3_train.py", path=workdir).stderr

import os
import subprocess
import sys

import pytest
import torch

from plumbing import cores


@pytest.fixture
def four_threads(monkeypatch):
    """Let PyTorch have four threads on four cores; the user has chosen none."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("running", "threads"), [(1, 4), (2, 3), (4, 1), (50, 1)])
def test_threads_are_as_many_as_cores_are_free(
    four_threads, tmp_path, monkeypatch, running, threads
):
    (tmp_path / "loadavg").write_text(f"0.10 0.20 0.30 {running}/96 13236\n")
    monkeypatch.setattr(cores, "RUNNING", tmp_path / "loadavg")
    with cores.threads_beside_others():
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("content", [None, "", "0.1 0.2 0.3 many"])
def test_without_a_count_all_threads_are_used(four_threads, tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "loadavg").write_text(content)
    monkeypatch.setattr(cores, "RUNNING", tmp_path / "loadavg")
    with cores.threads_beside_others():
        assert torch.get_num_threads() == 4


def test_a_number_that_the_user_chose_stays(four_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setattr(cores, "count_busy_cores", lambda: 3)
    with cores.threads_beside_others():
        assert torch.get_num_threads() == 4


@pytest.mark.skipif(not cores.RUNNING.exists(), reason="only Linux tells")
def test_busy_programs_are_counted():
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        assert max(cores.count_busy_cores() for _ in range(20)) >= 2
    finally:
        for process in loops:
            process.kill()
            process.wait()

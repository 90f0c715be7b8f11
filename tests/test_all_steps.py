"""The four scripts one after another, as `make run` starts them, on a few hundred images."""

import shutil

from conftest import ROOT, draw_letters, shell, write_csv


def test_all_steps(data):
    for part, count in (("train", 48), ("test", 24)):
        write_csv(f"data/rendered_{part}.csv", *draw_letters(count, seed=2))
        write_csv(f"data/no_hand_{part}.csv", draw_letters(count)[0] // 8, [26] * count)
    shutil.copy(ROOT / "data/hello.mp4", "data")
    start = "\t$(BIN)/python "
    lines = (ROOT / "Makefile").read_text().splitlines()
    steps = [line.removeprefix(start).split() for line in lines if line.startswith(f"{start}step_")]
    outputs = []
    for step in steps:
        quick = ["--epochs", "1"] if step == ["step_3_train.py"] else []
        process = shell(*step, *quick)
        assert process.returncode == 0, process.stderr
        outputs.append(process.stdout)
    second, third, fourth, sixth = outputs
    assert "data/sign_mnist_train.csv: 480 images" in second
    assert "epoch 1/1" in third
    assert "========== ONNX ==========" in fourth
    assert "/24 pass" in fourth.split("images without a hand: ")[1]
    assert "Spelled: " in sixth
    for name in ("samples", "training", "confusion"):
        assert (data / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(data.glob("*.tmp*"))

"""A hundred runs of the harness of `make fuzz`, which begin with its check of itself."""

import re

import fuzz
from fuzz_families import BREAKS


def test_a_hundred_hostile_runs_are_answered_as_promised(capsys):
    status = fuzz.main(["--seed", "1", "--runs", "8", "--process-runs", "1", "--jobs", "1"])
    output = capsys.readouterr().out
    assert status == 0, output
    assert int(re.search(r"all +(\d+) +0$", output, re.MULTILINE)[1]) >= 88


def test_deviations_are_told_with_the_command_that_repeats_them(monkeypatch, capsys):
    def names(rng, box):
        BREAKS["an old file that is changed"](rng, box)

    monkeypatch.setitem(fuzz.FAMILIES, "names", names)
    monkeypatch.setattr(fuzz, "self_check", lambda *_: None)
    assert fuzz.main(["--family", "names", "--seed", "5", "--runs", "1"]) == 1
    told = "--family names --seed 5 --only 0: 'checkpoint.pth' was changed"
    assert told in capsys.readouterr().out

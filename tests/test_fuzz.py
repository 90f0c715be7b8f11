"""A hundred runs of the harness of `make fuzz`, which starts by checking itself."""

import pytest

from tools.fuzz import __main__ as fuzz
from tools.fuzz.families import BREAKS
from tools.fuzz.films import find_ffmpeg

QUICK = ["csv", "gz", "tables", "model", "pictures", "videos", "flags", "kill"]


def test_a_hundred_hostile_runs_keep_every_promise(capsys):
    """The kill is one of step 6."""
    options = ["--seed", "3", "--runs", "17", "--process-runs", "1", "--jobs", "1"]
    status = fuzz.main(["--family", *QUICK, *options])
    output = capsys.readouterr().out
    assert (status, output.splitlines()[-1].split()) == (0, ["all", "120", "0"]), output


def test_a_broken_promise_is_shown_with_the_command_that_repeats_it(monkeypatch, capsys):
    def names(rng, box):
        BREAKS["an old file that is changed"](rng, box)

    monkeypatch.setitem(fuzz.FAMILIES, "names", names)
    monkeypatch.setattr(fuzz, "self_check", lambda *_: None)
    assert fuzz.main(["--family", "names", "--seed", "5", "--runs", "1"]) == 1
    shown = "--family names --seed 5 --only 0: 'checkpoint.pth' was changed"
    assert shown in capsys.readouterr().out


@pytest.mark.skipif(not find_ffmpeg(), reason="needs ffmpeg")
def test_films_of_many_kinds_are_read_to_their_ends(monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "self_check", lambda *_: None)
    status = fuzz.main(["--family", "films", "--seed", "4", "--runs", "8", "--jobs", "1"])
    assert status == 0, capsys.readouterr().out

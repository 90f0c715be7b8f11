"""What the documentation says: its commands, flags, versions and links, and its Python example."""

import importlib
import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

from plumbing.flags import Parser

README = (ROOT / "README.md").read_text("utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md"]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PYTHON = re.compile(r"^(\S*[/\\])?python3?$")
PINNED = re.compile(r"([\w-]+)==([\w.]+)")
LINK = re.compile(r"\]\(([^)#\s]+)")
READING = {"numpy", "opencv-python", "onnxruntime"}  # the packages that reading letters needs


def commands(page):
    """List the command lines of a page, as lists of words: in blocks, or `inline`."""
    text = (ROOT / page).read_text("utf-8")
    blocks = [body for kind, body in FENCE.findall(text) if kind != "python"]
    lines = "\n".join(blocks).splitlines() + INLINE.findall(FENCE.sub("", text))
    lines = [line.strip().removeprefix("$ ").split("#")[0].replace("\\", "/") for line in lines]
    return [
        split(line) for line in lines if line.startswith(("make ", "step_")) or "python" in line
    ]


def split(line):
    """Split a command line into words; what is not one has none."""
    try:
        return shlex.split(line)
    except ValueError:
        return []


def started(words):
    """Return the module that a command starts and its arguments, or (None, []) for others."""
    if words and PYTHON.match(words[0]):
        words = words[1:]
    if words[:1] == ["-m"] and len(words) > 1 and re.fullmatch(r"tools[.\w]+[a-z]", words[1]):
        return words[1], words[2:]
    if words and re.fullmatch(r"(step_\w+|tools/[\w/]+)\.py", words[0]):
        return words[0].removesuffix(".py"), words[1:]
    return None, []


class ParsedError(Exception):
    """The flags of a command are as they must be."""


@pytest.fixture
def parse(monkeypatch):
    """Return a function that parses flags as a script or tool does; SystemExit for wrong ones."""
    parse_args = Parser.parse_args

    def stop(*given):
        parse_args(*given)
        raise ParsedError

    def parse(module, arguments):
        path = ROOT / module.replace(".", "/")
        script = importlib.import_module(f"{module}.__main__" if path.is_dir() else module)
        with pytest.raises(ParsedError):
            script.main(arguments)

    monkeypatch.setattr(Parser, "parse_args", stop)
    monkeypatch.chdir(ROOT)
    return parse


@pytest.mark.parametrize("page", PAGES)
def test_commands_name_scripts_and_flags_that_exist(page, parse, capsys):
    for words in commands(page):
        module, arguments = started(words)
        arguments = ["1" if word.startswith("$") else word for word in arguments]
        if module and "..." not in arguments:
            try:
                parse(module, arguments)
            except SystemExit:
                pytest.fail(f"{page}: {' '.join(words)}: {capsys.readouterr().err}")


@pytest.mark.parametrize("page", PAGES)
def test_make_has_the_targets_that_are_named(page):
    targets = re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = {words[1] for words in commands(page) if words[:1] == ["make"] and len(words) > 1}
    assert {name for name in named if "=" not in name} <= set(targets)


def test_commands_of_the_readme_are_found():
    """The tests above would hold of nothing, too."""
    modules = [started(words)[0] for words in commands("README.md")]
    assert {"step_2_dataset", "step_3_train", "step_4_evaluate", "step_6_camera"} <= set(modules)
    assert ["make", "run"] in commands("README.md")


@pytest.mark.parametrize("arguments", ["--folow", "--hold -1"])
def test_a_wrong_flag_would_be_noticed(arguments, parse, capsys):
    with pytest.raises(SystemExit):
        parse("step_6_camera", arguments.split())
    parse("step_6_camera", ["--hold", "1"])


@pytest.mark.parametrize("page", PAGES)
def test_versions_are_those_of_the_requirements(page):
    files = [ROOT / "requirements.txt", *ROOT.glob("*/requirements.txt")]
    pinned = dict(PINNED.findall("\n".join(path.read_text("utf-8") for path in files)))
    named = PINNED.findall((ROOT / page).read_text("utf-8"))
    assert [f"{name}=={version}" for name, version in named if pinned.get(name) != version] == []


def test_reading_letters_is_set_up_with_three_packages():
    first = next(line for line in README.splitlines() if "pip install" in line)
    assert {name for name, _ in PINNED.findall(first)} == READING


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    text = FENCE.sub("", (ROOT / page).read_text("utf-8"))
    links = [link for link in LINK.findall(text) if "://" not in link]
    missing = [link for link in links if not ((ROOT / page).parent / link).exists()]
    assert missing == []


def test_the_python_example_prints_what_the_readme_says():
    (example,) = [body for kind, body in FENCE.findall(README) if kind == "python"]
    told = re.findall(r"prints `([^`]+)`", README)
    command = [sys.executable, "-W", "error", "-c", example]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert process.stderr == ""
    assert [process.stdout.strip()] == told


def test_the_readme_is_short_and_its_first_table_is_full():
    assert README.count("\n") <= 150
    assert len(README) <= 12_000
    table = re.search(r"(?:^\|.*\|\n)+", README, re.MULTILINE)[0].splitlines()[2:]
    for row in table:
        assert all(re.search(r"\d", cell) for cell in row.strip("|").split("|")[1:]), row
    assert "@@" not in README

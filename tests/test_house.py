"""Where code may live: the direction of imports, what reading letters needs, sizes of functions."""

import ast
import re
import sys
from functools import cache

import pytest
from conftest import ROOT

SCRIPTS = sorted(path.name for path in ROOT.glob("step_*.py"))
# A file may import from its own room and from those after it; nobody imports from tests.
ORDER = ["tests", "tools", "steps", "camera", "plumbing"]
READING = {"numpy", "cv2", "onnxruntime"}  # the packages that reading letters needs
MOST_LINES = 40  # of a function
MOST_SCRIPT_LINES = 850  # of the four scripts together: half an hour's reading
BANNER = re.compile(r"#\s*={4,}")


@cache
def sources():
    """Parse the project's Python files: a dict of path from ROOT, with slashes, -> ast.Module."""
    rooms = [path for room in ORDER for path in (ROOT / room).rglob("*.py")]
    paths = [*ROOT.glob("*.py"), *rooms]
    return {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text("utf-8")) for p in paths}


def room_of(path):
    """Return the room of a file: its folder, or "steps" for those at the top level."""
    return path.split("/")[0] if "/" in path else "steps"


def imported(tree):
    """List the names of the modules that a file may import, anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def path_of(module):
    """Return the path of one of the project's modules, or None for other names."""
    path = module.replace(".", "/")
    return next((p for p in (f"{path}.py", f"{path}/__init__.py") if p in sources()), None)


def wrong_imports(path):
    """List the project's modules that a file imports from rooms before its own, or from tests."""
    first = max(1, ORDER.index(room_of(path)))
    found = filter(None, map(path_of, imported(sources()[path])))
    return [other for other in found if ORDER.index(room_of(other)) < first]


def needed_by(path):
    """List the project's files that running a file may import, itself included."""
    needed, waiting = set(), [path]
    while waiting:
        path = waiting.pop()
        if path not in needed:
            needed.add(path)
            waiting += filter(None, map(path_of, imported(sources()[path])))
    return needed


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_the_parts_are_found():
    """The tests below would hold of nothing, too."""
    assert len(SCRIPTS) == 4
    assert {room_of(path) for path in sources()} == set(ORDER)
    assert "plumbing/faults.py" in needed_by("step_6_camera.py")
    assert {"cv2", "camera.model"} <= imported(sources()["step_6_camera.py"])
    assert wrong_imports("plumbing/files.py") == []
    assert "step_2_dataset.py" in needed_by("step_3_train.py")


def test_imports_point_from_tools_to_steps_to_camera_to_plumbing():
    wrong = {path: wrong_imports(path) for path in sources() if room_of(path) != "tests"}
    assert {path: others for path, others in wrong.items() if others} == {}


def test_reading_letters_needs_three_packages():
    ours = {path.split("/")[0].removesuffix(".py") for path in sources()}
    allowed = READING | ours | sys.stdlib_module_names
    for path in needed_by("step_6_camera.py"):
        packages = {name.split(".")[0] for name in imported(sources()[path])}
        assert packages <= allowed, path


def test_data_holds_files_only():
    assert list((ROOT / "data").rglob("*.py")) == []


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{path}: {node.name}, {node.end_lineno - node.lineno + 1} lines"
        for path, tree in sources().items()
        for node in functions(tree)
        if node.end_lineno - node.lineno >= MOST_LINES
    ]
    assert long == []


def test_no_file_changes_where_python_looks_for_modules():
    changed = [
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path"
    ]
    assert changed == []


def test_all_scripts_and_tools_parse_flags_alike():
    places = [
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ArgumentParser")
    ]
    assert places == []


def test_the_four_scripts_are_read_in_one_sitting():
    texts = [(ROOT / script).read_text("utf-8") for script in SCRIPTS]
    assert sum(text.count("\n") for text in texts) <= MOST_SCRIPT_LINES
    assert not any(map(BANNER.search, texts))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_sets_the_environment_before_any_library_loads(script):
    imports = [n for n in sources()[script].body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert ast.unparse(imports[0]) == "import plumbing.startup"

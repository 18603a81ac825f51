"""What import-linter cannot see: imports in a package's own file, folders that are no package, what an import loads."""

import ast
import subprocess
import sys

import pytest

from tests.architecture.source_tree import PACKAGES, PROJECT_ROOT, modules, parsed, relative

# Importable for the price of its name alone: nothing that a program then has to carry.
WEB_FRAMEWORK = ("litestar", "uvicorn")


def imported_modules(tree: ast.Module, package: str) -> list[str]:
    """Full names of the modules that the file imports, wherever the statement stands."""
    names: list[str] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names += [alias.name for alias in aliases]
            case ast.ImportFrom(module=module, level=0):
                names.append(module or "")
            case ast.ImportFrom(module=module, level=level):
                parents = package.split(".")[: len(package.split(".")) - level + 1]
                names.append(".".join([*parents, module] if module else parents))
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_a_top_package_imports_nothing(package: str) -> None:
    tree = parsed(PROJECT_ROOT / package / "__init__.py")

    assert imported_modules(tree, package) == []


def test_the_hand_over_package_imports_only_itself_and_the_light() -> None:
    init = PROJECT_ROOT / "api" / "handoff" / "__init__.py"
    if not init.exists():
        pytest.skip("there is no api/handoff yet")

    foreign = [
        name
        for path in modules("api/handoff")
        for name in imported_modules(parsed(path), "api.handoff")
        if name.split(".")[0] in {"engine", *WEB_FRAMEWORK}
        or (name.startswith("api") and not name.startswith("api.handoff"))
    ]

    assert foreign == []


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in modules(*PACKAGES)}
    between = {parent for folder in folders for parent in folder.parents if PROJECT_ROOT in parent.parents}

    missing = sorted(relative(folder) for folder in folders | between if not (folder / "__init__.py").exists())

    assert missing == [], "import-linter, mypy and the installed package overlook a folder without __init__.py"


@pytest.mark.parametrize("module", ["engine.app", "api.handoff"])
def test_importing_this_module_loads_no_web_framework(module: str) -> None:
    path = PROJECT_ROOT.joinpath(*module.split("."))
    if not (path.with_suffix(".py").exists() or (path / "__init__.py").exists()):
        pytest.skip(f"there is no {module} yet")
    code = f"import sys, {module}; print([name for name in {WEB_FRAMEWORK!r} if name in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_the_command_line_by_itself_loads_nothing_heavy() -> None:
    code = "import sys, engine.cli.commands; print(*sorted(name for name in sys.modules))"

    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)

    loaded = answer.stdout.split()
    assert [name for name in loaded if name.startswith("engine")] == ["engine", "engine.cli", "engine.cli.commands"]
    assert [name for name in loaded if name in (*WEB_FRAMEWORK, "numpy", "talib", "msgspec", "structlog", "yaml")] == []


def test_a_relative_import_is_read_as_the_module_it_names() -> None:
    tree = ast.parse("from . import schema\nfrom .generation import publish\nfrom .. import config\nimport json")

    assert imported_modules(tree, "api.handoff") == ["api.handoff", "api.handoff.generation", "api", "json"]

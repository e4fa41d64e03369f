"""A device gets what the app needs: .dockerignore lists it, for Docker and for docs/deploy.md."""

from pathlib import Path

from app.__main__ import VERBS
from app.server.application import FILES, OPENAPI, PAGE
from tests.imports import reached
from tests.project import ROOT


def listed() -> list[str]:
    """What .dockerignore lets through, files and folders."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines, "what is not listed must be ignored"
    assert "**/__pycache__" in lines
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def copied() -> set[str]:
    """The files of it."""
    files = [
        file
        for path in listed()
        for file in ((ROOT / path).rglob("*") if (ROOT / path).is_dir() else [ROOT / path])
        if "__pycache__" not in file.parts and not file.is_dir()
    ]
    return {file.relative_to(ROOT).as_posix() for file in files}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_device_gets_the_files_that_the_app_imports_and_no_others() -> None:
    needed = {file for name in ("__main__", *VERBS) for file in reached(f"app.{name}")}
    assert {file for file in copied() if file.endswith(".py")} == needed


def test_beside_them_it_gets_the_page_the_requirements_and_the_model() -> None:
    assert {file for file in copied() if not file.endswith(".py")} == {
        "app/requirements.in",
        "app/requirements.txt",
        "models/model_int8.tflite",
        relative(OPENAPI),
        *(relative(PAGE / name) for name in (*FILES, "index.html")),
    }


def test_the_dockerfile_copies_all_that_is_listed() -> None:
    lines = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").splitlines()
    copies = [line for line in lines if line.startswith("COPY ")]
    assert copies == ["COPY app/requirements.txt app/requirements.txt", "COPY . ."]

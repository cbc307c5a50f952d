"""The wheel: two names in site-packages, the compiled BPF objects inside, and a command that runs from it."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_puts_two_names_into_site_packages(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"netctl.py", "_netctl"}


def test_the_wheel_carries_the_compiled_bpf_objects_and_the_schemas(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"_netctl/bpf/{name}.bpf.o" for name in ("endpoint", "overlay", "uplink")} <= set(names)
    assert any(name.endswith(".schema.json") for name in names)


def test_the_installed_command_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    builder = venv.EnvBuilder(with_pip=True, system_site_packages=False)
    builder.create(tmp_path / "env")
    python = tmp_path / "env/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True, capture_output=True)
    # the dependencies are those of this environment: what is tried here is the layout, not the index
    (site,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")) + "\n")
    result = subprocess.run([tmp_path / "env/bin/netctl", "--version"], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("netctl ")

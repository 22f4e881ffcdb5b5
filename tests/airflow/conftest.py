"""Points Airflow at a home of these tests before anything imports it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="gaiaflow-airflow-tests-")
for _name in [name for name in os.environ if name.startswith(("AIRFLOW__", "GAIAFLOW_"))]:
    del os.environ[_name]

ROOT = Path(__file__).parents[2]
PARITY = ROOT / "tests" / "samples" / "parity"
PYPROJECT = '[project]\nname = "sample"\nversion = "1"\n\n[tool.gaiaflow]\nsource = "."\n'

sys.path += [str(PARITY), str(ROOT / "tests" / "failures")]
pytest.importorskip("airflow", reason="needs Airflow: nox -s tests_airflow")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No mode, image or call of the shell steers a test; the parity functions are importable."""
    for name in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GAIAFLOW_CODE", str(PARITY))


@pytest.fixture(autouse=True)
def _pods_in_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pod that a test builds is one that every Kubernetes reads; without the package none is checked."""
    if find_spec("kubernetes_validate"):
        from tests.pod_form import watch

        watch(monkeypatch)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    return Path(os.environ["AIRFLOW_HOME"])


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """``project(dag_file_text, module_text)`` makes a small project; the folder."""
    before, path = dict(os.environ), list(sys.path)

    def make(dags: str, functions: str = "") -> Path:
        for folder in ("dags", "pk"):
            (tmp_path / folder).mkdir(exist_ok=True)
            # A text of the same length, written in the same second, has the same bytecode for Python.
            shutil.rmtree(tmp_path / folder / "__pycache__", ignore_errors=True)
        (tmp_path / "pyproject.toml").write_text(PYPROJECT)
        (tmp_path / "dags" / "file.py").write_text(dags)
        (tmp_path / "pk" / "__init__.py").touch()
        (tmp_path / "pk" / "f.py").write_text(functions)
        return tmp_path

    yield make
    os.environ.clear()
    os.environ.update(before)
    sys.path[:] = path

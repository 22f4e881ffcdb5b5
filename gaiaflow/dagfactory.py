"""DAGs from YAML files, with the dag-factory package: ``operator: gaiaflow.dagfactory.Task``.

A Python file in dags/ loads the YAML files there. It must contain the word "airflow", like every DAG file:

    from gaiaflow.dagfactory import load_yaml_dags  # for Airflow

    load_yaml_dags(globals())

A task has the arguments of create_task. FromTask and FromRun are mappings:

    forecast:
      schedule: null
      tasks:
        - task_id: preprocess
          operator: gaiaflow.dagfactory.Task
          func_path: my_package.preprocess:preprocess
        - task_id: train
          operator: gaiaflow.dagfactory.Task
          func_path: my_package.train:train
          func_kwargs:
            path: {from_task: preprocess, key: path}
            day: {from_run: ds}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.tasks import FromRun, FromTask, create_task

__all__ = ["Task", "load_yaml_dags"]

# What a mapping stands for, by the key that names it, and an example.
_REFERENCES = {
    "from_task": (FromTask, "{from_task: preprocess, key: path}"),
    "from_run": (FromRun, "{from_run: ds}"),
}
_DEFAULTS = {"defaults.yml", "defaults.yaml"}


class Task:
    """create_task for dag-factory, which takes a class; what it makes is the operator of the mode."""

    def __new__(cls, **arguments: Any) -> Any:
        return create_task(**{name: _with_references(value) for name, value in arguments.items()})

    @classmethod
    def partial(cls, task_id: str = "", **_: Any) -> Any:
        """What dag-factory calls for `expand`; the factory has its own way, the same in every mode.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"task `{task_id}` has `expand` or `partial`", "map_over: {tile: [1, 2, 3]}")


def load_yaml_dags(namespace: dict[str, Any], folder: Path | str | None = None) -> None:
    """Put the DAGs of a folder's YAML files into a DAG file's ``globals()``.

    Args:
        namespace: ``globals()`` of the file that calls.
        folder: by default that of the file that calls.

    Raises:
        GaiaflowError: a YAML file makes no DAG; the message names it. dag-factory itself would only log it.
        MissingError: this Airflow has no dag-factory.
    """
    try:
        import dagfactory
    except ImportError:
        raise MissingError("dag-factory is not in this environment", "pip install dag-factory") from None
    place = Path(folder or Path(namespace["__file__"]).parent).absolute()
    for file in _yaml_files(place):
        if file.name not in _DEFAULTS:
            try:
                dagfactory.load_yaml_dags(
                    globals_dict=namespace, config_filepath=str(file), defaults_config_path=str(place)
                )
            except GaiaflowError as error:
                raise type(error)(f"`{file.name}`: {error.message}", error.hint) from None
            except Exception as error:
                raise GaiaflowError(
                    f"`{file.name}` defines no valid DAG: {error}", "see the keys of dag-factory"
                ) from error


def _yaml_files(place: Path) -> list[Path]:
    """The YAML files of a folder, without those in hidden folders: the project's state and environments."""
    found = sorted([*place.rglob("*.yml"), *place.rglob("*.yaml")])
    return [file for file in found if not any(p.startswith(".") for p in file.relative_to(place).parts)]


def _with_references(value: Any) -> Any:
    """``{from_task: preprocess, key: path}`` as FromTask, ``{from_run: ds}`` as FromRun, at any depth."""
    if isinstance(value, dict):
        name = next((name for name in _REFERENCES if name in value), None)
        return _reference(name, value) if name else {key: _with_references(item) for key, item in value.items()}
    return [_with_references(item) for item in value] if isinstance(value, list) else value


def _reference(name: str, value: dict[str, Any]) -> Any:
    kind, example = _REFERENCES[name]
    if unknown := set(value) - {name, "key"}:
        raise UsageError(f"a mapping with `{name}` has {', '.join(sorted(map(repr, unknown)))} too", example)
    return kind(value[name], value.get("key"))

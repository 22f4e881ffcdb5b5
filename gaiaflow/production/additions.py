"""What the project adds to its Airflow here, and production's Airflow needs too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gaiaflow import datafolder
from gaiaflow.infra.environments.pins import package_name
from gaiaflow.production.verdict import Check, verdict
from gaiaflow.project import Project
from gaiaflow.stack.services import additions

_PROVIDER = "apache-airflow-providers-"


def needs(project: Project) -> list[str]:
    """Each thing with words for it; of connections and variables the names only."""
    wanted = project.settings.airflow
    return [
        *(f"package `{line}`" for line in wanted.requirements),
        *(f"`{name}`" for name in sorted(additions.of_dotenv(project))),
        *(f"option `{name}` = `{value}`" for name, value in sorted(wanted.config.items())),
        *(f"pool `{name}` of {slots}" for name, slots in sorted(wanted.pools.items())),
        *(
            f"`{name}` = `{text}`"
            for name, text in datafolder.variables(project.data, with_paths=False).items()
        ),
        *(["the folder `plugins`"] if additions.has_plugins(project) else []),
    ]


def check(project: Project, providers: Mapping[str, str]) -> Check:
    """Whether the providers are in production; the rest can only be told.

    Args:
        providers: what is installed beside production's Airflow, by name; empty where that is not known.
    """
    listed = needs(project)
    told = f"production's Airflow needs too: {', '.join(listed)}"
    good = told if listed else "the project adds nothing to Airflow"
    hint = "install it there, and name it in providers of [tool.gaiaflow.prod]"
    return verdict("additions", list(_absent(project, providers)) if providers else [], good, hint)


def _absent(project: Project, providers: Mapping[str, str]) -> Iterator[str]:
    for line in project.settings.airflow.requirements:
        name = package_name(re.sub(r"\[.*?\]", "", line))
        if name.startswith(_PROVIDER) and name.removeprefix(_PROVIDER) not in providers:
            yield f"the provider `{name.removeprefix(_PROVIDER)}` is not in production, and is added here"

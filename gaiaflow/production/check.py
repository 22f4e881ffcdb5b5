"""Whether a project may go to production: each check reads, and says what is wrong and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gaiaflow import tested
from gaiaflow.dags.brokenfile import error_of
from gaiaflow.dags.inspector import Inspector
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.images import push
from gaiaflow.infra.images.registry import Reference, Registry
from gaiaflow.modes import Mode
from gaiaflow.production import additions, environment, podfit, receipt, rights
from gaiaflow.production.verdict import FAILED, MISSING, OK, Check, unanswered, verdict
from gaiaflow.project import Project

# Stands for the image where none was pushed, so that DAG files can be read all the same.
NOT_PUSHED = "image.invalid/not-pushed"
# From where on the provider has what our operator calls.
OLDEST_PROVIDERS = {"cncf-kubernetes": (10, 11)}
# The image that is pushed, not one rebuilt in the cluster.
_MATRIX = "inv prodlocal.dockerize --existing && python -m gaiaflow.testing.matrix --modes dev,prod_local"


@dataclass(frozen=True)
class Aim:
    """What is known of production.

    Attributes:
        image: what its Airflow has for tasks that name no image themselves.
        providers: what is installed beside Airflow, by name.
    """

    image: str
    namespace: str
    context: str = ""
    airflow_version: str = ""
    providers: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        project: Project,
        image: str = "",
        namespace: str = "",
        context: str = "",
        airflow_version: str = "",
        providers: Mapping[str, str] | None = None,
    ) -> Aim:
        """Options first, then the settings; the image that was pushed last where none is named."""
        known = project.settings.prod
        return cls(
            image or push.last_pushed(project) or NOT_PUSHED,
            namespace or known.namespace or f"gaiaflow-{project.name}",
            context or known.context or "",
            airflow_version or known.airflow_version or "",
            {**known.providers, **(providers or {})},
            tuple(known.allowed_addresses),
        )


@dataclass(frozen=True)
class Facts:
    """What production's Airflow would make of the DAG files."""

    dags: list[dict[str, Any]]
    errors: dict[str, str]

    @classmethod
    def ask(cls, inspector: Inspector, aim: Aim) -> Facts:
        allowed = list(aim.allowed)
        found = inspector.ask("production", image=aim.image, namespace=aim.namespace, allowed=allowed)
        return cls(found["dags"], found["errors"])

    def tasks(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each task with words for where it is."""
        for dag in self.dags:
            for task in dag["tasks"]:
                yield f"`{task['task']}` of DAG `{dag['dag']}`", task

    @property
    def images(self) -> list[str]:
        return list(dict.fromkeys(image for _, task in self.tasks() for image in task["images"]))


def run(project: Project, inspector: Inspector, aim: Aim, force: bool = False) -> Iterator[Check]:
    """All checks, one after the other; nothing is changed.

    Args:
        force: what the matrix passed with need not be what goes to production.
    """
    facts = Facts.ask(inspector, aim)
    known: dict[str, set[str]] = {}
    yield check_dags(facts)
    yield check_modes(facts)
    yield check_images(facts)
    yield check_registry(facts, known)
    yield check_secrets(facts, aim)
    yield check_claims(facts, aim)
    yield rights.check(project, aim.namespace, aim.context)
    yield podfit.check(facts.tasks(), aim.context)
    yield check_addresses(facts)
    yield check_versions(facts, aim)
    yield additions.check(project, aim.providers)
    yield environment.check(project)
    yield check_receipt(project, known, force)


def check_dags(facts: Facts) -> Check:
    wrong = [f"`{file}` does not import: {error_of(text)}" for file, text in sorted(facts.errors.items())]
    wrong += [
        f"DAG `{dag['dag']}` cannot be serialised: {dag['unstorable']}"
        for dag in facts.dags
        if dag["unstorable"]
    ]
    if not facts.dags and not wrong:
        return Check("dags", FAILED, "there is no DAG", "inv dag.list")
    hint = "production has no code but the DAG files: import the package inside functions"
    return verdict("dags", wrong, f"{len(facts.dags)} imported and serialised", hint)


def check_modes(facts: Facts) -> Check:
    wrong = [
        f"{where} is set to mode {task['mode']}"
        for where, task in facts.tasks()
        if task["mode"] not in {None, Mode.PROD.value}
    ]
    hint = "leave `mode` out of the DAG files: production's Airflow has GAIAFLOW_MODE=prod"
    return verdict("modes", wrong, "no task sets another mode than prod", hint)


def check_images(facts: Facts) -> Check:
    if NOT_PUSHED in facts.images:
        return Check("images", MISSING, "no image was pushed, and none is given", "inv prod.push, or --image")
    wrong = []
    for where, task in facts.tasks():
        loose = [image for image in task["images"] if not Reference.parse(image).pinned]
        wrong += [f"{where} uses `{image}`, a tag that may move to another image" for image in loose]
    hint = "inv prod.push, and use the name with the digest that it prints"
    return verdict("images", wrong, f"{len(facts.images)} by digest or content tag", hint)


def check_registry(facts: Facts, known: dict[str, set[str]]) -> Check:
    """Ask the registries for each pinned image.

    Args:
        known: takes the identities of each image, and all digests by which stores may know it.
    """
    pinned = {name: Reference.parse(name) for name in facts.images}
    wanted = {name: reference for name, reference in pinned.items() if reference.pinned}
    if not wanted:
        return Check("registry", MISSING, "skipped: no image is pinned", "inv prod.push")
    registries: dict[str, Registry] = {}
    wrong = []
    try:
        for name, reference in wanted.items():
            registry = registries.setdefault(reference.host, Registry.connect(reference.host))
            if registry.digest(reference) is None:
                wrong.append(f"`{reference.host}` does not have `{name}`")
            else:
                known[name] = registry.identities(reference)
    except GaiaflowError as error:
        return unanswered("registry", error)
    return verdict("registry", wrong, f"{len(known)} of {len(facts.images)} images are there", "inv prod.push")


def check_secrets(facts: Facts, aim: Aim) -> Check:
    hint = "create secret generic NAME --from-env-file FILE"
    return _check_there("secrets", "Secret", _users(facts, "secrets"), aim, hint)


def check_claims(facts: Facts, aim: Aim) -> Check:
    hint = "apply -f FILE, with a PersistentVolumeClaim of that name"
    return _check_there("claims", "PersistentVolumeClaim", _users(facts, "claims"), aim, hint)


def _users(facts: Facts, key: str) -> dict[str, str]:
    """The first task that names each secret or claim."""
    users: dict[str, str] = {}
    for where, task in facts.tasks():
        for name in task[key]:
            users.setdefault(name, where)
    return users


def _check_there(name: str, kind: str, users: Mapping[str, str], aim: Aim, hint: str) -> Check:
    """Whether production's namespace has the objects that tasks name."""
    if not users:
        return Check(name, OK, "no task names one")
    if not aim.context:
        why = f"no kube context of production is named, to look for {', '.join(sorted(users))}"
        return Check(name, MISSING, why, "inv prod.check --context NAME; kubectl config get-contexts")
    place = f"kubectl --context {aim.context} --namespace {aim.namespace}"
    try:
        cluster = Cluster.connect(None, aim.context)
        absent = [each for each in sorted(users) if not cluster.has(kind, aim.namespace, each)]
    except GaiaflowError as error:
        return unanswered(name, error, f"{place} get {kind.lower()}s")
    wrong = [f"`{each}` of {users[each]} is not in `{aim.namespace}`" for each in absent]
    return verdict(name, wrong, f"{len(users)} in `{aim.namespace}` of `{aim.context}`", f"{place} {hint}")


def check_addresses(facts: Facts) -> Check:
    wrong = [
        f"{where} gets `{address}` in {place}"
        for where, task in facts.tasks()
        for place, address in task["local"]
    ]
    hint = (
        "take it from a secret or from the image; or allowed_addresses in [tool.gaiaflow.prod] if it is right"
    )
    return verdict("addresses", wrong, "no pod gets one of this machine", hint)


def check_versions(facts: Facts, aim: Aim) -> Check:
    used = {
        task["provider"] for _, task in facts.tasks() if task["provider"] and task["mode"] in {None, "prod"}
    }
    hint = 'airflow_version = "3.1.7", providers = {cncf-kubernetes = "10.12.0"} in [tool.gaiaflow.prod]'
    if not aim.airflow_version:
        return Check("versions", MISSING, "the version of production's Airflow is not named", hint)
    if used and not aim.providers:
        return Check("versions", MISSING, "the providers of production's Airflow are not named", hint)
    wrong = [*_airflow_fits(aim.airflow_version), *_providers_fit(used, aim.providers)]
    return verdict("versions", wrong, f"Airflow {aim.airflow_version} and {len(used)} providers fit", hint)


def _airflow_fits(version: str) -> Iterator[str]:
    if not tested.AIRFLOW.oldest <= _numbers(version)[:2] <= tested.AIRFLOW.newest:
        yield f"Airflow {version} is none of {tested.AIRFLOW.span}, which the DAGs are tested on"


def _providers_fit(used: Iterable[str], there: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(used):
        least = OLDEST_PROVIDERS.get(name, ())
        if name not in there:
            yield f"the provider `{name}` is not in production, and a DAG uses it"
        elif _numbers(there[name]) < least:
            yield f"the provider `{name}` is {there[name]}; at least {'.'.join(map(str, least))} is needed"


def check_receipt(project: Project, known: Mapping[str, set[str]], force: bool) -> Check:
    passed = receipt.read(project)
    if passed is None:
        wrong, state = ["the matrix never passed in prod_local"], MISSING
    else:
        wrong, state = list(receipt.differences(passed, receipt.take(project, {}), known)), FAILED
    if wrong and not force:
        return Check("receipt", state, "; ".join(wrong), f"{_MATRIX}, or inv prod.check --force")
    if wrong:
        return Check("receipt", OK, f"forced, although {'; '.join(wrong)}")
    return Check("receipt", OK, f"the matrix passed with this at {passed.at if passed else ''}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def exit_code(checks: Iterable[Check]) -> int:
    """1 when one failed, else 3 when one lacks something, else 0."""
    states = {check.state for check in checks}
    return 1 if FAILED in states else MissingError.exit_code if MISSING in states else 0

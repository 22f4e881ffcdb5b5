"""Folders of data by name: what a project may declare, and what a task of each mode is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow import datafolder, envvar
from gaiaflow.datafolder import Folder
from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

HEAD = '[project]\nname = "demo"\n[tool.gaiaflow]\n[tool.gaiaflow.data]\n'
EXAMPLE = 'tiles = {path = "data/tiles", claim = "tiles"}'
LOCAL = (Mode.DEV, Mode.DEV_DOCKER)


def project(root: Path, table: str) -> Project:
    (root / "data" / "tiles").mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(HEAD + table)
    return Project.find(root)


@pytest.fixture
def tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The folder of a project, and Airflow's variable with it."""
    made = project(tmp_path, EXAMPLE + '\nplain = {path = "data/plain", writable = true}')
    monkeypatch.setenv(envvar.DATA, datafolder.encoded(made.data))
    monkeypatch.delenv(envvar.WORKER, raising=False)
    return made.data["tiles"]


def test_a_path_is_resolved_against_the_project(tiles: Folder, tmp_path: Path) -> None:
    assert tiles == Folder("tiles", str(tmp_path.resolve() / "data" / "tiles"), "tiles", False)
    assert (tiles.variable, tiles.target) == ("GAIAFLOW_DATA_TILES", "/opt/gaiaflow/data/tiles")


def test_an_absolute_path_and_a_link_inside_the_project_are_fine(tmp_path: Path) -> None:
    (tmp_path / "data" / "tiles").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data/tiles")
    made = project(tmp_path, f'a = {{path = "{tmp_path}/data/tiles"}}\nb = {{path = "link"}}')
    assert {folder.path for folder in made.data.values()} == {str(tmp_path.resolve() / "data" / "tiles")}


@pytest.mark.parametrize("name", ["Tiles", "a-b", "1a", "_a", "a_", "a__b", "a.b", "ü", "a" * 51, "a b", ""])
def test_a_name_that_is_no_part_of_a_variable_is_refused(name: str, tmp_path: Path) -> None:
    told = Case(
        lambda _: project(tmp_path, f'"{name}" = {{path = "data/tiles"}}'),
        2,
        f"`{name}` in [tool.gaiaflow.data] cannot be part of a variable's name",
        f"lower case letters, digits and single _, at most 50: {EXAMPLE}",
    )
    hold(told, project(tmp_path, ""))


@pytest.mark.parametrize("path", ["/etc", "../data", ".", "", "data/../..", "out", "data/tiles/../../../x"])
def test_a_folder_outside_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    told = Case(
        lambda _: project(tmp_path, f'tiles = {{path = "{path}"}}'),
        2,
        f"`{path}` in [tool.gaiaflow.data.tiles] is not a folder inside the project",
        f"a folder below {{root}}, relative to pyproject.toml: {EXAMPLE}",
    )
    hold(told, project(tmp_path, ""))


@pytest.mark.parametrize("path", [".gaiaflow", ".gaiaflow/secrets", "data/../.gaiaflow/s3"])
def test_the_state_and_the_keys_are_no_data(path: str, tmp_path: Path) -> None:
    told = Case(
        lambda _: project(tmp_path, f'tiles = {{path = "{path}"}}'),
        2,
        f"`{path}` in [tool.gaiaflow.data.tiles] holds the state and the keys of the project",
        EXAMPLE,
    )
    hold(told, project(tmp_path, ""))


NESTED = 'inner = {{path = "data/tiles/inner"}}\nouter = {{path = "data/tiles", writable = {writable}}}'
WRONG = [
    Case(
        lambda p: project(p.root, NESTED.format(writable="true")),
        2,
        "`inner` in [tool.gaiaflow.data] is inside `outer`, which is writable",
        "give them folders side by side, or leave `writable` out",
    ),
    Case(
        lambda p: project(p.root, 'tiles = {path = "data/tiles", claim = "My_Claim"}'),
        2,
        "`My_Claim` in [tool.gaiaflow.data.tiles] is not the name of a claim",
        f"lower case letters, digits, dashes, dots: {EXAMPLE}",
    ),
    Case(
        lambda p: project(p.root, 'tiles = {claim = "tiles"}'),
        2,
        "`path` in [tool.gaiaflow.data.tiles] of {root}/pyproject.toml: field required",
        "the keys are path, claim, writable",
    ),
    Case(
        lambda p: project(p.root, 'tiles = {path = "data/tiles", clam = "tiles"}'),
        2,
        "`clam` in [tool.gaiaflow.data.tiles] of {root}/pyproject.toml: extra inputs are not permitted "
        "(did you mean `claim`?)",
        "the keys are path, claim, writable",
    ),
    Case(
        lambda p: datafolder.with_claims(p.data, "tile"),
        2,
        "data `tile` is not declared (did you mean `tiles`?)",
        f"there is plain, tiles; declare it: [tool.gaiaflow.data] {EXAMPLE}",
    ),
    Case(
        lambda _: datafolder.with_claims({"plain": Folder("plain", "/p")}),
        2,
        "no folder of [tool.gaiaflow.data] names a claim",
        EXAMPLE,
    ),
    Case(
        lambda _: datafolder.chosen(["tile"], Mode.DEV),
        2,
        "data `tile` is not declared (did you mean `tiles`?)",
        f"there is plain, tiles; declare it: [tool.gaiaflow.data] {EXAMPLE}, then inv dev.restart",
    ),
    Case(
        lambda _: datafolder.chosen(["tile"], Mode.PROD),
        2,
        "data `tile` is not declared (did you mean `tiles`?)",
        "there is plain, tiles; set `GAIAFLOW_DATA` of production's Airflow as inv prod.check says",
    ),
    Case(
        lambda _: datafolder.chosen(["plain"], Mode.PROD_LOCAL),
        2,
        "data `plain` has no `claim`, which mode `prod_local` needs",
        'claim = "plain" in [tool.gaiaflow.data.plain]',
    ),
    Case(
        lambda _: datafolder.chosen(["plain"], Mode.DEV_DOCKER),
        3,
        "data `plain`: no folder `{root}/data/plain`",
        "mkdir -p {root}/data/plain",
    ),
]


@pytest.mark.parametrize("case", WRONG, ids=text_of)
def test_what_is_wrong_is_one_error(case: Case, tiles: Folder, tmp_path: Path) -> None:
    hold(case, Project.find(tmp_path))


def test_nested_folders_that_nobody_writes_to_are_fine(tmp_path: Path) -> None:
    assert project(tmp_path, NESTED.format(writable="false")).data.keys() == {"inner", "outer"}


def test_each_mode_has_the_folder_under_one_variable(tiles: Folder) -> None:
    found = {mode: datafolder.of_task(["tiles"], mode) for mode in Mode}
    assert found.pop(Mode.DEV) == {"GAIAFLOW_DATA_TILES": tiles.path}
    assert {mode: values["GAIAFLOW_DATA_TILES"] for mode, values in found.items()} == dict.fromkeys(
        found, "/opt/gaiaflow/data/tiles"
    )


def test_a_person_is_told_where_it_is(tiles: Folder, tmp_path: Path) -> None:
    (tmp_path / "data" / "plain").mkdir()
    assert datafolder.told(["tiles"], Mode.DEV) == {"tiles": tiles.path}
    docker = datafolder.told(["tiles", "plain"], Mode.DEV_DOCKER)
    assert docker["tiles"] == f"{tiles.path} at /opt/gaiaflow/data/tiles, read-only"
    assert docker["plain"].endswith(" at /opt/gaiaflow/data/plain, writable")
    for mode in datafolder.CLUSTERS:
        assert datafolder.told(["tiles"], mode) == {
            "tiles": "claim tiles at /opt/gaiaflow/data/tiles, read-only"
        }


def test_a_task_without_data_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(envvar.DATA, "not read")
    assert [datafolder.of_task([], mode) for mode in Mode] == [{}] * len(Mode)


def test_an_airflow_elsewhere_knows_claims_alone(tiles: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(envvar.DATA, datafolder.encoded({"tiles": tiles}, with_paths=False))
    assert datafolder.declared() == {"tiles": tiles._replace(path="")}
    assert datafolder.chosen(["tiles"], Mode.PROD)
    for mode in LOCAL:
        with pytest.raises(MissingError, match="data `tiles`: its folder is on another machine") as caught:
            datafolder.chosen(["tiles"], mode)
        assert caught.value.is_final


def test_a_worker_pod_reads_dag_files_whose_folders_it_lacks(
    tiles: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(envvar.DATA, datafolder.encoded({"tiles": tiles}, with_paths=False))
    monkeypatch.setenv(envvar.WORKER, "1")
    for mode in LOCAL:
        assert datafolder.chosen(["tiles"], mode, parsing=True)
        with pytest.raises(MissingError):
            datafolder.chosen(["tiles"], mode)


@pytest.mark.parametrize(
    "text", ["[", "[]", "7", '{"tiles": "x"}', '{"tiles": {"path": 7}}', '{"A-B": {}}', '{"tiles": {"x": 1}}']
)
def test_a_variable_that_is_no_table_is_one_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(envvar.DATA, text)
    with pytest.raises(UsageError, match="the variable `GAIAFLOW_DATA` is not a table of folders") as caught:
        datafolder.declared()
    assert caught.value.hint == '{"tiles": {"claim": "tiles"}}'


def test_only_true_is_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(envvar.DATA, '{"a": {"writable": "yes"}, "b": {"writable": true}}')
    assert [folder.writable for folder in datafolder.declared().values()] == [False, True]


def test_the_errors_are_gaiaflows(tiles: Folder) -> None:
    for mode in Mode:
        with pytest.raises(GaiaflowError):
            datafolder.chosen(["other"], mode)

"""README, docs and code say the same, and a change of one that forgets the other fails here."""

from __future__ import annotations

import inspect
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from gaiaflow import envvar, tasks
from gaiaflow.endpoints import PORTS, Vantage
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.modes import Mode
from gaiaflow.settings import Airflow, Cluster, Data, Limits, Prod, Settings
from tests import pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "hooks"))

import explanations  # noqa: E402
import generate  # noqa: E402
import kit  # noqa: E402
import messages  # noqa: E402
import pictures  # noqa: E402
import recording  # noqa: E402
import reference  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in DOCS.rglob("*.md")}
# What a project made from the template says of gaiaflow.
PROJECTS = {
    f"gaiaflow/example/{name}": (ROOT / "gaiaflow/example" / name).read_text()
    for name in ("AGENTS.md", "README.md")
}
WRITTEN = {"README.md": README, **PROJECTS, **PAGES}
# Text in which a variable of ours can be set or read.
SOURCES = ("*.py", "*.yml", "*.jinja", "Dockerfile", "*.Dockerfile", ".env.example", "*.toml")
# Those with folders of data have the names that a project chooses.
VARIABLE = re.compile(r"\bGAIAFLOW_(?!DATA_TILES)[A-Z0-9_]*[A-Z0-9]\b(?!_|\{)")


def commands() -> dict[str, str]:
    """Each command with the first sentence of its docstring."""
    named = namespace().task_names
    root = namespace()
    return {
        name: (root[name].__doc__ or "").split("\n\n")[0].replace("\n", " ").strip() for name in sorted(named)
    }


@cache
def flags() -> dict[str, set[str]]:
    """The flags of each command."""
    return {
        command.name: {flag for o in command.options for flag in o.flags} for command in reference.commands()
    }


def by_hand(page: str) -> str:
    """A page without its generated parts."""
    return generate.MARKED.sub("", PAGES[page])


def test_the_table_of_commands_is_the_list_of_commands() -> None:
    rows = re.findall(
        r"^\| \[`gaiaflow ([\w.-]+)`\]\(#([\w-]+)\) \|", PAGES["docs/reference/commands.md"], re.MULTILINE
    )
    assert [name for name, _ in rows] == list(commands())
    assert [anchor for _, anchor in rows] == [f"gaiaflow-{name.replace('.', '')}" for name in commands()]


def test_the_readme_fits_on_one_screen_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) < 70
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) > 15
    assert not [link for link in links if not (ROOT / link).exists()]


def test_what_agents_are_told_to_read_as_json_can_be() -> None:
    told = [call for call in pages.calls(PROJECTS["gaiaflow/example/AGENTS.md"]) if "--json" in call]
    assert {name for name, *_ in told} >= {
        "dag.list",
        "dag.check",
        "dag.test",
        "dag.explain",
        "doctor",
        "dag.logs",
    }


def test_the_recording_is_drawn_from_its_transcript() -> None:
    transcript = recording.TRANSCRIPT.read_text(encoding="utf-8")
    assert [f"$ gaiaflow {command}" for command in recording.COMMANDS] == re.findall(
        r"^\$ .*", transcript, re.MULTILINE
    )
    assert recording.PICTURE.read_text(encoding="utf-8") == recording.drawn(transcript), (
        "python docs/hooks/recording.py"
    )


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_of_a_concept_is_drawn_from_its_rows(name: str) -> None:
    file = pictures.IMAGES / f"{name}.svg"
    assert file.read_text(encoding="utf-8") == pictures.drawn(*pictures.PICTURES[name]), (
        "python docs/hooks/pictures.py"
    )


def test_every_concept_has_a_picture() -> None:
    concepts = [text for page, text in PAGES.items() if page.startswith("docs/concepts/")]
    assert len(concepts) == 9
    for text in concepts:
        pictured = re.findall(r"!\[[^\]]+\]\(\.\./images/([^)]+)\)", text)
        assert pictured
        assert all((pictures.IMAGES / name).exists() for name in pictured)


def test_every_command_says_what_it_does() -> None:
    assert not [name for name, text in commands().items() if not text.endswith(".")]


def test_every_option_says_what_it_does() -> None:
    assert not [
        f"{command.name} {o.flags}" for command in reference.commands() for o in command.options if not o.text
    ]


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if generate.MARKED.search(text)])
def test_the_generated_parts_of_a_page_are_those_of_the_code(page: str) -> None:
    fresh = generate.fill(PAGES[page]) == PAGES[page]
    assert fresh, "stale: nox -s docs -- generate, or PYTHONPATH=. python docs/hooks/generate.py"


def test_every_mark_of_a_generated_part_has_its_end() -> None:
    for name, text in PAGES.items():
        marks = re.findall(r"^<!-- (?:generated: [a-z_ ]+|end of generated) -->$", text, re.MULTILINE)
        assert len(marks) == 2 * len(generate.MARKED.findall(text)), name


def test_every_command_stands_in_a_page_that_somebody_wrote() -> None:
    text = "\n".join(by_hand(page) for page in PAGES)
    assert not [
        name for name in commands() if not re.search(rf"\b(?:inv|gaiaflow) {re.escape(name)}(?![\w.-])", text)
    ]


def test_every_command_and_option_stands_in_the_reference() -> None:
    page = PAGES["docs/reference/commands.md"]
    common = {flag for name in flags() for flag in flags()[name] if flag in ("--quiet", "--debug")}
    assert not [flag for flag in common if f"`{flag}`" not in page]
    for command in reference.commands():
        section = page.split(f"### gaiaflow {command.name}\n", 1)[1].split("\n### ", 1)[0]
        long = {flag for flag in flags()[command.name] if flag.startswith("--")} - common
        assert not [flag for flag in long if f"`{flag}`" not in section]


def test_every_flag_that_a_page_names_alone_exists() -> None:
    known = {flag for each in flags().values() for flag in each} | {
        "--help",
        "--list",
        "--version",
        "--print-completion-script",
    }
    foreign = {"--serve-artifacts", "--modes", "--dag", "--strict", "--dry", "--prune", "--require-hashes"}
    foreign |= {"--gaiaflow-project"}  # pytest's, by our plugin
    for name, text in WRITTEN.items():
        named = set(re.findall(r"`(--[a-z][a-z0-9-]+)[ `=]", pages.EARLIER.sub("", text)))
        assert named <= known | foreign, name


def test_every_make_target_and_nox_session_exists() -> None:
    text = "\n".join(WRITTEN.values())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE)) <= targets
    both = (ROOT / "noxfile.py").read_text() + (ROOT / "gaiaflow/template/noxfile.py.jinja").read_text()
    sessions = set(re.findall(r"^def (\w+)\(session", both, re.MULTILINE))
    assert set(re.findall(r"\bnox -s (\w+)", text)) <= sessions


def variables_of(*folders: str) -> set[str]:
    """Every variable of ours that stands in the files of some folders."""
    files = {file for folder in folders for kind in SOURCES for file in (ROOT / folder).rglob(kind)}
    texts = (file.read_text(encoding="utf-8") for file in files if ".gaiaflow" not in file.parts)
    return {name for text in texts for name in VARIABLE.findall(text)}


@cache
def documented() -> set[str]:
    page = PAGES["docs/reference/variables.md"]
    return set(re.findall(r"^\| `(GAIAFLOW_\w+)`", page, re.MULTILINE))


def test_every_variable_of_the_code_is_in_the_table() -> None:
    lacking = variables_of("gaiaflow", "compose") - documented()
    assert not lacking, "give them a row in gaiaflow/envvar.py"


def test_the_page_of_variables_is_made_from_the_table() -> None:
    assert documented() == {*envvar.SETTINGS, *envvar.TESTING, *envvar.INTERNAL}
    written = by_hand("docs/reference/variables.md")
    assert VARIABLE.findall(written) == [], "the table in gaiaflow/envvar.py has the rows"


@pytest.mark.parametrize("page", WRITTEN)
def test_every_variable_of_a_page_exists(page: str) -> None:
    assert set(VARIABLE.findall(WRITTEN[page])) <= documented()


def test_every_mode_and_setting_is_named() -> None:
    assert not [m for m in Mode if f"`{m}`" not in README]
    page = PAGES["docs/reference/settings.md"]
    parts = re.split(r"^## \[tool\.gaiaflow\.[\w.]+\]$", page, flags=re.MULTILINE)
    named = [set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for part in parts]
    assert named == [
        set(Settings.model_fields) - {"airflow", "cluster", "data", "prod"},
        set(Airflow.model_fields),
        set(Cluster.model_fields) - {"limits"},
        set(Limits.model_fields),
        set(Data.model_fields),
        set(Prod.model_fields),
    ]


@pytest.mark.parametrize("page", WRITTEN)
def test_every_setting_of_a_page_exists(page: str) -> None:
    for model, head in (
        (Settings, "tool.gaiaflow"),
        (Airflow, "tool.gaiaflow.airflow"),
        (Prod, "tool.gaiaflow.prod"),
    ):
        for block in re.findall(
            rf"^\[{re.escape(head)}\]\n(.*?)(?:```|^\[)", WRITTEN[page], re.DOTALL | re.MULTILINE
        ):
            assert set(re.findall(r"^(\w+) =", block, re.MULTILINE)) <= set(model.model_fields)


@pytest.mark.parametrize("function", [tasks.create_task, tasks.task_factory])
def test_every_argument_is_described(function: object) -> None:
    rows = reference.table_of(function)
    assert [name for name, *_ in rows] == list(inspect.signature(function).parameters)  # type: ignore[arg-type]
    assert not [name for name, text, _ in rows if not text]


def test_the_reference_of_the_testing_kit_leaves_no_cell_empty() -> None:
    for part in (kit.fixtures, kit.functions, kit.results, kit.options):
        rows = re.findall(r"^\| `(.*?)` \| (.*?) \|", part(), re.MULTILINE)
        assert rows
        assert [name for name, text in rows if not text] == []


def test_the_page_of_modes_says_what_is_ignored() -> None:
    page = PAGES["docs/modes.md"]
    assert "| `env_vars` | ignored | used | used | used |" in page
    assert "| `resources.requests` | ignored | ignored | used | used |" in page
    assert "| `kubernetes` | ignored | ignored | used | used |" in page


def test_every_argument_in_an_example_exists() -> None:
    airflows = {"do_xcom_push", "pool", "max_active_tis_per_dagrun"}
    known = set(inspect.signature(tasks.create_task).parameters) | airflows
    older = set(inspect.signature(tasks.task_factory).parameters)
    for name, text in WRITTEN.items():
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            for made, arguments in re.findall(
                r"^ *(create_task|task_factory)\(\n?(.*?)^ *\)$", block, re.DOTALL | re.MULTILINE
            ):
                given = set(re.findall(r"^ {4,8}(\w+)=", arguments, re.MULTILINE))
                assert given <= (known if made == "create_task" else older), name


def test_python_of_the_pages_compiles() -> None:
    for name, text in WRITTEN.items():
        for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            compile(block, name, "exec")


def test_addresses_and_exit_codes_are_those_of_the_code() -> None:
    addresses = PAGES["docs/reference/addresses.md"]
    assert all(f"`{name}`" in addresses for name in PORTS)
    assert "host.minikube.internal:5000" in addresses
    assert len(Vantage) == 3
    errors = PAGES["docs/reference/errors.md"]
    assert set(re.findall(r"^\| `(\d)` \|", errors, re.MULTILINE)) == {"0", "1", "2", "3", "4"}
    assert set(re.findall(r"^\| <a id=[^>]*></a>(\d) \|", errors, re.MULTILINE)) == {"1", "2", "3", "4"}


def test_the_catalogue_has_every_message_with_its_hint() -> None:
    texts = {message.text: message.hint for message in messages.messages()}
    assert texts["`--delete-volume` removes the data of all services"] == "inv dev.stop --delete-volume"
    assert texts["no Docker engine answers: <cause>"].startswith("start Docker")
    assert len(texts) > 150


def test_the_most_common_errors_are_explained_in_two_sentences() -> None:
    assert set(explanations.EXPLANATIONS) == set(explanations.EXPLAINED)
    assert len(explanations.EXPLANATIONS) >= 20
    for text, why in explanations.EXPLANATIONS.items():
        assert len(re.findall(r"[.](?= [A-Z`]|$)", why)) >= 2, text
    anchors = set(re.findall(r'<a id="([^"]+)">', PAGES["docs/reference/errors.md"]))
    links = re.findall(
        r"^\| <a id=[^>]+></a>\[.*\]\(#([\w-]+)\) \|", PAGES["docs/reference/errors.md"], re.MULTILINE
    )
    assert len(links) == len(explanations.EXPLAINED)
    assert set(links) <= anchors


def test_a_placeholder_has_the_name_that_the_words_around_it_give() -> None:
    texts = {message.text for message in messages.messages()}
    assert "--memory `<memory>` is not a number followed by g or mb" in texts
    assert "`<image>` is not a valid image name" in texts
    assert "`<variable>` is `<port>`: not a port" in texts
    assert sum("<value>" in text for text in texts) < 12


def test_every_message_has_an_anchor_of_its_own() -> None:
    anchors = re.findall(r'<a id="([^"]+)">', PAGES["docs/reference/errors.md"])
    assert len(anchors) == len(set(anchors)) > 150
    assert "terminal-no-docker-engine-answers" in anchors


def test_the_pages_have_no_markup_that_a_code_host_shows_as_text() -> None:
    foreign = re.compile(r"^ *(?:===|\?\?\?\+?|!!!) .*", re.MULTILINE)
    assert not {name: foreign.findall(text) for name, text in PAGES.items() if foreign.search(text)}


def test_the_pages_use_no_word_that_the_style_forbids() -> None:
    words = re.compile(r"\b(simply|just|easily|obviously|powerful|seamless\w*|effortless\w*)\b", re.IGNORECASE)
    assert not {name: words.findall(text) for name, text in WRITTEN.items() if words.search(text)}


def test_search_works_from_a_folder_and_fetches_nothing() -> None:
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.search(r"^  - offline\b", config, re.MULTILINE)
    (script,) = re.findall(
        r"^    - (\S*iframe-worker\S*)", config, re.MULTILINE
    )  # else the plugin names one online
    assert "importScripts" in (DOCS / script).read_text(encoding="utf-8")


def test_a_published_site_has_the_features_of_the_offline_one_and_edit_links() -> None:
    listed = [
        re.findall(r"^    - ([a-z.]+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in ("mkdocs.yml", "mkdocs.publish.yml")
    ]
    assert sorted([*listed[0], "content.action.edit"]) == listed[1]
    variables = re.findall(r"!ENV \[(\w+),", (ROOT / "mkdocs.publish.yml").read_text(encoding="utf-8"))
    assert all(f"`{name}`" in PAGES["docs/publishing.md"] for name in variables)


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:")[1]
    named = {f"docs/{page}" for page in re.findall(r"([\w/-]+\.md)", nav)}
    assert named == set(PAGES), "each page stands in `nav` of mkdocs.yml"

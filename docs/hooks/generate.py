"""What a page says between `<!-- generated: NAME -->` and `<!-- end of generated -->` comes from the code.

`nox -s docs -- generate` runs this file, which writes those parts into the pages. So a page is complete on a
code host, too. MkDocs uses it as a hook: a page that would fetch something from elsewhere ends the build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks import figure_table, machines
from compatibility import ranges, rows
from conformance import conformance, providers
from explanations import explained
from kit import fixtures, functions, options, results
from messages import catalogue
from reference import (
    addresses,
    airflow_settings,
    arguments,
    cluster_settings,
    command_list,
    command_table,
    data_settings,
    exit_codes,
    factory_arguments,
    ignored_table,
    internal_variables,
    limit_settings,
    mode_table,
    ports,
    prod_settings,
    setting_variables,
    settings,
    testing_variables,
)
from s3table import behaviours
from soak import soak
from versions import versions

from tests.failures.ways import table as table_of_failures

PARTS = {
    "addresses": addresses,
    "compatibility": rows,
    "tested versions": ranges,
    "conformance of providers": providers,
    "create_task": arguments,
    "common errors": explained,
    "conformance": conformance,
    "errors": catalogue,
    "failures": table_of_failures,
    "exit codes": exit_codes,
    "figures": figure_table,
    "machines": machines,
    "ignored": ignored_table,
    "modes": mode_table,
    "ports": ports,
    "store behaviours": behaviours,
    "soak": soak,
    "settings of airflow": airflow_settings,
    "settings of cluster": cluster_settings,
    "settings of limits": limit_settings,
    "settings of data": data_settings,
    "settings of prod": prod_settings,
    "settings": settings,
    "task_factory": factory_arguments,
    "testing fixtures": fixtures,
    "testing functions": functions,
    "testing options": options,
    "testing results": results,
    "versions": versions,
    "variables": setting_variables,
    "variables inside": internal_variables,
    "variables of tests": testing_variables,
    "command table": command_table,
    "commands": command_list,
}
DOCS = Path(__file__).parents[1]
MARKED = re.compile(
    r"(^<!-- generated: ([a-z_ ]+) -->\n).*?(^<!-- end of generated -->$)", re.MULTILINE | re.DOTALL
)

FETCHED = re.compile(
    r'<(?:script|img|iframe|source|video)[^>]+src="(?:https?:)?//'
    r'|<link rel="(?:stylesheet|preconnect|preload|icon)"[^>]+href="(?:https?:)?//'
)


def fill(markdown: str) -> str:
    """The page with its generated parts as the code has them now.

    Raises:
        KeyError: a mark that names no part.
    """
    return MARKED.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", markdown)


def write() -> None:
    """Fill every page that is stale."""
    for page in sorted(DOCS.rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        if (after := fill(before)) != before:
            page.write_text(after, encoding="utf-8")


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """MkDocs calls this with each page's HTML.

    Raises:
        PluginError: it fetches something from the network.
    """
    from mkdocs.exceptions import PluginError

    if found := FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} would fetch from the network: {found[0]}")
    return output


if __name__ == "__main__":
    write()

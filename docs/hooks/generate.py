"""MkDocs hook: a line `<!-- generated: NAME -->` in a page becomes what the code says at build time.

A page that would fetch something from elsewhere ends the build: who reads here is nobody else's business.
"""

from __future__ import annotations

import re
from typing import Any

from benchmarks import figure_table, machines
from messages import catalogue
from reference import (
    addresses,
    airflow_settings,
    arguments,
    command_list,
    command_table,
    exit_codes,
    factory_arguments,
    ignored_table,
    internal_variables,
    mode_table,
    ports,
    prod_settings,
    setting_variables,
    settings,
    testing_variables,
)

PARTS = {
    "addresses": addresses,
    "create_task": arguments,
    "errors": catalogue,
    "exit codes": exit_codes,
    "figures": figure_table,
    "machines": machines,
    "ignored": ignored_table,
    "modes": mode_table,
    "ports": ports,
    "settings of airflow": airflow_settings,
    "settings of prod": prod_settings,
    "settings": settings,
    "task_factory": factory_arguments,
    "variables": setting_variables,
    "variables inside": internal_variables,
    "variables of tests": testing_variables,
    "command table": command_table,
    "commands": command_list,
}
MARK = re.compile(r"^<!-- generated: ([a-z_ ]+) -->$", re.MULTILINE)


FETCHED = re.compile(
    r'<(?:script|img|iframe|source|video)[^>]+src="(?:https?:)?//'
    r'|<link rel="(?:stylesheet|preconnect|preload|icon)"[^>]+href="(?:https?:)?//'
)


def fill(markdown: str) -> str:
    """The page with its generated parts.

    Raises:
        KeyError: a mark that names no part; the build ends.
    """
    return MARK.sub(lambda mark: PARTS[mark[1]](), markdown)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for each page."""
    return fill(markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """MkDocs calls this with each page's HTML.

    Raises:
        PluginError: it fetches something from the network.
    """
    from mkdocs.exceptions import PluginError

    if found := FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} would fetch from the network: {found[0]}")
    return output

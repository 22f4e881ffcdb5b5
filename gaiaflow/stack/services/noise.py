"""Lines of the services' logs that say nothing to a person: requests that went well, ticks, banners."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# So many lines are read for each one that is asked for: most of a log is noise.
RAW_FOR_ONE = 40
_NOISE = re.compile(
    r"\[http\.access\].* status_code=[123]\d\d"
    r"|\"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \S+ HTTP/[\d.]+\" [123]\d\d"
    r"|\] [123]\d\d (?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /"
    r"|DAG bundles loaded: |Bulk-writing dags to db|get next_dagrun_info|setting next dagrun info"
    r"|Refreshing bundle |Searching for files in |Found \d+ files for bundle|Not time to refresh bundle"
    r"|\d+ (?:triggers|watchers) currently running|Updating RenderedTaskInstanceFields"
    r"|Task instance state updated|::(?:end)?group::|Reset(?:ting)? orphaned tasks|Adopting or resetting"
    r"|\| [\s_/\\|()]+$"
)


def telling(lines: Iterable[str]) -> Iterator[str]:
    """The lines that say something.

    Args:
        lines: each headed by its process, `airflow-scheduler | text`.
    """
    return (line for line in lines if not _NOISE.search(line))


def last_of_each(lines: Iterable[str], count: int) -> list[str]:
    """At most so many lines of each process, from the end, in their order."""
    by_process: dict[str, list[str]] = {}
    for line in lines:
        by_process.setdefault(line.partition(" | ")[0], []).append(line)
    return [line for found in by_process.values() for line in (found[-count:] if count > 0 else [])]

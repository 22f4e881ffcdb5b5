"""Become a service: read what to run from a 0600 file and replace this process by it.

supervisord starts ``python -I -S launch.py FILE``. The file holds ``{"argv", "env", "cwd", "umask"}``; so no
secret is in an argument list or in supervisord's own configuration. Stdlib only.
"""

import json
import os
import sys

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as _file:  # noqa: PTH123 - starts before pathlib would be read
        _what = json.load(_file)
    if _what["umask"] is not None:
        os.umask(_what["umask"])
    os.chdir(_what["cwd"])
    os.execve(_what["argv"][0], _what["argv"], _what["env"])  # noqa: S606 - the point of this file

"""Makes the call as runner.py does, and opens the debugger where the function raised.

    python debugger.py RUNNER

It runs in the project's environment, attached to a terminal; the variables are the runner's. The standard
library and Python >= 3.8 are enough. The debugger opens in the last frame of the project's own code: `down`
goes into the library that it called, `q` leaves.
"""

import importlib.util
import os
import pdb
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, List, Optional


class Debugger(pdb.Pdb):
    """Starts in the project's code instead of the innermost frame."""

    def setup(self, frame: "Any", traceback: "Optional[TracebackType]") -> None:
        super().setup(frame, traceback)
        folders = [p for p in os.environ.get("GAIAFLOW_CODE", "").split(os.pathsep) if p]
        own = [n for n, (frame, _) in enumerate(self.stack) if _lies_in(frame.f_code.co_filename, folders)]
        if own:
            self.curindex = own[-1]
            self.curframe = self.stack[self.curindex][0]
            self.curframe_locals = self.curframe.f_locals


def _lies_in(file: str, folders: "List[str]") -> bool:
    inside = any(os.path.abspath(file).startswith(os.path.abspath(f) + os.sep) for f in folders)
    return inside and os.sep + "site-packages" + os.sep not in file


def main(path: str) -> int:
    own = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.realpath(p) != own]  # nothing beside this file is a module
    spec: Any = importlib.util.spec_from_file_location("gaiaflow_runner", path)
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    runner.show_logging()
    try:
        runner.run(os.environ)
    except runner.Failure as failure:
        cause = failure.__cause__
        if cause is not None:
            runner.print_traceback(cause)
        sys.stderr.write("%s%s\n" % (runner.PREFIX, failure))
        sys.stderr.flush()
        if cause is not None and cause.__traceback__ is not None:
            debugger = Debugger()
            debugger.reset()
            debugger.interaction(None, cause.__traceback__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

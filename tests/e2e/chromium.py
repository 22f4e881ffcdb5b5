"""The browser of these tests, and where their screenshots stay."""

from __future__ import annotations

import shutil
from pathlib import Path

SCREENSHOTS = Path(__file__).parents[2] / "artefacts" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

"""`gaiaflow` and `python -m gaiaflow`: the commands of the toolkit, in any folder."""

from __future__ import annotations


def main() -> None:
    from gaiaflow.lifecycle.namespace import namespace
    from gaiaflow.lifecycle.terminal.program import GaiaflowProgram

    GaiaflowProgram(name="gaiaflow", binary="gaiaflow", binary_names=["gaiaflow"], namespace=namespace()).run()


if __name__ == "__main__":
    main()

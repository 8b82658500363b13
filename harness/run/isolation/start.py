"""The script that a variant's process starts with; its interpreter may be any Python 3.

It makes our package importable without the packages that lie beside it, which belong to
another environment. Until it has, it uses the standard library alone.
"""

import json
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path

_PACKAGES = Path(__file__).resolve().parents[3]
_OLDEST = (3, 11)


def main(fds: "list[int]") -> None:
    """Serve on the file descriptors that were inherited; the first is the channel."""
    if sys.version_info < _OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        _refuse(fds[0], f"is Python {found}", "use Python 3.11 or later")
    if find_spec("numpy") is None:
        _refuse(fds[0], "has no numpy", "install numpy and the runtime into it")
    _import_package()
    from harness.run.isolation.worker import serve

    serve(fds)


def _import_package() -> None:
    spec = PathFinder.find_spec("harness", [str(_PACKAGES)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["harness"] = module_from_spec(spec)
    spec.loader.exec_module(package)


def _refuse(fd: int, message: str, hint: str) -> None:
    told = {
        "kind": "MissingDependencyError",
        "message": f"the interpreter {sys.executable} {message}",
        "hint": hint,
    }
    body = json.dumps({"error": told}).encode()
    os.write(fd, len(body).to_bytes(4, "big") + body)
    sys.exit(1)


if __name__ == "__main__":
    # The folder of this script is no place to import from.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    main([int(fd) for fd in sys.argv[1:]])

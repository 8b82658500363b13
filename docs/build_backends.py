"""Write docs/backends.md: what runs, what is read, and how far each form agrees.

    python docs/build_backends.py [--out FILE]

Forms come from the table that detection uses, backends from theirs; agreement is
measured, on the digits model in every form that can be made here.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import backend_forms
import numpy as np

from harness.backends.detect import detect_form
from harness.backends.forms.table import FORMS
from harness.backends.table import BACKENDS
from harness.core.errors import HarnessError, MissingDependencyError
from harness.core.files import write_text
from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.preprocess import prepare
from harness.golden.source import open_golden
from harness.inspection import inspect_model
from harness.testing import answers
from harness.weights import READERS

if TYPE_CHECKING:
    from backend_forms import Floats, Made

    from harness.backends.forms.form import Form

    Row = tuple[str, ...]

N = 360
# What is promised of float, float16 and int8 forms; finer than that, machines differ.
LIMITS = ((2e-6, 0), (2e-3, 0), (5e-2, 2))
ENDPOINTS = {
    "kserve": "KServe v2 endpoint: Triton, OpenVINO Model Server, MLServer",
    "tfserving": "TensorFlow Serving endpoint, REST",
}
HEAD = """\
# Backends: which forms run, and how far they agree

Written by `docs/build_backends.py`, which makes the digits model in each form with that
form's own tools, runs it on the 360 golden images and holds it against what the
original, in Keras, answered. A test runs it again and compares.

- **reads**: what `harness inspect` tells of such a file without running it.
- **weights**: whether `harness weights` reads them, none of it with the form's own
  runtime; and the extra that this needs, where it needs one.
- **agrees within**: the largest difference of a probability, rounded up to 2e-6 (as
  promised of float forms), 2e-3 (float16) or 5e-2 (int8). Within 2e-3 no top class
  moved, within 5e-2 at most 2 of 360. Models of scikit-learn are held against
  themselves.
- **extra**: `pip install 'model-quality-harness[<extra>]'`; none where the base install
  runs it.

"""
COLUMNS = ("form", "files", "backend", "extra", "reads", "weights", "agrees within")
LEFT = ("form", "files", "weights", "why, and what to do")


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).with_name("backends.md")
    parser.add_argument("--out", type=Path, default=default)
    write_text(parser.parse_args().out, page())


def page() -> str:
    """The whole page.

    Raises:
        ValueError: A form or a backend is in one table and not in another.
    """
    run = [form for form in FORMS if form.backend]
    names = {form.name for form in run}
    if stray := sorted({*backend_forms.FORMS, *backend_forms.ELSEWHERE} - names):
        raise ValueError(f"no form that runs is called {', '.join(stray)}")
    rows = [row for form in run for row in form_rows(form)]
    told = {row[2] for row in rows}
    rows += [endpoint_row(name) for name in own_backends() if name not in told]
    rows.sort(key=lambda row: row[2])
    unrun = [form for form in FORMS if not form.backend]
    left = sorted((title(f), files(f), weights(f), f.reason) for f in unrun)
    return f"{HEAD}{table(COLUMNS, rows)}\n## Known, and not run\n\n{table(LEFT, left)}"


def own_backends() -> list[str]:
    """Backends of the harness itself, whatever else is installed."""
    return [n for n in BACKENDS if BACKENDS.entry(n).target.startswith("harness.")]


def form_rows(form: Form) -> list[Row]:
    """One row a way in which the form is run.

    Raises:
        ValueError: Nothing holds the form to the original.
    """
    made = backend_forms.FORMS.get(form.name, ())
    if made:
        return [made_row(form, one) for one in made]
    test = backend_forms.ELSEWHERE.get(form.name)
    if test is None or not (backend_forms.ROOT / test).is_file():
        raise ValueError(f"nothing holds {form.title} to the original")
    assert form.backend is not None  # the caller chose
    cell = f"held to it by `{test}`"
    facts = (title(form), files(form), form.backend, extra(form.backend))
    return [(*facts, "", weights(form), cell)]


def made_row(form: Form, made: Made) -> Row:
    name = ", ".join(filter(None, (title(form), made.label)))
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = made.make(Path(folder))
            cells = (reads(path), weights(form), agreement(made, path))
        except (ImportError, MissingDependencyError) as error:
            told = f"not measured: {' '.join(str(error).split())}"
            cells = ("", weights(form), told)
    return (name, files(form), made.backend, extra(made.backend), *cells)


def endpoint_row(name: str) -> Row:
    if name not in ENDPOINTS:
        raise ValueError(f"backend {name!r} is in no row: tell what it runs")
    behind = "as the model behind it"
    return (ENDPOINTS[name], "a URL", name, extra(name), "", "", behind)


def reads(path: Path) -> str:
    """What is told of the file without running it."""
    try:
        facts = inspect_model(path, detect_form(path).name)
    except HarnessError:
        return ""
    told = {
        "interface": facts.inputs or facts.signatures,
        "operators": facts.operators,
        "parameters": facts.n_parameters,
    }
    return ", ".join(name for name, found in told.items() if found)


def weights(form: Form) -> str:
    """Whether a reader of weights knows the form, and what it needs."""
    if form.name not in READERS:
        return ""
    needed = READERS.entry(form.name).extra
    return f"read, extra `{needed}`" if needed else "read"


def agreement(made: Made, path: Path) -> str:
    """The finest limit that holds, as measured; what was measured where none does."""
    feed = made.feed(images())
    expected = original() if made.original is None else made.original(feed)
    session = BACKENDS.get(made.backend)(path, made.options)
    try:
        name = session.inputs[0].name if session.inputs else "image"
        size = session.batch_size or made.batch_size or N
        answer = answers(session, {name: feed}, size)
    finally:
        session.close()
    found = next(array for array in answer.values() if array.ndim == 2)
    error = float(np.abs(found - expected).max())
    flips = int(np.sum(found.argmax(1) != expected.argmax(1)))
    for limit, allowed in LIMITS:
        if error <= limit and flips <= allowed:
            return f"{limit:.0e}".replace("e-0", "e-")
    return f"**not: {error:.1e}, {flips} of {N} flips**"


@cache
def images() -> Floats:
    source = open_golden(GoldenSpec(backend_forms.GOLDEN / "digits" / "data"))
    chunk = next(source.chunks(N))
    return prepare(chunk.inputs["image"], Preprocess(scale=0.0625))


@cache
def original() -> Floats:
    session = BACKENDS.get("replay")(backend_forms.RECORDED, {})
    found: Floats = session.run({}, slice(0, N))["probabilities"]
    session.close()
    return found


def title(form: Form) -> str:
    """Without its article: "ONNX model"."""
    bare = re.sub(r"^(an?|the) ", "", form.title)
    return bare[0].upper() + bare[1:]


def files(form: Form) -> str:
    return ", ".join(f"`{suffix}`" for suffix in form.suffixes)


def extra(backend: str) -> str:
    return BACKENDS.entry(backend).extra or ""


def table(titles: Row, rows: list[Row]) -> str:
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()

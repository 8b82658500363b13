"""What PyTorch wrote into a file, told without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.look import Look
from harness.backends.forms.torch_forms import FORMS
from harness.core.archives import open_archive
from harness.core.errors import ModelLoadError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

# The surest recognisers first: every archive of PyTorch's looks like saved state.
_BY_EVIDENCE = sorted(FORMS, key=lambda form: (form.evidence, form.name))


def torch_form(path: Path) -> str:
    """Name of the form, one of `harness.backends.forms.torch_forms`.

    What is called saved state may be a pickled module: that shows when it is read.

    Raises:
        ModelLoadError: The file is cut short, or of no form of PyTorch's.
        UnsafeModelError: It is a bare pickle, or its archive is not to be opened.
        OSError: It cannot be read.
    """
    look = Look(path)
    for form in _BY_EVIDENCE:
        if form.recognise(look):
            return form.name
    if look.head.startswith(b"\x80"):
        raise UnsafeModelError(
            f"{path} is a pickle, which can run any code when it is loaded",
            hint="save model.state_dict() with torch.save, or the model with"
            " torch.export.save",
        )
    found = look.damage or f"{path} is of no form that PyTorch or safetensors writes"
    raise ModelLoadError(
        found, hint="save or copy the model again; it may have been cut short"
    )


def entries(path: Path, ending: str, limit: int) -> dict[str, bytes]:
    """Entries of an archive whose names end so, unpacked.

    Raises:
        UnsafeModelError: Two entries have one name, so that what is looked at need
            not be what is loaded; or one is longer than `limit` bytes.
        ModelLoadError: The archive is damaged.
    """
    with open_archive(path) as archive:
        infos = archive.infolist()
        _refuse_twins(path, [info.filename for info in infos])
        chosen = [info for info in infos if info.filename.endswith(ending)]
        for info in chosen:
            if info.file_size > limit:
                raise UnsafeModelError(
                    f"{path}: {info.filename} takes {info.file_size:,} bytes;"
                    f" {limit:,} is the most that is read",
                    hint="save the model again; no exporter writes so much text",
                )
        return {info.filename: archive.read(info) for info in chosen}


def entry_names(path: Path) -> tuple[str, ...]:
    """Names of an archive's entries, sorted."""
    with open_archive(path) as archive:
        return tuple(sorted(archive.namelist()))


def _refuse_twins(path: Path, names: Collection[str]) -> None:
    if len(set(names)) < len(names):
        twin = next(name for name in sorted(names) if list(names).count(name) > 1)
        raise UnsafeModelError(
            f"{path} is an archive with two entries {twin!r}",
            hint="save the model again; no exporter writes such an archive",
        )

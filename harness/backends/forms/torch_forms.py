"""PyTorch: TorchScript, exported programs, saved state, and safetensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

# A pickle of the number that begins files of torch.save before 1.6
# (torch/serialization.py, MAGIC_NUMBER).
_OLD_SAVE = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
_MAX_HEADER = 100_000_000


def _is_torchscript(look: Look) -> bool:
    return look.ends_with("/constants.pkl", "/code/__torch__.py") or any(
        "/code/" in name for name in look.names
    )


def _is_exported_program(look: Look) -> bool:
    return look.ends_with("/archive_format", "serialized_exported_program.json") or any(
        "/models/" in f"/{name}" for name in look.names
    )


def _is_state(look: Look) -> bool:
    return look.ends_with("/data.pkl")


def _is_old_state(look: Look) -> bool:
    return look.head[2 : 2 + len(_OLD_SAVE)] == _OLD_SAVE


def _is_safetensors(look: Look) -> bool:
    """Length of a header of JSON, then the header."""
    length = int.from_bytes(look.head[:8], "little")
    whole = 2 <= length <= min(_MAX_HEADER, look.size - 8)
    return whole and look.head[8:9] == b"{"


FORMS = (
    Form(
        name="torchscript",
        title="a TorchScript archive",
        suffixes=(".pt", ".pth", ".ts", ".torchscript"),
        evidence=Evidence.STRUCTURE,
        recognise=_is_torchscript,
        backend="torch",
    ),
    Form(
        name="exported-program",
        title="an exported PyTorch program",
        suffixes=(".pt2",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_exported_program,
        backend="torch",
    ),
    Form(
        name="state-dict",
        title="saved PyTorch state",
        suffixes=(".pth", ".pt", ".ckpt", ".bin"),
        evidence=Evidence.LIKENESS,
        recognise=_is_state,
        backend="torch",
    ),
    Form(
        name="state-dict-old",
        title="PyTorch state in the form before 1.6",
        suffixes=(".pth", ".pt", ".ckpt", ".bin"),
        evidence=Evidence.MAGIC,
        recognise=_is_old_state,
        backend="torch",
    ),
    Form(
        name="safetensors",
        title="a safetensors file",
        suffixes=(".safetensors",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_safetensors,
        backend="torch",
    ),
)

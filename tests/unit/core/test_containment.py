from pathlib import Path

import pytest

from harness.core.containment import path_inside
from harness.core.errors import UnsafeModelError


@pytest.mark.parametrize(
    ("location", "inside"),
    [
        ("w.data", "w.data"),
        ("a/b.data", "a/b.data"),
        ("./a/../w", "w"),
        ("a\\b", "a/b"),
    ],
)
def test_paths_inside_of_the_folder_are_followed(location, inside):
    assert path_inside(Path("models"), location, "w") == Path("models") / inside


@pytest.mark.parametrize(
    "location",
    ["", ".", "..", "../w", "a/../../w", "/w", "\\w", "..\\w", "C:\\w", "C:w", "//h/w"],
)
def test_paths_that_leave_the_folder_are_refused(location):
    with pytest.raises(UnsafeModelError, match="tensor 'w' points to") as refused:
        path_inside(Path("models"), location, "tensor 'w'")
    assert refused.value.hint


def test_a_link_inside_of_the_folder_is_the_users_own(tmp_path):
    (tmp_path / "store").write_bytes(b"x")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "w.data").symlink_to(tmp_path / "store")
    assert path_inside(folder, "w.data", "w").read_bytes() == b"x"

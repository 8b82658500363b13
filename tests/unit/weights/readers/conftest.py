"""Files of weights, each written by the tool that its form belongs to."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from harness.weights import READERS


@pytest.fixture(scope="session")
def torch_models():
    """The module of networks; importable, for pickles name their classes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        import torch_files

        yield torch_files


@pytest.fixture(scope="session")
def torch_folder(torch_models, tmp_path_factory):
    """A network of all layers in all forms of PyTorch, and its state."""
    folder = tmp_path_factory.mktemp("torch")
    return folder, torch_models.write(folder)


@pytest.fixture(scope="session")
def decoding(torch_models, tmp_path_factory):
    """An exported program that decodes integers, and the module it was."""
    folder = tmp_path_factory.mktemp("decoding")
    return folder / "decoding.pt2", torch_models.write_decoding(folder)


@pytest.fixture(scope="session")
def quantized_torch(torch_models, tmp_path_factory):
    """A quantized network as a state and as TorchScript, and the module."""
    folder = tmp_path_factory.mktemp("quantized")
    return folder, torch_models.write_quantized(folder)


@dataclass
class TensorflowFiles:
    """Models of the TensorFlow family, and what the framework says of them."""

    folder: Path
    truth: dict[str, np.ndarray]

    def of(self, file):
        """Tensor of a file -> its numbers."""
        return {
            key.partition("|")[2]: values
            for key, values in self.truth.items()
            if key.partition("|")[0] == file
        }


@pytest.fixture(scope="session")
def tensorflow(tmp_path_factory):
    """Made once for all workers, in a process that imports TensorFlow."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "tensorflow"
    with FileLock(shared / "tensorflow.lock"):
        if not (folder / "truth.npz").is_file():
            folder.mkdir(exist_ok=True)
            script = Path(__file__).with_name("tensorflow_models.py")
            done = subprocess.run(
                [sys.executable, script, folder],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-4000:]
    with np.load(folder / "truth.npz") as truth:
        return TensorflowFiles(folder, dict(truth))


@pytest.fixture(scope="session")
def read_form():
    """Form, path -> name -> tensor."""

    def read(form, path):
        weights = list(READERS.get(form)(path))
        found = {weight.name: weight for weight in weights}
        assert len(found) == len(weights)
        return found

    return read

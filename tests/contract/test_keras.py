"""Keras through the contract."""

import pytest

from harness.testing import LiveBackendContract

keras = pytest.importorskip("keras", reason="needs the tensorflow extra")

# Saving is Keras's own affair with numpy 2; what we call for loading is silent.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")


class KerasContract(LiveBackendContract):
    backend = "keras"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


class TestKerasArchive(KerasContract):
    @pytest.fixture
    def model(self, models):
        return models / "digits.keras"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small model in the HDF5 form."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((8, 8, 1), name="image"),
        keras.layers.Flatten(),
        keras.layers.Dense(3, name="scores"),
    ]
    path = tmp_path_factory.mktemp("keras") / "small.h5"
    keras.Sequential(layers).save(path)
    return path


class TestHdf5(KerasContract):
    @pytest.fixture
    def model(self, small):
        return small

"""Written by torch.onnx.export."""

import numpy as np
from odd_models.cases import N, normal
from odd_models.torch_export import traced


def two_by_two(folder):
    """Two inputs, two outputs."""
    return sum_and_product(folder, external_data=False)


def external(folder):
    """The same with its weights in a file of their own, as the exporter likes it."""
    return sum_and_product(folder, external_data=True)


def sum_and_product(folder, *, external_data):
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = torch.nn.Linear(4, 3), torch.nn.Linear(2, 3)

        def forward(self, x, z):
            return self.left(x) + self.right(z), self.left(x) * self.right(z)

    golden = {"x": normal(N, 4), "z": normal(N, 2)}
    n = torch.export.Dim("n")
    return traced(
        Model,
        golden,
        ["total", "product"],
        folder,
        dynamo=True,
        external_data=external_data,
        dynamic_shapes={"x": {0: n}, "z": {0: n}},
    )


def recurrent(folder):
    """Samples first in the sequences, second in the states that come and go."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(3, 4, num_layers=2, batch_first=True)

        def forward(self, x, h0, c0):
            y, (hn, cn) = self.lstm(x, (h0, c0))
            return y, hn, cn

    golden = {"x": normal(N, 5, 3), "h0": normal(N, 2, 4), "c0": -normal(N, 2, 4)}
    states = dict.fromkeys(["h0", "c0", "hn", "cn"], 1)
    return traced(Model, golden, ["y", "hn", "cn"], folder, batch_axis=states)


def time_major(folder):
    """Time first, samples second, in every tensor."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = torch.nn.GRU(3, 4)

        def forward(self, x, h0):
            return self.gru(x, h0)

    golden = {"x": normal(N, 5, 3), "h0": normal(N, 1, 4)}
    return traced(Model, golden, ["y", "hn"], folder, batch_axis=1)


def fixed_batch_1(folder):
    return fixed_batch(folder, 1)


def fixed_batch_3(folder):
    return fixed_batch(folder, 3)


def fixed_batch(folder, size):
    """A number of samples that the export has written into the graph."""
    import torch

    def model():
        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(1))

    return traced(model, {"x": normal(N, 4)}, ["scores"], folder, fixed=size)


def fixed_time_major(folder):
    """A fixed batch of 3 on axis 1."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = torch.nn.RNN(3, 4)

        def forward(self, x):
            return self.rnn(x)[0]

    golden = {"x": normal(N, 5, 3)}
    return traced(Model, golden, ["y"], folder, batch_axis=1, fixed=3)


def tokens(folder):
    """Whole numbers in."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(11, 3)

        def forward(self, ids):
            return self.table(ids).mean(dim=1), ids.sum(dim=1)

    golden = {"ids": np.arange(N * 6).reshape(N, 6) % 11}
    return traced(Model, golden, ["scores", "checksum"], folder)


def any_size(folder):
    """Free height and width."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, image):
            map_ = torch.relu(self.conv(image))
            return map_, map_.amax(dim=(2, 3))

    golden = {"image": normal(N, 1, 9, 6)}
    free = {"image": {0: "n", 2: "h", 3: "w"}, "map": {0: "n", 2: "h", 3: "w"}}
    return traced(Model, golden, ["map", "peak"], folder, dynamic_axes=free)


def json_names(folder):
    """Outputs that are called what some service's schema calls them."""
    import torch

    class Model(torch.nn.Module):
        def forward(self, x):
            return x.exp(), x.abs()

    names = ['{"a": 1}', '{"path": "b/c:0", "list": [1, 2]}']
    return traced(Model, {"x": normal(N, 4)}, names, folder)


def scalar(folder):
    """One number for the one sample that it takes, of rank 0."""
    import torch

    class Model(torch.nn.Module):
        def forward(self, x):
            return (x * x).sum(), x.amax(dim=1)

    golden = {"x": normal(N, 4)}
    return traced(Model, golden, ["energy", "peak"], folder, fixed=1, alone=True)


def unbatched(folder):
    """No axis for samples, neither in nor out."""
    import torch

    def model():
        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())

    return traced(model, {"x": normal(N, 4)}, ["y"], folder, fixed=0)


def half(folder):
    """float16 in and out."""
    import torch

    def model():
        return torch.nn.Linear(4, 3).half()

    return traced(model, {"x": normal(N, 4).astype(np.float16)}, ["y"], folder)


def brain_half(folder):
    """bfloat16 in and out, float32 within: what the CPU provider has kernels for."""
    import torch

    class Model(torch.nn.Module):
        def forward(self, x):
            return x.to(torch.float32).exp().to(torch.bfloat16), x.to(torch.float32)

    golden = {"x": normal(N, 4)}
    return traced(Model, golden, ["y", "same"], folder, feed=torch.bfloat16)


def flags(folder):
    """Booleans in and out."""
    import torch

    class Model(torch.nn.Module):
        def forward(self, x, mask):
            return (x > 0) & mask, x * mask

    golden = {"x": normal(N, 4), "mask": normal(N, 4)[::-1] > 0}
    return traced(Model, golden, ["kept", "masked"], folder)


def notes(folder):
    """Two outputs of one shape, by their own names; see `frames`."""
    import torch

    class Model(torch.nn.Module):
        def forward(self, wave):
            return torch.tanh(wave), torch.sigmoid(wave)

    return traced(Model, {"wave": normal(N, 5)}, ["note", "onset"], folder)


MAKERS = (
    *(two_by_two, external, recurrent, time_major, fixed_batch_1, fixed_batch_3),
    *(fixed_time_major, tokens, any_size, json_names, scalar, unbatched),
    *(half, brain_half, flags, notes),
)

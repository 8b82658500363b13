"""Networks written in PyTorch, as people write them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """A transformer layer, attention written out."""

    def __init__(self, width: int, n_heads: int, gelu: str) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gelu = nn.GELU(approximate=gelu)

    def forward(self, x: Tensor, dropped: Tensor | None = None) -> Tensor:
        """One layer; [n, length, width] in and out."""
        x = x + self._attend(self.first(x), dropped)
        return x + self.down(self.gelu(self.up(self.second(x))))

    def _attend(self, x: Tensor, dropped: Tensor | None) -> Tensor:
        batch, length, width = x.shape
        split = self.qkv(x).reshape(batch, length, 3, self.n_heads, -1)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.n_heads)
        if dropped is not None:
            scores = scores.masked_fill(dropped[:, None, None], -1e9)
        mixed = torch.softmax(scores, dim=-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class TextEncoder(nn.Module):
    """Tokens and a mask to class scores."""

    def __init__(self, width: int = 64, n_layers: int = 3, length: int = 32) -> None:
        super().__init__()
        self.tokens = nn.Embedding(128, width)
        self.positions = nn.Parameter(torch.randn(1, length, width) * 0.3)
        self.blocks = nn.ModuleList(Block(width, 4, "none") for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Scores [n, 10]."""
        x = self.tokens(tokens) + self.positions
        for block in self.blocks:
            x = block(x, ~mask)
        counted = mask.unsqueeze(-1).to(x.dtype)
        pooled = (self.norm(x) * counted).sum(1) / counted.sum(1)
        return self.head(pooled)


class ImageTransformer(nn.Module):
    """Patches, a class token, and the tanh form of GELU."""

    def __init__(self, width: int = 48, n_layers: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 17, width) * 0.3)
        self.blocks = nn.ModuleList(Block(width, 4, "tanh") for _ in range(n_layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Scores [n, 10]."""
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Recurrent(nn.Module):
    """Two recurrent layers, one of them in both directions."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU], features: int = 12) -> None:
        super().__init__()
        self.first = kind(features, 24, bidirectional=True, batch_first=True)
        self.second = kind(48, 32, batch_first=True)
        self.head = nn.Linear(32, 6)

    def forward(self, sequence: Tensor) -> Tensor:
        """Scores [n, 6]."""
        steps, _ = self.second(self.first(sequence)[0])
        return self.head(steps.mean(1) + steps[:, -1])


class SignalNet(nn.Module):
    """1-D convolutions with residuals, as used on heart beats."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, 16, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm1d(16)
        self.wide = nn.Conv1d(16, 16, 3, padding=2, dilation=2)
        self.wide_norm = nn.BatchNorm1d(16)
        self.down = nn.Conv1d(16, 32, 5, stride=2, padding=2)
        self.down_norm = nn.BatchNorm1d(32, eps=1e-3)
        self.pool = nn.AvgPool1d(3, stride=2, padding=1)
        self.last = nn.Conv1d(32, 32, 4, stride=2, padding=1)
        self.head = nn.Linear(32 * 8, 5)

    def forward(self, signal: Tensor) -> Tensor:
        """Scores [n, 5]."""
        x = functional.relu(self.norm(self.stem(signal)))
        x = x + functional.leaky_relu(self.wide_norm(self.wide(x)), 0.1)
        x = self.pool(functional.relu(self.down_norm(self.down(x))))
        x = functional.elu(self.last(x))
        return self.head(torch.flatten(x, 1))


class WaveNet(nn.Module):
    """Companded samples as tokens, gated causal dilated convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(64, 24)
        dilations = (1, 2, 4)
        self.filters = nn.ModuleList(
            nn.Conv1d(24, 24, 2, dilation=d) for d in dilations
        )
        self.gates = nn.ModuleList(nn.Conv1d(24, 24, 2, dilation=d) for d in dilations)
        self.head = nn.Conv1d(24, 8, 1)

    def forward(self, signal: Tensor) -> Tensor:
        """Scores [n, 8]."""
        companded = torch.sign(signal) * torch.log1p(63 * signal.abs()) / math.log(64)
        codes = torch.round(companded * 31 + 32).to(torch.int64)
        x = self.tokens(codes[:, 0]).transpose(1, 2)
        for dilation, (one, other) in enumerate(
            zip(self.filters, self.gates, strict=True)
        ):
            past = functional.pad(x, (2**dilation, 0))
            x = x + torch.tanh(one(past)) * torch.sigmoid(other(past))
        return self.head(x).mean(-1)


class Decoder(nn.Module):
    """An image made smaller and larger again, in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.norm = nn.InstanceNorm2d(16, affine=True)
        self.up = nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1, output_padding=1)
        self.even = nn.ConvTranspose2d(16, 12, 4, stride=2, padding=1)
        self.mirrored = nn.Conv2d(12, 16, 3, padding=1, padding_mode="reflect")
        self.shuffle = nn.Conv2d(16, 32, 3, padding=1)
        self.last = nn.Conv2d(8, 3, 3, padding=1, padding_mode="replicate")

    def forward(self, image: Tensor) -> Tensor:
        """Images [n, 3, 48, 48]."""
        x = functional.leaky_relu(self.norm(self.down(image)), 0.2)
        x = functional.leaky_relu(self.up(x), 0.2)
        x = functional.interpolate(x, size=(20, 20), mode="bilinear", antialias=True)
        x = functional.interpolate(x, size=(27, 27), mode="nearest")
        x = functional.hardswish(self.even(x))
        x = functional.interpolate(x, size=(70, 70), mode="bicubic")
        x = functional.interpolate(x, size=(40, 40), mode="bilinear")
        x = functional.relu(self.mirrored(x))
        x = functional.pixel_shuffle(self.shuffle(x), 2)
        x = functional.interpolate(
            x, size=(48, 48), mode="bilinear", align_corners=True
        )
        return torch.tanh(self.last(x))


class ConvNet(nn.Module):
    """An image network: padded means, groups, squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 5, stride=2, padding=2)
        self.first_norm = nn.BatchNorm2d(24)
        self.first = nn.Conv2d(24, 24, 3, padding=1, groups=4, bias=False)
        self.second_norm = nn.BatchNorm2d(24, eps=1e-3)
        self.second = nn.Conv2d(24, 32, 1, bias=False)
        self.third_norm = nn.BatchNorm2d(32)
        self.third = nn.Conv2d(32, 32, 3, stride=2, padding=1)
        self.mean = nn.AvgPool2d(3, stride=1, padding=1)
        self.last_mean = nn.AvgPool2d(3, stride=2, ceil_mode=True)
        self.squeeze, self.excite = nn.Linear(32, 8), nn.Linear(8, 32)
        self.hidden = nn.Linear(32 * 16, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Log probabilities [n, 10]."""
        x = functional.relu(self.stem(image))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        x = x + self.first(functional.elu(self.first_norm(x), 0.7))
        x = self.second(functional.hardswish(self.second_norm(x)))
        x = self.mean(self.third(functional.relu6(self.third_norm(x) * 4)))
        gate = functional.hardsigmoid(self._squeezed(x))
        x = self.last_mean(x * gate[:, :, None, None])
        x = torch.sigmoid(self.hidden(torch.flatten(x, 1)))
        return functional.log_softmax(self.head(x), dim=-1)

    def _squeezed(self, x: Tensor) -> Tensor:
        return self.excite(functional.relu(self.squeeze(x.mean((2, 3))))) * 2


class RootMeanSquare(nn.Module):
    """Normalisation by the root mean square, written out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gain


class Mixer(nn.Module):
    """Perceptrons over tokens and over channels, as many of one as of the other."""

    def __init__(self, width: int = 32, n_layers: int = 3) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.norms = nn.ModuleList(RootMeanSquare(width) for _ in range(n_layers))
        self.tokens = nn.ModuleList(nn.Linear(width, width) for _ in range(n_layers))
        self.between = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_layers))
        self.channels = nn.ModuleList(nn.Linear(width, width) for _ in range(n_layers))
        self.left, self.right = nn.Linear(width, 4), nn.Linear(width, 4)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Two heads' probabilities, [n, 4] each."""
        x = self.embed(tokens)
        layers = zip(self.norms, self.tokens, self.between, self.channels, strict=True)
        for norm, mix, between, dense in layers:
            x = x + functional.silu(mix(norm(x).transpose(1, 2))).transpose(1, 2)
            x = x + functional.gelu(dense(between(x)))
        pooled = x.mean(1)
        left, right = self.left(pooled) * 0.3, self.right(pooled) * 0.3
        return torch.softmax(left, -1), torch.softmax(right, -1)

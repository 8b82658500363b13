"""A folder of images, one sub-folder a class."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageOps

from harness.core.errors import GoldenError
from harness.core.provenance import sha256_of
from harness.golden.forms import IMAGES
from harness.golden.rows import Column
from harness.golden.table import Table, require_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block

Mode = Literal["RGB", "L"]
Resize = Literal["none", "stretch", "crop", "pad"]
Filter = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]

# Readers of plain pixels; Pillow has others that start programs.
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MAX_PIXELS = 64_000_000
_MAX_SIDE = 16_384
_THREADS = 4
_BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError),
    # Pillow warns of what is damaged, and some run with warnings as errors.
    *(Image.DecompressionBombError, Warning),
)
_DEEP = ("I", "F")


@dataclass(frozen=True, slots=True)
class Rules:
    """How a picture becomes an array.

    Attributes:
        size: (height, width); None takes that of the first picture.
        mode: "RGB" or "L": three channels or one. Alpha is dropped.
        resize: "none" refuses another size; "stretch" ignores proportions; "crop"
            fills the size and cuts what is over, "pad" fits in it and adds black.
        filter: Pillow's resampling filter.
    """

    size: tuple[int, int] | None
    mode: str
    resize: str
    filter: str


def open_images(folder: Path, _naming: Naming, options: Options) -> Table:
    """A folder of images, or of one sub-folder a class.

    The input is ``image``, uint8 of shape (n, height, width, channels); ``sample_id``
    is the path inside the folder. Classes are the sub-folders, sorted. Orientation
    is that of the EXIF tag.

    Options: ``size`` ([height, width]), ``mode``, ``resize``, ``filter``: `Rules`.

    Raises:
        MissingGoldenError: There are no images.
        GoldenError: One cannot be read, or is of another size than the first.
        SuiteError: An option is not what is allowed.
    """
    rules = rules_of(options)
    files, left = _files(folder)
    require_samples(len(files), folder)
    labelled = all(file.parent != folder for file in files)
    first = pixels(rules, files[0], files[0])
    rules = Rules(first.shape[:2], rules.mode, rules.resize, rules.filter)
    columns = {
        "image": Column("image", first.dtype, first.shape),
        "sample_id": Column("sample_id", np.dtype("U64"), ()),
    }
    if labelled:
        columns["label"] = Column("label", np.dtype("U32"), ())
    return Table(
        where=str(folder),
        columns=columns,
        n_rows=len(files),
        read=partial(_read, folder, files, rules),
        digest=lambda: sha256_of(folder),
        class_names=_classes(folder, files) if labelled else None,
        notices=tuple(_notices(folder, files, left, labelled=labelled)),
    )


def rules_of(options: Options) -> Rules:
    """What a suite says of images.

    Raises:
        SuiteError: An option is not what is allowed.
    """
    size = options.counts("size", _MAX_SIDE)
    if size is not None and len(size) == 1:
        size = (size[0], size[0])
    resize = options.choice("resize", Resize, "none")
    return Rules(
        size=None if size is None else (size[0], size[1]),
        mode=options.choice("mode", Mode, "RGB"),
        resize=resize,
        filter=options.choice("filter", Filter, "bilinear"),
    )


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Images and other files, both sorted by their names; hidden ones are neither."""
    found = (path for path in folder.rglob("*") if path.is_file())
    seen = sorted(
        (path.relative_to(folder).parts, path)
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    images = [path for _, path in seen if path.suffix.lower() in IMAGES]
    return images, [path for _, path in seen if path.suffix.lower() not in IMAGES]


def _classes(folder: Path, files: list[Path]) -> tuple[str, ...]:
    return tuple(sorted({file.relative_to(folder).parts[0] for file in files}))


def _notices(
    folder: Path, files: list[Path], left: list[Path], *, labelled: bool
) -> Iterator[str]:
    if left:
        yield f"{len(left)} files of {folder} are no images: {left[0].name}, ..."
    stray = sum(file.parent == folder for file in files)
    if not labelled and stray < len(files):
        yield (
            f"{stray} images lie in {folder} itself, in no class's sub-folder, so no"
            " image has a label"
        )


def _read(
    folder: Path,
    files: list[Path],
    rules: Rules,
    names: Sequence[str],
    rows: int,
    span: slice,
) -> Iterator[Block]:
    rest = iter(files[span])
    with ThreadPoolExecutor(_THREADS, "images") as pool:
        while batch := list(islice(rest, rows)):
            block = dict(_words(folder, batch))
            if "image" in names:
                found = pool.map(partial(pixels, rules), batch, batch)
                block["image"] = _stacked(batch, found)
            yield {name: block[name] for name in names}


def _words(folder: Path, batch: list[Path]) -> Iterator[tuple[str, Array]]:
    parts = [file.relative_to(folder).parts for file in batch]
    yield "sample_id", np.array(["/".join(part) for part in parts], np.str_)
    yield "label", np.array([part[0] for part in parts], np.str_)


def _stacked(batch: list[Path], found: Iterator[Array]) -> Array:
    first = next(found)
    result = np.empty((len(batch), *first.shape), first.dtype)
    result[0] = first
    for index, array in enumerate(found, 1):
        result[index] = array
    return result


def pixels(rules: Rules, content: Path | IO[bytes], file: Path | str) -> Array:
    """One picture, uint8, shape (height, width, channels).

    Args:
        rules: How it becomes an array.
        content: Where it is read.
        file: What messages call it.

    Raises:
        GoldenError: It cannot be read, is too large, deeper than 8 bits, or of
            another size.
    """
    try:
        with Image.open(content, formats=_FORMATS) as image:
            _refuse(image, file)
            upright = ImageOps.exif_transpose(image)
            plain = upright.convert(rules.mode)
            array = np.array(_sized(plain, rules, file), np.uint8)
    except _BROKEN as error:
        raise GoldenError(
            f"{file} cannot be read ({error})",
            hint="restore the image, or save it again as PNG",
        ) from error
    return array[:, :, np.newaxis] if array.ndim == 2 else array


def _refuse(image: Image.Image, file: Path | str) -> None:
    width, height = image.size
    if width * height > _MAX_PIXELS or max(width, height) > _MAX_SIDE * 4:
        raise GoldenError(
            f"{file} is {height} x {width} pixels: refused as a decompression bomb"
            f" (at most {_MAX_PIXELS:,} pixels)",
            hint="save a smaller image; golden samples are of the model's size",
        )
    if image.mode.startswith(_DEEP):
        raise GoldenError(
            f"{file} has more than 8 bits a channel (mode {image.mode})",
            hint="save such samples as .npz, in the range that the model is fed",
        )


def _sized(image: Image.Image, rules: Rules, file: Path | str) -> Image.Image:
    if rules.size is None or image.size == (rules.size[1], rules.size[0]):
        return image
    height, width = rules.size
    if rules.resize == "none":
        raise GoldenError(
            f"{file} is {image.height} x {image.width} pixels, expected {height} x"
            f" {width}",
            hint='declare how images are resized: golden.options.resize = "stretch",'
            ' "crop" or "pad", and size = [height, width]',
        )
    ways = {"stretch": _stretch, "crop": ImageOps.fit, "pad": ImageOps.pad}
    method = Image.Resampling[rules.filter.upper()]
    return ways[rules.resize](image, (width, height), method=method)


def _stretch(
    image: Image.Image, size: tuple[int, int], method: Image.Resampling
) -> Image.Image:
    return image.resize(size, method)

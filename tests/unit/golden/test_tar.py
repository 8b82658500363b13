"""Shards in WebDataset's form: what they hold, and what they may not."""

import io
import json
import tarfile
import tracemalloc

import fsspec
import numpy as np
import pytest
from PIL import Image

from harness.core.errors import GoldenError, MissingGoldenError, SuiteError
from harness.core.specs import GoldenSpec
from harness.golden.shard_names import expanded
from harness.golden.source import open_golden


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def picture(value=0, size=(3, 2), mode="RGB", form="png"):
    stream = io.BytesIO()
    colour = value if mode == "L" else (value, 0, 0)
    Image.new(mode, size, colour).save(stream, form)
    return stream.getvalue()


def entry(name, content=b"", **facts):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in facts.items():
        setattr(info, key, value)
    return info, content


@pytest.fixture
def write(tmp_path):
    """Writes entries, (name, content) or (TarInfo, content), as a tar file."""

    def make(*entries, name="set.tar", form=tarfile.PAX_FORMAT):
        path = tmp_path / name
        with tarfile.open(path, "w", format=form) as archive:
            for one, content in entries:
                info = entry(one, content)[0] if isinstance(one, str) else one
                archive.addfile(info, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def opened(write):
    def read(*entries, options=None, **spec):
        path = write(*entries)
        return open_golden(GoldenSpec(path, options=options or {}, **spec))

    return read


@pytest.fixture
def complaint(opened):
    def told(*entries, **spec):
        with pytest.raises(GoldenError) as caught:
            list(opened(*entries, **spec).chunks(4))
        assert "Traceback" not in str(caught.value)
        return str(caught.value)

    return told


def test_each_kind_of_file_is_a_column(opened):
    source = opened(
        ("a/0.jpg", picture(form="jpeg")),
        ("a/0.left.npy", npy(np.arange(3.0))),
        ("a/0.cls", b"2\n"),
        ("a/0.fine.cls", b"tabby"),
        ("a/0.json", json.dumps({"group": "g", "slice_dark": True}).encode()),
        ("a/0.target_box.npy", npy(np.zeros((2, 4), np.float32))),
    )
    assert [(s.name, s.dtype, s.shape) for s in source.inputs] == [
        ("image", "uint8", (1, 2, 3, 3)),
        ("left", "float64", (1, 3)),
        ("fine", "str", (1,)),
    ]
    (chunk,) = source.chunks(4)
    assert chunk.labels.tolist() == [2]
    assert chunk.sample_ids.tolist() == ["a/0"]
    assert chunk.targets["box"].shape == (1, 2, 4)
    assert {k: v.tolist() for k, v in chunk.metadata.items()} == {
        "group": ["g"],
        "dark": [True],
    }


def test_what_tells_of_a_sample_is_no_input_beside_others(opened):
    about = json.dumps({"url": "u", "hour": 3}).encode()
    files = [("0.npy", npy(np.ones(2))), ("0.json", about), ("0.txt", b"a cat")]
    source = opened(*files, metadata=("hour",))
    assert [spec.name for spec in source.inputs] == ["array"]
    assert source.notices == (
        "golden array 'text' is not used",
        "golden array 'url' is not used",
    )
    assert next(source.chunks(1)).metadata["hour"].tolist() == [3]


def test_text_alone_is_an_input(opened):
    source = opened(("0.txt", b"short\n"), ("1.txt", "länger".encode()))
    (chunk,) = source.chunks(2)
    assert chunk.inputs["text"].tolist() == ["short", "länger"]


def test_names_in_json_go_before_keys(opened):
    files = [("0.npy", npy(np.ones(2))), ("0.json", b'{"sample_id": "me"}')]
    assert next(opened(*files).chunks(1)).sample_ids.tolist() == ["me"]


def test_other_files_are_told_and_never_opened(opened):
    source = opened(
        entry("set", type=tarfile.DIRTYPE),
        ("__meta__.json", b"{"),
        (".hidden", b""),
        ("0.npy", npy(np.ones(2))),
        ("0.pyd", b"\x80\x04."),
    )
    assert source.notices == ("files .pyd of samples are not used",)
    assert len(list(source.chunks(1))) == 1


def test_images_are_resized_as_declared(opened):
    files = [("0.png", picture()), ("1.png", picture(size=(6, 4)))]
    how = {"size": [4, 4], "resize": "stretch", "mode": "L"}
    (chunk,) = opened(*files, options=how).chunks(2)
    assert chunk.inputs["image"].shape == (2, 4, 4, 1)


def test_images_of_two_forms_are_one_column(opened):
    source = opened(("0.png", picture(9)), ("1.bmp", picture(7, form="bmp")))
    (chunk,) = source.chunks(2)
    assert chunk.inputs["image"][:, 0, 0, 0].tolist() == [9, 7]


def test_decoding_in_threads_keeps_the_order(opened):
    files = [(f"{i:03}.png", picture(i, size=(1 + 3, 3))) for i in range(200)]
    (chunk,) = opened(*files).chunks(200)
    assert chunk.inputs["image"][:, 0, 0, 0].tolist() == list(range(200))


def test_long_names_and_empty_shards(write):
    name = "/".join(["folder" * 8] * 4)
    write((f"{name}/0.npy", npy(np.ones(2))), name="b-01.tar")
    write(name="b-00.tar")
    path = write(("z.npy", npy(np.ones(2))), name="b-02.tar", form=tarfile.GNU_FORMAT)
    source = open_golden(GoldenSpec(path.with_name("b-{00..02}.tar")))
    (chunk,) = source.chunks(4)
    assert chunk.sample_ids.tolist() == [f"{name}/0", "z"]


def test_keys_are_names_without_dots_in_front(opened):
    source = opened(("./a/0.npy", npy(np.ones(2))), ("./1.npy", npy(np.ones(2))))
    assert next(source.chunks(2)).sample_ids.tolist() == ["a/0", "1"]


class TestNames:
    def test_braces_count_with_the_firsts_digits(self):
        assert expanded("a-{08..11}.tar") == [f"a-{n:02}.tar" for n in range(8, 12)]
        assert expanded("{0..1}-{1..2}") == ["0-1", "0-2", "1-1", "1-2"]
        assert expanded("plain.tar") == ["plain.tar"]

    @pytest.mark.parametrize("name", ["{5..4}", "{0..999999999}", "{0..999}{0..999}"])
    def test_too_many_or_none(self, name):
        with pytest.raises(GoldenError, match="shards"):
            expanded(name)

    def test_a_shard_that_is_not_there(self, write):
        path = write(("0.npy", npy(np.ones(2))), name="s-0.tar")
        with pytest.raises(MissingGoldenError, match=r"s-1\.tar does not exist"):
            open_golden(GoldenSpec(path.with_name("s-{0..1}.tar")))

    def test_shards_behind_a_url(self, write, tmp_path):
        system = fsspec.filesystem("memory")
        for index in range(3):
            path = write((f"{index}.npy", npy(np.full(2, index))), name="s.tar")
            system.pipe(f"/far/s-{index}.tar", path.read_bytes())
        url = "memory://far/s-{0..2}.tar"
        source = open_golden(GoldenSpec(tmp_path / "data", url=url))
        (chunk,) = source.chunks(4)
        assert chunk.inputs["array"][:, 0].tolist() == [0, 1, 2]
        again = open_golden(GoldenSpec(tmp_path / "data", url=url), source.vouch())
        assert next(again.chunks(1, slice(2, 3))).inputs["array"].tolist() == [[2, 2]]
        with pytest.raises(GoldenError, match=r"far/s-3\.tar"):
            open_golden(GoldenSpec(tmp_path / "d", url="memory://far/s-{0..3}.tar"))
        system.store.clear()


class TestUnlikeTheFirst:
    FIRST = ("0.npy", npy(np.ones(2)))

    def test_a_file_that_lacks(self, complaint):
        told = complaint(self.FIRST, ("1.cls", b"1"))
        assert "sample '1': 'array' is missing, expected float64 (2,)" in told

    def test_another_shape_or_dtype(self, complaint):
        assert "is float64 (3,)" in complaint(self.FIRST, ("1.npy", npy(np.ones(3))))
        ones = np.ones(2, np.float32)
        assert "is float32 (2,)" in complaint(self.FIRST, ("1.npy", npy(ones)))

    def test_a_picture_of_another_size(self, complaint):
        told = complaint(("0.png", picture()), ("1.png", picture(size=(6, 4))))
        assert "1.png is 4 x 6 pixels, expected 2 x 3" in told

    def test_a_file_that_is_there_twice(self, complaint):
        assert "has two files .npy" in complaint(self.FIRST, self.FIRST)

    def test_a_column_that_is_there_twice(self, complaint):
        told = complaint(("0.png", picture()), ("0.image.npy", npy(np.ones(2))))
        assert "the column 'image', which is there already" in told

    def test_options_of_images_without_images(self, write):
        path = write(self.FIRST)
        with pytest.raises(SuiteError, match="resize"):
            open_golden(GoldenSpec(path, options={"resize": "pad"}))


class TestHostile:
    @pytest.mark.parametrize("name", ["/etc/passwd.npy", "../up.npy", "a/../../b.npy"])
    def test_names_that_leave(self, complaint, name):
        assert "lies outside of the archive" in complaint((name, npy(np.ones(2))))

    @pytest.mark.parametrize(
        "kind",
        [
            *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE),
            *(tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE),
        ],
    )
    def test_what_is_no_plain_file(self, complaint, kind):
        link = entry("0.npy", type=kind, linkname="/etc/passwd")
        told = complaint(link)
        assert "is no plain file" in told or "cannot be read" in told

    def test_members_larger_than_the_file(self, write):
        path = write(("0.npy", npy(np.ones(2))))
        raw = bytearray(path.read_bytes())
        info = tarfile.TarInfo("0.npy")
        info.size = 1 << 40
        raw[:512] = info.tobuf(tarfile.GNU_FORMAT)
        path.write_bytes(raw)
        with pytest.raises(GoldenError, match=r"promises 1,099,511,627,776 bytes"):
            open_golden(GoldenSpec(path))

    def test_headers_without_bounds(self, write):
        path = write(("0.npy", npy(np.ones(2))))
        info = tarfile.TarInfo("./PaxHeaders/x")
        info.type, info.size = tarfile.XHDTYPE, 1 << 33
        path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + path.read_bytes())
        with pytest.raises(GoldenError, match="a header of"):
            open_golden(GoldenSpec(path))

    @pytest.mark.parametrize("keep", [0, 100, 512, 900, 1024, 3000])
    def test_files_that_are_cut_short(self, write, keep):
        path = write(*((f"{i}.npy", npy(np.ones(2))) for i in range(3)))
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(GoldenError) as caught:
            list(open_golden(GoldenSpec(path)).chunks(2))
        assert str(path) in str(caught.value)

    def test_a_damaged_header_in_the_middle_is_no_end(self, write):
        path = write(*((f"{i}.npy", npy(np.ones(2))) for i in range(3)))
        raw = bytearray(path.read_bytes())
        raw[1024 + 150] ^= 0xFF
        path.write_bytes(raw)
        with pytest.raises(GoldenError, match="damaged header"):
            open_golden(GoldenSpec(path))

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("0.npy", npy(np.ones(2))[:-4]),
            ("0.npy", npy(np.ones(2)) + b"more"),
            ("0.npy", b"no numbers"),
            ("0.npy", b""),
            ("0.json", b'{"a": '),
            ("0.json", b"\xff"),
            ("0.json", b"[" * 100_000),
            ("0.json", b'{"a": [1, "b"]}'),
            ("0.json", b'{"a": null}'),
            ("0.json", b'{"a": [[1], [2, 3]]}'),
            ("0.txt", b"\xff\xfe"),
            ("0.png", b"no picture"),
        ],
    )
    def test_files_that_cannot_be_read(self, complaint, name, content):
        told = complaint((name, content))
        assert f": 0{name[1:]}" in told or "0.json: 'a'" in told

    def test_objects_are_never_unpickled(self, complaint):
        stream = io.BytesIO()
        np.save(stream, np.array([{}], object), allow_pickle=True)
        assert "would need unpickling" in complaint(("0.npy", stream.getvalue()))

    def test_a_picture_that_is_a_bomb(self, complaint):
        told = complaint(("0.png", picture(0, size=(9000, 9000), mode="L")))
        assert "decompression bomb" in told

    @pytest.mark.parametrize("seed", range(5))
    def test_damaged_bytes_are_an_error_of_ours_or_none(self, write, seed):
        files = []
        for index in range(6):
            files += [(f"{index}.png", picture(index)), (f"{index}.cls", b"1")]
            files += [(f"{index}.npy", npy(np.ones(3))), (f"{index}.json", b'{"a":1}')]
        path = write(*files)
        sound = path.read_bytes()
        rng = np.random.default_rng(seed)
        hints = []
        for _ in range(40):
            raw = bytearray(sound)
            for _ in range(3):
                raw[rng.integers(len(raw))] = rng.integers(256)
            path.write_bytes(raw)
            try:
                list(open_golden(GoldenSpec(path)).chunks(4))
            except GoldenError as error:
                hints.append(error.hint)
        assert hints
        assert all(hints)


def test_memory_is_that_of_a_block(write):
    array = npy(np.zeros(1 << 17, np.float64))
    path = write(*((f"{i:03}.npy", array) for i in range(60)))
    source = open_golden(GoldenSpec(path))
    tracemalloc.start()
    for chunk in source.chunks(1):
        assert chunk.inputs["array"].nbytes == 1 << 20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20

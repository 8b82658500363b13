"""Every form of golden data: what it gives, and what it says when it is broken."""

import zipfile

import fsspec
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper
from PIL import Image

from harness.core.errors import GoldenError, MissingGoldenError, SuiteError
from harness.core.specs import GoldenSpec
from harness.golden.source import open_golden


@pytest.fixture
def opened(tmp_path):
    """Opens what lies under a name of the folder, as a suite would."""

    def open_it(name, **spec):
        return open_golden(GoldenSpec(tmp_path / name, **spec))

    return open_it


@pytest.fixture
def whole(opened):
    """All samples in one chunk, which must be what smaller ones put together are."""

    def read(name, **spec):
        source = opened(name, **spec)
        (chunk,) = source.chunks(source.n_samples)
        parts = list(opened(name, **spec).chunks(2))
        for key, array in chunk.inputs.items():
            joined = np.concatenate([part.inputs[key] for part in parts])
            np.testing.assert_array_equal(joined, array)
        return chunk

    return read


def complaint(opened, name, **spec):
    """What is said of data that cannot be read to their end: one error with a hint."""
    with pytest.raises(GoldenError) as caught:
        list(opened(name, **spec).chunks(2))
    assert caught.value.hint
    return caught.value.message


class TestTruthAndMetadata:
    def test_they_go_by_their_names(self, tmp_path, whole):
        np.savez(
            tmp_path / "d.npz",
            x=np.ones((3, 2)),
            target=np.arange(3.0),
            target_boxes=np.zeros((3, 5, 4)),
            labels=np.eye(3, dtype=int),
            group=np.array(["a", "a", "b"]),
            slice_hour=np.arange(3),
        )
        chunk = whole("d.npz")
        assert [*chunk.inputs] == ["x"]
        assert chunk.labels is None
        shapes = {name: array.shape for name, array in chunk.targets.items()}
        assert shapes == {"target": (3,), "boxes": (3, 5, 4), "labels": (3, 3)}
        assert chunk.metadata["hour"].tolist() == [0, 1, 2]
        assert chunk.metadata["group"].tolist() == ["a", "a", "b"]

    def test_the_suite_names_others(self, tmp_path, whole):
        np.savez(
            tmp_path / "d.npz",
            x=np.ones(3),
            photo=np.arange(3),
            city=np.array(["Bonn", "Ulm", "Ulm"]),
            truth=np.arange(3.0),
            klass=np.array([1, 0, 1]),
            name=np.array(["p", "q", "r"]),
        )
        options = {"label": "klass", "sample_id": "name", "targets": ["truth"]}
        chunk = whole("d.npz", metadata=("city",), group="photo", options=options)
        assert [*chunk.inputs] == ["x"]
        assert [*chunk.targets] == ["truth"]
        assert [*chunk.metadata] == ["city", "group"]
        assert chunk.labels.tolist() == [1, 0, 1]
        assert chunk.sample_ids.tolist() == ["p", "q", "r"]

    @pytest.mark.parametrize(
        "spec",
        [{"metadata": ("gone",)}, {"group": "gone"}, {"options": {"label": "gone"}}],
    )
    def test_a_column_that_is_not_there(self, tmp_path, opened, spec):
        np.savez(tmp_path / "d.npz", x=np.ones(3))
        assert "no column 'gone'" in complaint(opened, "d.npz", **spec)

    @pytest.mark.parametrize(
        ("arrays", "said"),
        [
            ({"labels": np.array([[0, 1], [2, 0]])}, r"sample 1 has labels \[2, 0\]"),
            ({"slice_a": np.ones((2, 2))}, "one value|values a sample"),
            ({"target": np.ones(3)}, "unequal length"),
        ],
    )
    def test_what_does_not_fit(self, tmp_path, opened, arrays, said):
        np.savez(tmp_path / "d.npz", x=np.ones(2), **arrays)
        with pytest.raises(GoldenError, match=said):
            list(opened("d.npz").chunks(2))

    def test_an_unknown_option(self, tmp_path, opened):
        np.savez(tmp_path / "d.npz", x=np.ones(2))
        with pytest.raises(SuiteError, match="size"):
            opened("d.npz", options={"size": [2, 2]})


class TestCsv:
    TEXT = "a,b,label,sample_id,slice_hour\n1,2.5,0,007,3\n4,5,1,008,4\n6,7,1,009,5\n"

    def test_features_become_one_matrix(self, tmp_path, whole):
        (tmp_path / "d.csv").write_text(self.TEXT)
        chunk = whole("d.csv")
        assert chunk.inputs["features"].dtype == np.float32
        assert chunk.inputs["features"].tolist() == [[1, 2.5], [4, 5], [6, 7]]
        assert chunk.labels.tolist() == [0, 1, 1]
        assert chunk.sample_ids.tolist() == ["007", "008", "009"]
        assert chunk.metadata["hour"].tolist() == [3, 4, 5]

    def test_or_an_input_a_column(self, tmp_path, whole):
        (tmp_path / "d.tsv").write_text("a\tcity\n1\tBonn\n2\tNA\n")
        chunk = whole("d.tsv", options={"features": "columns"})
        assert chunk.inputs["a"].tolist() == [1, 2]
        assert chunk.inputs["city"].tolist() == ["Bonn", "NA"]

    def test_name_and_precision_of_the_matrix(self, tmp_path, whole):
        (tmp_path / "d.csv").write_text("a;b\n1e300;2\n")
        options = {"separator": ";", "input": "x", "dtype": "float64"}
        chunk = whole("d.csv", options=options)
        assert chunk.inputs["x"].tolist() == [[1e300, 2]]

    def test_what_pieces_are_learnt_together(self, tmp_path, whole, monkeypatch):
        monkeypatch.setattr("harness.golden.csv_._ROWS", 2)
        (tmp_path / "d.csv").write_text("a,slice_b\n1,1\n2,2\n3.5,x\n4,4\n")
        chunk = whole("d.csv")
        assert chunk.inputs["features"].ravel().tolist() == [1, 2, 3.5, 4]
        assert chunk.metadata["b"].tolist() == ["1", "2", "x", "4"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a,b\n1,2\n3,oops\n", "column 'b' holds text: row 1 is 'oops'"),
            ("a,b\n1,\n", "column 'b' holds text: row 0 is ''"),
            ("a,b\n1\n", "d.csv"),
            ("a,b\n1,2,3\n4,5,6,7\n", "d.csv"),
            ("a,b\n1,2\n4,5,6\n", "d.csv"),
            ("a,b\n1,2,3\n4,5,6\n", "d.csv"),
            ("a,a\n1,2\n", "names the column 'a' 2 times"),
            (",a\n0,1\n", "leaves a name out"),
            ("", "leaves a name out"),
            ("a,b\n", "no samples"),
            ("a,label\n1,\n", "label"),
            ("a,label\n1,0.5\n", "labels are float64"),
            ("a,label\n1,-1\n", "sample 0 has label -1"),
            ('a,b\n"1,2\n', "d.csv"),
            ("a\n1e300\n", "row 0: 1e.300 does not fit float32"),
        ],
    )
    def test_what_is_wrong_is_told_by_its_place(self, tmp_path, opened, text, said):
        (tmp_path / "d.csv").write_text(text)
        with pytest.raises(GoldenError, match=said):
            list(opened("d.csv").chunks(2))

    def test_bytes_that_are_no_text(self, tmp_path, opened):
        (tmp_path / "d.csv").write_bytes(b"a,b\n\xff\xfe,\x00\n")
        assert "d.csv" in complaint(opened, "d.csv")


class TestParquet:
    @pytest.fixture
    def write(self, tmp_path):
        def written(**columns):
            pq.write_table(pa.table(columns), tmp_path / "d.parquet", row_group_size=2)
            return "d.parquet"

        return written

    def test_columns_lists_and_words(self, write, whole):
        name = write(
            x=pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
            deep=pa.array([[[1.0], [2.0]]] * 3, pa.list_(pa.list_(pa.float32()))),
            weight=pa.array([1.5, 2.5, 3.5]),
            label=pa.array(["b", "a", "b"]).dictionary_encode(),
            slice_ok=pa.array([True, False, True]),
        )
        chunk = whole(name, options={"label": "slice_ok"})
        assert chunk.inputs["x"].tolist() == [[1, 2], [3, 4], [5, 6]]
        assert chunk.inputs["x"].dtype == np.int8
        assert chunk.inputs["deep"].shape == (3, 2, 1)
        assert chunk.inputs["features"].tolist() == [[1.5], [2.5], [3.5]]

    def test_days_are_words(self, write, whole):
        days = pa.array([0, 1], pa.date32())
        chunk = whole(write(x=pa.array([1.0, 2.0]), slice_day=days))
        assert chunk.metadata["day"].tolist() == ["1970-01-01", "1970-01-02"]

    def test_what_arrays_cannot_be_made_of_is_told(self, write, opened):
        source = opened(write(x=pa.array([1.0]), s=pa.array([{"a": 1}])))
        assert "'s' (struct<a: int64>) is not used" in source.notices[0]

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ({"x": pa.array([1.0, 2.0, None])}, "'x', row 2 has no value"),
            (
                {"x": pa.array([[1.0], [2.0], [3.0, 4.0]])},
                "'x', from row 2|row 2 has 2 values",
            ),
            ({"x": pa.array([[1.0, None]] * 3)}, "'x', row 0 has no value"),
            ({"x": pa.array([None, [1.0], [1.0]])}, "no value in its first row"),
            ({"x": pa.array(["a", "b", "c"])}, "'x' holds text"),
            ({"x": pa.array([1e300, 1, 2])}, "row 0: 1e.300 does not fit"),
            ({"label": pa.array([1, 2])}, "no input columns"),
        ],
    )
    def test_what_is_wrong_is_told_by_its_place(self, write, opened, columns, said):
        with pytest.raises(GoldenError, match=said):
            list(opened(write(**columns)).chunks(2))

    @pytest.mark.parametrize("cut", [3, 50, -20])
    def test_a_file_cut_short(self, tmp_path, write, opened, cut):
        file = tmp_path / write(x=pa.array(np.arange(1000.0)))
        file.write_bytes(file.read_bytes()[:cut])
        assert "d.parquet cannot be read" in complaint(opened, "d.parquet")

    def test_a_shape_that_does_not_fit(self, write, opened):
        name = write(x=pa.array([[1.0, 2.0]]))
        said = complaint(opened, name, options={"shapes": {"x": [3]}})
        assert "golden.options.shapes says [3]" in said

    def test_nothing_there(self, opened):
        with pytest.raises(MissingGoldenError):
            opened("d.parquet")


class TestImages:
    @pytest.fixture
    def picture(self, tmp_path):
        def save(name, size=(4, 3), mode="RGB", colour=7, **how):
            file = tmp_path / "d" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            fill = (colour,) * len(mode) if len(mode) > 1 else colour
            Image.new(mode, size, fill).save(file, **how)
            return file

        return save

    def test_folders_are_classes_and_files_samples(self, picture, whole, opened):
        for name in ("b/2.png", "a/1.png", "b/1.jpg", ".hidden/x.png"):
            picture(name)
        (picture("a/3.png").parent / "notes.txt").write_text("no image")
        chunk = whole("d")
        assert chunk.inputs["image"].shape == (4, 3, 4, 3)
        assert chunk.inputs["image"].dtype == np.uint8
        ids = ["a/1.png", "a/3.png", "b/1.jpg", "b/2.png"]
        assert chunk.sample_ids.tolist() == ids
        assert chunk.labels.tolist() == [0, 0, 1, 1]
        assert opened("d").class_names == ("a", "b")
        assert "1 files" in opened("d").notices[0]

    def test_classes_of_the_model_that_have_no_image(self, tmp_path, picture, whole):
        picture("b/1.png")
        (tmp_path / "classes.txt").write_text("a\nb\nc\n")
        chunk = whole("d", classes=tmp_path / "classes.txt")
        assert chunk.labels.tolist() == [1]

    def test_orientation_is_that_of_the_camera(self, picture, whole):
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees
        picture("a/1.jpg", (4, 3), exif=exif)
        assert whole("d").inputs["image"].shape == (1, 4, 3, 3)

    @pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
    def test_sizes_are_made_one(self, picture, whole, resize):
        picture("a/1.png", (4, 3))
        picture("a/2.png", (9, 2))
        options = {"size": [5, 6], "resize": resize, "mode": "L", "filter": "nearest"}
        image = whole("d", options=options).inputs["image"]
        assert image.shape == (2, 5, 6, 1)
        assert image.min() == (0 if resize == "pad" else 7)

    def test_images_without_classes(self, picture, whole):
        picture("1.png")
        assert whole("d").labels is None

    def test_another_size(self, picture, opened):
        picture("a/1.png", (4, 3))
        picture("a/2.png", (3, 4))
        said = complaint(opened, "d")
        assert "a/2.png is 4 x 3 pixels, expected 3 x 4" in said

    @pytest.mark.parametrize("keep", [0, 20, 60])
    def test_an_image_cut_short(self, picture, opened, keep):
        picture("a/1.png")
        file = picture("a/2.png", (40, 30))
        picture("a/1.png", (40, 30))
        file.write_bytes(file.read_bytes()[:keep])
        assert "a/2.png cannot be read" in complaint(opened, "d")

    def test_a_bomb(self, picture, opened, monkeypatch):
        monkeypatch.setattr("harness.golden.images._MAX_PIXELS", 100)
        picture("a/1.png", (20, 20))
        assert "decompression bomb" in complaint(opened, "d")

    def test_more_than_eight_bits(self, tmp_path, opened):
        (tmp_path / "d").mkdir()
        Image.fromarray(np.ones((3, 3), np.uint16)).save(tmp_path / "d/1.png")
        assert "more than 8 bits" in complaint(opened, "d")

    @pytest.mark.parametrize(
        "options",
        [{"size": "big"}, {"size": [0, 3]}, {"resize": "magic"}, {"mode": "CMYK"}],
    )
    def test_rules_that_are_none(self, picture, opened, options):
        picture("a/1.png")
        with pytest.raises(SuiteError, match=next(iter(options))):
            opened("d", options=options)


class TestOnnxSets:
    @pytest.fixture
    def write(self, tmp_path):
        def written(index, **tensors):
            folder = tmp_path / "d" / f"test_data_set_{index}"
            folder.mkdir(parents=True, exist_ok=True)
            for name, array in tensors.items():
                tensor = numpy_helper.from_array(np.asarray(array), "")
                onnx.save_tensor(tensor, folder / f"{name}.pb")
            return folder

        return written

    def test_sets_follow_each_other(self, write, whole):
        for index, rows in ((10, 2), (9, 3)):
            x = np.full((rows, 2), index, np.float32)
            write(index, input_0=x, output_0=x[:, :1])
        chunk = whole("d")
        assert chunk.inputs["input_0"][:, 0].tolist() == [9, 9, 9, 10, 10]
        assert chunk.targets["output_0"].shape == (5, 1)

    def test_or_each_is_a_sample(self, write, whole):
        for index in range(2):
            write(index, input_0=np.ones((4, 2)), input_1=np.ones((3,)))
        chunk = whole("d")
        assert chunk.inputs["input_0"].shape == (2, 4, 2)
        assert chunk.inputs["input_1"].shape == (2, 3)

    def test_one_folder_by_itself(self, write, opened):
        write(0, input_0=np.ones((4, 2)))
        assert opened("d/test_data_set_0").n_samples == 4

    def test_sets_that_differ(self, write, opened):
        write(0, input_0=np.ones((4, 2)))
        write(1, input_0=np.ones((4, 3)))
        assert "test_data_set_1: tensor 'input_0' is float64 (3,)" in complaint(
            opened, "d"
        )

    def test_no_inputs(self, write, opened):
        write(0, output_0=np.ones((4, 2)))
        assert "no input_0.pb" in complaint(opened, "d")

    @pytest.mark.parametrize("cut", [1, 7, -3])
    def test_a_tensor_cut_short(self, write, opened, cut):
        file = write(0, input_0=np.ones((4, 2))) / "input_0.pb"
        file.write_bytes(file.read_bytes()[:cut])
        assert "input_0.pb" in complaint(opened, "d")

    def test_a_tensor_that_promises_too_much(self, write, opened):
        file = write(0, input_0=np.ones((4, 2))) / "input_0.pb"
        tensor = onnx.TensorProto(data_type=1, dims=[1 << 40, 1 << 20])
        file.write_bytes(tensor.SerializeToString())
        assert "promises" in complaint(opened, "d")

    def test_values_in_another_file(self, write, opened):
        file = write(0, input_0=np.ones((4, 2))) / "input_0.pb"
        tensor = onnx.TensorProto(data_type=1, dims=[1], data_location=1)
        tensor.external_data.add(key="location", value="/etc/passwd")
        file.write_bytes(tensor.SerializeToString())
        assert "another file" in complaint(opened, "d")


@pytest.mark.parametrize("seed", range(5))
def test_damaged_bytes_are_an_error_of_ours_or_none(tmp_path, opened, seed):
    """One file of each form, cut and changed at random places."""
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    np.savez(tmp_path / "d.npz", x=x, label=np.arange(20) % 3)
    np.save(tmp_path / "d.npy", x)
    pq.write_table(pa.table({"x": list(x), "w": ["a"] * 20}), tmp_path / "d.parquet")
    (tmp_path / "d.csv").write_text("a,b\n" + "1,2.5\n" * 20)
    for name in ("png/1.png", "jpg/1.jpg", "tif/1.tif", "webp/1.webp"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(x.astype(np.uint8)).save(tmp_path / name)
    (tmp_path / "test_data_set_0").mkdir()
    tensor = numpy_helper.from_array(x, "x")
    onnx.save_tensor(tensor, tmp_path / "test_data_set_0" / "input_0.pb")
    rng = np.random.default_rng(seed)
    hints = []
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        sound = file.read_bytes()
        data = file if file.parent == tmp_path else file.parent
        for _ in range(10):
            raw = bytearray(sound)
            raw[rng.integers(len(raw))] = rng.integers(256)
            file.write_bytes(raw[: rng.integers(1, 2 * len(raw))])
            try:
                list(opened(data.name).chunks(7))
            except GoldenError as error:
                hints.append(error.hint)
        file.write_bytes(sound)
    assert hints
    assert all(hints)


class TestUrls:
    @pytest.fixture
    def memory(self):
        system = fsspec.filesystem("memory")
        yield system
        system.store.clear()

    def test_a_folder_behind_a_url(self, tmp_path, memory):
        for name in ("a/1.png", "b/2.png"):
            file = tmp_path / name
            file.parent.mkdir()
            Image.new("L", (2, 2)).save(file)
            memory.pipe(f"/set/{name}", file.read_bytes())
        source = open_golden(GoldenSpec(tmp_path / "data", url="memory://set"))
        assert source.class_names == ("a", "b")
        assert len(list(source.chunks(1))) == 2

    def test_messages_name_the_url(self, tmp_path, memory):
        memory.pipe("/d.npz", b"no archive")
        with pytest.raises(GoldenError, match=r"memory://d\.npz") as caught:
            open_golden(GoldenSpec(tmp_path / "data", url="memory://d.npz"))
        assert "golden-" not in caught.value.message

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("memory://gone.npz", "nothing is there|cannot read"),
            ("nosuch://bucket/set", "nosuch"),
        ],
    )
    def test_what_is_not_there(self, tmp_path, url, said):
        with pytest.raises(GoldenError, match=said):
            open_golden(GoldenSpec(tmp_path / "data", url=url))

    def test_an_archive_whose_files_lead_out(self, tmp_path, memory):
        with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
            archive.writestr("set/../../evil.npz", b"x")
        memory.pipe("/evil.zip", (tmp_path / "evil.zip").read_bytes())
        url = "zip://set::memory://evil.zip"
        with pytest.raises(GoldenError):
            open_golden(GoldenSpec(tmp_path / "data", url=url))


def test_a_packed_file_is_not_held_while_it_is_read(tmp_path, opened):
    x = np.random.default_rng(0).random((1 << 15, 64))
    columns = {"x": pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 64)}
    pq.write_table(pa.table(columns), tmp_path / "d.parquet", row_group_size=1 << 11)
    del columns
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() for _ in opened("d.parquet").chunks(256)]
    assert (tmp_path / "d.parquet").stat().st_size > 12 << 20
    assert max(held) - before < 4 << 20

"""Written by tf2onnx and skl2onnx."""

import numpy as np
from odd_models.cases import Case, N, normal, output_names, quiet


def frames(folder):
    """The outputs of `notes` in the other order, under the exporter's names."""
    import tensorflow as tf
    import tf2onnx

    spec = [tf.TensorSpec([None, 5], tf.float32, name="wave")]
    wave = normal(N, 5)
    with quiet():
        function = tf.function(lambda wave: (tf.sigmoid(wave), tf.tanh(wave)))
        path = folder / "model.onnx"
        tf2onnx.convert.from_function(
            function, input_signature=spec, opset=18, output_path=str(path)
        )
        found = [part.numpy() for part in function(wave)]
    return Case(path, {"wave": wave}, dict(zip(output_names(path), found, strict=True)))


def zipmap_numbers(folder):
    """A classifier of whole-numbered labels, with skl2onnx's default ZipMap."""
    from sklearn.linear_model import LogisticRegression

    x = normal(60, 4)
    labels = 10 * (x[:, :3].argmax(axis=1) + 1)
    model = LogisticRegression().fit(x, labels)
    return classified(model, {"x": x[:N]}, x[:N], folder)


def zipmap_words(folder):
    """Text in; a label that is text and a map from text to scores out."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    words = np.array([["red"], ["green"], ["blue"], ["ultramarine"]])
    x = np.tile(words, (6, 1))
    labels = np.tile(["warm", "fresh", "cold", "cold as the sea"], 6)
    coder = OneHotEncoder(sparse_output=False)
    model = make_pipeline(coder, LogisticRegression()).fit(x, labels)
    return classified(model, {"word": x[:N]}, x[:N], folder)


def classified(model, golden, x, folder):
    from skl2onnx import to_onnx

    path = folder / "model.onnx"
    name = next(iter(golden))
    with quiet():
        from skl2onnx.common.data_types import FloatTensorType, StringTensorType

        kind = StringTensorType if x.dtype.kind == "U" else FloatTensorType
        types = [(name, kind([None, x.shape[1]]))]
        proto = to_onnx(model, initial_types=types, target_opset=18)
    path.write_bytes(proto.SerializeToString())
    scores = model.predict_proba(x).astype(np.float32)
    label, probability = output_names(path)
    return Case(path, golden, {label: model.predict(x), probability: scores})


MAKERS = (frames, zipmap_numbers, zipmap_words)

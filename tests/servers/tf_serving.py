"""TensorFlow Serving's published REST contract over real SavedModels, for tests.

https://www.tensorflow.org/tfx/serving/api_rest, numbers written as its json_tensor.cc
writes them. Ends when its standard input does.

    python tf_serving.py NAME=FOLDER...

Each folder is served as versions 3 and 7, 3 labelled "stable". The version is a name
alone: both answer the same.
"""

import base64
import json
import math
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import tensorflow as tf

VERSIONS = {"3": "stable", "7": None}
URL = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>/metadata|:predict)?"
)
# Types of the contract; float16 is not among them.
TYPES = {
    tf.bool: "DT_BOOL",
    tf.float16: "DT_HALF",
    tf.float32: "DT_FLOAT",
    tf.float64: "DT_DOUBLE",
    tf.int32: "DT_INT32",
    tf.int64: "DT_INT64",
    tf.string: "DT_STRING",
    tf.uint8: "DT_UINT8",
}


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def decimal(value):
    """Six digits where they are enough, else as many as give the number back."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    if type(value)(text) != value:
        digits = 9 if isinstance(value, np.float32) else 17
        text = f"{float(value):.{digits}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def written(array, as_bytes):
    """A tensor as the server writes it."""
    if np.ndim(array):
        return f"[{', '.join(written(item, as_bytes) for item in array)}]"
    value = array[()] if isinstance(array, np.ndarray) else array
    if isinstance(value, np.floating):
        return decimal(value)
    if isinstance(value, bytes):
        if as_bytes:
            return json.dumps({"b64": base64.b64encode(value).decode()})
        return json.dumps(value.decode())
    return json.dumps(value.item())


def read(value, dtype):
    """A JSON value as a tensor of the signature's type."""
    return tf.constant(plain(value), dtype=dtype)


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return value


class Served:
    """One SavedModel."""

    def __init__(self, folder):
        self.model = tf.saved_model.load(folder)

    def specs(self, name):
        function = self.model.signatures[name]
        return function.structured_input_signature[1], function.structured_outputs

    def metadata(self):
        signatures = {}
        for name in self.model.signatures:
            sides = zip(("inputs", "outputs"), self.specs(name), strict=True)
            signatures[name] = {
                side: {key: described(key, spec) for key, spec in specs.items()}
                for side, specs in sides
            } | {"method_name": "tensorflow/serving/predict"}
        return {"signature_def": {"signature_def": signatures}}

    def predict(self, question):
        name = question.get("signature_name", "serving_default")
        if name not in self.model.signatures:
            raise Refused(
                400, f'Serving signature name: "{name}" not found in signature def'
            )
        inputs, _ = self.specs(name)
        if "instances" in question:
            columns = self.columns(question["instances"], inputs)
        elif "inputs" in question:
            columns = question["inputs"]
            if not (isinstance(columns, dict) and set(columns) == set(inputs)):
                columns = {next(iter(inputs)): columns}
        else:
            raise Refused(400, "Missing 'inputs' or 'instances' key")
        try:
            feeds = {key: read(columns[key], inputs[key].dtype) for key in inputs}
            found = self.model.signatures[name](**feeds)
        except (KeyError, TypeError, ValueError, tf.errors.OpError) as error:
            raise Refused(400, str(error)) from error
        arrays = {key: np.asarray(value) for key, value in found.items()}
        return self.rows(arrays) if "instances" in question else self.whole(arrays)

    def columns(self, instances, inputs):
        if isinstance(instances[0], dict) and set(instances[0]) != {"b64"}:
            return {key: [row[key] for row in instances] for key in inputs}
        return {next(iter(inputs)): instances}

    def rows(self, arrays):
        sizes = {array.shape[:1] for array in arrays.values()}
        if len(sizes) != 1 or () in sizes:
            raise Refused(400, "Tensors do not share the same 0-th dimension")
        count = sizes.pop()[0]
        rows = [{key: array[i] for key, array in arrays.items()} for i in range(count)]
        return f'{{"predictions": [{", ".join(map(self.named, rows))}]}}'

    def whole(self, arrays):
        return f'{{"outputs": {self.named(arrays)}}}'

    def named(self, arrays):
        texts = {k: written(a, k.endswith("_bytes")) for k, a in arrays.items()}
        if len(texts) == 1:
            return next(iter(texts.values()))
        return f"{{{', '.join(f'{json.dumps(k)}: {t}' for k, t in texts.items())}}}"


def described(name, spec):
    shape = {"dim": [], "unknown_rank": spec.shape.rank is None}
    if not shape["unknown_rank"]:
        sizes = [-1 if size is None else size for size in spec.shape.as_list()]
        shape["dim"] = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": TYPES[spec.dtype], "tensor_shape": shape, "name": f"{name}:0"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go in two packets, which a delayed acknowledgement keeps apart.
    disable_nagle_algorithm = True
    models: ClassVar[dict] = {}

    def do_GET(self):
        self.answer(self.described)

    def do_POST(self):
        self.answer(self.predicted)

    def answer(self, make):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            found = URL.fullmatch(self.path)
            if found is None:
                raise Refused(404, f"Malformed request: {self.command} {self.path}")
            status, text = 200, make(found, body)
        except Refused as refused:
            status, text = refused.status, json.dumps({"error": str(refused)})
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def served(self, found):
        model, version, label = found["model"], found["version"], found["label"]
        if model not in self.models or (version and version not in VERSIONS):
            which = f"Specific({model}, {version})" if version else f"Latest({model})"
            raise Refused(404, f"Servable not found for request: {which}")
        if label and label not in VERSIONS.values():
            raise Refused(400, f"Unrecognized servable version label: {label}")
        labelled = [v for v, name in VERSIONS.items() if name and name == label]
        return self.models[model], version or (labelled or [max(VERSIONS)])[0]

    def described(self, found, _):
        served, version = self.served(found)
        if found["what"] == "/metadata":
            spec = {"name": found["model"], "signature_name": "", "version": version}
            return json.dumps({"model_spec": spec, "metadata": served.metadata()})
        status = {"error_code": "OK", "error_message": ""}
        state = {"version": version, "state": "AVAILABLE", "status": status}
        return json.dumps({"model_version_status": [state]})

    def predicted(self, found, body):
        served, _ = self.served(found)
        try:
            question = json.loads(body)
        except ValueError as error:
            raise Refused(400, f"JSON Parse error: {error}") from error
        return served.predict(question)

    def log_message(self, *_):
        """Quiet: errors are answers."""


def main():
    pairs = (argument.partition("=") for argument in sys.argv[1:])
    Handler.models = {name: Served(folder) for name, _, folder in pairs}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"http": server.server_port}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""A real Triton that serves ONNX files, for tests; ends when its standard input does.

python triton.py HTTP_PORT GRPC_PORT NAME=FILE...
"""

import json
import sys

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

TYPES = {
    "tensor(float)": np.float32,
    "tensor(string)": bytes,
    "tensor(int64)": np.int64,
}


def bind(triton, name, file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)

    @batch
    def infer(**feeds):
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))

    def tensors(values):
        return [
            Tensor(name=v.name, dtype=TYPES[v.type], shape=v.shape[1:]) for v in values
        ]

    triton.bind(
        model_name=name,
        infer_func=infer,
        inputs=tensors(session.get_inputs()),
        outputs=tensors(session.get_outputs()),
        config=ModelConfig(max_batch_size=512),
    )


def main():
    http, grpc = map(int, sys.argv[1:3])
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=http,
        grpc_address="127.0.0.1",
        grpc_port=grpc,
        allow_metrics=False,
        log_verbose=0,
        exit_timeout_secs=10,
    )
    with Triton(config=config) as triton:
        for argument in sys.argv[3:]:
            name, _, file = argument.partition("=")
            bind(triton, name, file)
        triton.run()
        print(json.dumps({"http": http, "grpc": grpc}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

"""An MLServer runtime for ONNX files: the smallest that serves one."""

import os
import signal
import sys
import threading

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


def end_with_parent():
    """End when standard input does, as it does when the tests are killed."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


class OnnxRuntime(MLModel):
    async def load(self):
        threading.Thread(target=end_with_parent, daemon=True).start()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = self.settings.parameters.uri
        self.session = onnxruntime.InferenceSession(path, options)
        return True

    async def predict(self, payload):
        feeds = {item.name: NumpyCodec.decode_input(item) for item in payload.inputs}
        names = [item.name for item in self.session.get_outputs()]
        answers = self.session.run(names, feeds)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                NumpyCodec.encode_output(name, answer)
                for name, answer in zip(names, answers, strict=True)
            ],
        )

"""A backend that runs ONNX models well, but for one misdeed at one moment.

Its options: ``deed``, a key of `DEEDS`, and ``moment``: 0 is at load, n in batch n.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

from harness.backends import onnxruntime_


def segfault():
    ctypes.string_at(0)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def abort():
    sys.stderr.write("first words\n")
    os.write(2, b"terminate called after throwing an instance of 'std::logic_error'\n")
    os.abort()


def hang():
    time.sleep(600)


def hang_in_native_code():
    # PyDLL keeps the interpreter's lock: no thread of Python's can help here.
    ctypes.PyDLL(None).sleep(600)


def exit_quietly():
    print("goodbye")
    os._exit(3)


def eat_memory():
    held = []
    while True:
        held.append(b"\1" * (8 << 20))


def run_out_of_memory():
    raise MemoryError("std::bad_alloc")


def chatter():
    for _ in range(2000):
        os.write(1, b'\0\0\0\2{}{"error": "nonsense"}\n' * 4)
        print("chatter of a runtime", flush=True)
    sys.stderr.write("more of it, without an end of line")


def raise_a_bug():
    raise ZeroDivisionError("a bug in the backend")


def close_everything():
    os.closerange(3, 256)
    time.sleep(600)


DEEDS = {
    deed.__name__: deed
    for deed in (
        *(segfault, kill, abort, hang, hang_in_native_code, exit_quietly, eat_memory),
        *(run_out_of_memory, chatter, raise_a_bug, close_everything),
    )
}


def open_session(path, options):
    deed, moment = DEEDS[options["deed"]], options["moment"]
    if moment == 0:
        deed()
    return Misbehaving(onnxruntime_.open_session(path, {}), deed, moment)


class Misbehaving:
    def __init__(self, session, deed, moment):
        self._session = session
        self._deed = deed
        self._left = moment
        self.inputs, self.outputs = session.inputs, session.outputs
        self.runtime = {**session.runtime, "backend": "misbehaving"}
        self.batch_size = None

    def run(self, feeds, rows):
        self._left -= 1
        if self._left == 0:
            self._deed()
        return self._session.run(feeds, rows)

    def close(self):
        self._session.close()

"""Caffe files as its public schema says: no Caffe can be installed."""

from functools import cache

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

KIND = descriptor_pb2.FieldDescriptorProto
TEXT, FLOAT, DOUBLE = KIND.TYPE_STRING, KIND.TYPE_FLOAT, KIND.TYPE_DOUBLE
INT, LONG, FLAG = KIND.TYPE_INT32, KIND.TYPE_INT64, KIND.TYPE_BOOL
# Message -> field -> number, type, repeated (caffe.proto of BVLC/caffe).
SCHEMA = {
    "BlobShape": {"dim": (1, LONG, True)},
    "BlobProto": {
        "num": (1, INT, False),
        "channels": (2, INT, False),
        "height": (3, INT, False),
        "width": (4, INT, False),
        "data": (5, FLOAT, True),
        "shape": (7, "BlobShape", False),
        "double_data": (8, DOUBLE, True),
    },
    "ConvolutionParameter": {"group": (5, INT, False)},
    "InnerProductParameter": {"transpose": (6, FLAG, False)},
    "LayerParameter": {
        "name": (1, TEXT, False),
        "type": (2, TEXT, False),
        "blobs": (7, "BlobProto", True),
        "convolution_param": (106, "ConvolutionParameter", False),
        "inner_product_param": (117, "InnerProductParameter", False),
    },
    "V1LayerParameter": {
        "name": (4, TEXT, False),
        "type": (5, INT, False),
        "blobs": (6, "BlobProto", True),
        "convolution_param": (10, "ConvolutionParameter", False),
    },
    "NetParameter": {
        "name": (1, TEXT, False),
        "layers": (2, "V1LayerParameter", True),
        "layer": (100, "LayerParameter", True),
    },
}


@cache
def net_class(packed):
    """NetParameter, whose numbers are packed or not."""
    file = descriptor_pb2.FileDescriptorProto(
        name="caffe.proto", package="caffe", syntax="proto2"
    )
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            label = KIND.LABEL_REPEATED if repeated else KIND.LABEL_OPTIONAL
            made = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                made.type, made.type_name = KIND.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                made.type = kind
                made.options.packed = repeated and packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("caffe.NetParameter")
    return message_factory.GetMessageClass(found)


def fill(blob, array, old_shape=False):
    """Write an array as a blob, its shape as files of either age have it."""
    if old_shape:
        lengths = (1,) * (4 - array.ndim) + array.shape
        blob.num, blob.channels, blob.height, blob.width = lengths
    else:
        blob.shape.dim.extend(array.shape)
    field = blob.double_data if array.dtype == np.float64 else blob.data
    field.extend(array.ravel().tolist())


def write(path, layers, packed=True):
    """A file of the second version: (name, type, arrays, parameters)."""
    net = net_class(packed)(name="net")
    for name, kind, arrays, parameters in layers:
        layer = net.layer.add(name=name, type=kind)
        for array in arrays:
            fill(layer.blobs.add(), array)
        if "group" in parameters:
            layer.convolution_param.group = parameters["group"]
        if "transpose" in parameters:
            layer.inner_product_param.transpose = parameters["transpose"]
    path.write_bytes(net.SerializeToString())
    return path


def write_old(path, layers):
    """A file of the first version: (name, number of the type, arrays)."""
    net = net_class(packed=False)(name="old")
    for name, kind, arrays in layers:
        layer = net.layers.add(name=name, type=kind)
        for array in arrays:
            fill(layer.blobs.add(), array, old_shape=True)
    path.write_bytes(net.SerializeToString())
    return path

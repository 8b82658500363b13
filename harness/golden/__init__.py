"""Golden data and recorded outputs: streamed, checked by digest, never unpickled."""

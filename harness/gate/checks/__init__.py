"""The gate's questions, one function each: `Case` in, `Check` out.

A function that cannot ask its question answers with the reason, a str.
"""

"""Parts of the golden data that are looked at by themselves."""

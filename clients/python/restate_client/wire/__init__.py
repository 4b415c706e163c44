"""The generated messages and stubs of restate.v1; `generate` writes them."""

"""The control API of a running simulator, at `/__admin`: `api` is imported by the first call."""

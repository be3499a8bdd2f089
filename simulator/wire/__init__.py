"""One file per kind of envelope: frames become messages and messages frames, without I/O."""

"""The client's side: plays the client's half of a tape at a live server, and holds its answers against the tape."""

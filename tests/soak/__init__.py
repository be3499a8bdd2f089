"""A soak: thousands of clients, good ones and bad ones, at one real server; at the end nothing of them may be left."""

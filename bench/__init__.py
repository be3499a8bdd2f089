"""What a message, an idle connection and a start cost, against bare aiohttp and Node: `make bench`."""

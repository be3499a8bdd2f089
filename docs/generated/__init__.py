"""Pages that are made of the code while the site is built, so that they can't say anything else than it does."""

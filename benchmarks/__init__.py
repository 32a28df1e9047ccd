"""Scripts that measure the figures and write them as data: `make bench`."""

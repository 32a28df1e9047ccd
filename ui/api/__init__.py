"""The HTTP interface, `/api/v1`: what the page and other programs ask of a library."""

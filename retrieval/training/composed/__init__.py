"""Composed videos: captioned photographs, named sounds, spoken sentences and written words, put together in order."""

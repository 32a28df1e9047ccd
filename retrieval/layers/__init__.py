"""Bricks that the papers' picture models share, in torch alone."""

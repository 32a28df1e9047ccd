"""Training of picture classifiers: heads on the embedded tower's features, and the papers' models in full."""

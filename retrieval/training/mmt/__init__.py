"""Training of the multi-modal transformer, on captioned videos or on composed ones."""

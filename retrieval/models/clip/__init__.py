"""Models of open_clip: named, found, described, and run without torch once their graphs are kept."""

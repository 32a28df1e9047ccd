"""The papers' claims at small scale: `python -m benchmarks.experiments NAME --images FOLDER_OR_ZIP [--small]`."""

"""The search page: Gradio on loopback, and routes that serve the catalog's files and nothing else."""

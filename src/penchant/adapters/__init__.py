"""One file or folder for each outside thing: databases, language models."""

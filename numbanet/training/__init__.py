"""Training: the loop, the batches it draws, what it asks of a model, and what it keeps."""

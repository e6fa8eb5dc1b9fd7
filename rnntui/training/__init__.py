"""Training of every kind of model: data preparation, batches, loop, schedule, evaluation, resume, hardware."""

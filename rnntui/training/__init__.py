"""The training loop and what it needs: batches, schedule, evaluation, resume, device and precision."""

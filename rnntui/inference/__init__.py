"""Inference in numpy alone: recurrent cells, models, sampling, generation, scoring, beam search."""

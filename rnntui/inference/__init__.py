"""Recurrent models in numpy alone: cells, states, sampling, token streams, scores."""

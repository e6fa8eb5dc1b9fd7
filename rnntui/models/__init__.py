"""Recurrent models as torch modules, for training."""

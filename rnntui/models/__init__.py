"""The models as torch modules, for training and evaluation."""

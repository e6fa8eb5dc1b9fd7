"""Views of the inside of trained models: gradients, context, units, attention; numpy, no torch."""

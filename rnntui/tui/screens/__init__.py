"""Dialogs and the help screen, which open over the tabs."""

"""Charts of metrics as rows of styled characters, in numpy."""

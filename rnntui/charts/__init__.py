"""Floor 2: charts, from rows of metrics to lines of characters, in numpy."""

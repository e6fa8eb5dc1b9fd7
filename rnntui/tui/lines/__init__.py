"""Parts of the tabs in which each line of an editor has a result beside it: Translate and Classify."""

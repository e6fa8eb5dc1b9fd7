"""One data-only page for each kind of model, read by everything that must know kinds.

To add a kind: write its page here and list it in `registry.KINDS`; write its task in `training/`, its modules in
`models/` and `inference/`, and its command in `cli/`.
"""

"""One data-only module for each kind of model, read by all code that depends on the kind.

To add a kind: write its `ModelKind` here and list it in `registry.KINDS`; write its task in `training/`, its modules in
`models/` and `inference/`, and its command in `cli/`.
"""

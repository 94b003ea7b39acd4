"""One module per rule kind; the fields of a kind are its config keys, its docstring is the user documentation."""

"""The paper's experiments on the data at hand."""

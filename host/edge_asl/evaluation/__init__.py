"""What a model is worth: figures (``metrics``), their pictures (``figures``), a page for people (``report``)."""

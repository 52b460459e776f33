"""The command line: Typer commands that parse, call one function, print."""

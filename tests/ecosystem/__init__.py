"""Other libraries on the environment, each where it is installed: ``python -m tests.ecosystem``.

A row of `rows.ROWS` is a library, an environment of its own, and one script of checks/, which is
also an example of how the library is used with landscape-gym. docs/compatibility.md has the table.
"""

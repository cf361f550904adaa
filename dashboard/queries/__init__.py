"""What the pages show, as tables: from the project's files, from MLflow and from tuning studies. No widgets.

Everything is relative to the current folder, the project's. Answers are cached for a while: a page is run again with
every click.
"""

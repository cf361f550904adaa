"""Scripts that run other programs on a folder of images, by the Python of an environment that has them.

An adapter is one file, ``with_<name>.py``, called as ``python with_<name>.py IMAGES ANSWERS [options]``. It reads every TIFF file
in IMAGES and writes what :meth:`brightfield.tasks.answering.Answering.foreign` of the task asks for into ANSWERS. It imports the
other program and what comes with it, and nothing of this package, which need not be installed where it runs.
"""

from __future__ import annotations

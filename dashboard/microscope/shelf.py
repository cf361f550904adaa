"""Images that browsers may ask for, by a name that cannot be guessed: pages put them here, and the server cuts tiles of them."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

from microscope.tiles import Picture

MOST_BYTES = 160 * 2**20  # of all images; the one that was not asked for longest goes first

_SECRET = secrets.token_bytes(32)  # of this process: names are good for as long as it runs


class Shelf:
    """Images by name, the last ones that were used; several threads may use it.

    Args:
        most_bytes: of all images together; the last one stays, however large it is.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, identity: str, make: Callable[[], Picture]) -> tuple[str, Picture]:
        """Put an image here unless it is already.

        Args:
            identity: what the image is of, and of which version; the same identity has the same name.
            make: the image, where it is not here.

        Returns:
            Its name, and the image.
        """
        name = hashlib.blake2b(identity.encode(), key=_SECRET, digest_size=16).hexdigest()
        picture = self.get(name) or make()
        with self._lock:
            self._pictures[name] = picture
            self._pictures.move_to_end(name)
            while len(self._pictures) > 1 and sum(each.nbytes for each in self._pictures.values()) > self._most_bytes:
                self._pictures.popitem(last=False)
        return name, picture

    def get(self, name: str) -> Picture | None:
        """The image of a name; None if there is none any more."""
        with self._lock:
            if name in self._pictures:
                self._pictures.move_to_end(name)
            return self._pictures.get(name)


SHELF = Shelf()  # of the app: all sessions and the server share it

"""Read, write, normalise and tile images.

An image is (H, W) or (H, W, 3), uint8, uint16 or float32; (0, 0) is the centre of the first pixel, x is the
column, y the row.
"""

from brightfield.images.arrays import Image, normalise, to_float, to_grey
from brightfield.images.background import above_background
from brightfield.images.formats.source import MAX_PIXELS, Header
from brightfield.images.links import pointer
from brightfield.images.listing import (
    NOT_AN_IMAGE,
    OWN,
    Listing,
    files,
    holds_answers,
    in_order,
    is_image,
    leftovers,
    list_folder,
    list_images,
    some_of,
)
from brightfield.images.names import is_junk, name_key, natural_sort_key, stem, unique_name
from brightfield.images.opening import MAX_STACK_PIXELS, header, is_file
from brightfield.images.reading import (
    Frame,
    evenly_spaced,
    frame_count,
    frames,
    frames_of,
    read,
    read_frame,
    read_labels,
    read_stack,
    sample,
)
from brightfield.images.scaling import framed, magnified, nearest, resized
from brightfield.images.tiling import Stitcher, pad_to_multiple, tiles
from brightfield.images.windows import Window, busiest
from brightfield.images.writing import as_png, write_png, write_tiff

__all__ = [
    "MAX_PIXELS",
    "MAX_STACK_PIXELS",
    "NOT_AN_IMAGE",
    "OWN",
    "Frame",
    "Header",
    "Image",
    "Listing",
    "Stitcher",
    "Window",
    "above_background",
    "as_png",
    "busiest",
    "evenly_spaced",
    "files",
    "frame_count",
    "framed",
    "frames",
    "frames_of",
    "header",
    "holds_answers",
    "in_order",
    "is_file",
    "is_image",
    "is_junk",
    "leftovers",
    "list_folder",
    "list_images",
    "magnified",
    "name_key",
    "natural_sort_key",
    "nearest",
    "normalise",
    "pad_to_multiple",
    "pointer",
    "read",
    "read_frame",
    "read_labels",
    "read_stack",
    "resized",
    "sample",
    "some_of",
    "stem",
    "tiles",
    "to_float",
    "to_grey",
    "unique_name",
    "write_png",
    "write_tiff",
]

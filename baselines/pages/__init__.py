"""How a page is made: tables, the places between markers that they take, and where they are from.

Colours, files of pictures and pages in HTML are the library's: `landscape_gym.rendering.palette`,
`landscape_gym.rendering.png`, `landscape_gym.report.webpage`.
"""

from baselines.pages.markers import between_markers, marker_names, write_between_markers
from baselines.pages.provenance import ROOT, machine, processor, revision, source
from baselines.pages.tables import markdown

__all__ = [
    "ROOT",
    "between_markers",
    "machine",
    "markdown",
    "marker_names",
    "processor",
    "revision",
    "source",
    "write_between_markers",
]

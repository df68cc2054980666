"""The docs site: ``sphinx-build -W --keep-going -b html docs docs/_build/html``."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # agents/, baselines/ and docs/ are folders of the checkout

project = "landscape-gym"
author = "landscape-gym contributors"
version = release = version_of("landscape-gym")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docs.generate.formulas",
    "docs.generate.site",
]
exclude_patterns = ["_build"]
suppress_warnings = ["ref.python"]  # a name that several modules have is left as code

# A name in single backticks becomes a link where it names something that has a page, else code.
default_role = "py:obj"
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
html_math_renderer = "mathml"  # docs.generate.formulas

autodoc_member_order = "bysource"
autodoc_type_aliases = {"Array": "Array"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
highlight_language = "none"  # of indented blocks, which are formulas and commands
pygments_style = "friendly"
pygments_dark_style = "monokai"

html_theme = "furo"
html_title = f"landscape-gym {release}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]

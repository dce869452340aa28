"""Sphinx's settings; `make_book.py` puts this file beside the pages that it gathers."""

project = "minixattn"
author = "minixattn contributors"
copyright = author
extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinx_copybutton"]
html_theme = "furo"
html_title = "minixattn"
html_static_path = ["_static"]
html_css_files = ["wrap.css"]
mathjax_path = "mathjax/es5/tex-svg.js"  # in the book itself: no network
nb_execution_mode = "off"  # `make lessons` has run them
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
myst_url_schemes = ["http", "https"]
suppress_warnings = ["mystnb.unknown_mime_type"]
nb_mime_priority_overrides = [("html", "image/png", 10), ("html", "text/plain", 20)]
pygments_style = "friendly"
html_show_sphinx = False

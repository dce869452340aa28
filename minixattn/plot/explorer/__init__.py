"""The explorable page: arrays and traces in, one HTML file out that needs nothing else.

Read in this order:

- `maps`: what the caller gives, brought to one form: `Layer`s with (T, h, L, S) weights
- `roles`: which step of a trace is which, found out by computing it again
- `sides`: the words or patches that stand for the queries and the keys
- `encode`: arrays as text
- `page`: the file: `page.html`, `page.css` and the scripts, which are read as they are

In the browser: `decode.js` (the arrays again), `attention.js` (heads, means, temperature),
`colour.js`, `words.js`, `image.js`, `matrix.js`, `heads.js`, `steps.js`, `row.js`, `picture.js`
(saving) and `main.js`, which wires them together.
"""

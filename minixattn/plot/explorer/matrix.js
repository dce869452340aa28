// All weights of a head as a matrix: a row for each query, a column for each key.

const FONT = '12px system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
const CELL = { most: 44, label: 13, value: 32 }; // pixels: largest cell; room for a label, a number
const UPRIGHT = 62; // pixels: the length of "← queries"

// Where everything goes, for so much width.
function layout(map, rowNames, columnNames, width, measure) {
  const widest = (names, most) =>
    Math.min(most, Math.max(24, ...thinned(names, 400).map((i) => measure(names[i]))) + 8);
  const left = widest(rowNames, Math.min(120, width * 0.26)) + 18;
  const top = widest(columnNames, 96) + 20;
  const room = width - left - 4;
  let cellWidth = Math.min(CELL.most, room / map.columns);
  let cellHeight = Math.min(CELL.most, 520 / map.rows);
  if (Math.min(cellWidth, cellHeight) >= 3)
    cellWidth = cellHeight = Math.min(cellWidth, cellHeight);
  // Few rows of many columns are tall enough that each can be named.
  if (2 * map.rows <= map.columns)
    cellHeight = Math.min(Math.max(cellHeight, CELL.label + 3), 520 / map.rows);
  return {
    left,
    top,
    cellWidth,
    cellHeight,
    width: left + cellWidth * map.columns + 4,
    height: top + Math.max(cellHeight * map.rows, UPRIGHT) + 4,
  };
}

// At most so many indices, evenly spread.
function thinned(list, most) {
  const step = Math.max(1, Math.ceil(list.length / most));
  return Array.from({ length: Math.ceil(list.length / step) }, (_, i) => i * step);
}

function labelled(count, cell) {
  return thinned({ length: count }, Math.max(1, Math.floor((count * cell) / CELL.label)));
}

// A word cut to a width, by measuring it.
function cut(text, width, measure) {
  if (measure(text) <= width) return text;
  let n = Math.min(text.length, 60);
  while (n > 1 && measure(`${text.slice(0, n)}…`) > width) n -= 1;
  return `${text.slice(0, n)}…`;
}

// In a line of text of its own direction, whatever the word holds.
function apart(text) {
  return `\u2068${text}\u2069`;
}

// The colours and the density of paper, or those of the screen.
const PAPER = { density: 2, ink: '#1d1f23', soft: '#55585f', hatch: '#b3b0a8', edge: '#85827a' };
function inkNow() {
  if (theme.printing) return PAPER;
  const ink = { density: Math.max(1, devicePixelRatio || 1) };
  for (const name of ['ink', 'soft', 'hatch', 'edge']) ink[name] = styled(`--${name}`);
  return ink;
}

function drawMatrix(canvas, map, mask, top, names, width, ink = inkNow()) {
  const pen = canvas.getContext('2d');
  pen.font = FONT;
  const measure = (text) => pen.measureText(text).width;
  const rows = names.queries.map((word) => shown(word, 60));
  const columns = names.keys.map((word) => shown(word, 60));
  const place = layout(map, rows, columns, width, measure);
  const { density } = ink;
  canvas.width = Math.round(place.width * density);
  canvas.height = Math.round(place.height * density);
  canvas.style.width = `${place.width}px`;
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.font = FONT;
  drawCells(pen, map, mask, top, place, ink);
  drawLabels(pen, rows, columns, place, measure, ink);
  return place;
}

function drawCells(pen, map, mask, top, { left, top: above, cellWidth, cellHeight }, ink) {
  const [width, height] = [cellWidth * map.columns, cellHeight * map.rows];
  pen.imageSmoothingEnabled = cellWidth < 1 || cellHeight < 1; // several weights in one pixel
  pen.drawImage(canvasOf(map, top), left, above, width, height);
  if (mask) hatch(pen, map, mask, { left, above, cellWidth, cellHeight }, ink.hatch);
  pen.strokeStyle = ink.edge;
  pen.strokeRect(left, above, width, height);
  if (Math.min(cellWidth, cellHeight) < CELL.value) return;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  map.values.forEach((w, k) => {
    if (mask && !mask[k]) return;
    const [i, j] = [Math.floor(k / map.columns), k % map.columns];
    pen.fillStyle = w !== w ? '#ffffff' : inkOn(ramp(w / top));
    pen.fillText(decimal(w), left + (j + 0.5) * cellWidth, above + (i + 0.5) * cellHeight);
  });
}

// Diagonal lines over what may not be looked at: a zero is empty, a forbidden place is hatched.
function hatch(pen, map, mask, { left, above, cellWidth, cellHeight }, colour) {
  pen.save();
  pen.beginPath();
  mask.forEach((may, k) => {
    if (may) return;
    const [i, j] = [Math.floor(k / map.columns), k % map.columns];
    pen.rect(left + j * cellWidth, above + i * cellHeight, cellWidth, cellHeight);
  });
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  const [width, height] = [cellWidth * map.columns, cellHeight * map.rows];
  for (let x = -height; x < width; x += 7) {
    pen.moveTo(left + x, above + height);
    pen.lineTo(left + x + height, above);
  }
  pen.stroke();
  pen.restore();
}

function drawLabels(pen, rows, columns, place, measure, ink) {
  const { left, top, cellWidth, cellHeight } = place;
  pen.fillStyle = ink.ink;
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  for (const i of labelled(rows.length, cellHeight)) {
    pen.fillText(apart(cut(rows[i], left - 26, measure)), left - 6, top + (i + 0.5) * cellHeight);
  }
  pen.textAlign = 'left';
  for (const j of labelled(columns.length, cellWidth)) {
    upright(pen, apart(cut(columns[j], top - 28, measure)), left + (j + 0.5) * cellWidth, top - 6);
  }
  pen.fillStyle = ink.soft;
  pen.fillText('keys →', left, 7);
  pen.textAlign = 'right';
  upright(pen, '← queries', 7, top);
}

// Text that reads upwards from a point.
function upright(pen, text, x, y) {
  pen.save();
  pen.translate(x, y);
  pen.rotate(-Math.PI / 2);
  pen.fillText(text, 0, 0);
  pen.restore();
}

// The matrix on the page, with a band over the row or column that is looked at.
function matrixView(element, point, choose) {
  const canvas = make('canvas');
  canvas.setAttribute('role', 'img');
  const bands = [0, 1].map(() => make('div', '', { className: 'band', hidden: true }));
  element.append(make('div', '', { className: 'frame' }, canvas, ...bands));
  let place = null;
  let size = null;
  const cellAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const zoom = place.width / box.width;
    const i = Math.floor(((event.clientY - box.top) * zoom - place.top) / place.cellHeight);
    const j = Math.floor(((event.clientX - box.left) * zoom - place.left) / place.cellWidth);
    return { i: i >= 0 && i < size.rows ? i : -1, j: j >= 0 && j < size.columns ? j : -1 };
  };
  canvas.addEventListener('pointermove', (event) => {
    if (event.pointerType !== 'touch') point(cellAt(event));
  });
  canvas.addEventListener('pointerleave', () => point({ i: -1, j: -1 }));
  canvas.addEventListener('click', (event) => choose(cellAt(event)));
  // In percent, so that a band stays in its place when the canvas shrinks, as on paper.
  const band = (div, x, y, width, height) => {
    const percent = (part, whole) => `${(100 * part) / whole}%`;
    Object.assign(div.style, {
      left: percent(x, place.width),
      width: percent(width, place.width),
      top: percent(y, place.height),
      height: percent(height, place.height),
    });
    div.hidden = false;
  };
  return {
    draw(map, mask, top, names, title) {
      size = map;
      place = drawMatrix(canvas, map, mask, top, names, Math.max(200, element.clientWidth));
      canvas.setAttribute('aria-label', title);
    },
    mark(i, j) {
      const { left, top, cellWidth, cellHeight } = place;
      bands.forEach((div) => {
        div.hidden = true;
      });
      if (i >= 0)
        band(bands[0], left, top + i * cellHeight - 1, cellWidth * size.columns, cellHeight + 2);
      if (j >= 0)
        band(bands[1], left + j * cellWidth - 1, top, cellWidth + 2, cellHeight * size.rows);
    },
    place: () => place,
  };
}

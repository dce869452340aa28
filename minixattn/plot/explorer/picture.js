// The view as a picture: an SVG that is built element by element, so that words stay text, and from
// it a PNG. Always on white paper.

// In pixels; words to the left of `middle`, the matrix to the right; more cells become an image.
const SHEET = { width: 1000, margin: 28, line: 24, middle: 480, cells: 4096 };

function draw(tag, attributes, text = '', ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  if (text !== '') element.textContent = text;
  element.append(...children);
  return element;
}

// Text of XML: what no XML file may hold becomes a sign that says so.
function xmlText(text) {
  return text.replace(
    /[\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
    '\uFFFD',
  );
}

function words(x, y, text, more = {}) {
  return draw('text', { x, y, 'font-size': 14, fill: '#1d1f23', ...more }, xmlText(text));
}

// A pen for measuring.
function measurer() {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = '14px system-ui, sans-serif';
  return (text) => pen.measureText(text).width;
}

function svgOf(view) {
  theme.printing = true;
  try {
    const measure = measurer();
    const { width, margin } = SHEET;
    const parts = [
      words(margin, 46, cut(shown(view.data.title), 900, measure), { 'font-size': 24 }),
    ];
    parts.push(words(margin, 72, view.describe(), { fill: '#55585f' }));
    let y = 100;
    const lines = wrapped(view.sentence(), width - 2 * margin, measure);
    lines.forEach((line) => {
      parts.push(words(margin, y, line, { 'font-size': 15 }));
      y += SHEET.line;
    });
    const top = y + 18;
    y = top;
    for (const name of ['queries', 'keys']) y = drawSide(parts, view, name, y, measure) + 32;
    y = Math.max(drawLegend(parts, view, y - 8), drawWeights(parts, view, top, measure));
    const height = y + margin;
    const sheet = draw(
      'svg',
      {
        xmlns: 'http://www.w3.org/2000/svg',
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        'font-family': 'system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
      },
      '',
      draw('rect', { width, height, fill: '#ffffff' }),
      ...parts,
    );
    return { text: new XMLSerializer().serializeToString(sheet), width, height };
  } finally {
    theme.printing = false;
  }
}

function wrapped(text, width, measure) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (measure(longer) * 1.08 > width && lines.at(-1)) lines.push(cut(word, width, measure));
    else lines[lines.length - 1] = cut(longer, width, measure);
  }
  return lines;
}

// The words or the image of one side, tinted as on the page.
function drawSide(parts, view, name, y, measure) {
  const side = view.sides[name];
  const tints = view.tints(name);
  parts.push(
    words(SHEET.margin, y, name === 'queries' ? 'Queries' : 'Keys', { 'font-weight': 'bold' }),
  );
  if (side.image) return drawImage(parts, view, side, tints, y + 12);
  return drawWords(parts, view, side, tints, y + 12, measure);
}

function drawWords(parts, view, side, { weights, hidden, chosen }, y, measure) {
  let x = SHEET.margin;
  side.names.forEach((name, i) => {
    const text = cut(shown(name, 60), 220, measure);
    const wide = Math.max(measure(text), 34) + 16;
    if (x + wide > SHEET.middle - SHEET.margin) {
      x = SHEET.margin;
      y += 48;
    }
    const w = weights ? weights[i] : 0;
    const rgb = weights && !hidden(i) && w > 0 ? ramp(w / view.top) : [246, 245, 242];
    const edge = i === chosen ? { stroke: '#1f5fbf', 'stroke-width': 3 } : { stroke: '#d5d3cc' };
    parts.push(draw('rect', { x, y, width: wide, height: 42, rx: 6, fill: css(rgb), ...edge }));
    if (weights && hidden(i)) parts.push(...strokes(x, y, wide, 42));
    const label = { fill: inkOn(rgb), 'text-anchor': 'middle' };
    parts.push(words(x + wide / 2, y + 18, apart(text), label));
    if (weights && !hidden(i))
      parts.push(words(x + wide / 2, y + 35, brief(w), { ...label, 'font-size': 11 }));
    x += wide + 6;
  });
  return y + 42;
}

// Hatching as lines, which every program shows alike: those with x + y a multiple of the step, so
// that they go on from one rectangle to the next.
function strokes(x, y, width, height, step = 7) {
  const lines = [];
  for (let c = step - ((x + y) % step); c < width + height; c += step) {
    const [right, left] = [Math.min(c, width), Math.max(0, c - height)];
    lines.push(
      draw('line', {
        x1: x + right,
        y1: y + c - right,
        x2: x + left,
        y2: y + c - left,
        stroke: PAPER.hatch,
      }),
    );
  }
  return lines;
}

function drawImage(parts, view, side, { weights, hidden, chosen }, y) {
  const { rows, columns, src, width, height } = side.image;
  const [w, x] = [360, SHEET.margin];
  const h = (w * height) / width;
  const smooth = side.image.pixelated ? { 'image-rendering': 'pixelated' } : {};
  parts.push(
    draw('image', { href: src, x, y, width: w, height: h, preserveAspectRatio: 'none', ...smooth }),
  );
  for (let i = 0; i < rows * columns; i++) {
    const strength =
      weights && !hidden(i) && weights[i] > 0 ? 0.8 * Math.min(1, weights[i] / view.top) : 0;
    if (!strength && i !== chosen && !(weights && hidden(i))) continue;
    const at = {
      x: x + ((i % columns) * w) / columns,
      y: y + (Math.floor(i / columns) * h) / rows,
    };
    const size = { width: w / columns, height: h / rows };
    const edge = i === chosen ? { stroke: '#1f5fbf', 'stroke-width': 3 } : {};
    parts.push(
      draw('rect', {
        ...at,
        ...size,
        fill: `rgb(${TINT.light})`,
        'fill-opacity': strength,
        ...edge,
      }),
    );
    if (weights && hidden(i)) parts.push(...strokes(at.x, at.y, size.width, size.height));
  }
  return y + h;
}

// The matrix, its labels as text.
function drawWeights(parts, view, y, measure) {
  const { map, names } = view;
  const [rows, columns] = [names.queries, names.keys].map((list) =>
    list.map((word) => shown(word, 60)),
  );
  const place = layout(map, rows, columns, SHEET.width - SHEET.margin - SHEET.middle, measure);
  const group = draw('g', { transform: `translate(${SHEET.middle}, ${y + 10})` });
  const { left, top, cellWidth: w, cellHeight: h } = place;
  const size = { x: left, y: top, width: w * map.columns, height: h * map.rows };
  if (map.values.length <= SHEET.cells) group.append(...cells(view, place));
  else {
    const href = cellsImage(view, place);
    group.append(draw('image', { href, ...size, preserveAspectRatio: 'none' }));
  }
  group.append(draw('rect', { ...size, fill: 'none', stroke: PAPER.edge }));
  const label = { 'font-size': 12, fill: PAPER.ink };
  for (const i of labelled(rows.length, h)) {
    const text = apart(cut(rows[i], left - 24, measure));
    group.append(
      words(left - 6, top + (i + 0.5) * h + 4, text, { ...label, 'text-anchor': 'end' }),
    );
  }
  for (const j of labelled(columns.length, w)) {
    const at = `translate(${left + (j + 0.5) * w + 4}, ${top - 6}) rotate(-90)`;
    group.append(
      words(0, 0, apart(cut(columns[j], top - 28, measure)), { ...label, transform: at }),
    );
  }
  const soft = { ...label, fill: PAPER.soft };
  group.append(words(left, 11, 'keys →', soft));
  group.append(
    words(0, 0, '← queries', {
      ...soft,
      'text-anchor': 'end',
      transform: `translate(11, ${top}) rotate(-90)`,
    }),
  );
  parts.push(words(SHEET.middle, y, 'The weights', { 'font-weight': 'bold' }), group);
  return y + 10 + place.height;
}

// One rectangle a weight, hatched where it is masked, with its number where there is room.
function cells({ map, mask, top: most }, { left, top, cellWidth: w, cellHeight: h }) {
  return Array.from(map.values).flatMap((weight, k) => {
    const [x, y] = [left + (k % map.columns) * w, top + Math.floor(k / map.columns) * h];
    if (mask && !mask[k]) return strokes(x, y, w, h);
    const rgb = weight !== weight ? NOT_A_NUMBER : ramp(weight / most);
    const parts = [draw('rect', { x, y, width: w, height: h, fill: css(rgb) })];
    const text = { 'font-size': 12, 'text-anchor': 'middle', fill: inkOn(rgb) };
    if (Math.min(w, h) >= CELL.value)
      parts.push(words(x + w / 2, y + h / 2 + 4, decimal(weight), text));
    return parts;
  });
}

// Many weights as one image, as the page draws them.
function cellsImage({ map, mask, top: most }, place) {
  const canvas = make('canvas', '', {
    width: 2 * place.cellWidth * map.columns,
    height: 2 * place.cellHeight * map.rows,
  });
  const pen = canvas.getContext('2d');
  pen.scale(2, 2);
  drawCells(pen, map, mask, most, { ...place, left: 0, top: 0 }, PAPER);
  return canvas.toDataURL('image/png');
}

function drawLegend(parts, view, y) {
  const x = SHEET.margin;
  const soft = { fill: PAPER.soft, 'font-size': 12 };
  parts.push(words(x, y + 11, 'weight 0', soft));
  for (let i = 0; i < 60; i++) {
    parts.push(
      draw('rect', { x: x + 58 + 2 * i, y, width: 2.2, height: 14, fill: css(ramp(i / 59)) }),
    );
  }
  parts.push(
    draw('rect', { x: x + 58, y, width: 120, height: 14, fill: 'none', stroke: PAPER.edge }),
  );
  parts.push(words(x + 184, y + 11, number(view.top), soft));
  if (!view.mask || !view.mask.includes(0)) return y + 14;
  parts.push(
    ...strokes(x + 230, y, 20, 14, 5),
    draw('rect', { x: x + 230, y, width: 20, height: 14, fill: 'none', stroke: PAPER.edge }),
  );
  parts.push(words(x + 258, y + 11, 'masked', soft));
  return y + 14;
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make('a', '', { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function saveSvg(view) {
  download(new Blob([svgOf(view).text], { type: 'image/svg+xml' }), 'attention.svg');
}

function savePng(view) {
  const { text, width, height } = svgOf(view);
  const address = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  const image = new Image();
  image.onload = () => {
    const canvas = make('canvas', '', { width: 2 * width, height: 2 * height });
    canvas.getContext('2d').drawImage(image, 0, 0, 2 * width, 2 * height);
    URL.revokeObjectURL(address);
    canvas.toBlob((blob) => download(blob, 'attention.png'), 'image/png');
  };
  image.src = address;
}

// Every head of the layer as a small picture; a press chooses it.

function headButtons(element, choose) {
  let buttons = [];
  return {
    draw(view, top) {
      const layer = view.data.layers[view.layer];
      const count = layer ? headCount(layer) : 0;
      const maps = Array.from({ length: count }, (_, h) =>
        headWeights(layer, view.moment, h, view.T),
      );
      if (buttons.length !== count) {
        buttons = maps.map((_, h) => headButton(h, choose));
        element.replaceChildren(...buttons.map((b) => b.element));
      }
      maps.forEach((map, h) => buttons[h].show(map, top));
    },
    press(chosen) {
      buttons.forEach((b, h) => b.element.setAttribute('aria-pressed', String(h === chosen)));
    },
  };
}

function headButton(h, choose) {
  const canvas = make('canvas');
  const spread = make('span');
  const element = make(
    'button',
    '',
    { type: 'button', className: 'head' },
    canvas,
    `head ${h}`,
    spread,
  );
  element.addEventListener('click', () => choose(h));
  const show = (map, top) => {
    canvasOf(pooled(map, 64), top, canvas);
    const keys = spreadOver(map);
    spread.textContent = `${keys.toFixed(1)} key${keys.toFixed(1) === '1.0' ? '' : 's'}`;
    element.title =
      `on average a query of head ${h} spreads over ${keys.toFixed(1)} keys ` +
      '(e to the power of the entropy)';
  };
  return { element, show };
}

// A long map made small: each place has the largest weight of those it stands for, so that no peak
// is lost.
function pooled(map, most) {
  const [down, across] = [Math.ceil(map.rows / most), Math.ceil(map.columns / most)];
  if (down === 1 && across === 1) return map;
  const [rows, columns] = [Math.ceil(map.rows / down), Math.ceil(map.columns / across)];
  const values = new Float32Array(rows * columns);
  map.values.forEach((w, k) => {
    const [i, j] = [Math.floor(k / map.columns), k % map.columns];
    const at = Math.floor(i / down) * columns + Math.floor(j / across);
    if (!(w <= values[at])) values[at] = w; // NaN too
  });
  return { rows, columns, values };
}

// The steps of the equation as a chain of buttons, and the matrix of the one that is pressed.

const WINDOW = { rows: 16, columns: 12 }; // numbers on the screen at once; pages lead to the rest

// The steps of a trace; of bare weights, the weights are the only one.
function stepsOf(layer) {
  if (layer.steps.length) return layer.steps;
  const { shape } = layer.weights;
  return [
    {
      symbol: 'weights',
      equation: 'A',
      dims: '(h, L, S)',
      shape: shape.slice(1),
      rows: 'queries',
      columns: 'keys',
      values: layer.weights,
    },
  ];
}

function stepsPanel(element, view) {
  const chain = make('div', '', { className: 'chain' });
  chain.setAttribute('role', 'group');
  chain.setAttribute('aria-label', 'Steps of the equation');
  const body = make('div');
  element.append(chain, body);
  let chosen = 'weights';
  let from = { rows: 0, columns: 0 };
  let drawn = null;

  const draw = () => {
    const layer = view.data.layers[Math.max(view.layer, 0)];
    const steps = stepsOf(layer);
    const step = steps.find((s) => s.symbol === chosen) || steps.at(-1);
    if (drawn !== layer) {
      chain.replaceChildren(...steps.map(chainButton));
      drawn = layer;
      from = { rows: 0, columns: 0 };
    }
    steps.forEach((s, k) => chain.children[k].setAttribute('aria-pressed', String(s === step)));
    body.replaceChildren(...stepMatrix(view, layer, step, from, turn));
  };
  const chainButton = (step) => {
    const button = make('button', step.symbol, { type: 'button' });
    button.append(make('small', `${step.shape.join(' × ')}`));
    button.addEventListener('click', () => {
      chosen = step.symbol;
      from = { rows: 0, columns: 0 };
      draw();
    });
    return button;
  };
  const turn = (axis, to, name) => {
    from[axis] = to;
    draw();
    const again = [...body.querySelectorAll('button')].find(
      (b) => b.textContent === name && !b.disabled,
    );
    (again || body.querySelector('button:not(:disabled)')).focus();
  };
  return { draw };
}

// What the step is, and the part of its matrix from which the numbers are written out.
function stepMatrix(view, layer, step, from, turn) {
  const head = Math.max(view.head, 0);
  const map = matrix(step.values, [view.moment, head], [0, headCount(layer)]);
  const count = step.values.shape.length === 4 ? step.values.shape[1] : 1;
  const part =
    count > 1 ? `, head ${Math.floor((head * count) / headCount(layer))} of ${count}` : '';
  const equation = step.equation === step.symbol ? step.symbol : `${step.symbol}: ${step.equation}`;
  const name = view.data.layers.length > 1 ? `${layer.name}, ` : '';
  const text = `${name}${equation}, shape ${step.dims} = (${step.shape.join(', ')})${part}`;
  const shownRows = { from: from.rows, to: Math.min(map.rows, from.rows + WINDOW.rows) };
  const shownColumns = {
    from: from.columns,
    to: Math.min(map.columns, from.columns + WINDOW.columns),
  };
  const pagers = [
    pager('rows', map.rows, shownRows, WINDOW.rows, turn),
    pager('columns', map.columns, shownColumns, WINDOW.columns, turn),
  ].filter(Boolean);
  const grid = numberTable(view, layer, step, map, shownRows, shownColumns);
  return [scroller(`The matrix ${step.symbol}`, text, grid), ...pagers];
}

function numberTable(view, layer, step, map, rows, columns) {
  const most = map.values.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 0);
  const isWeights = step.symbol === 'weights';
  const mask =
    isWeights && layer.allowed
      ? matrix(layer.allowed, [view.moment, Math.max(view.head, 0)])
      : null;
  const top = view.topOf({ layer: Math.max(view.layer, 0), head: 0 });
  const write = isWeights ? weightText : number;
  const colour = isWeights ? (x) => ramp(x / top) : (x) => signed(x, most);
  const name = (what, i) => (what ? isolated(view.sides[what].short[i], 40) : String(i));
  const range = ({ from, to }) => Array.from({ length: to - from }, (_, k) => from + k);
  const heads = ['', ...range(columns).map((j) => name(step.columns, j))];
  const lines = range(rows).map((i) => {
    const cells = range(columns).map((j) => {
      const [at, x] = [i * map.columns + j, map.values[i * map.columns + j]];
      const hidden = x === -Infinity || (mask && !mask.values[at]);
      const cell = tinted(
        hidden && isWeights ? '–' : write(x),
        Number.isFinite(x) && !hidden ? colour(x) : null,
      );
      if (hidden) cell.className = 'hidden-key';
      return cell;
    });
    const line = make('tr', '', {}, headCell(name(step.rows, i), 'row'), ...cells);
    if (step.rows === 'queries' && i === view.query) line.className = 'followed';
    return line;
  });
  return table(heads, lines);
}

// "columns 1 to 12 of 64" with buttons to turn over; nothing where all fits.
function pager(axis, count, shownPart, size, turn) {
  if (count <= size) return null;
  const button = (text, to, possible) => {
    const b = make('button', text, { type: 'button', disabled: !possible });
    b.addEventListener('click', () => turn(axis, to, text));
    return b;
  };
  const { from, to } = shownPart;
  return make(
    'div',
    '',
    { className: 'pager' },
    button(`Earlier ${axis}`, Math.max(0, from - size), from > 0),
    make('span', `${axis} ${from} to ${to - 1} of ${count}`),
    button(`Later ${axis}`, from + size, to < count),
  );
}

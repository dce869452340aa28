// One query's row through the equation, computed here from the numbers in the page:
// scores → softmax at the temperature → weighted sum of the values.

const TERMS = { keys: 16, listed: 12, sum: 4, width: 8 }; // how much is written out

function rowPanel(element, view) {
  const draw = () => {
    const layer = view.data.layers[Math.max(view.layer, 0)];
    const head = Math.max(view.head, 0);
    const found = followed(view, layer, head);
    const follow = (j) => {
      view.key = j;
      draw();
      element.querySelector('button[aria-pressed=true]')?.focus();
    };
    const parts = [
      ...dotProduct(view, layer, head, found),
      ...softmaxPart(view, layer, found, follow),
      ...weightedSum(view, layer, head, found),
    ];
    parts.forEach((part, k) => part.prepend(make('h4', `${k + 1}. ${part.dataset.name}`)));
    element.replaceChildren(
      title(view, layer, head),
      make('div', '', { className: 'parts' }, ...parts),
    );
  };
  return { draw };
}

// One of the numbered parts of the row.
function part(name, ...children) {
  const element = make('section', '', {}, ...children);
  element.dataset.name = name;
  return element;
}

function title(view, layer, head) {
  const heading = make('h3', 'Follow one query: ');
  heading.append(isolated(view.sides.queries.names[view.query], 60));
  const where = headCount(layer) > 1 ? ` in head ${head}` : '';
  const instead =
    view.layer === MEAN || (view.head === MEAN && headCount(layer) > 1)
      ? ' (a mean has no scores of its own; choose a layer and a head)'
      : '';
  heading.append(make('small', `${layer.name}${where}${instead}`));
  return heading;
}

function stepOf(layer, symbol) {
  return layer.steps.find((s) => s.symbol === symbol);
}

function stepMap(view, layer, head, symbol) {
  const step = symbol && stepOf(layer, symbol);
  return step ? matrix(step.values, [view.moment, head], [0, headCount(layer)]) : null;
}

// The row's scores and its softmax. Where no scores are known, log(weights) stand in for them.
function followed(view, layer, head) {
  const weights = row(matrix(layer.weights, [view.moment, head]), view.query);
  const symbol = canTemper(layer) ? layer.roles.scores : null;
  const map = stepMap(view, layer, head, symbol);
  let scores = map ? Float64Array.from(row(map, view.query)) : Float64Array.from(weights, Math.log);
  const mask = layer.allowed && row(matrix(layer.allowed, [view.moment, head]), view.query);
  const hidden = (j) => Boolean(mask) && !mask[j];
  scores = scores.map((s, j) => (hidden(j) ? -Infinity : s));
  const result = softmax(scores, view.T);
  if (!canTemper(layer)) result.weights = Float64Array.from(weights);
  const known = Boolean(map);
  return {
    ...result,
    scores,
    hidden,
    known,
    soft: canTemper(layer),
    keys: listedKeys(result.weights),
  };
}

// All keys in their order where they are few, else those with the largest weights.
function listedKeys(weights) {
  if (weights.length <= TERMS.keys) return Array.from(weights, (_, j) => j);
  return largest(weights, TERMS.listed);
}

// "q₂ · k₃ = 0.31 × 1.20 + … = 1.93" for the key that was pressed, or the one that gets most.
function dotProduct(view, layer, head, found) {
  const { query, key, raw, scale } = layer.roles;
  if (!query || !found.known) return [];
  const j = view.key ?? largest(found.weights, 1)[0] ?? 0;
  const q = row(stepMap(view, layer, head, query), view.query);
  const k = row(stepMap(view, layer, head, key), j);
  const score = row(stepMap(view, layer, head, raw), view.query)[j];
  const dot = q.reduce((sum, x, d) => sum + x * k[d], 0);
  const terms = Array.from(
    q.slice(0, TERMS.sum),
    (x, d) => `${inBrackets(x)} × ${inBrackets(k[d])}`,
  );
  if (q.length > TERMS.sum) terms.push(`… (${q.length} products)`);
  const [qi, kj] = [indexed('q', view.query), indexed('k', j)];
  const line = make('p', '', { className: 'sum' });
  line.append(`${qi} · ${kj} = `, ...spaced(terms, ' + '), ` = ${number(dot)}`);
  const root = Math.abs(scale * Math.sqrt(q.length) - 1) < 0.01;
  const scaled = `${inBrackets(dot)} ${root ? `/ √${q.length}` : `× ${number(scale)}`} = ${number(score)}`;
  const parts = [line];
  if (Math.abs(scale - 1) > 1e-3) parts.push(make('p', `score = ${scaled}`, { className: 'sum' }));
  const words = make('p', '', { className: 'caption' });
  words.append(
    `How well the query ${qi} fits the key ${kj}, “`,
    isolated(view.sides.keys.names[j], 40),
    '”: their dot product.',
  );
  return [part('Score', words, ...parts)];
}

// Terms of a sum, each of which stays on one line.
function spaced(terms, between) {
  return terms.flatMap((t, k) => [k ? between : '', make('span', t, { className: 'term' })]);
}

function softmaxPart(view, layer, found, follow) {
  const heads = ['', 'key', found.known ? 'score' : 'log weight', 'e^(…)', 'weight'];
  const lines = found.keys.map((j) => {
    const s = found.scores[j];
    const score = make('td', number(s), { className: found.hidden(j) ? 'hidden-key' : '' });
    return make(
      'tr',
      '',
      {},
      keyCell(view, layer, found, j, follow),
      headCell(isolated(view.sides.keys.short[j], 40), 'row'),
      score,
      make('td', number(found.e[j])),
      bar(found.weights[j]),
    );
  });
  const rest = found.weights.length - found.keys.length;
  if (rest) lines.push(remainder(found, rest));
  lines.push(
    closing(
      'sum',
      found.sum,
      found.weights.reduce((a, b) => a + b, 0),
    ),
  );
  const grid = Object.assign(table(heads, lines), { className: 'softmax' });
  return [part('Softmax', scroller('The softmax of this row', softmaxText(view, found), grid))];
}

// "k₃"; where its score can be written out, a button that does.
function keyCell(view, layer, found, j, follow) {
  const name = indexed('k', j);
  if (!layer.roles.query || !found.known) return make('td', name);
  const button = make('button', name, { type: 'button', className: 'key' });
  const strongest = largest(found.weights, 1)[0] ?? 0;
  button.setAttribute('aria-pressed', String(j === (view.key ?? strongest)));
  button.setAttribute('aria-label', `write out the score of ${name}`);
  button.addEventListener('click', () => follow(j));
  return make('td', '', {}, button);
}

function softmaxText(view, found) {
  if (!found.soft) return 'The weights of this layer are no softmax of a step in this page.';
  const what = found.known ? 'score' : 'log weight';
  if (!Number.isFinite(found.top)) return 'Every key is forbidden: all weights are 0.';
  const shifted = `${what} ${found.top < 0 ? '+' : '−'} ${number(Math.abs(found.top))}`;
  const power = view.T === 1 ? shifted : `(${shifted}) / ${number(view.T)}`;
  const why = found.known
    ? ''
    : ' (The log of a weight differs from its score by a constant, which softmax does not see.)';
  return `weight = e^(${power}) / ${number(found.sum)}: the largest is subtracted, then all are divided by their sum.${why}`;
}

function bar(w) {
  const fill = make('span', '', { className: 'fill' });
  fill.style.width = `${Math.round(80 * Math.min(1, w || 0))}px`;
  return make('td', '', { className: 'bar' }, fill, decimal(w));
}

function closing(name, e, weight) {
  return make(
    'tr',
    '',
    {},
    make('td'),
    headCell(name, 'row'),
    make('td'),
    make('td', number(e)),
    make('td', decimal(weight), { className: 'bar' }),
  );
}

function remainder(found, count) {
  const others = (numbers) =>
    numbers.reduce((a, b) => a + b, 0) - found.keys.reduce((a, j) => a + numbers[j], 0);
  return closing(`${count} others`, others(found.e), Math.max(0, others(found.weights)));
}

// "0.62 × v₃ + 0.20 × v₁ + …", the values behind it, and their sum beside the recorded one.
function weightedSum(view, layer, head, found) {
  const { value, result } = layer.roles;
  const V = stepMap(view, layer, head, value);
  const order = largest(found.weights, found.weights.length);
  const line = make('p', '', { className: 'sum' });
  const terms = order
    .slice(0, TERMS.sum)
    .map((j) => `${decimal(found.weights[j])} × ${indexed('v', j)}`);
  if (order.length > TERMS.sum) terms.push('…');
  line.append(...(terms.length ? spaced(terms, ' + ') : ['Nothing to look at: the result is 0.']));
  if (!V)
    return [part('Weighted sum', line, make('p', withoutValues(layer), { className: 'note' }))];
  const count =
    V.columns > TERMS.width ? `, the first ${TERMS.width} of its ${V.columns} numbers` : '';
  const text = `Each value${count}; the values times their weights add up to the result.`;
  const grid = sumTable(view, layer, head, found, V, order, result);
  return [part('Weighted sum', line, scroller('The weighted sum', text, grid))];
}

function withoutValues(layer) {
  if (layer.left_out)
    return 'The steps of this layer are left out to keep the file small: layers= chooses which to keep.';
  if (!layer.steps.length)
    return 'The values v are not in this page: explore(trace) shows them too.';
  return 'No step of this trace is weights × value: with dropout on it is not; layer.eval() switches it off.';
}

function sumTable(view, layer, head, found, V, order, result) {
  const width = Math.min(V.columns, TERMS.width);
  const more = V.columns > width ? ['…'] : [];
  const numbers = (vector) => Array.from(vector.slice(0, width), (x) => make('td', number(x)));
  const line = (name, vector) =>
    make(
      'tr',
      '',
      {},
      headCell(name, 'row'),
      ...numbers(vector),
      ...more.map(() => make('td', '…')),
    );
  const sum = new Float64Array(V.columns);
  order.forEach((j) =>
    row(V, j).forEach((v, d) => {
      sum[d] += found.weights[j] * v;
    }),
  );
  const lines = order.slice(0, TERMS.sum).map((j) => {
    const name = make('span', `${decimal(found.weights[j])} × ${indexed('v', j)} `);
    name.append(isolated(view.sides.keys.short[j], 30));
    return line(name, row(V, j));
  });
  lines.push(line(`sum of all ${order.length}`, sum));
  const made = stepMap(view, layer, head, result);
  if (made && view.T === 1) lines.push(line(`recorded: ${result}`, row(made, view.query)));
  const heads = ['', ...Array.from({ length: width }, (_, d) => String(d)), ...more];
  return table(heads, lines);
}

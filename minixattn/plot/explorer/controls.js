// The controls above the picture, the sentence, the legend and the first drawing.

function describe() {
  const parts = [
    view.layer === MEAN ? `mean of ${data.layers.length} layers` : data.layers[view.layer].name,
  ];
  const count = headCount(shownLayer());
  if (count > 1)
    parts.push(view.head === MEAN ? `mean of ${count} heads` : `head ${view.head} of ${count}`);
  if (data.time) parts.push(`step ${data.time[view.moment]}`);
  if (view.T !== 1) parts.push(`temperature ${number(view.T)}`);
  return parts.join(', ');
}

function legend(element, { top, mask, map }) {
  const scale = make('canvas', '', { className: 'ramp' });
  const values = Float32Array.from({ length: 64 }, (_, i) => i / 63);
  canvasOf({ rows: 1, columns: 64, values }, 1, scale);
  scale.setAttribute('role', 'presentation');
  const parts = [make('span', '', {}, 'weight 0', scale, number(top))];
  const swatch = (name) => make('i', '', { className: `swatch ${name}` });
  if (mask && mask.includes(0))
    parts.push(make('span', '', {}, swatch('hidden-key'), 'masked: may not be looked at'));
  if (map.values.some(Number.isNaN))
    parts.push(make('span', '', {}, swatch('not-a-number'), 'not a number (NaN)'));
  element.replaceChildren(...parts);
}

// The sentence: “chat” looks at “cat” 0.62, “the” 0.20 …
function spoken({ subject, sides, map, mask }) {
  const { side, index, other } = subject;
  const [own, across] =
    side === 'queries' ? [sides.queries, sides.keys] : [sides.keys, sides.queries];
  const quote = (s, i) =>
    s.image ? [`the patch in ${s.names[i]}`] : ['“', isolated(s.names[i], 60), '”'];
  const weights = side === 'queries' ? row(map, index) : column(map, index);
  if (weights.some(Number.isNaN))
    return [...quote(own, index), ': the weights are not numbers (NaN).'];
  const order = other >= 0 ? [other] : largest(weights, 4).filter((i) => weights[i] >= 0.005);
  if (!order.length) {
    const forbidden =
      mask && side === 'queries' && !row({ values: mask, columns: map.columns }, index).includes(1);
    if (forbidden) return [...quote(own, index), ' may look nowhere: the mask forbids every key.'];
    return [
      ...quote(own, index),
      side === 'queries' ? ' looks nowhere in particular.' : ' is hardly looked at by any query.',
    ];
  }
  const out = [...quote(own, index), side === 'queries' ? ' looks at ' : ' is looked at by '];
  order.forEach((i, k) =>
    out.push(k ? ', ' : '', ...quote(across, i), ' ', make('b', decimal(weights[i]))),
  );
  const rest = weights.reduce((a, b) => a + b, 0) - order.reduce((a, i) => a + weights[i], 0);
  if (side === 'queries' && rest >= 0.005) out.push(`; the other keys share ${decimal(rest)}`);
  out.push('.');
  return out;
}

function showControls() {
  byId('layer').value = view.layer;
  byId('head').value = view.head;
  byId('moment').value = view.moment;
  byId('moment-value').textContent = data.time ? data.time[view.moment] : '';
  const soft = layers().every(canTemper);
  byId('temperature').disabled = !soft;
  byId('temperature').max = data.exact ? 20 : 0;
  byId('temperature-value').textContent = number(view.T);
  const note = byId('changed');
  note.hidden = soft && view.T === 1;
  note.textContent = soft
    ? `Temperature ${number(view.T)}: softmax(scores / ${number(view.T)}), computed here. At 1 the weights are the model’s own.`
    : 'These weights are no softmax over the keys, so the temperature slider rests.';
  byId('shown').textContent = describe();
}

function fillLists() {
  const option = (value, text) => make('option', text, { value });
  const list = data.layers.map((layer, i) => option(i, layer.name));
  if (list.length > 1 && sameSides)
    list.unshift(option(MEAN, `mean of ${data.layers.length} layers`));
  byId('layer').replaceChildren(...list);
  byId('layer-part').hidden = list.length < 2;
  if (data.layers[0].steps.length) view.head = 0; // the equation is that of one head
  fillHeads();
  byId('time').hidden = !data.time;
  byId('moment').max = data.time ? data.time.length - 1 : 0;
}

function fillHeads() {
  const counts = layers().map(headCount);
  const fewest = Math.min(...counts);
  const heads = Array.from({ length: fewest }, (_, h) =>
    make('option', `head ${h}`, { value: h }),
  );
  const mean = make('option', 'mean of the heads', { value: MEAN });
  byId('head').replaceChildren(mean, ...(fewest > 1 ? heads : []));
  if (view.head >= fewest || fewest === 1) view.head = MEAN;
  byId('head-part').hidden = Math.max(...counts) < 2;
  byId('heads-part').hidden = fewest < 2 || view.layer === MEAN;
}

function listen() {
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on('layer', 'change', (e) => {
    view.layer = Number(e.target.value);
    fillHeads();
    redraw();
  });
  on('head', 'change', (e) => {
    view.head = Number(e.target.value);
    redraw();
  });
  on('moment', 'input', (e) => {
    view.moment = Number(e.target.value);
    redraw();
  });
  on('temperature', 'input', (e) => {
    view.chosenT = 10 ** (Number(e.target.value) / 20);
    redraw();
  });
  on('save-svg', 'click', () => saveSvg(view));
  on('save-png', 'click', () => savePng(view));
  on('play', 'click', play);
  on('controls', 'submit', (e) => e.preventDefault());
  darkScheme.addEventListener('change', redraw);
  // The width changes with the window, and when a hidden part of a notebook is opened.
  let width = byId('matrix').clientWidth;
  new ResizeObserver(() => {
    if (width === byId('matrix').clientWidth) return;
    width = byId('matrix').clientWidth;
    drawMap();
    tell();
  }).observe(byId('matrix'));
  addEventListener('beforeprint', () => {
    theme.printing = true;
    redraw();
  });
  addEventListener('afterprint', () => {
    theme.printing = false;
    redraw();
  });
}

let playing = null;
function play() {
  const stop = playing !== null;
  clearInterval(playing);
  playing = stop
    ? null
    : setInterval(() => {
        view.moment = (view.moment + 1) % data.time.length;
        redraw();
        if (view.moment === data.time.length - 1) play();
      }, 600);
  byId('play').setAttribute('aria-pressed', String(!stop));
  byId('play').textContent = stop ? 'Play' : 'Stop';
}

function precision() {
  const kept = data.exact
    ? 'The weights in this page are float32.'
    : 'Each weight in this page is rounded to one byte: at most 1/508 of the largest weight of its row away, less than 0.002. So the temperature can be lowered but not raised: that would need the small weights exactly.';
  const sums = data.layers.every((l) => l.sums)
    ? ' Each row sums to 1: it says how a query divides its attention among the keys. Columns need not.'
    : '';
  return `${kept}${sums} Heads, layers and positions count from 0. The page loads nothing and sends nothing.`;
}

function start() {
  view.chosenT = 1;
  byId('title').textContent = data.title;
  byId('precision').textContent = precision();
  fillLists();
  listen();
  redraw();
}

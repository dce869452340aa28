// The page: what is chosen, and who is told when it changes.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const sameSides = data.layers.every(
  (l) =>
    JSON.stringify([l.queries, l.keys, l.weights.shape.slice(-2)]) ===
    JSON.stringify([
      data.layers[0].queries,
      data.layers[0].keys,
      data.layers[0].weights.shape.slice(-2),
    ]),
);

const view = {
  data,
  layer: 0,
  head: MEAN,
  moment: 0,
  T: 1,
  query: 0, // whose row is followed
  key: null, // whose score is written out; null: the strongest
  pinned: { side: 'queries', index: 0 }, // what was pressed last
  hover: null, // what is pointed at: shown in its place
  sides: null,
  names: null,
  map: null,
  mask: null,
  top: 1,
  get subject() {
    return this.hover || this.pinned;
  },
  describe,
  topOf,
  sentence: () => byId('says').textContent,
  tints,
};

function layers() {
  return view.layer === MEAN ? data.layers : [data.layers[view.layer]];
}
function shownLayer() {
  return layers()[0];
}

// A layer whose weights are a softmax, so that a temperature means something.
function canTemper(layer) {
  return layer.sums && (!layer.steps.length || Boolean(layer.roles.scores));
}

// The top of the colour scale: 1, 0.5, 0.2, 0.1 …, the least that no weight exceeds. All heads of a
// layer and all moments share it, so that they can be compared; a mean, which is paler, has its own.
const TOPS = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const tops = {};
function topOf({ layer, head }) {
  if (view.T !== 1) return 1;
  const key = [layer, head === MEAN ? MEAN : 'heads'].join();
  if (!tops[key]) {
    let most = 0;
    const look = (w) => {
      if (w > most) most = w;
    };
    if (layer !== MEAN && head !== MEAN) array(data.layers[layer].weights).values.forEach(look);
    else
      for (let m = 0; m < moments(); m++)
        shownWeights({ ...choice(), layer, head, moment: m }).values.forEach(look);
    tops[key] = TOPS.find((t) => t >= most) || 1;
  }
  return tops[key];
}

function moments() {
  return data.layers[0].weights.shape[0];
}
function choice() {
  return { data, layer: view.layer, head: view.head, moment: view.moment, T: view.T };
}

// Sides ---------------------------------------------------------------------------------------------

function sideOf(name, side) {
  const events = { choose: (index) => choose(name, index), point: (index) => point(name, index) };
  const label = name === 'queries' ? 'Queries: these look' : 'Keys: these are looked at';
  return side.image
    ? { ...imageSide(data.image, `${label}. Patches of the image`, events), image: data.image }
    : wordList(data.tokens[side.tokens], label, events);
}

function buildSides() {
  const layer = shownLayer();
  const key = JSON.stringify([layer.queries, layer.keys]);
  if (view.sides && view.sides.key === key) return;
  view.sides = { key, queries: sideOf('queries', layer.queries), keys: sideOf('keys', layer.keys) };
  view.names = { queries: view.sides.queries.short, keys: view.sides.keys.short };
  for (const name of ['queries', 'keys']) byId(name).replaceChildren(view.sides[name].element);
  byId('hint').textContent = hint(layer);
  view.query = Math.min(view.query, view.names.queries.length - 1);
  view.pinned = { side: 'queries', index: view.query };
  view.hover = null;
}

function hint(layer) {
  const [query, key] = [layer.queries, layer.keys].map((side) => (side.image ? 'patch' : 'word'));
  if (query === key) {
    return 'Point at a query, or tap it, to see which keys it looks at. Point at a key to see which queries look at it.';
  }
  if (key === 'patch') {
    return 'Point at a word, or tap it, to see where in the image it looks. Point at a patch to see which words look at it.';
  }
  return 'Point at a patch, or tap it, to see which words it looks at. Point at a word to see where it is looked for.';
}

function choose(side, index) {
  view.pinned = { side, index };
  view.hover = null;
  if (side === 'queries' && view.query !== index) {
    view.query = index;
    view.key = null;
    rowPart.draw();
    stepsPart.draw();
  }
  tell();
}

function point(side, index) {
  view.hover = index < 0 ? null : { side, index };
  tell();
}

// What a side's options are coloured with: the weights, if the other side is what looks or is seen.
function tints(name) {
  const { side, index } = view.subject;
  const chosen = side === name ? index : -1;
  if (side === name) return { weights: null, hidden: () => false, chosen };
  const weights = side === 'queries' ? row(view.map, index) : column(view.map, index);
  const { mask, map } = view;
  const hidden = (k) =>
    Boolean(mask) && !mask[side === 'queries' ? index * map.columns + k : k * map.columns + index];
  return { weights, hidden, chosen };
}

// After pointing: colours of the words, the band in the matrix, the sentence.
function tell() {
  for (const name of ['queries', 'keys']) {
    const side = view.sides[name];
    const { weights, hidden, chosen } = tints(name);
    side.tint(weights, view.top, hidden);
    side.options.forEach((option, i) => {
      option.classList.toggle('chosen', i === chosen);
      option.setAttribute('aria-selected', String(i === chosen));
    });
  }
  const { side, index, other = -1 } = view.subject;
  const [i, j] = side === 'queries' ? [index, other] : [other, index];
  matrixPart.mark(i, j);
  byId('says').replaceChildren(...spoken(view));
}

// After another layer, head, moment or temperature: everything.
function redraw() {
  buildSides();
  view.T = layers().every(canTemper) ? view.chosenT : 1;
  view.top = topOf(view);
  view.map = shownWeights(view);
  view.mask = shownMask(view);
  view.key = null;
  drawMap();
  const headsTop = topOf({ layer: view.layer, head: 0 });
  headsPart.draw(view, headsTop);
  byId('heads-title').querySelector('small').textContent =
    `how many keys a query of theirs spreads over; colours from 0 to ${number(headsTop)}`;
  headsPart.press(view.head);
  legend(byId('legend'), view);
  stepsPart.draw();
  rowPart.draw();
  showControls();
  tell();
}

function drawMap() {
  const label = `Matrix of the weights, ${describe()}`;
  matrixPart.draw(view.map, view.mask, view.top, view.names, label);
}

const matrixPart = matrixView(
  byId('matrix'),
  ({ i, j }) => {
    view.hover = i < 0 || j < 0 ? null : { side: 'queries', index: i, other: j };
    tell();
  },
  ({ i, j }) => {
    if (i >= 0) choose('queries', i);
    else if (j >= 0) choose('keys', j);
  },
);
const headsPart = headButtons(byId('heads'), (h) => {
  view.head = view.head === h ? MEAN : h;
  redraw();
});
const stepsPart = stepsPanel(byId('steps'), view);
const rowPart = rowPanel(byId('row'), view);

start();

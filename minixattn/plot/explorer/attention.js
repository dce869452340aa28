// The weights that the reader has asked for: of one head or a mean, at a temperature.

const MEAN = -1; // the choice "mean" in the lists of layers and heads

// softmax(scores / T), computed here. Forbidden scores are -Infinity; a row of them gives zeros.
function softmax(scores, T) {
  let top = -Infinity;
  for (const s of scores) if (s > top) top = s;
  const e = Float64Array.from(scores, (s) => (top === -Infinity ? 0 : Math.exp((s - top) / T)));
  let sum = 0;
  for (const x of e) sum += x;
  return { top, e, sum, weights: e.map((x) => (sum === 0 ? 0 : x / sum)) };
}

// A row of weights at temperature T. log(weights) differ from the scores by a constant in each row,
// and softmax does not see a constant: so they serve where the scores are not known.
function tempered(row, T) {
  if (T === 1) return row;
  return softmax(Float64Array.from(row, Math.log), T).weights;
}

function headCount(layer) {
  return layer.weights.shape[1];
}

function headWeights(layer, moment, head, T) {
  const map = matrix(layer.weights, [moment, head]);
  if (T === 1) return map;
  const values = new Float32Array(map.values.length);
  for (let i = 0; i < map.rows; i++) {
    const at = i * map.columns;
    values.set(tempered(map.values.subarray(at, at + map.columns), T), at);
  }
  return { ...map, values };
}

function meanOf(maps) {
  const values = new Float32Array(maps[0].values.length);
  for (const map of maps) {
    for (let i = 0; i < values.length; i++) values[i] += map.values[i] / maps.length;
  }
  return { ...maps[0], values };
}

function layerWeights(layer, moment, head, T) {
  if (head !== MEAN) return headWeights(layer, moment, head, T);
  const heads = Array.from({ length: headCount(layer) }, (_, i) => i);
  return meanOf(heads.map((i) => headWeights(layer, moment, i, T)));
}

// What is on the screen: {rows, columns, values, largest}. The last answer is kept, since pointing
// at a word asks for it again and again.
const kept = { key: null, map: null };
function shownWeights(view) {
  const key = [view.layer, view.head, view.moment, view.T].join();
  if (kept.key !== key) {
    const layers = view.layer === MEAN ? view.data.layers : [view.data.layers[view.layer]];
    const map = meanOrOne(layers.map((l) => layerWeights(l, view.moment, view.head, view.T)));
    let largest = 0;
    for (const w of map.values) if (w > largest) largest = w;
    Object.assign(kept, { key, map: { ...map, largest } });
  }
  return kept.map;
}

function meanOrOne(maps) {
  return maps.length > 1 ? meanOf(maps) : maps[0];
}

// Where a query may look, as 0 and 1 like the weights; null where nothing is forbidden. For a mean:
// where any of its heads may.
const keptMask = { key: null, mask: null };
function shownMask(view) {
  const key = [view.layer, view.head, view.moment].join();
  if (keptMask.key !== key) Object.assign(keptMask, { key, mask: joinedMask(view) });
  return keptMask.mask;
}

function joinedMask(view) {
  const layers = view.layer === MEAN ? view.data.layers : [view.data.layers[view.layer]];
  if (layers.some((layer) => !layer.allowed)) return null;
  const out = new Uint8Array(shownWeights(view).values.length);
  for (const layer of layers) {
    const n = layer.allowed.shape[1];
    const heads = view.head === MEAN ? [...Array(n).keys()] : [view.head];
    for (const h of heads)
      matrix(layer.allowed, [view.moment, h]).values.forEach((a, i) => {
        out[i] |= a;
      });
  }
  return out;
}

function row(map, i) {
  return map.values.subarray(i * map.columns, (i + 1) * map.columns);
}

function column(map, j) {
  return Float32Array.from({ length: map.rows }, (_, i) => map.values[i * map.columns + j]);
}

// The places of the largest numbers, from the largest on.
function largest(numbers, count) {
  const order = Array.from(numbers, (_, i) => i).filter((i) => numbers[i] > 0);
  return order.sort((a, b) => numbers[b] - numbers[a]).slice(0, count);
}

// How many keys a row is spread over: e to the power of its entropy, averaged over the rows.
function spreadOver(map) {
  let total = 0;
  let rows = 0;
  for (let i = 0; i < map.rows; i++) {
    let entropy = 0;
    let sum = 0;
    for (const w of row(map, i)) {
      if (w > 0) entropy -= w * Math.log(w);
      sum += w;
    }
    if (sum > 0) {
      total += Math.exp(entropy);
      rows += 1;
    }
  }
  return rows ? total / rows : 0;
}

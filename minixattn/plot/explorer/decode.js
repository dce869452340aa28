// The arrays again, out of base64. Each is decoded when it is first looked at.

function bytes(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

// Little-endian float32, whatever the machine's own order.
function float32(text) {
  const view = new DataView(bytes(text).buffer);
  const out = new Float32Array(view.byteLength / 4);
  for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
  return out;
}

// One byte a number: code · scale of its row; code 255 is NaN.
function fromCodes(packed) {
  const code = bytes(packed.data);
  const scale = float32(packed.scale);
  const width = packed.shape.at(-1);
  const out = new Float32Array(code.length);
  for (let i = 0; i < code.length; i++) {
    out[i] = code[i] === 255 ? NaN : code[i] * scale[Math.floor(i / width)];
  }
  return out;
}

function fromBits(packed) {
  const raw = bytes(packed.data);
  const out = new Uint8Array(packed.shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < out.length; i++) out[i] = (raw[i >> 3] >> (7 - (i & 7))) & 1;
  return out;
}

const decoders = { float32: (packed) => float32(packed.data), uint8: fromCodes, bits: fromBits };

// {shape, values}, decoded once.
function array(packed) {
  if (!packed.values) {
    packed.values = decoders[packed.type](packed);
    packed.data = null; // the text is not needed again
  }
  return packed;
}

// The last two axes at the given leading indices, as {rows, columns, values}. An axis of length 1
// stands for every index; fewer heads are shared: head i of h reads floor(i · n / h).
function matrix(packed, leading, of) {
  const { shape, values } = array(packed);
  const [rows, columns] = shape.slice(-2);
  let at = 0;
  shape.slice(0, -2).forEach((n, axis) => {
    const shared = of && of[axis] ? Math.floor((leading[axis] * n) / of[axis]) : leading[axis];
    at = at * n + Math.min(shared, n - 1);
  });
  const size = rows * columns;
  return { rows, columns, values: values.subarray(at * size, (at + 1) * size) };
}

// One scale of colour for everything: from the paper's colour at 0 to the strongest at the top.
// Lightness changes steadily along it, so it can be read in grey and by the colour-blind.

const RAMPS = {
  light: [
    [255, 255, 255],
    [254, 217, 176],
    [250, 160, 83],
    [217, 95, 2],
    [127, 39, 4],
  ],
  dark: [
    [30, 33, 38],
    [104, 52, 18],
    [191, 88, 16],
    [250, 160, 83],
    [255, 236, 214],
  ],
};
const TINT = { light: '217, 95, 2', dark: '255, 140, 50' };
const NOT_A_NUMBER = [122, 63, 176];

const darkScheme = matchMedia('(prefers-color-scheme: dark)');
const theme = {
  printing: false,
  get name() {
    return darkScheme.matches && !this.printing ? 'dark' : 'light';
  },
};

// [r, g, b] at a place from 0 to 1.
function ramp(at) {
  const stops = RAMPS[theme.name];
  const place = Math.min(Math.max(at, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((a, c) => Math.round(a + (stops[low + 1][c] - a) * (place - low)));
}

function css(rgb) {
  return `rgb(${rgb.join(', ')})`;
}

// Black or white, whichever reads better on the colour: the better one always reaches 4.5 to 1.
function inkOn(rgb) {
  const [r, g, b] = rgb.map((c) => {
    const x = c / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
}

// A colour of the page's style, such as "--ink".
function styled(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Numbers of either sign: blue below 0, orange above, pale near it.
function signed(value, most) {
  const x = most ? Math.max(-1, Math.min(1, value / most)) : 0;
  const paper = RAMPS[theme.name][0];
  const end = x < 0 ? [70, 130, 200] : [230, 130, 50];
  return paper.map((p, c) => Math.round(p + (end[c] - p) * Math.abs(x) * 0.85));
}

// A map of weights as pixels, one a weight.
function pixels(map, top) {
  const table = Array.from({ length: 256 }, (_, i) => ramp(i / 255));
  const image = new ImageData(map.columns, map.rows);
  for (let i = 0; i < map.values.length; i++) {
    const w = map.values[i];
    const rgb = w !== w ? NOT_A_NUMBER : table[Math.min(255, Math.round((255 * w) / top))];
    image.data.set(rgb, 4 * i);
    image.data[4 * i + 3] = 255;
  }
  return image;
}

function canvasOf(map, top, canvas = document.createElement('canvas')) {
  canvas.width = map.columns;
  canvas.height = map.rows;
  canvas.getContext('2d').putImageData(pixels(map, top), 0, 0);
  return canvas;
}

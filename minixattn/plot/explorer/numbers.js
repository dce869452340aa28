// Numbers as they are written in the equation, and tables of them.

const SUBSCRIPT = '₀₁₂₃₄₅₆₇₈₉';

function number(x) {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x < 0 ? '−∞' : '∞';
  const size = Math.abs(x);
  let text = size >= 1000 ? size.toExponential(1) : size.toFixed(size >= 100 ? 0 : 2);
  if (size > 0 && size < 0.005) text = size.toExponential(0);
  return (x < 0 ? '−' : '') + text.replace('e-', 'e−').replace('e+', 'e');
}

function inBrackets(x) {
  return x < 0 ? `(${number(x)})` : number(x);
}

// "v₃" for value number 3, counted from 0 as heads and layers are, and as weights[h, i, j] does.
function indexed(symbol, i) {
  return symbol + Array.from(String(i), (digit) => SUBSCRIPT[digit]).join('');
}

// Weights have three places everywhere but in sentences: a column of them is easier to compare.
function weightText(w) {
  return Number.isNaN(w) ? 'NaN' : w.toFixed(3);
}

// A table under its caption, in a region that scrolls sideways by itself, also with arrow keys.
function scroller(label, caption, grid) {
  const element = make('div', '', { className: 'scroll', tabIndex: 0 }, grid);
  element.setAttribute('role', 'region');
  element.setAttribute('aria-label', label);
  return make(
    'div',
    '',
    { className: 'part' },
    make('p', caption, { className: 'caption' }),
    element,
  );
}

function headCell(content, scope) {
  const cell = make('th', '', { scope });
  cell.append(content);
  return cell;
}

// A cell tinted by its number.
function tinted(text, rgb) {
  const cell = make('td', text);
  if (rgb) {
    cell.style.backgroundColor = css(rgb);
    cell.style.color = inkOn(rgb);
  }
  return cell;
}

function table(heads, rows) {
  const top = make('tr', '', {}, ...heads.map((h) => headCell(h, 'col')));
  return make('table', '', {}, make('thead', '', {}, top), make('tbody', '', {}, ...rows));
}

// Words are untrusted: they only ever become text, never HTML. `shown` makes visible what is not.

const MANY = 48; // words from which on they are set smaller, so that all are seen at once
const LONGEST = 200; // characters of a word that are put on the page
const INVISIBLE = /^[\p{Cf}\p{Cc}\p{Zl}\p{Zp}]+$/u;
const DIRECTING = /[\u202A-\u202E\u2066-\u2069]/g; // would reorder the text around them
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF]/;
const LETTER = /\p{L}/u;

function named(code) {
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
}

function shown(word, longest = LONGEST) {
  if (word === '') return '(empty)';
  if (/^ +$/.test(word)) return '␣'.repeat(Math.min(word.length, 8));
  let text = word.length > longest ? `${word.slice(0, longest)}…` : word;
  text = text.replace(/\n/g, '⏎').replace(/\t/g, '⇥').replace(/\r/g, '␍');
  if (INVISIBLE.test(text)) return Array.from(text, (c) => named(c.codePointAt(0))).join('');
  text = text.replace(DIRECTING, (c) => named(c.charCodeAt(0)));
  return text.replace(/[\u0000-\u001F\u007F]/g, (c) => named(c.charCodeAt(0)));
}

// An element with its text; properties as in make('td', '0.62', {className: 'x', title: 'y'}).
function make(tag, text = '', properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== '') element.textContent = text;
  element.append(...children);
  return element;
}

// A word apart from the direction of the text around it.
function isolated(word, longest) {
  return make('bdi', shown(word, longest));
}

function isRightToLeft(words) {
  const letters = words.filter((word) => LETTER.test(word));
  return letters.filter((word) => RIGHT_TO_LEFT.test(word)).length > letters.length / 2;
}

function decimal(w) {
  return Number.isNaN(w) ? 'NaN' : w.toFixed(2);
}
// Too small to write: the colour says enough.
function brief(w) {
  return Number.isNaN(w) ? 'NaN' : w >= 0.005 ? w.toFixed(2) : '';
}

// A list of options of which the arrow keys choose one. `columns` is its width where it is a grid.
function listbox(element, options, { label, columns = 0, choose, point }) {
  element.setAttribute('role', 'listbox');
  element.setAttribute('aria-label', label);
  element.setAttribute('aria-orientation', 'horizontal');
  element.append(...options);
  options.forEach((option, i) => {
    option.setAttribute('role', 'option');
    option.tabIndex = i ? -1 : 0;
    option.dataset.index = i;
  });
  const indexOf = (target) => {
    const option = target.closest('[role=option]');
    return option ? Number(option.dataset.index) : -1;
  };
  element.addEventListener('click', (event) => {
    const i = indexOf(event.target);
    if (i >= 0) {
      focusOption(options, i);
      choose(i);
    }
  });
  element.addEventListener('pointerover', (event) => {
    if (event.pointerType !== 'touch') point(indexOf(event.target));
  });
  element.addEventListener('pointerleave', () => point(-1));
  element.addEventListener('keydown', (event) => {
    const i = indexOf(event.target);
    const to = target(event.key, i, options.length, columns, element.dir === 'rtl');
    if (to === i) return;
    event.preventDefault();
    focusOption(options, to);
    choose(to);
  });
}

// Where a key leads from option i.
function target(key, i, count, columns, mirrored) {
  const ahead = mirrored ? 'ArrowLeft' : 'ArrowRight';
  const back = mirrored ? 'ArrowRight' : 'ArrowLeft';
  const line = columns || 1;
  const steps = {
    [ahead]: 1,
    [back]: -1,
    ArrowDown: line,
    ArrowUp: -line,
    Home: -i,
    End: count - 1 - i,
  };
  const to = i + (steps[key] || 0);
  return to >= 0 && to < count ? to : i;
}

function focusOption(options, i) {
  options.forEach((option, k) => {
    option.tabIndex = k === i ? 0 : -1;
  });
  options[i].focus({ preventScroll: false });
}

// One side as words. `tint` colours them by weights; without weights they are plain.
function wordList(words, label, events) {
  const element = make('div', '', { className: words.length > MANY ? 'words compact' : 'words' });
  if (isRightToLeft(words)) element.dir = 'rtl';
  const values = words.map(() => make('span', '', { className: 'value' }));
  const options = words.map((word, i) =>
    make('div', '', { className: 'word', title: word.slice(0, 10000) }, isolated(word), values[i]),
  );
  listbox(element, options, { label, ...events });
  const tint = (weights, top, hidden) =>
    options.forEach((option, i) => {
      const w = weights ? weights[i] : 0;
      const rgb = weights && !hidden(i) && w > 0 ? ramp(w / top) : null;
      option.style.backgroundColor = rgb ? css(rgb) : '';
      option.style.color = rgb ? inkOn(rgb) : '';
      option.classList.toggle('hidden-key', Boolean(weights) && hidden(i));
      option.classList.toggle('not-a-number', Boolean(weights) && Number.isNaN(w));
      values[i].textContent = weights && !hidden(i) ? brief(w) : '';
    });
  return { element, options, tint, names: words, short: words };
}

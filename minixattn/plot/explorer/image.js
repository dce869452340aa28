// One side as an image: each patch is an option that lies over it, tinted by its weight.

function imageSide(image, label, events) {
  const { rows, columns } = image;
  const element = make('div', '', { className: image.pixelated ? 'image pixelated' : 'image' });
  element.append(make('img', '', { src: image.src, alt: '', draggable: false }));
  const names = Array.from(
    { length: rows * columns },
    (_, i) => `row ${Math.floor(i / columns)}, column ${i % columns}`,
  );
  const short = names.map((_, i) => `${Math.floor(i / columns)}, ${i % columns}`);
  const values = names.map(() => make('span', '', { className: 'value' }));
  const options = names.map((name, i) => {
    const option = make('div', '', { className: 'patch', title: name }, values[i]);
    option.setAttribute('aria-label', name);
    return option;
  });
  const grid = make('div', '', {
    className: columns > 8 || rows > 8 ? 'patches small' : 'patches',
  });
  grid.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
  listbox(grid, options, { label, columns, ...events });
  element.append(grid);
  const tint = (weights, top, hidden) =>
    options.forEach((option, i) => {
      const w = weights ? weights[i] : 0;
      const strength = weights && !hidden(i) && w > 0 ? 0.8 * Math.min(1, w / top) : 0;
      option.style.backgroundColor = strength ? `rgba(${TINT[theme.name]}, ${strength})` : '';
      option.classList.toggle('hidden-key', Boolean(weights) && hidden(i));
      option.classList.toggle('not-a-number', Boolean(weights) && Number.isNaN(w));
      const text = weights && !hidden(i) && !(w < 0.05) ? brief(w) : '';
      values[i].textContent = text;
      option.setAttribute('aria-label', text ? `${names[i]}: ${text}` : names[i]);
    });
  return { element, options, tint, names, short };
}

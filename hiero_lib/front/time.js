// One format of time, round steps of the clock, and a few words on DOM: shared by all parts below.
// All parts are joined in the order of front/module.py, so they see one another without imports.

/** "mm:ss", from an hour on "h:mm:ss"; the same as hiero_lib.viz.page.clock (a test compares them). */
const clock = (seconds, decimals = 0) => {
  const unit = 10 ** decimals;
  const size = Math.abs(seconds) * unit;
  const down = Math.floor(size);
  const half = size - down === 0.5; // Python rounds halves to even
  const ticks = half ? down + (down % 2) : Math.round(size);
  const minute = 60 * unit;
  const minutes = Math.floor(ticks / minute);
  const rest = ((ticks % minute) / unit).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  const hours = Math.floor(minutes / 60);
  const text = `${String(minutes % 60).padStart(2, "0")}:${rest}`;
  return (seconds < 0 && ticks ? "-" : "") + (hours ? `${hours}:${text}` : text);
};

/** Seconds of "90", "01:30.5" or "1:02:03"; null where it is none. */
const secondsOf = (text) => {
  const parts = text.trim().split(":");
  if (parts.length > 3 || parts.some((part, i) => !/^\d+(\.\d+)?$/.test(part) || (i && Number(part) >= 60))) return null;
  return parts.reduce((total, part) => 60 * total + Number(part), 0);
};

const between = (start, end) => `${clock(start, 1)} – ${clock(end, 1)}`;

const TICK_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

const ticksOf = ([start, end], most) => {
  const step = TICK_STEPS.find((s) => (end - start) / s <= most) || TICK_STEPS[TICK_STEPS.length - 1];
  const found = [];
  for (let n = Math.ceil(start / step - 1e-9); n * step <= end + 1e-9; n++) found.push(n * step);
  return { ticks: found, decimals: step < 1 ? 1 : 0 };
};

/** An element with properties, attributes ("aria-label", "role", "data-x") and children; texts never become markup. */
const make = (tag, given = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.includes("-") || name === "role" || name === "for" || name === "list") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

/** New content where it is of something else: what is replaced under a pointer or an open menu loses the click. */
const anew = (node, of, parts) => {
  const key = JSON.stringify(of);
  if (node.dataset.of === key) return;
  node.dataset.of = key;
  node.replaceChildren(...parts());
};

/** Rows [start, end, label, ...] are in time order: number of the last one that starts at or before a time. */
const rowAt = (spans, time) => {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle][0] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

const spanAt = (spans, time) => {
  const row = rowAt(spans, time);
  return row >= 0 && time < spans[row][1] ? row : -1;
};

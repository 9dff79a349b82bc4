// The explorer's model where nobody answers: all that can be asked is in the page. Then the tree, which plotly draws.

const content = JSON.parse(document.getElementById("content").textContent);
const values = content.values;
const heard = new Map();
const tell = (changed) => {
  Object.assign(values, changed);
  for (const name of Object.keys(changed)) for (const listener of heard.get(`change:${name}`) || []) listener();
};

const choose = ({ level, start_s, end_s }) => {
  const spans = values.scene.levels.find((one) => one.level === level).spans;
  const row = rowAt(spans, (start_s + end_s) / 2);
  const span = spans[row];
  const place = { level, start_s: span[0], end_s: span[1] };
  const alike = (content.similar[level] || [])[row] || [];
  const like = alike.map(([number, score]) => {
    const [start, end, label] = spans[number];
    const { name } = values.scene.threads[label] || {};
    return { here: true, level, start_s: start, end_s: end, title: name ? `${label} ${name}` : `thread ${label}`, score };
  });
  tell({ level, choice: { ...place, label: span[2] }, details: { ...place, like } });
};

const actions = {
  choose,
  like: choose,
  jump: ({ number }) => choose(values.answers.items[number]),
  search: ({ text }) => {
    const found = content.queries.find((query) => query.text === text);
    tell({ query: text, answers: found || null });
    if (found && found.items.length) choose(found.items[0]);
  },
};

const model = {
  get: (name) => values[name],
  set: (name, value) => {
    values[name] = value;
  },
  save_changes: () => {},
  send: (message) => actions[message.do] && actions[message.do](message),
  on: (name, listener) => heard.set(name, [...(heard.get(name) || []), listener]),
};

const asked = document.getElementById("theme");
const system = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (asked.value === "auto" ? system.matches : asked.value === "dark");

/** The figure of the light page, with what differs on the dark one. */
const figureOf = ({ light, dark }) => {
  const figure = structuredClone(light);
  for (const [path, value] of isDark() ? dark : []) {
    let node = figure;
    for (const key of path.slice(0, -1)) node = node[key];
    const last = path[path.length - 1];
    if (value === null) delete node[last];
    else node[last] = structuredClone(value);
  }
  return figure;
};

const drawTree = async () => {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  const { data, layout } = figureOf(content.tree);
  await window.Plotly.react(document.getElementById("tree"), data, layout, { responsive: true, displaylogo: false });
};

asked.addEventListener("change", drawTree);
system.addEventListener("change", drawTree);
document.documentElement.dataset.theme = isDark() ? "dark" : "light";
render({ model, el: document.getElementById("explorer") });
drawTree().then(() => {
  document.documentElement.dataset.ready = "true";
});

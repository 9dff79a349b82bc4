"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const byId = (name) => document.getElementById(name);
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const panels = { timeline: content.timeline, tree: content.tree };
  const ranged = ["timeline", "query"];
  let range = null; // seconds that the panels of time show; null: all
  let drawing = Promise.resolve();

  const isDark = () => (byId("theme").value === "auto" ? system.matches : byId("theme").value === "dark");

  const figureOf = (themed) => {
    const figure = structuredClone(themed.light);
    if (isDark()) {
      for (const [path, value] of themed.dark) {
        let node = figure;
        for (const key of path.slice(0, -1)) node = node[key];
        const last = path[path.length - 1];
        if (value === null) delete node[last];
        else node[last] = structuredClone(value);
      }
    }
    return figure;
  };

  const axesOf = (layout) => Object.keys(layout).filter((key) => /^xaxis\d*$/.test(key));

  const draw = async (name) => {
    const { data, layout } = figureOf(panels[name]);
    if (range && ranged.includes(name)) for (const axis of axesOf(layout)) layout[axis].range = [...range];
    await Plotly.react(byId(name), data, layout, { responsive: true, displaylogo: false });
  };

  const drawAll = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    drawing = drawing.then(async () => {
      for (const name of Object.keys(panels)) await draw(name);
    });
    return drawing;
  };

  const show = (seconds, except) => {
    range = seconds;
    for (const name of ranged) {
      if (!panels[name] || name === except) continue;
      const layout = panels[name].light.layout;
      const change = {};
      for (const axis of axesOf(layout)) change[`${axis}.range`] = [...(range || layout[axis].range)];
      drawing = drawing.then(() => Plotly.relayout(byId(name), change));
    }
  };

  const follow = (name) => {
    byId(name).on("plotly_relayout", (event) => {
      for (const [key, value] of Object.entries(event)) {
        const axis = /^(xaxis\d*)\.(range\[0\]|range|autorange)$/.exec(key);
        if (!axis) continue;
        const given = axis[2] === "range" ? value : [value, event[`${axis[1]}.range[1]`]];
        const seconds = axis[2] === "autorange" ? null : given.map(Number);
        const same = range === seconds || (range && seconds && range.every((edge, i) => Math.abs(edge - seconds[i]) < 1e-6));
        const whole = panels[name].light.layout[axis[1]].range;
        if (!same && !(range === null && seconds && seconds.every((edge, i) => Math.abs(edge - whole[i]) < 1e-6))) show(seconds, name);
        return;
      }
    });
  };

  const choose = () => {
    const query = content.queries[byId("query-choice").selectedIndex];
    panels.query = query.figure;
    byId("answers").replaceChildren(
      ...query.answers.map((answer) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = answer.text;
        button.addEventListener("click", () => {
          const room = Math.max(2 * (answer.end_s - answer.start_s), 20);
          const [first, last] = content.span;
          show([Math.max(first, answer.start_s - room), Math.min(last, answer.end_s + room)], null);
          byId("timeline").scrollIntoView({ block: "nearest" });
        });
        item.append(button);
        return item;
      }),
    );
  };

  if (content.queries.length) {
    byId("query-choice").append(...content.queries.map((query) => new Option(query.text)));
    byId("query-choice").addEventListener("change", () => {
      choose();
      drawing = drawing.then(() => draw("query"));
    });
    byId("whole").addEventListener("click", () => show(null, null));
    choose();
  } else {
    byId("query-section").remove();
  }
  byId("theme").addEventListener("change", drawAll);
  system.addEventListener("change", drawAll);
  drawAll().then(() => {
    for (const name of ranged) if (panels[name]) follow(name);
    document.documentElement.dataset.ready = "true";
  });
})();

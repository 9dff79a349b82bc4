// The explorer: one module for the notebook (anywidget), the served page and the exported one. It asks `model` for
// values (get, set, save_changes, on) and sends it what is done (send); see hiero_lib/explorer/session.py.

let apps = 0;

class App extends Working {
  constructor(model, node) {
    super();
    [this.model, this.number, this.pictures] = [model, ++apps, null];
    this.view = new View(0, 1);
    this.off = []; // what ends with the explorer
    this.root = make("section", { className: "hiero-explorer", "data-lm-suppress-shortcuts": "true", "aria-label": "explorer of activity threads" });
    this.root.tabIndex = -1; // a click anywhere in it brings its keys
    this.buildWork();
    this.build();
    node.append(this.root);
    this.watchTheme();
    this.watchPresses();
    this.root.addEventListener("keydown", (event) => this.key(event));
    const changes = {
      ...{ scene: () => this.showScene(), pictures: () => this.loadPictures(), media: () => this.showMedia() },
      ...{ choice: () => this.showChoice(), details: () => this.showSide(), answers: () => this.showAnswers() },
      ...{ edits: () => this.showEdits(), level: () => this.showRows(), preview: () => this.showPreview() },
      ...{ videos: () => (this.picker.show(), this.aligned.picker.show()), aligned: () => this.aligned.show() },
      ...{ collection: () => this.collection.show(), mine: () => this.collection.draw(), point: () => this.collection.showPoint() },
      ...{ counts: () => this.showTools(), note: () => (this.showNote(), this.collection.refused()), below: () => this.figures.show() },
      ...{ heard: () => this.hear(this.get("heard")), query: () => this.showQuery(), still: () => this.showTools() },
    };
    for (const [name, action] of Object.entries(changes)) {
      model.on(`change:${name}`, action);
      this.off.push(() => model.off && model.off(`change:${name}`, action));
    }
    const custom = (message, buffers) => this.receive(message, buffers);
    model.on("msg:custom", custom);
    this.off.push(() => model.off && model.off("msg:custom", custom));
    this.loadPictures();
    this.showScene();
    this.showMedia();
    this.showPreview();
    this.showNote();
    this.view.listeners.add((what) => this.moved(what));
  }

  close() {
    clearInterval(this.looking);
    clearInterval(this.ticking);
    for (const off of this.off) off();
    this.root.remove();
  }

  clock(seconds, decimals) {
    return clock(seconds, decimals);
  }

  get(name) {
    return this.model.get(name);
  }

  say(text, kind = "info") {
    this.status.textContent = text;
    this.status.className = `hx-status hx-${kind}`;
    this.pages.replaceChildren();
  }

  showNote() {
    const note = this.get("note");
    if (!note) return;
    this.say(note.text, note.kind);
    const written = this.get("written");
    if (written && written.note === note.text) this.pages.replaceChildren(...writtenLinks(this, written));
  }

  // The page.

  build() {
    const button = (text, title, action) => make("button", { type: "button", className: "hx-button", title, onclick: action }, text);
    const name = () => (this.get("scene") || { name: "" }).name;
    this.picker = new Picker(this, { label: "video", shown: name, act: (uid) => this.do("open", { uid }) });
    this.aligned = new Aligned(this);
    this.collection = new Collection(this);
    this.search = make("input", { type: "search", className: "hx-search", "aria-label": "search in plain words" });
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.do("search", { text: this.search.value });
    });
    this.search.addEventListener("search", () => this.search.value === "" && this.get("query") && this.do("search", { text: "" }));
    this.stored = make("select", { className: "hx-input", hidden: true, "aria-label": "similarity with" });
    this.stored.addEventListener("change", () => this.do("search", { text: this.stored.value }));
    this.undo = button("undo", "undo the last correction (u)", () => this.do("undo"));
    this.redo = button("redo", "redo (shift+u)", () => this.do("redo"));
    this.exported = button("page to pass on", "write this video as one HTML file", () => this.do("export"));
    this.help = make("details", { className: "hx-help" }, make("summary", {}, "keys"), make("dl", {}, ...HELP.flatMap(([keys, what]) => [make("dt", {}, keys), make("dd", {}, what)])));
    this.status = make("div", { className: "hx-status", role: "status", "aria-live": "polite" });
    this.pages = make("div", { className: "hx-row" });
    this.spoken = make("div", { className: "hx-spoken", "aria-live": "polite" });
    this.levels = make("div", { className: "hx-levels", role: "radiogroup", "aria-label": "level" });
    this.count = make("input", { type: "number", className: "hx-input hx-count", "aria-label": "number of threads of the level" });
    this.count.addEventListener("change", () => this.do("divide", { level: this.get("level"), count: Number(this.count.value) }));
    this.auto = button("auto", "as many threads as the features say", () => this.do("divide", { level: this.get("level"), count: "auto" }));
    this.beside = make("select", { className: "hx-input", "aria-label": "another method or run beside" });
    this.beside.addEventListener("change", () => this.do("beside", { name: this.beside.value }));
    this.zoom = make(
      "span",
      { className: "hx-row" },
      button("−", "farther (-)", () => this.view.zoom(1 / 1.6)),
      button("+", "closer (+)", () => this.view.zoom(1.6)),
      button("whole", "the whole video (0)", () => this.view.show(this.view.start, this.view.end)),
    );
    this.shown = make("span", { className: "hx-muted hx-range" });
    const on = {
      choose: (row, number, time) => this.choose(row, number, time),
      hover: (row, number, time, event) => this.hover(row, number, time, event),
      border: (row, number, to) => this.do("edit", { operation: "border", level: row.level, at_s: row.spans[number][0], to_s: to }),
    };
    this.overview = new Overview(this.view);
    this.timeline = new Tracks(this.view, { label: "timeline", on });
    this.lanes = new Tracks(this.view, { label: "threads of the level", axis: false, on });
    this.figures = new Figures(this);
    this.more = button("", "those of the shortest time, too", () => {
      this.allLanes = true;
      this.showLanes();
    });
    this.stage = make("div", { className: "hx-stage" });
    [this.previewed, this.found, this.about, this.edited] = ["hx-preview", "hx-found", "hx-about", "hx-edited"].map((className) => make("div", { className }));
    this.tip = make("div", { className: "hx-tip", hidden: true, "aria-hidden": "true" });
    this.title = make("h2", { className: "hx-title" });
    this.working = make("span", { className: "hx-row hx-working" }, this.undo, this.redo, this.exported);
    this.dividing = make("label", { className: "hx-row" }, "threads ", this.count, this.auto);
    this.tools = make("div", { className: "hx-tools" }, this.levels, this.dividing, this.zoom, this.shown, this.beside, this.aligned.picker.node);
    this.main = make(
      "div",
      { className: "hx-main" },
      make("div", { className: "hx-time" }, this.tools, this.overview.node, this.timeline.node, this.aligned.node),
      make("div", { className: "hx-side" }, this.stage, this.previewed, this.about, this.edited), // below that where it is narrow
      make("div", { className: "hx-below" }, this.figures.tabs, this.lanes.node, this.more, this.collection.node, this.figures.plot),
    );
    this.root.append(
      this.title,
      make("div", { className: "hx-bar" }, this.picker.node, this.search, this.stored, this.working, this.help),
      make("div", { className: "hx-line" }, this.status, this.pages, this.work),
      this.spoken,
      this.found,
      this.main,
      this.tip,
    );
    this.timeline.onDrawn = () => {
      this.root.dataset.drawn = String(Number(this.root.dataset.drawn || 0) + 1);
    };
  }

  watchTheme() {
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => {
      const asked = this.get("theme");
      const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
      const page = document.documentElement.dataset.theme || document.documentElement.getAttribute("theme");
      if (asked && asked !== "auto") return asked === "dark";
      if (jpThemeLight) return jpThemeLight === "false";
      if (vscodeThemeKind) return vscodeThemeKind.includes("dark");
      return page ? page === "dark" : system.matches;
    };
    const follow = () => {
      const theme = isDark() ? "dark" : "light";
      if (this.root.dataset.theme === theme) return;
      const first = !this.root.dataset.theme;
      this.root.dataset.theme = theme;
      for (const tracks of [this.timeline, this.lanes, this.overview, this.aligned, this.collection]) tracks.draw();
      if (!first) this.figures.followTheme();
    };
    system.addEventListener("change", follow);
    const watcher = new MutationObserver(follow);
    for (const node of [document.body, document.documentElement]) watcher.observe(node, { attributes: true });
    this.model.on("change:theme", follow);
    this.off.push(() => (watcher.disconnect(), system.removeEventListener("change", follow)));
    follow();
  }

  // The video, and the tools above its rows.

  showScene() {
    const scene = this.get("scene");
    if (!scene) return;
    this.tip.hidden = true; // it told of what was there
    const other = this.uid !== scene.uid;
    if (other) {
      this.uid = scene.uid;
      this.allLanes = false;
      this.view.reset(scene.start_s, scene.end_s);
      const range = this.get("range");
      if (range && range.length === 2) this.view.range = [...range];
    }
    this.title.textContent = scene.title;
    this.title.hidden = Boolean(this.get("still")); // its page has a heading of its own
    this.picker.show();
    this.showRows();
    this.showTools();
    this.figures.show();
    this.showAnswers();
    this.moved("range");
  }

  showTools() {
    const scene = this.get("scene");
    if (!scene) return;
    const level = this.get("level");
    const still = Boolean(this.get("still"));
    const muted = (text) => make("span", { className: "hx-muted" }, text);
    const radio = (one) => {
      const input = make("input", { type: "radio", name: `hx-level-${this.number}`, value: one.level });
      input.addEventListener("change", () => this.setLevel(one.level));
      return make("label", {}, input, `level ${one.level}`);
    };
    anew(this.levels, scene.levels.map((one) => one.level), () => [muted("coarse"), ...scene.levels.map(radio), muted("fine")]);
    for (const input of this.levels.querySelectorAll("input")) input.checked = Number(input.value) === level;
    const counts = (this.get("counts") || []).find((one) => one.level === level);
    this.dividing.hidden = still || !counts;
    if (counts) {
      Object.assign(this.count, { value: counts.count, min: counts.least, max: counts.most, disabled: counts.fixed !== "", title: counts.fixed });
      Object.assign(this.auto, { disabled: counts.fixed !== "" });
      this.dividing.title = counts.fixed; // a field that is disabled shows no title of its own everywhere
    }
    const { besides = [], texts = null, searchable = true, hint = "" } = this.get("options") || {};
    this.beside.hidden = still || !besides.length;
    anew(this.beside, besides, () => [make("option", { value: "" }, "nothing beside"), ...besides.map((name) => make("option", { value: name }, name))]);
    this.beside.value = scene.beside ? scene.beside.name : "";
    this.picker.node.hidden = this.aligned.picker.node.hidden = this.working.hidden = still;
    this.search.hidden = texts !== null;
    this.search.disabled = !searchable;
    this.search.placeholder = hint;
    this.stored.hidden = texts === null || !texts.length;
    if (texts) anew(this.stored, texts, () => [make("option", { value: "" }, "similarity with a text…"), ...texts.map((text) => make("option", { value: text }, text))]);
    this.figures.showTabs();
    this.showEdits();
  }

  setLevel(level) {
    this.model.set("level", level);
    this.model.save_changes();
    this.do("level", { level });
    this.showRows();
  }

  showEdits() {
    const edits = this.get("edits") || {};
    this.undo.disabled = !(edits.lines || []).length;
    this.redo.disabled = !edits.redo;
    this.redrawPanel(this.edited, editsPanel(this));
  }

  endSearch() {
    this.do("search", { text: "" });
    (this.search.hidden ? this.stored : this.search).focus();
  }

  showQuery() {
    if (this.root.getRootNode().activeElement !== this.search) this.search.value = this.get("query") || "";
    this.stored.value = this.get("query") || "";
  }

  showAnswers() {
    const answers = this.get("answers");
    const here = answers && answers.items ? answers.items.map((one, i) => ({ ...one, rank: i + 1 })).filter((one) => one.here) : [];
    this.timeline.marks = here;
    this.lanes.marks = [];
    this.showQuery();
    if (this.get("scene")) this.showRows();
  }

  // Time: playhead, video, frames.

  moved(what) {
    if (what === "range") {
      const [from, to] = this.view.range;
      this.shown.textContent = `${clock(from)} – ${clock(to)}`;
      this.figures.follow();
      clearTimeout(this.keeping);
      this.keeping = setTimeout(() => {
        this.model.set("range", [...this.view.range]);
        this.model.save_changes();
      }, 300);
      return;
    }
    this.showFrame();
    const split = this.about.querySelector("[data-key=split]");
    const span = this.chosenSpan();
    if (!split || !span) return;
    const inside = this.view.playhead > span.start_s && this.view.playhead < span.end_s;
    split.disabled = !inside;
    split.textContent = inside ? `split at ${clock(this.view.playhead, 1)}` : "split at the playhead";
  }

  receive(message, buffers) {
    if (message.video && buffers && buffers.length) {
      this.play(URL.createObjectURL(new Blob([buffers[0]], { type: message.type })), message.key);
    } else if (message.plotly) {
      this.figures.receive(message.plotly);
    }
  }
}

/** anywidget's entrance. */
const render = ({ model, el }) => {
  const app = new App(model, el);
  el.hieroExplorer = app;
  return () => app.close();
};

export default { render };

// The explorer: one module for the notebook (anywidget), the served page and the exported one. It asks `model` for
// values (get, set, save_changes, on) and sends it what is done (send); see hiero_lib/explorer/session.py.

const MOST_LANES = 40; // of the threads with the most seconds, before one asks for all
const ANSWER_MS = 6000; // without an answer for so long, one is told
const PATIENCE = { collection: 10, align: 3 }; // times as long, for what takes long the first time

let apps = 0;

class App extends Keyed {
  constructor(model, node) {
    super();
    [this.model, this.number, this.sent, this.heard, this.pictures] = [model, ++apps, 0, 0, null];
    this.view = new View(0, 1);
    this.off = []; // what ends with the explorer
    this.root = make("section", { className: "hiero-explorer", "data-lm-suppress-shortcuts": "true", "aria-label": "explorer of activity threads" });
    this.root.tabIndex = -1; // a click anywhere in it brings its keys
    this.build();
    node.append(this.root);
    this.watchTheme();
    this.root.addEventListener("keydown", (event) => this.key(event));
    const changes = {
      ...{ scene: () => this.showScene(), pictures: () => this.loadPictures(), media: () => this.showMedia() },
      ...{ choice: () => this.showChoice(), details: () => this.showSide(), answers: () => this.showAnswers() },
      ...{ edits: () => this.showEdits(), videos: () => (this.picker.show(), this.aligned.picker.show()), aligned: () => this.aligned.show(), collection: () => this.collection.show(), mine: () => this.collection.draw(), point: () => this.collection.showPoint(), level: () => this.showRows() },
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
    this.showNote();
    this.view.listeners.add((what) => this.moved(what));
  }

  close() {
    for (const off of this.off) off();
    this.root.remove();
  }

  clock(seconds, decimals) {
    return clock(seconds, decimals);
  }

  get(name) {
    return this.model.get(name);
  }

  // What is sent, and whether anyone hears it.

  do(name, given = {}) {
    const id = ++this.sent;
    try {
      this.model.send({ do: name, id, ...given });
    } catch (error) {
      this.gone();
      return;
    }
    if (this.get("still")) return;
    clearTimeout(this.waiting);
    this.root.classList.add("hx-waits");
    this.waiting = setTimeout(() => this.gone(), ANSWER_MS * (PATIENCE[name] || 1));
  }

  gone() {
    this.root.classList.remove("hx-waits");
    this.say("No answer: the kernel is busy, or it is gone. After a restart, run this cell again.", "error");
  }

  hear(id) {
    this.heard = Math.max(this.heard, id);
    if (this.heard < this.sent) return;
    clearTimeout(this.waiting);
    this.root.classList.remove("hx-waits");
    if (this.status.textContent.startsWith("No answer")) this.say("");
  }

  say(text, kind = "info") {
    this.status.textContent = text;
    this.status.className = `hx-status hx-${kind}`;
  }

  showNote() {
    const note = this.get("note");
    if (note) this.say(note.text, note.kind);
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
    [this.found, this.about, this.edited] = ["hx-found", "hx-about", "hx-edited"].map((className) => make("div", { className }));
    this.tip = make("div", { className: "hx-tip", hidden: true, "aria-hidden": "true" });
    this.title = make("h2", { className: "hx-title" });
    this.working = make("span", { className: "hx-row hx-working" }, this.undo, this.redo, this.exported);
    this.dividing = make("label", { className: "hx-row" }, "threads ", this.count, this.auto);
    this.tools = make("div", { className: "hx-tools" }, this.levels, this.dividing, this.zoom, this.shown, this.beside, this.aligned.picker.node);
    this.root.append(
      this.title,
      make("div", { className: "hx-bar" }, this.picker.node, this.search, this.stored, this.working, this.help),
      this.status,
      this.spoken,
      make(
        "div",
        { className: "hx-main" },
        make("div", { className: "hx-left" }, this.tools, this.overview.node, this.timeline.node, this.aligned.node, this.figures.tabs, this.lanes.node, this.more, this.collection.node, this.figures.plot),
        make("div", { className: "hx-side" }, this.stage, this.found, this.about, this.edited),
      ),
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
      if (!first) this.figures.ask();
    };
    system.addEventListener("change", follow);
    const watcher = new MutationObserver(follow);
    for (const node of [document.body, document.documentElement]) watcher.observe(node, { attributes: true });
    this.model.on("change:theme", follow);
    this.off.push(() => (watcher.disconnect(), system.removeEventListener("change", follow)));
    follow();
  }

  // The video, its rows and threads.

  thread(label) {
    const scene = this.get("scene");
    return scene.threads[label] || { name: null, color: "#8C8C8C", ink: "#000000" };
  }
  threadName(label) {
    const { name } = this.thread(label);
    if (label < 0) return "no thread";
    return name ? `${label} ${name}` : `thread ${label}`;
  }
  spansOf(level) {
    const found = this.get("scene").levels.find((one) => one.level === level);
    return found ? found.spans : [];
  }
  threadsOf(level) {
    return [...new Set(this.spansOf(level).map(([, , label]) => label))].sort((a, b) => a - b);
  }

  showScene() {
    const scene = this.get("scene");
    if (!scene) return;
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

  rowOf(scene, level, { beside = false, name = `level ${level.level}` } = {}) {
    return {
      ...{ id: `${beside ? "beside" : "level"}-${level.level}`, name, kind: "spans", height: beside ? 22 : 36 },
      ...{ spans: level.spans, level: level.level, beside, movable: !beside && !this.get("still") },
      color: (label) => this.thread(label).color,
      ink: (label) => this.thread(label).ink,
      text: (label) => [this.thread(label).name || (label < 0 ? "" : String(label)), label < 0 ? "" : String(label)],
      describe: (n) => {
        const [start, end, label, wrong] = level.spans[n];
        return `${this.threadName(label)}, ${between(start, end)}${wrong ? ", marked as wrong" : ""}`;
      },
    };
  }

  showRows() {
    const scene = this.get("scene");
    const level = this.get("level");
    const rows = scene.levels.map((one) => this.rowOf(scene, one));
    const { truth, beside } = scene;
    if (beside) {
      rows.push(...beside.levels.map((one) => this.rowOf(scene, one, { beside: true, name: `${beside.name}, ${one.level}` })));
      const differs = beside.differs.find((one) => one.level === level);
      if (differs) {
        const [color, ink, text, describe] = [() => "#D55E00", () => "#000000", () => ["", ""], () => "the two differ here"];
        const about = { id: "differs", name: `differ in ${Math.round(100 * differs.share)} %`, kind: "spans", height: 12 };
        rows.push({ ...about, spans: differs.spans, color, ink, text, describe });
      }
    }
    if (truth) {
      rows.push({
        ...{ id: "truth", name: truth.name, kind: "spans", height: 30, spans: truth.spans, hatched: true },
        color: (label) => (truth.labels[label] || { color: "#8C8C8C" }).color,
        ink: (label) => (truth.labels[label] || { ink: "#000" }).ink,
        text: (label) => [truth.labels[label] ? truth.labels[label].name : "", ""],
        describe: (n) => `${truth.labels[truth.spans[n][2]] ? truth.labels[truth.spans[n][2]].name : "none"}, ${between(truth.spans[n][0], truth.spans[n][1])}`,
      });
    }
    const answers = this.get("answers");
    if (answers && answers.curves) {
      const curve = answers.curves.find((one) => one.level === level) || answers.curves[0];
      const [low, high] = [Math.min(...curve.values), Math.max(...curve.values)];
      rows.push({ id: "curve", name: "similarity", kind: "curve", height: 44, times: curve.times, values: curve.values, low, high, threshold: answers.threshold });
    }
    if (scene.narrations.length) rows.push({ id: "narrations", name: "narrations", kind: "ticks", height: 18, times: scene.narrations.map(([time]) => time) });
    if (this.pictures) rows.push({ id: "frames", name: "frames", kind: "frames", height: 44 });
    this.timeline.set(rows);
    this.overview.set(scene.levels[0].spans, (label) => this.thread(label).color);
    this.showLanes();
    this.showTools();
    this.aligned.show();
    this.collection.show();
    this.showChoice();
  }

  showLanes() {
    const scene = this.get("scene");
    const level = this.get("level");
    const of = scene.levels.find((one) => one.level === level);
    const seconds = new Map();
    for (const [start, end, label] of of.spans) seconds.set(label, (seconds.get(label) || 0) + end - start);
    const most = this.allLanes ? Infinity : MOST_LANES;
    const longest = [...seconds.keys()].sort((a, b) => seconds.get(b) - seconds.get(a)).slice(0, most);
    const lanes = longest.sort((a, b) => a - b).map((label) => {
      const row = this.rowOf(scene, { level, spans: of.spans.filter((span) => span[2] === label) });
      const span = row.spans.reduce((best, one) => (one[1] - one[0] > best[1] - best[0] ? one : best));
      return {
        ...row,
        ...{ id: `lane-${label}`, name: this.threadName(label), note: clock(seconds.get(label)), label, movable: false },
        ...{ height: this.pictures ? 36 : 24, swatch: this.thread(label).color, text: () => ["", ""] },
        picture: (span[0] + span[1]) / 2,
      };
    });
    this.lanes.set(lanes);
    this.more.hidden = seconds.size <= MOST_LANES || this.allLanes || this.figures.tab !== "threads";
    this.more.textContent = `all ${seconds.size} threads`;
  }

  showTools() {
    const scene = this.get("scene");
    if (!scene) return;
    const level = this.get("level");
    const still = Boolean(this.get("still"));
    this.levels.replaceChildren(
      ...scene.levels.map((one) => {
        const input = make("input", { type: "radio", name: `hx-level-${this.number}`, value: one.level, checked: one.level === level });
        input.addEventListener("change", () => this.setLevel(one.level));
        return make("label", {}, input, `level ${one.level}`);
      }),
    );
    const counts = (this.get("counts") || []).find((one) => one.level === level);
    this.dividing.hidden = still || !counts;
    if (counts) {
      Object.assign(this.count, { value: counts.count, min: counts.least, max: counts.most, disabled: counts.fixed !== "", title: counts.fixed });
      Object.assign(this.auto, { disabled: counts.fixed !== "" });
    }
    const { besides = [], texts = null, searchable = true, hint = "" } = this.get("options") || {};
    this.beside.hidden = still || !besides.length;
    this.beside.replaceChildren(make("option", { value: "" }, "nothing beside"), ...besides.map((name) => make("option", { value: name, selected: Boolean(scene.beside) && scene.beside.name === name }, name)));
    this.picker.node.hidden = this.aligned.picker.node.hidden = this.working.hidden = still;
    this.search.hidden = texts !== null;
    this.search.disabled = !searchable;
    this.search.placeholder = hint;
    this.stored.hidden = texts === null || !texts.length;
    if (texts && this.stored.options.length !== texts.length + 1) this.stored.replaceChildren(make("option", { value: "" }, "similarity with…"), ...texts.map((text) => make("option", { value: text }, text)));
    this.figures.showTabs();
    this.showEdits();
  }

  setLevel(level) {
    this.model.set("level", level);
    this.model.save_changes();
    this.do("level", { level });
    this.showRows();
  }

  // The chosen span.

  choose(row, number, time) {
    const [start_s, end_s, label] = row.spans[number];
    const choice = { level: row.level, start_s, end_s, label };
    this.model.set("choice", choice);
    if (this.get("level") !== row.level) this.model.set("level", row.level);
    this.model.save_changes();
    this.view.reveal(start_s, end_s);
    this.view.seek(time === undefined ? start_s : time);
    this.seekVideo(this.view.playhead);
    this.showRows();
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.do("choose", choice), 120); // held arrows ask once
  }

  isChosen(span) {
    const choice = this.get("choice");
    return Boolean(choice) && choice.level === span.level && Math.abs(choice.start_s - span.start_s) < 1e-3 && Math.abs(choice.end_s - span.end_s) < 1e-3;
  }

  chosenSpan() {
    const choice = this.get("choice");
    if (!choice || choice.level === undefined) return null;
    const spans = this.spansOf(choice.level);
    const found = spans[rowAt(spans, choice.start_s + 1e-6)];
    if (!found || Math.abs(found[0] - choice.start_s) > 1e-3) return null;
    return { level: choice.level, start_s: found[0], end_s: found[1], label: found[2], wrong: found[3] };
  }

  showChoice() {
    const span = this.chosenSpan();
    const key = span && `${this.uid} ${span.level} ${span.start_s} ${span.end_s}`;
    this.timeline.chosen = this.lanes.chosen = span;
    if (key && key !== this.shownKey) {
      this.view.reveal(span.start_s, span.end_s);
      if (this.view.playhead < span.start_s || this.view.playhead >= span.end_s) this.seek(span.start_s);
      this.spoken.textContent = `level ${span.level}, ${this.threadName(span.label)}, ${between(span.start_s, span.end_s)}`;
    }
    this.shownKey = key;
    this.timeline.draw();
    this.lanes.draw();
    this.aligned.follow();
    this.showSide();
  }

  focusChosen() {
    const level = this.get("level");
    const cursor = this.timeline.cursors.querySelector(`[data-row="level-${level}"]`);
    if (cursor) cursor.focus();
  }

  step(by) {
    const level = this.get("level");
    const row = this.timeline.rows.find((one) => one.id === `level-${level}`);
    if (!row || !row.spans.length) return;
    const now = this.timeline.chosenIn(row);
    const number = now >= 0 ? now + by : Math.max(0, rowAt(row.spans, this.view.playhead));
    if (number >= 0 && number < row.spans.length) this.choose(row, number);
  }

  stepLevel(by) {
    const numbers = this.get("scene").levels.map((one) => one.level);
    const level = this.get("level") + by;
    if (!numbers.includes(level)) return;
    const row = this.timeline.rows.find((one) => one.id === `level-${level}`);
    const number = Math.max(0, rowAt(row.spans, this.view.playhead));
    this.choose(row, number, this.view.playhead);
  }

  showSide() {
    this.redrawPanel(this.about, spanPanel(this));
    this.redrawPanel(this.found, answersPanel(this));
  }

  /** New content, without taking the focus from a field that is being filled in. */
  redrawPanel(panel, parts) {
    const focused = panel.contains(this.root.getRootNode().activeElement) ? this.root.getRootNode().activeElement : null;
    const label = focused && (focused.getAttribute("aria-label") || focused.textContent);
    panel.replaceChildren(...parts);
    if (!label) return;
    const again = [...panel.querySelectorAll("button, input, select")].find((one) => (one.getAttribute("aria-label") || one.textContent) === label);
    if (again) again.focus();
  }

  showEdits() {
    const edits = this.get("edits") || {};
    this.undo.disabled = !(edits.lines || []).length;
    this.redo.disabled = !edits.redo;
    this.redrawPanel(this.edited, editsPanel(this));
  }

  showQuery() {
    if (this.root.getRootNode().activeElement !== this.search) this.search.value = this.get("query") || "";
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

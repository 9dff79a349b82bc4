// A second video below the timeline, on an axis of its own, and bands between the spans of the two that correspond.
// What corresponds to what is the session's (hiero_lib/front/aligned.py): pairs of rows, for each level.

const BANDS = 64; // pixels between the two rows

class Aligned {
  constructor(app) {
    this.app = app;
    this.view = new View(0, 1);
    this.view.seek = () => {}; // the playhead is the first video's
    const shown = () => (this.value() ? this.value().name : "");
    this.picker = new Picker(app, { label: "align with", placeholder: "align with…", shown, but: () => (app.get("scene") || {}).uid, act: (uid) => app.do("align", { uid }) });
    this.picker.node.classList.add("hx-picker-second");
    const hover = (row, number, time, event) => this.hover(row, number, time, event);
    const on = (choose) => ({ choose, hover, border: () => {} });
    this.one = new Tracks(app.view, { label: "the video, aligned", axis: false, on: on((row, number, time) => this.chooseOne(number, time)) });
    this.other = new Tracks(this.view, { label: "the second video, aligned", on: on((row, number) => this.chooseOther(number)) });
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.between = make("div", { className: "hx-bands" }, this.canvas);
    this.title = make("h3", { className: "hx-heading" });
    this.about = make("p", { className: "hx-muted" });
    this.told = make("p", { className: "hx-aligned-told", "aria-live": "polite" });
    const button = (text, title, action) => make("button", { type: "button", className: "hx-button", title, onclick: action }, text);
    this.working = make(
      "span",
      { className: "hx-row" },
      button("change places", "open the second video, and this one below it", () => app.do("open", { uid: this.value().uid })),
      button("close", "no second video", () => app.do("align", { uid: "" })),
    );
    this.node = make(
      "section",
      { className: "hx-aligned", hidden: true, "aria-label": "two videos, aligned" },
      make("div", { className: "hx-tools" }, this.title, this.working),
      this.about,
      this.one.node,
      make("div", { className: "hx-tracks hx-aligned-between" }, make("div"), this.between),
      this.other.node,
      this.told,
    );
    app.view.listeners.add((what) => what === "range" && !this.node.hidden && (this.keepUp(), this.drawBands()));
    this.view.listeners.add((what) => what === "range" && this.drawBands());
    new ResizeObserver(() => this.drawBands()).observe(this.between);
    this.picked = null;
  }

  value() {
    return this.app.get("aligned");
  }
  level() {
    const value = this.value();
    return value ? value.levels.find((one) => one.level === this.app.get("level")) : undefined;
  }
  /** Of a row of the one video (side 0) or of the other (1): its pairs, the nearest first. */
  pairsOf(side, number) {
    const level = this.level();
    return level ? level.pairs.filter((pair) => pair[side] === number).sort((a, b) => b[2] - a[2]) : [];
  }

  draw() {
    this.one.draw();
    this.other.draw();
    this.drawBands();
  }

  show() {
    const value = this.value();
    const level = this.level();
    this.picker.show();
    this.node.hidden = !value;
    if (!value) {
      this.uid = undefined;
      return;
    }
    if (this.uid !== value.uid) {
      this.uid = value.uid;
      this.view.reset(value.start_s, value.end_s);
      this.view.playhead = -Infinity;
    }
    this.working.hidden = Boolean(this.app.get("still"));
    this.title.textContent = `Aligned with ${value.name}`;
    const number = this.app.get("level");
    const per = (share) => `${Math.round(100 * share)} %`;
    if (!level) this.about.textContent = `It has no level ${number}.`;
    else if (level.note) this.about.textContent = level.note;
    else {
      const [one, other] = level.shares;
      this.about.textContent =
        `At level ${number}, ${per(one)} of this video and ${per(other)} of ${value.name} have a counterpart: a span nearer ` +
        `than 95 of 100 pairs of different threads of one video (cosine ${level.threshold.toFixed(2)}). Grey has none.`;
    }
    const spans = this.app.spansOf(number);
    const grey = { color: () => this.one.colors.line, ink: () => this.one.colors.muted };
    const row = (side, id, name, of, look) => {
      const matched = new Set(level ? level.pairs.map((pair) => pair[side]) : []);
      return {
        ...{ id, name, kind: "spans", height: 30, level: number, movable: false },
        spans: of.map(([start, end], n) => [start, end, n]), // a span's label is its number
        color: (n) => (matched.has(n) ? look.color(n) : grey.color()),
        ink: (n) => (matched.has(n) ? look.ink(n) : grey.ink()),
        text: (n) => [look.title(n), ""],
        describe: (n) => `${look.title(n)}, ${between(of[n][0], of[n][1])}, ${this.counterpart(side, n)}`,
      };
    };
    const thread = (n) => this.app.thread(spans[n][2]);
    const own = { color: (n) => thread(n).color, ink: (n) => thread(n).ink, title: (n) => this.app.threadName(spans[n][2]) };
    this.one.set([row(0, "aligned-one", this.app.get("scene").name, spans, own)]);
    const theirs = level ? level.spans : [];
    const match = (n) => this.app.thread(theirs[n][2]);
    const look = { color: (n) => match(n).color, ink: (n) => match(n).ink, title: (n) => theirs[n][3] };
    this.other.set([row(1, "aligned-other", value.name, theirs, look)]);
    this.follow();
    this.drawBands();
  }

  /** In words, of a row of one side. */
  counterpart(side, number) {
    const [pair] = this.pairsOf(side, number);
    if (!pair) return "no counterpart";
    const [start, end] = side ? this.app.spansOf(this.app.get("level"))[pair[0]] : this.level().spans[pair[1]];
    return `counterpart ${between(start, end)} (cosine ${pair[2].toFixed(2)})`;
  }

  chooseOne(number, time) {
    const scene = this.app.get("scene");
    const level = scene.levels.find((one) => one.level === this.app.get("level"));
    this.picked = null;
    this.app.choose(this.app.rowOf(scene, level), number, time);
  }

  chooseOther(number) {
    const [pair] = this.pairsOf(1, number);
    if (pair) this.chooseOne(pair[0]);
    this.picked = number;
    this.follow();
  }

  /** The chosen span's counterpart is framed, and told. */
  follow() {
    const level = this.level();
    if (!this.value() || !level) return;
    const chosen = this.app.chosenSpan();
    const spans = this.app.spansOf(level.level);
    let one = chosen && chosen.level === level.level ? rowAt(spans, chosen.start_s + 1e-6) : -1;
    const pairs = one >= 0 ? this.pairsOf(0, one) : [];
    if (this.key !== `${this.uid} ${level.level} ${one}`) {
      this.key = `${this.uid} ${level.level} ${one}`;
      if (this.picked !== null && !pairs.some((pair) => pair[1] === this.picked)) this.picked = null;
    }
    if (this.picked !== null && !this.pairsOf(1, this.picked).length) one = -1; // a span of the other that stands alone
    const other = this.picked !== null ? this.picked : pairs.length ? pairs[0][1] : -1;
    const framed = (of, number) => (number < 0 || !of[number] ? null : { level: level.level, start_s: of[number][0], end_s: of[number][1] });
    this.one.chosen = framed(spans, one);
    this.other.chosen = framed(level.spans, other);
    this.keepUp();
    const name = this.value().name;
    const theirs = other >= 0 && level.spans[other] ? `${level.spans[other][3]}, ${between(level.spans[other][0], level.spans[other][1])}` : "";
    if (one >= 0) this.told.textContent = other >= 0 ? `In ${name}: ${theirs} (cosine ${pairs.find((pair) => pair[1] === other)[2].toFixed(2)}).` : `Nothing in ${name} is its counterpart.`;
    else this.told.textContent = other >= 0 ? `${theirs} of ${name} has no counterpart in this video.` : "Choose a span of either to see its counterpart.";
    this.lit = [one, other];
    this.draw();
  }

  /** The second video is shown as near as the first, with the counterpart below the chosen span. */
  keepUp() {
    const [one, other] = [this.one.chosen, this.other.chosen];
    if (other && (this.picked !== null || !one)) {
      this.view.reveal(other.start_s, other.end_s); // where it was clicked on, it stays
      return;
    }
    const { range, start, end } = this.app.view;
    const part = (range[1] - range[0]) / (end - start);
    if (part > 0.999) this.view.show(this.view.start, this.view.end);
    if (part > 0.999 || !other) return;
    const length = Math.max(part * (this.view.end - this.view.start), 1.2 * (other.end_s - other.start_s));
    const at = ((one.start_s + one.end_s) / 2 - range[0]) / (range[1] - range[0]);
    const from = (other.start_s + other.end_s) / 2 - at * length;
    this.view.show(from, from + length);
    if (at >= 0 && at <= 1) this.view.reveal(other.start_s, other.end_s);
  }

  drawBands() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawBandsNow();
    });
  }

  drawBandsNow() {
    const [width, level] = [this.between.clientWidth, this.level()];
    if (!width || !level || !this.one.width || !this.other.width) return;
    const scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(BANDS * scale) });
    this.canvas.style.cssText = `width:${width}px;height:${BANDS}px`;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const spans = this.app.spansOf(level.level);
    const [one, other] = this.lit || [-1, -1];
    const isLit = (pair) => pair[0] === one && pair[1] === other;
    for (const pair of [...level.pairs].sort((a, b) => isLit(a) - isLit(b))) {
      const [first, second] = [spans[pair[0]], level.spans[pair[1]]];
      if (!first || !second) continue; // the values of a change come one after another
      const [a, b] = [this.one.x(first[0]), this.one.x(first[1])];
      const [c, d] = [this.other.x(second[0]), this.other.x(second[1])];
      if (Math.max(a, b, c, d) < 0 || Math.min(a, b, c, d) > width) continue;
      pen.beginPath();
      pen.moveTo(a, 0);
      pen.bezierCurveTo(a, BANDS / 2, c, BANDS / 2, c, BANDS);
      pen.lineTo(Math.max(d, c + 1), BANDS);
      pen.bezierCurveTo(d, BANDS / 2, b, BANDS / 2, Math.max(b, a + 1), 0);
      pen.closePath();
      pen.fillStyle = this.app.thread(first[2]).color;
      pen.globalAlpha = isLit(pair) ? 0.85 : one >= 0 ? 0.2 : 0.4;
      pen.fill();
      if (!isLit(pair)) continue;
      pen.globalAlpha = 1;
      pen.strokeStyle = this.one.colors.text;
      pen.lineWidth = 1.5;
      pen.stroke();
    }
    pen.globalAlpha = 1;
    this.node.dataset.drawn = String(Number(this.node.dataset.drawn || 0) + 1);
  }

  hover(row, number, time, event) {
    if (!row || number < 0) return this.app.hover(null);
    return this.app.showTip([make("b", {}, row.describe(number))], event);
  }
}

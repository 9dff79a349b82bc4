// The map of the whole collection: a point a span, on a canvas. Places and groups come as base64 of numbers, 5 bytes a
// point, so that 100,000 points are half a megabyte; what a point is, is asked for when the pointer rests on it.

const MAP_HEIGHT = 560;
const NEAR = 10; // pixels from a point at which it is meant
const CELLS = 128; // of the grid that finds the nearest point, on a side
const REST_MS = 80; // of the pointer, before one asks

const numbersOf = (text, kind) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return new kind(bytes.buffer); // browsers run on little-endian machines
};

class Collection {
  constructor(app) {
    this.app = app;
    this.canvas = make("canvas", { role: "img" });
    this.told = make("span", { className: "hx-spoken", "aria-live": "polite" });
    this.plot = make("div", { className: "hx-map", role: "application", "aria-label": "points of the collection: arrows go to the next one, Enter opens it" }, this.canvas, this.told);
    this.plot.tabIndex = 0;
    this.by = make("select", { className: "hx-input", "aria-label": "colours of the collection" });
    this.by.addEventListener("change", () => this.group(Number(this.by.value)));
    const button = (text, title, action) => make("button", { type: "button", className: "hx-button", title, onclick: action }, text);
    this.about = make("p", { className: "hx-muted" });
    this.legend = make("ul", { className: "hx-groups" });
    this.node = make(
      "section",
      { hidden: true, "aria-label": "the collection" },
      make(
        "div",
        { className: "hx-tools" },
        make("label", { className: "hx-row" }, "colours ", this.by),
        make("span", { className: "hx-row" }, button("−", "farther", () => this.zoom(1 / 1.6)), button("+", "closer", () => this.zoom(1.6)), button("whole", "the whole map", () => this.reset())),
      ),
      this.about,
      this.plot,
      this.legend,
    );
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.reset();
    this.listen();
  }

  reset() {
    this.scale = 1;
    this.middle = [0.5, 0.5];
    this.draw();
  }
  zoom(factor, at = [this.width / 2, MAP_HEIGHT / 2]) {
    const before = this.place(at);
    this.scale = Math.min(Math.max(this.scale * factor, 1), 400);
    const after = this.place(at);
    this.middle = this.middle.map((one, axis) => one + before[axis] - after[axis]);
    this.draw();
  }
  /** Pixels of the map's unit. */
  unit() {
    return 0.94 * Math.min(this.width, MAP_HEIGHT) * this.scale;
  }
  pixel(x, y) {
    const unit = this.unit();
    return [this.width / 2 + (x - this.middle[0]) * unit, MAP_HEIGHT / 2 - (y - this.middle[1]) * unit];
  }
  place([x, y]) {
    const unit = this.unit();
    return [this.middle[0] + (x - this.width / 2) / unit, this.middle[1] - (y - MAP_HEIGHT / 2) / unit];
  }

  ask() {
    const value = this.app.get("collection");
    if (value && value.level === this.app.get("level")) {
      this.show(); // what is new on it comes by itself
    } else {
      this.asked = this.app.get("level");
      this.about.textContent = "Laying out the collection: some seconds the first time, then it is kept.";
    }
    this.app.do("collection");
  }

  /** What was asked for cannot be: the note says why. */
  refused() {
    const note = this.app.get("note");
    if (this.asked === undefined || !note || note.kind !== "error") return;
    this.asked = undefined;
    this.about.textContent = "";
  }

  show() {
    const value = this.app.get("collection");
    if (this.node.hidden) return;
    if (!value) return; // it is asked for when its tab is chosen
    if (value.level !== this.app.get("level")) {
      if (this.asked !== this.app.get("level")) this.ask();
      return;
    }
    this.asked = undefined;
    this.about.textContent = `${value.note}. Click on a point to open its span; framed points are of the video that is shown.`;
    if (this.value === value) {
      this.draw();
      return;
    }
    this.value = value;
    this.at = -1;
    this.places = numbersOf(value.places, Uint16Array);
    this.makeGrid();
    this.canvas.setAttribute("aria-label", `map of ${value.note}`);
    const before = this.by.selectedIndex;
    this.by.replaceChildren(...value.groupings.map((one, number) => make("option", { value: number }, one.name)));
    this.group(Math.max(0, Math.min(before, value.groupings.length - 1)));
  }

  group(number) {
    this.by.value = number;
    const grouping = this.value.groupings[number];
    this.groups = numbersOf(grouping.of, Uint8Array);
    this.colors = grouping.groups.map((one) => one.color);
    this.legend.replaceChildren(
      ...grouping.groups.map(({ name, color }) => {
        const swatch = make("span", { className: "hx-swatch" });
        swatch.style.background = color;
        return make("li", {}, swatch, name);
      }),
    );
    const points = this.colors.map(() => []); // numbers by group, so that a colour is set once
    for (let n = 0; n < this.groups.length; n++) points[this.groups[n]].push(n);
    this.byGroup = points;
    this.draw();
  }

  makeGrid() {
    this.grid = new Map();
    for (let n = 0; n < this.value.count; n++) {
      const key = this.cell(this.places[2 * n] / 65535, this.places[2 * n + 1] / 65535);
      if (!this.grid.has(key)) this.grid.set(key, []);
      this.grid.get(key).push(n);
    }
  }
  cell(x, y) {
    return Math.min(Math.floor(x * CELLS), CELLS - 1) * CELLS + Math.min(Math.floor(y * CELLS), CELLS - 1);
  }

  /** The number of the nearest point within a few pixels; -1: none. */
  pointAt(at) {
    if (!this.value) return -1;
    const [x, y] = this.place(at);
    const reach = NEAR / this.unit();
    let [best, least] = [-1, reach * reach];
    const clamp = (value) => Math.min(Math.max(Math.floor(value * CELLS), 0), CELLS - 1);
    for (let column = clamp(x - reach); column <= clamp(x + reach); column++) {
      for (let row = clamp(y - reach); row <= clamp(y + reach); row++) {
        for (const n of this.grid.get(column * CELLS + row) || []) {
          const distance = (this.places[2 * n] / 65535 - x) ** 2 + (this.places[2 * n + 1] / 65535 - y) ** 2;
          if (distance < least) [best, least] = [n, distance];
        }
      }
    }
    return best;
  }

  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawNow();
    });
  }

  drawNow() {
    this.width = this.plot.clientWidth;
    if (!this.width || !this.value || !this.byGroup) return;
    const scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(this.width * scale), height: Math.round(MAP_HEIGHT * scale) });
    this.canvas.style.cssText = `width:${this.width}px;height:${MAP_HEIGHT}px`;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const size = Math.min(8, Math.max(1.5, 3 * Math.sqrt((4000 * this.scale) / this.value.count)));
    const unit = this.unit();
    const [left, top] = [this.width / 2 - this.middle[0] * unit, MAP_HEIGHT / 2 + this.middle[1] * unit];
    const [xs, half] = [this.places, size / 2];
    const point = (n, more) => {
      const x = left + (xs[2 * n] / 65535) * unit;
      const y = top - (xs[2 * n + 1] / 65535) * unit;
      if (x > -9 && y > -9 && x < this.width + 9 && y < MAP_HEIGHT + 9) pen.fillRect(x - half - more, y - half - more, size + 2 * more, size + 2 * more);
    };
    for (let group = this.colors.length - 1; group >= 0; group--) {
      pen.fillStyle = this.colors[group];
      for (const n of this.byGroup[group]) point(n, 0);
    }
    pen.fillStyle = getComputedStyle(this.node).getPropertyValue("--hx-text").trim();
    for (const n of this.app.get("mine") || []) point(n, 1.5);
    for (const n of this.app.get("mine") || []) {
      pen.fillStyle = this.colors[this.groups[n]];
      point(n, 0);
    }
    if (this.at >= 0) {
      const [x, y] = this.pixelOf(this.at);
      pen.strokeStyle = getComputedStyle(this.node).getPropertyValue("--hx-accent").trim();
      pen.lineWidth = 2.5;
      pen.strokeRect(x - half - 4, y - half - 4, size + 8, size + 8);
    }
    this.node.dataset.drawn = String(Number(this.node.dataset.drawn || 0) + 1);
  }

  pixelOf(number) {
    return this.pixel(this.places[2 * number] / 65535, this.places[2 * number + 1] / 65535);
  }

  key(event) {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const known = step || ["Enter", "+", "-", "0"].includes(event.key);
    if (!known || !this.value || !this.value.count || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the same keys are the timeline's elsewhere
    if (event.key === "Enter" && this.at >= 0) this.app.do("open point", { number: this.at });
    else if (event.key === "0") this.reset();
    else if (event.key === "+" || event.key === "-") this.zoom(event.key === "+" ? 1.6 : 1 / 1.6, this.at >= 0 ? this.pixelOf(this.at) : undefined);
    else if (step) this.goTo(this.nextIn(step));
  }

  /** The nearest point that lies rather this way than to a side; at first one of the video that is shown. */
  nextIn([right, down]) {
    const [mine = 0] = this.app.get("mine") || [];
    if (this.at < 0) return mine;
    const [x, y] = this.pixelOf(this.at);
    let [best, least] = [this.at, Infinity];
    for (let n = 0; n < this.value.count; n++) {
      const [px, py] = this.pixelOf(n);
      const [ahead, aside] = [(px - x) * right + (py - y) * down, Math.abs((px - x) * down) + Math.abs((py - y) * right)];
      if (ahead > 0.5 && aside <= ahead && ahead + 2 * aside < least) [best, least] = [n, ahead + 2 * aside];
    }
    return best;
  }

  goTo(number) {
    this.at = this.over = number;
    let [x, y] = this.pixelOf(number);
    if (x < 8 || y < 8 || x > this.width - 8 || y > MAP_HEIGHT - 8) {
      this.middle = [this.places[2 * number] / 65535, this.places[2 * number + 1] / 65535];
      [x, y] = this.pixelOf(number);
    }
    const box = this.plot.getBoundingClientRect();
    this.event = { clientX: box.left + x, clientY: box.top + y };
    this.app.do("point", { number });
    this.draw();
  }

  listen() {
    this.plot.addEventListener("keydown", (event) => this.key(event));
    let down = null;
    const at = (event) => {
      const box = this.plot.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      down = { at: at(event), middle: [...this.middle], far: false };
      this.plot.setPointerCapture(event.pointerId);
    });
    this.plot.addEventListener("pointermove", (event) => {
      const now = at(event);
      if (!down) return this.hover(now, event);
      down.far = down.far || Math.hypot(now[0] - down.at[0], now[1] - down.at[1]) > 4;
      if (!down.far) return undefined;
      this.leave();
      const unit = this.unit();
      this.middle = [down.middle[0] - (now[0] - down.at[0]) / unit, down.middle[1] + (now[1] - down.at[1]) / unit];
      this.draw();
      return undefined;
    });
    const up = (event) => {
      const was = down;
      down = null;
      if (!was || was.far || event.type !== "pointerup") return;
      const number = this.pointAt(was.at);
      if (number >= 0) this.app.do("open point", { number });
    };
    this.plot.addEventListener("pointerup", up);
    this.plot.addEventListener("pointercancel", up);
    this.plot.addEventListener("pointerleave", () => this.leave());
    this.plot.addEventListener(
      "wheel",
      (event) => {
        if (!(event.ctrlKey || event.metaKey)) return; // a plain wheel scrolls the page
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 200), at(event));
      },
      { passive: false },
    );
  }

  leave() {
    clearTimeout(this.resting);
    this.over = -1;
    this.app.hover(null);
  }

  hover(now, event) {
    const number = this.pointAt(now);
    if (number === this.over) return;
    this.leave();
    this.over = number;
    this.event = { clientX: event.clientX, clientY: event.clientY };
    const point = this.app.get("point");
    if (number < 0) return;
    if (point && point.number === number && point.level === this.value.level) this.showPoint();
    else this.resting = setTimeout(() => this.app.do("point", { number }), REST_MS);
  }

  showPoint() {
    const point = this.app.get("point");
    if (!point || point.number !== this.over || this.node.hidden) return;
    const frame = point.picture ? make("img", { className: "hx-point-frame", src: point.picture, alt: "" }) : null;
    const text = make("div", {}, make("b", {}, point.title), make("div", { className: "hx-muted" }, `${point.name}, ${between(point.start_s, point.end_s)}`));
    this.app.showTip(frame ? [frame, text] : [text], this.event);
    if (point.number === this.at) this.told.textContent = `${point.title}, ${point.name}, ${between(point.start_s, point.end_s)}`;
  }
}

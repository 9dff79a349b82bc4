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

class Collection extends MapKeys {
  constructor(app) {
    super();
    [this.app, this.at] = [app, -1];
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.plot = make("div", { className: "hx-map", tabIndex: 0, role: "application", "aria-roledescription": "map" }, this.canvas);
    this.told = make("div", { className: "hx-spoken", "aria-live": "polite" });
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
      this.told,
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
    this.about.textContent = `${value.note}. Click on a point to open its span, or go there with arrows and Enter; framed points are of the video that is shown.`;
    if (this.value === value) {
      this.draw();
      return;
    }
    this.value = value;
    this.places = numbersOf(value.places, Uint16Array);
    this.makeGrid();
    this.at = this.over = -1;
    this.plot.setAttribute("aria-label", `map of ${value.note}. Arrows go from point to point, Enter opens the span`);
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
    if (this.at >= 0) this.drawAt(pen, this.at, size);
    this.node.dataset.drawn = String(Number(this.node.dataset.drawn || 0) + 1);
  }

  listen() {
    this.listenToKeys();
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
    if (!point || point.number !== this.over || point.level !== this.value.level || this.node.hidden) return;
    const frame = point.picture ? make("img", { className: "hx-point-frame", src: point.picture, alt: "" }) : null;
    const text = make("div", {}, make("b", {}, point.title), " ", make("div", { className: "hx-muted" }, `${point.name}, ${between(point.start_s, point.end_s)}`));
    if (this.at === point.number) this.told.textContent = `${text.textContent}. Enter opens it`;
    this.app.showTip(frame ? [frame, text] : [text], this.event);
  }
}

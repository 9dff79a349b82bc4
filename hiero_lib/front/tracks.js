// Tracks: rows over one axis of time on a canvas. The timeline and the lanes of threads are two of them.

const GAP = 3; // pixels between a row and the next

/**
 * rows: {id, name, kind, height, ...} with kind
 *   "spans": spans [[start, end, label, wrong], ...], color(label), ink(label), text(label), describe(row number),
 *            hatched, level, picture (seconds of a frame beside the name), head (pixels above it, for ranks)
 *   "ticks": times; "curve": times, values, low, high; "frames": draws thumbnails
 * on: {choose(row, number), hover(row, number, time, event) or null to hide, border(row, number, seconds)}
 */
class Tracks extends Pointing {
  constructor(view, { label, axis = true, on }) {
    super();
    [this.view, this.on, this.axis, this.rows, this.marks] = [view, on, axis, [], []];
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.names = make("div", { className: "hx-names" });
    this.playline = make("div", { className: "hx-playhead", "aria-hidden": "true" });
    this.cursors = make("div", { className: "hx-cursors" });
    this.plot = make("div", { className: "hx-plot" }, this.canvas, this.playline, this.cursors);
    this.node = make("div", { className: "hx-tracks", role: "group", "aria-label": label }, this.names, this.plot);
    this.pictures = null;
    this.chosen = null;
    this.listen();
    view.listeners.add((what) => (what === "playhead" ? this.movePlayhead() : this.draw()));
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  set(rows) {
    this.rows = rows;
    let top = this.axis ? AXIS : 0;
    for (const row of rows) {
      top += row.head || 0;
      row.top = top;
      top += row.height + GAP;
    }
    this.height = top;
    this.names.replaceChildren(...rows.map((row) => this.nameOf(row)));
    this.names.style.height = `${top}px`;
    const kept = new Map([...this.cursors.children].map((cursor) => [cursor.dataset.row, cursor]));
    const wanted = rows.filter((row) => row.kind === "spans" && row.level !== undefined);
    for (const [id, cursor] of kept) if (!wanted.some((row) => row.id === id)) cursor.remove();
    for (const row of wanted) if (!kept.has(row.id)) this.cursors.append(this.cursorOf(row));
    this.draw();
  }

  nameOf(row) {
    const name = make("div", { className: "hx-name", title: row.name });
    name.style.top = `${row.top}px`;
    name.style.height = `${row.height}px`;
    if (row.swatch) {
      const swatch = make("span", { className: "hx-swatch" });
      swatch.style.background = row.swatch;
      name.append(swatch);
    }
    if (row.picture !== undefined && this.pictures) {
      const frame = frameOf(this.pictures, row.picture, Math.min(row.height - 2, 34));
      if (frame) name.append(frame);
    }
    name.append(make("span", { className: row.height >= 34 ? "hx-name-text hx-two" : "hx-name-text" }, row.name));
    if (row.note) name.append(make("span", { className: "hx-muted" }, row.note));
    return name;
  }

  /** A button that lies on the row's chosen span, or its first one in sight: spans can be reached by keyboard. */
  cursorOf(row) {
    const cursor = make("button", { type: "button", className: "hx-cursor" });
    cursor.dataset.row = row.id;
    cursor.addEventListener("keydown", (event) => {
      const now = this.rows.find((one) => one.id === row.id);
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
      if (!now || step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      const number = Math.min(Math.max(Number(cursor.dataset.number) + step, 0), now.spans.length - 1);
      cursor.dataset.number = number; // the next key may come before the next picture
      this.on.choose(now, number);
    });
    cursor.addEventListener("click", () => {
      const now = this.rows.find((one) => one.id === row.id);
      if (now) this.on.choose(now, Number(cursor.dataset.number));
    });
    cursor.addEventListener("focus", () => {
      const now = this.rows.find((one) => one.id === row.id);
      const span = now && now.spans[Number(cursor.dataset.number)];
      if (span) this.view.reveal(span[0], span[1]);
    });
    return cursor;
  }

  placeCursors() {
    for (const cursor of this.cursors.children) {
      const row = this.rows.find((one) => one.id === cursor.dataset.row);
      if (!row || !row.spans.length) {
        cursor.hidden = true;
        continue;
      }
      const chosen = this.chosenIn(row);
      const first = Math.max(0, rowAt(row.spans, this.view.range[0]));
      const number = chosen >= 0 ? chosen : first;
      const span = row.spans[number];
      const [left, right] = [this.x(span[0]), this.x(span[1])].map((x) => Math.min(Math.max(x, 0), this.width));
      cursor.hidden = false;
      cursor.dataset.number = number;
      cursor.setAttribute("aria-label", `${row.name}, ${number + 1} of ${row.spans.length}: ${row.describe(number)}`);
      cursor.setAttribute("aria-pressed", String(chosen >= 0));
      cursor.style.cssText = `left:${left}px;width:${Math.max(right - left, 4)}px;top:${row.top}px;height:${row.height}px`;
    }
  }

  chosenIn(row) {
    const chosen = this.chosen;
    if (!chosen || row.level !== chosen.level || row.beside) return -1;
    const number = rowAt(row.spans, chosen.start_s + 1e-6);
    return number >= 0 && Math.abs(row.spans[number][0] - chosen.start_s) < 1e-3 ? number : -1;
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
    if (!this.width) return;
    const scale = window.devicePixelRatio || 1;
    const canvas = this.canvas;
    this.plot.style.height = `${this.height}px`;
    canvas.width = Math.round(this.width * scale);
    canvas.height = Math.round(this.height * scale);
    canvas.style.cssText = `width:${this.width}px;height:${this.height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(this.node);
    this.colors = {};
    for (const name of ["text", "muted", "line", "track", "page", "accent"]) {
      this.colors[name] = style.getPropertyValue(`--hx-${name}`).trim();
    }
    this.font = style.fontFamily;
    this.drawAxis(pen);
    for (const row of this.rows) {
      pen.save();
      pen.beginPath();
      pen.rect(0, row.top - 2, this.width, row.height + 4);
      pen.clip();
      this[{ spans: "drawSpans", ticks: "drawTicks", curve: "drawCurve", frames: "drawFrames" }[row.kind]](pen, row);
      pen.restore();
    }
    this.drawChosen(pen);
    this.dimNames();
    this.movePlayhead();
    this.placeCursors();
    if (this.onDrawn) this.onDrawn();
  }

  /** Of rows with nothing in sight. */
  dimNames() {
    this.rows.forEach((row, n) => {
      if (row.pointsAway) this.names.children[n].classList.toggle("hx-away", this.away(row).some(Boolean));
    });
  }

  movePlayhead() {
    if (!this.width) return;
    const x = this.x(this.view.playhead);
    this.playline.hidden = x < -1 || x > this.width + 1;
    this.playline.style.transform = `translateX(${x}px)`;
    this.playline.style.height = `${this.height}px`;
  }
}

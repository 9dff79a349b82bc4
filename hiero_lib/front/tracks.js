// Tracks: rows over one axis of time on a canvas. The timeline and the lanes of threads are two of them.

/** What all tracks share: the range that is shown, the playhead, and who wants to know. */
class View {
  constructor(start, end) {
    this.listeners = new Set();
    this.reset(start, end);
  }
  reset(start, end) {
    [this.start, this.end] = [start, end];
    this.range = [start, end];
    this.playhead = start;
  }
  tell(what) {
    for (const listener of this.listeners) listener(what);
  }
  show(from, to) {
    const least = Math.min(1, this.end - this.start);
    const length = Math.min(Math.max(to - from, least), this.end - this.start);
    const middle = (from + to) / 2;
    const start = Math.min(Math.max(middle - length / 2, this.start), this.end - length);
    const next = [start, start + length];
    if (next[0] === this.range[0] && next[1] === this.range[1]) return;
    this.range = next;
    this.tell("range");
  }
  zoom(factor, around = (this.range[0] + this.range[1]) / 2) {
    const [from, to] = this.range;
    this.show(around - (around - from) / factor, around + (to - around) / factor);
  }
  pan(seconds) {
    this.show(this.range[0] + seconds, this.range[1] + seconds);
  }
  /** Move as little as needed so that a span is in sight. */
  reveal(start, end) {
    const [from, to] = this.range;
    if (start >= from && end <= to) return;
    const length = Math.max(to - from, 1.2 * (end - start));
    const middle = (start + end) / 2;
    this.show(middle - length / 2, middle + length / 2);
  }
  seek(seconds) {
    this.playhead = Math.min(Math.max(seconds, this.start), this.end);
    this.tell("playhead");
  }
}

const GAP = 3; // pixels between a row and the next
const AXIS = 22; // height of the axis

/**
 * rows: {id, name, kind, height, ...} with kind
 *   "spans": spans [[start, end, label, wrong], ...], color(label), ink(label), text(label), describe(row number),
 *            hatched, level, picture (seconds of a frame beside the name)
 *   "ticks": times; "curve": times, values, low, high; "frames": draws thumbnails
 * on: {choose(row, number), hover(row, number, time, event) or null to hide, border(row, number, seconds)}
 */
class Tracks {
  constructor(view, { label, axis = true, on }) {
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

  x(seconds) {
    const [from, to] = this.view.range;
    return ((seconds - from) / (to - from)) * this.width;
  }
  time(x) {
    const [from, to] = this.view.range;
    return from + (x / this.width) * (to - from);
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
    this.movePlayhead();
    this.placeCursors();
    if (this.onDrawn) this.onDrawn();
  }

  drawAxis(pen) {
    const { ticks, decimals } = ticksOf(this.view.range, Math.max(2, this.width / 80));
    pen.font = `11px ${this.font}`;
    pen.textBaseline = "middle";
    for (const tick of ticks) {
      const x = Math.round(this.x(tick)) + 0.5;
      pen.strokeStyle = this.colors.line;
      pen.beginPath();
      pen.moveTo(x, this.axis ? AXIS - 5 : 0);
      pen.lineTo(x, this.height);
      pen.stroke();
      if (!this.axis) continue;
      const text = clock(tick, decimals);
      const half = pen.measureText(text).width / 2;
      pen.fillStyle = this.colors.muted;
      pen.fillText(text, Math.min(Math.max(x, half), this.width - half) - half, AXIS / 2 - 2);
    }
  }

  drawSpans(pen, row) {
    pen.fillStyle = this.colors.track;
    pen.fillRect(0, row.top, this.width, row.height);
    const [from, to] = this.view.range;
    pen.font = `12px ${this.font}`;
    pen.textBaseline = "middle";
    for (let n = Math.max(0, rowAt(row.spans, from)); n < row.spans.length; n++) {
      const [start, end, label, wrong] = row.spans[n];
      if (start > to) break;
      if (end < from) continue;
      const left = Math.max(this.x(start), -2);
      const right = Math.min(this.x(end), this.width + 2);
      const width = Math.max(right - left - (right - left > 4 ? 1 : 0), 1);
      pen.fillStyle = row.color(label, n);
      pen.fillRect(left, row.top, width, row.height);
      if (row.hatched) this.hatch(pen, left, row.top, width, row.height, "rgba(255,255,255,.35)", 7);
      if (wrong) this.hatch(pen, left, row.top, width, row.height, "rgba(0,0,0,.6)", 5);
      if (width > 16) this.write(pen, row, label, n, left, width);
    }
    const border = this.moving && this.moving.row.id === row.id ? this.moving : null;
    if (border) {
      pen.fillStyle = this.colors.text;
      pen.fillRect(this.x(border.at) - 1.5, row.top - 2, 3, row.height + 4);
    }
  }

  write(pen, row, label, number, left, width) {
    const [long, short] = row.text(label);
    const shown = [Math.max(left, 0), Math.min(left + width, this.width)];
    const room = shown[1] - shown[0] - 8;
    const text = room < 14 ? "" : fitted(pen, long, room) || fitted(pen, short, room);
    if (!text) return;
    if (row.hatched) {
      pen.fillStyle = row.color(label, number);
      pen.fillRect(shown[0] + 2, row.top + row.height / 2 - 8, pen.measureText(text).width + 5, 16);
    }
    pen.fillStyle = row.ink(label, number);
    pen.fillText(text, shown[0] + 4, row.top + row.height / 2 + 0.5);
  }

  hatch(pen, left, top, width, height, color, step) {
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    pen.strokeStyle = color;
    pen.lineWidth = 1.2;
    pen.beginPath();
    const first = Math.floor((left - height) / step) * step; // the lines lie still when one pans
    for (let x = first; x < left + width; x += step) {
      pen.moveTo(x, top + height);
      pen.lineTo(x + height, top);
    }
    pen.stroke();
    pen.restore();
  }

  drawTicks(pen, row) {
    const [from, to] = this.view.range;
    const seen = row.times.filter((time) => time >= from && time <= to);
    pen.globalAlpha = Math.max(0.25, Math.min(1, (0.4 * this.width) / Math.max(seen.length, 1)));
    pen.fillStyle = this.colors.muted;
    for (const time of seen) pen.fillRect(this.x(time) - 0.75, row.top + 2, 1.5, row.height - 4);
    pen.globalAlpha = 1;
  }

  drawCurve(pen, row) {
    pen.fillStyle = this.colors.track;
    pen.fillRect(0, row.top, this.width, row.height);
    const y = (value) => row.top + row.height - 2 - ((value - row.low) / (row.high - row.low || 1)) * (row.height - 4);
    pen.beginPath();
    row.times.forEach((time, i) => pen[i ? "lineTo" : "moveTo"](this.x(time), y(row.values[i])));
    pen.strokeStyle = this.colors.accent;
    pen.lineWidth = 1.4;
    pen.stroke();
    pen.lineTo(this.x(row.times[row.times.length - 1]), row.top + row.height);
    pen.lineTo(this.x(row.times[0]), row.top + row.height);
    pen.globalAlpha = 0.18;
    pen.fillStyle = this.colors.accent;
    pen.fill();
    pen.globalAlpha = 1;
    if (row.threshold !== null && row.threshold !== undefined && row.threshold > row.low && row.threshold < row.high) {
      pen.setLineDash([4, 4]);
      pen.strokeStyle = this.colors.muted;
      pen.beginPath();
      pen.moveTo(0, y(row.threshold));
      pen.lineTo(this.width, y(row.threshold));
      pen.stroke();
    }
  }

  drawFrames(pen, row) {
    const pictures = this.pictures;
    if (!pictures || !pictures.image) return;
    const width = Math.max(24, (row.height * pictures.width) / pictures.height);
    const count = Math.max(1, Math.ceil(this.width / width));
    for (let n = 0; n < count; n++) {
      const number = pictureAt(pictures, this.time((n + 0.5) * width));
      drawPicture(pen, pictures, number, n * width, row.top, width - 1, row.height);
    }
  }

  drawChosen(pen) {
    for (const row of this.rows) {
      if (row.kind !== "spans" || row.level === undefined || row.beside) continue;
      for (const mark of this.marks) {
        if (mark.level !== row.level || (row.label !== undefined && row.label !== mark.label)) continue;
        this.frameSpan(pen, row, mark, [5, 3], this.colors.text, 2);
        this.badge(pen, row, mark);
      }
      const chosen = this.chosen;
      if (chosen && chosen.level === row.level && (row.label === undefined || row.label === chosen.label)) {
        this.frameSpan(pen, row, chosen, [], this.colors.text, 3);
      }
    }
  }

  frameSpan(pen, row, span, dash, color, width) {
    const [left, right] = [this.x(span.start_s), this.x(span.end_s)];
    if (right < -4 || left > this.width + 4) return;
    pen.setLineDash(dash);
    pen.lineWidth = width + 2;
    pen.strokeStyle = this.colors.page;
    const box = [left - 1, row.top - 1, Math.max(right - left + 1, 4), row.height + 2];
    if (!dash.length) pen.strokeRect(...box);
    pen.lineWidth = width;
    pen.strokeStyle = color;
    pen.strokeRect(...box);
    pen.setLineDash([]);
  }

  badge(pen, row, mark) {
    const x = Math.min(Math.max(this.x((mark.start_s + mark.end_s) / 2), 9), this.width - 9);
    if (this.x(mark.end_s) < 0 || this.x(mark.start_s) > this.width) return;
    pen.fillStyle = this.colors.text;
    pen.beginPath();
    pen.arc(x, row.top + row.height / 2, 8, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = this.colors.page;
    pen.font = `bold 11px ${this.font}`;
    const text = String(mark.rank);
    pen.fillText(text, x - pen.measureText(text).width / 2, row.top + row.height / 2 + 0.5);
  }

  movePlayhead() {
    if (!this.width) return;
    const x = this.x(this.view.playhead);
    this.playline.hidden = x < -1 || x > this.width + 1;
    this.playline.style.transform = `translateX(${x}px)`;
    this.playline.style.height = `${this.height}px`;
  }

  rowUnder(y) {
    return this.rows.find((row) => y >= row.top && y < row.top + row.height) || null;
  }

  /** The number of the span whose start is within a few pixels, where the row's borders can be moved. */
  borderUnder(row, x) {
    if (!row || row.kind !== "spans" || !row.movable) return -1;
    const near = rowAt(row.spans, this.time(x + 4));
    return near > 0 && Math.abs(this.x(row.spans[near][0]) - x) <= 4 ? near : -1;
  }

  listen() {
    let down = null;
    const at = (event) => {
      const box = this.plot.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const [x, y] = at(event);
      const row = this.rowUnder(y);
      down = { x, y, row, range: [...this.view.range], border: this.borderUnder(row, x), brush: event.shiftKey };
      this.plot.setPointerCapture(event.pointerId);
    });
    this.plot.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (!down) return this.hover(x, y, event);
      const far = Math.abs(x - down.x) > 4 || down.far;
      if (!far) return undefined;
      down.far = true;
      this.on.hover(null);
      if (down.border >= 0) {
        const spans = down.row.spans;
        const least = spans[down.border - 1][0] + 0.1;
        const most = spans[down.border][1] - 0.1;
        this.moving = { row: down.row, number: down.border, at: Math.min(Math.max(this.time(x), least), most) };
        this.draw();
      } else if (down.brush || (down.y < AXIS && this.axis)) {
        this.brush(down.x, x);
      } else {
        const perPixel = (down.range[1] - down.range[0]) / this.width;
        this.view.show(down.range[0] - (x - down.x) * perPixel, down.range[1] - (x - down.x) * perPixel);
      }
      return undefined;
    });
    const up = (event) => {
      if (!down) return;
      const [x] = at(event);
      const was = down;
      down = null;
      if (this.moving) {
        const { row, number, at: seconds } = this.moving;
        this.moving = null;
        this.on.border(row, number, Math.round(seconds * 1000) / 1000);
        this.draw();
      } else if (this.brushed) {
        this.brushed.remove();
        this.brushed = null;
        const [from, to] = [was.x, x].sort((a, b) => a - b).map((edge) => this.time(edge));
        this.view.show(from, to);
      } else if (!was.far && event.type === "pointerup") {
        const time = this.time(was.x);
        const number = was.row && was.row.kind === "spans" ? spanAt(was.row.spans, time) : -1;
        if (number >= 0 && was.row.level !== undefined && !was.row.beside) this.on.choose(was.row, number, time);
        else this.view.seek(time);
      }
    };
    this.plot.addEventListener("pointerup", up);
    this.plot.addEventListener("pointercancel", up);
    this.plot.addEventListener("pointerleave", () => !down && this.on.hover(null));
    this.plot.addEventListener("dblclick", (event) => {
      const [x, y] = at(event);
      const row = this.rowUnder(y);
      const number = row && row.kind === "spans" ? spanAt(row.spans, this.time(x)) : -1;
      if (number < 0) return;
      const [start, end] = row.spans[number];
      this.view.show(start - 0.1 * (end - start), end + 0.1 * (end - start));
    });
    this.plot.addEventListener(
      "wheel",
      (event) => {
        const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
        if (!(event.ctrlKey || event.metaKey || sideways)) return; // a plain wheel scrolls the page
        event.preventDefault();
        const [from, to] = this.view.range;
        if (sideways) this.view.pan(((event.deltaX || event.deltaY) / this.width) * (to - from));
        else this.view.zoom(Math.exp(-event.deltaY / 200), this.time(at(event)[0]));
      },
      { passive: false },
    );
  }

  brush(from, to) {
    if (!this.brushed) {
      this.brushed = make("div", { className: "hx-brush" });
      this.plot.append(this.brushed);
    }
    const [left, right] = [from, to].sort((a, b) => a - b);
    this.brushed.style.cssText = `left:${left}px;width:${right - left}px;height:${this.height}px`;
  }

  hover(x, y, event) {
    const row = this.rowUnder(y);
    this.plot.style.cursor = this.borderUnder(row, x) >= 0 ? "ew-resize" : "default";
    if (!row) return this.on.hover(null);
    const time = this.time(x);
    const number = row.kind === "spans" ? spanAt(row.spans, time) : -1;
    return this.on.hover(row, number, time, event);
  }
}

/** A text that fits a width, cut with an ellipsis; empty where not even a few letters fit. */
const fitted = (pen, text, room) => {
  if (pen.measureText(text).width <= room) return text;
  let length = Math.min(text.length - 1, Math.floor(room / 5));
  while (length > 3 && pen.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return length > 3 ? `${text.slice(0, length).trimEnd()}…` : "";
};

// Pictures: one image of many frames, side by side in lines: {url, image, times, width, height, columns}.

const pictureAt = (pictures, time) => {
  const times = pictures.times;
  let best = 0;
  for (let low = 0, high = times.length - 1; low <= high; ) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) [best, low] = [middle, middle + 1];
    else high = middle - 1;
  }
  return best + 1 < times.length && times[best + 1] - time < time - times[best] ? best + 1 : best;
};

const drawPicture = (pen, pictures, number, x, y, width, height) => {
  const left = (number % pictures.columns) * pictures.width;
  const top = Math.floor(number / pictures.columns) * pictures.height;
  pen.drawImage(pictures.image, left, top, pictures.width, pictures.height, x, y, width, height);
};

/** A small canvas with the frame nearest to a time, `height` pixels high; null before the image is there. */
const frameOf = (pictures, time, height) => {
  if (!pictures || !pictures.image) return null;
  const width = Math.round((height * pictures.width) / pictures.height);
  const number = pictureAt(pictures, time);
  const name = `frame at ${clock(pictures.times[number], 1)}`;
  const frame = make("canvas", { className: "hx-frame", width: 2 * width, height: 2 * height, role: "img", "aria-label": name });
  frame.style.cssText = `width:${width}px;height:${height}px`;
  drawPicture(frame.getContext("2d"), pictures, number, 0, 0, 2 * width, 2 * height);
  return frame;
};

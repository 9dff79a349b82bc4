// What the pointer does on tracks: choose, pan, brush a range, move a border, zoom. `Tracks` extends it.

const AWAY = 70; // pixels at either end, in which a row says where its nearest span is

class Pointing extends Drawing {
  rowUnder(y) {
    return this.rows.find((row) => y >= row.top - (row.head || 0) && y < row.top + row.height) || null; // a rank is its span's
  }

  /** The number of the span whose start is within a few pixels, where the row's borders can be moved. */
  borderUnder(row, x) {
    if (!row || row.kind !== "spans" || !row.movable) return -1;
    const near = rowAt(row.spans, this.time(x + 4));
    return near > 0 && Math.abs(this.x(row.spans[near][0]) - x) <= 4 ? near : -1;
  }

  /** The span out of sight to which a row points there; null: none. */
  awayUnder(row, x) {
    if (!row || !row.pointsAway) return null;
    const [before, after] = this.away(row);
    return x < AWAY ? before : x > this.width - AWAY ? after : null;
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
        const away = this.awayUnder(was.row, was.x);
        if (away) this.on.choose(was.row, was.row.spans.indexOf(away));
        else if (number >= 0 && was.row.level !== undefined && !was.row.beside) this.on.choose(was.row, number, time);
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
    this.plot.style.cursor = this.borderUnder(row, x) >= 0 ? "ew-resize" : this.awayUnder(row, x) ? "pointer" : "default";
    if (!row) return this.on.hover(null);
    const time = this.time(x);
    const number = row.kind === "spans" ? spanAt(row.spans, time) : -1;
    return this.on.hover(row, number, time, event);
  }
}

// The strip above the timeline: where one is in the whole video.

/** The whole video in a narrow strip, with a window on what is shown: drag it, or draw another one. */
class Overview {
  constructor(view) {
    this.view = view;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.window = make("div", { className: "hx-window" });
    this.plot = make("div", { className: "hx-overview-plot" }, this.canvas, this.window);
    this.node = make("div", { className: "hx-overview" }, make("div", { className: "hx-overview-name hx-muted" }, "whole video"), this.plot);
    view.listeners.add((what) => what === "range" && this.place());
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.listen();
  }

  set(spans, color) {
    [this.spans, this.color] = [spans, color];
    this.draw();
  }

  draw() {
    const width = this.plot.clientWidth;
    if (!width || !this.spans) return;
    const scale = window.devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [width * scale, 16 * scale];
    const pen = this.canvas.getContext("2d");
    const length = this.view.end - this.view.start;
    for (const [start, end, label] of this.spans) {
      pen.fillStyle = this.color(label);
      const x = ((start - this.view.start) / length) * width * scale;
      pen.fillRect(x, 0, Math.max(((end - start) / length) * width * scale, 1), 16 * scale);
    }
    this.place();
  }

  place() {
    const length = this.view.end - this.view.start;
    const [left, right] = this.view.range.map((edge) => (100 * (edge - this.view.start)) / length);
    this.window.style.left = `${left}%`;
    this.window.style.width = `${right - left}%`;
  }

  listen() {
    let down = null;
    const time = (event) => {
      const box = this.plot.getBoundingClientRect();
      return this.view.start + ((event.clientX - box.left) / box.width) * (this.view.end - this.view.start);
    };
    this.plot.addEventListener("pointerdown", (event) => {
      const at = time(event);
      const [from, to] = this.view.range;
      const whole = to - from > 0.99 * (this.view.end - this.view.start);
      down = { at, range: [from, to], inside: at > from && at < to && !whole };
      this.plot.setPointerCapture(event.pointerId);
    });
    this.plot.addEventListener("pointermove", (event) => {
      if (!down) return;
      const now = time(event);
      if (down.inside) this.view.show(down.range[0] + now - down.at, down.range[1] + now - down.at);
      else if (Math.abs(now - down.at) > 0.005 * (this.view.end - this.view.start)) this.view.show(Math.min(now, down.at), Math.max(now, down.at));
    });
    this.plot.addEventListener("pointerup", () => (down = null));
    this.plot.addEventListener("pointercancel", () => (down = null));
  }
}

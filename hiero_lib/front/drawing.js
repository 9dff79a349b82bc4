// What a row of tracks looks like on the canvas: spans, ticks, curves, frames, and what is chosen among them.
// `Tracks` extends it.

const AXIS = 22; // height of the axis
const RANK = 8; // radius of an answer's rank

class Drawing {
  x(seconds) {
    const [from, to] = this.view.range;
    return ((seconds - from) / (to - from)) * this.width;
  }
  time(x) {
    const [from, to] = this.view.range;
    return from + (x / this.width) * (to - from);
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
    if (row.pointsAway) this.drawAway(pen, row);
    const border = this.moving && this.moving.row.id === row.id ? this.moving : null;
    if (border) {
      pen.fillStyle = this.colors.text;
      pen.fillRect(this.x(border.at) - 1.5, row.top - 2, 3, row.height + 4);
    }
  }

  /** Rows keep their places when one zooms; where one has nothing in sight, it says where its nearest spans are. */
  drawAway(pen, row) {
    const [before, after] = this.away(row);
    pen.font = `11px ${this.font}`;
    pen.fillStyle = this.colors.muted;
    const y = row.top + row.height / 2 + 0.5;
    if (before) pen.fillText(`← ${clock(before[0])}`, 6, y);
    const text = after ? `${clock(after[0])} →` : "";
    pen.fillText(text, this.width - pen.measureText(text).width - 6, y);
  }

  /** The spans of a row before and after what is shown; neither where it has one in sight. */
  away(row) {
    const [from, to] = this.view.range;
    const last = rowAt(row.spans, to);
    const before = last >= 0 && row.spans[last][1] <= from ? row.spans[last] : null;
    if (last >= 0 && !before) return [null, null];
    return [before, row.spans[last + 1] || null];
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
      }
      if (row.head) this.drawRanks(pen, row, this.marks.filter((mark) => mark.level === row.level));
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

  /** Places in rising order, moved as little as needed to be `least` apart, within `low` and `high` where there is room. */
  apart(places, least, low, high) {
    const found = [];
    for (const place of places) found.push(Math.max(place, found.length ? found[found.length - 1] + least : low));
    for (let n = found.length - 1, most = high; n >= 0; n--, most = found[n + 1] - least) found[n] = Math.min(found[n], most);
    return found;
  }

  /** Ranks of answers stand above the row, so that they hide no name; those too near move aside. */
  drawRanks(pen, row, marks) {
    const seen = marks.filter((mark) => this.x(mark.end_s) >= 0 && this.x(mark.start_s) <= this.width);
    const middle = (mark) => (Math.max(this.x(mark.start_s), 0) + Math.min(this.x(mark.end_s), this.width)) / 2;
    seen.sort((a, b) => middle(a) - middle(b) || a.rank - b.rank);
    const places = this.apart(seen.map(middle), 2 * RANK + 1, RANK, this.width - RANK);
    const y = row.top - RANK - 3;
    pen.font = `bold 11px ${this.font}`;
    seen.forEach((mark, n) => {
      pen.fillStyle = this.colors.text;
      pen.beginPath();
      pen.arc(places[n], y, RANK, 0, 2 * Math.PI);
      pen.fill();
      pen.fillStyle = this.colors.page;
      const text = String(mark.rank);
      pen.fillText(text, places[n] - pen.measureText(text).width / 2, y + 0.5);
    });
  }
}

/** A text that fits a width, cut with an ellipsis; empty where not even a few letters fit. */
const fitted = (pen, text, room) => {
  if (pen.measureText(text).width <= room) return text;
  let length = Math.min(text.length - 1, Math.floor(room / 5));
  while (length > 3 && pen.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return length > 3 ? `${text.slice(0, length).trimEnd()}…` : "";
};

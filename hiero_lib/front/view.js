// The range that is shown, the playhead, and who wants to know: what all tracks over one axis of time share.

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

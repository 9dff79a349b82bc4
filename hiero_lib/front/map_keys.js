// The map of the collection by keyboard: arrows go to the nearest point in a direction, Enter opens it. `Collection`
// extends it.

class MapKeys {
  listenToKeys() {
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("blur", () => {
      this.at = -1;
      this.leave();
      this.draw();
    });
  }

  key(event) {
    if (!this.value || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const others = { "+": () => this.zoom(1.6), "=": () => this.zoom(1.6), "-": () => this.zoom(1 / 1.6), 0: () => this.reset() };
    if (way) {
      const number = this.at < 0 ? this.begin() : this.next(this.at, way);
      if (number >= 0) this.go(number);
    } else if (event.key === "Enter") {
      if (this.at >= 0) this.app.do("open point", { number: this.at });
    } else if (others[event.key]) others[event.key]();
    else return; // the explorer's keys
    event.preventDefault();
    event.stopPropagation();
  }

  /** The nearest point in a direction, where what lies aside counts three times; -1: there is none. */
  next(from, [right, up]) {
    const [x, y] = [this.places[2 * from], this.places[2 * from + 1]];
    let [best, least] = [-1, Infinity];
    for (let n = 0; n < this.value.count; n++) {
      const [dx, dy] = [this.places[2 * n] - x, this.places[2 * n + 1] - y];
      const on = dx === 0 && dy === 0; // of points that lie on one another the next by number
      const ahead = on ? (n - from) * (right + up) : dx * right + dy * up;
      const aside = Math.abs(dx * up - dy * right);
      if (ahead <= 0 || aside > 2 * ahead) continue;
      const far = on ? ahead / this.value.count : ahead + 3 * aside;
      if (far < least) [best, least] = [n, far];
    }
    return best;
  }

  /** Where keys begin: a point of the video that is shown, else the one nearest to the middle of what is seen. */
  begin() {
    const [mine] = this.app.get("mine") || [];
    if (mine !== undefined) return mine;
    let [best, least] = [-1, Infinity];
    for (let n = 0; n < this.value.count; n++) {
      const far = Math.hypot(this.places[2 * n] / 65535 - this.middle[0], this.places[2 * n + 1] / 65535 - this.middle[1]);
      if (far < least) [best, least] = [n, far];
    }
    return best;
  }

  /** To a point, which is brought in sight, and told of. */
  go(number) {
    this.leave();
    this.at = this.over = number;
    const place = [this.places[2 * number] / 65535, this.places[2 * number + 1] / 65535];
    let [x, y] = this.pixel(...place);
    if (x < 12 || y < 12 || x > this.width - 12 || y > MAP_HEIGHT - 12) {
      this.middle = place;
      [x, y] = this.pixel(...place);
    }
    const box = this.plot.getBoundingClientRect();
    this.event = { clientX: box.left + x, clientY: box.top + y };
    this.draw();
    this.resting = setTimeout(() => this.app.do("point", { number }), REST_MS); // held arrows ask once
  }

  /** A ring around the point to which keys went. */
  drawAt(pen, number, size) {
    const [x, y] = this.pixel(this.places[2 * number] / 65535, this.places[2 * number + 1] / 65535);
    for (const [color, width] of [["page", 6], ["accent", 3]]) {
      pen.strokeStyle = getComputedStyle(this.node).getPropertyValue(`--hx-${color}`).trim();
      pen.lineWidth = width;
      pen.beginPath();
      pen.arc(x, y, size / 2 + 6, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
}

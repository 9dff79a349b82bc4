// The chosen span: how one comes to it, and what is shown of it beside the tracks. `App` extends it.

class Choosing extends Rows {
  choose(row, number, time) {
    const [start_s, end_s, label] = row.spans[number];
    const choice = { level: row.level, start_s, end_s, label };
    this.model.set("choice", choice);
    if (this.get("level") !== row.level) this.model.set("level", row.level);
    this.model.save_changes();
    this.view.reveal(start_s, end_s);
    this.view.seek(time === undefined ? start_s : time);
    this.seekVideo(this.view.playhead);
    this.showRows();
    clearTimeout(this.asking);
    this.asked = choice;
    this.asking = setTimeout(() => this.askChosen(), 120); // held arrows ask once
  }

  /** Before anything else is done, it is known what is chosen. */
  askChosen() {
    clearTimeout(this.asking);
    const choice = this.asked;
    this.asked = null;
    if (choice) this.do("choose", choice);
  }

  isChosen(span) {
    const choice = this.get("choice");
    return Boolean(choice) && choice.level === span.level && Math.abs(choice.start_s - span.start_s) < 1e-3 && Math.abs(choice.end_s - span.end_s) < 1e-3;
  }

  chosenSpan() {
    const choice = this.get("choice");
    if (!choice || choice.level === undefined) return null;
    const spans = this.spansOf(choice.level);
    const found = spans[rowAt(spans, choice.start_s + 1e-6)];
    if (!found || Math.abs(found[0] - choice.start_s) > 1e-3) return null;
    return { level: choice.level, start_s: found[0], end_s: found[1], label: found[2], wrong: found[3] };
  }

  showChoice() {
    const span = this.chosenSpan();
    const key = span && `${this.uid} ${span.level} ${span.start_s} ${span.end_s}`;
    this.timeline.chosen = this.lanes.chosen = span;
    if (key && key !== this.shownKey) {
      this.view.reveal(span.start_s, span.end_s);
      if (this.view.playhead < span.start_s || this.view.playhead >= span.end_s) this.seek(span.start_s);
      this.spoken.textContent = `level ${span.level}, ${this.threadName(span.label)}, ${between(span.start_s, span.end_s)}`;
    }
    this.shownKey = key;
    this.timeline.draw();
    this.lanes.draw();
    this.aligned.follow();
    this.showSide();
  }

  focusChosen() {
    const level = this.get("level");
    const cursor = this.timeline.cursors.querySelector(`[data-row="level-${level}"]`);
    if (cursor) cursor.focus();
  }

  step(by) {
    const level = this.get("level");
    const row = this.timeline.rows.find((one) => one.id === `level-${level}`);
    if (!row || !row.spans.length) return;
    const now = this.timeline.chosenIn(row);
    const number = now >= 0 ? now + by : Math.max(0, rowAt(row.spans, this.view.playhead));
    if (number >= 0 && number < row.spans.length) this.choose(row, number);
  }

  stepLevel(by) {
    const numbers = this.get("scene").levels.map((one) => one.level);
    const level = this.get("level") + by;
    if (!numbers.includes(level)) return;
    const row = this.timeline.rows.find((one) => one.id === `level-${level}`);
    const number = Math.max(0, rowAt(row.spans, this.view.playhead));
    this.choose(row, number, this.view.playhead);
  }

  showSide() {
    this.redrawPanel(this.about, spanPanel(this));
    this.redrawPanel(this.found, answersPanel(this));
  }

  /** Panels keep their buttons while one of them is pressed. */
  watchPresses() {
    this.delayed = new Map();
    const release = () => {
      this.pressed = null;
      const delayed = [...this.delayed];
      this.delayed.clear();
      for (const [panel, parts] of delayed) this.redrawPanel(panel, parts);
    };
    const after = () => setTimeout(release); // the click comes first
    this.root.addEventListener("pointerdown", (event) => {
      this.pressed = event.target.closest("button");
    });
    this.root.addEventListener("click", () => (this.pressed = null), true); // what it does is drawn at once
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      window.addEventListener(name, after);
      this.off.push(() => window.removeEventListener(name, after));
    }
  }

  /** New content, without taking the focus from a field that is being filled in. */
  redrawPanel(panel, parts) {
    if (this.pressed && panel.contains(this.pressed)) {
      this.delayed.set(panel, parts); // a button that is replaced between press and release loses its click
      return;
    }
    this.delayed.delete(panel);
    const focused = panel.contains(this.root.getRootNode().activeElement) ? this.root.getRootNode().activeElement : null;
    const label = focused && (focused.getAttribute("aria-label") || focused.textContent);
    panel.replaceChildren(...parts);
    if (!label) return;
    const again = [...panel.querySelectorAll("button, input, select")].find((one) => (one.getAttribute("aria-label") || one.textContent) === label);
    if (again) again.focus();
  }
}

// What the keys do; none of them reaches the notebook around. `App` extends it.

const HELP = [
  ["space", "play, pause"],
  ["← →", "span before, after"],
  ["↑ ↓", "coarser, finer level"],
  ["+ − 0", "closer, farther, whole video"],
  ["/", "search"],
  ["r m s w", "rename, merge, split, wrong"],
  ["u", "undo (ctrl+z), redo: shift+u"],
  ["drag", "pan; on the axis, or with shift: a range; a border: move it"],
  ["ctrl+wheel", "closer, farther"],
];

class Keyed extends Stage {
  key(event) {
    const target = event.composedPath()[0];
    const writes = target.matches("input:not([type=radio]), select, textarea");
    event.stopPropagation(); // a notebook has keys of its own
    if (event.key === "Escape") this.focusChosen(); // from any field back to the spans
    if (writes || event.key === "Escape") return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const field = (name) => {
      const found = this.about.querySelector(`[data-key=${name}]`);
      if (found) found.focus();
      if (found && found.select) found.select();
    };
    const edit = this.get("still") ? () => {} : field;
    const actions = {
      " ": () => (target.matches("button, summary") && !target.matches(".hx-cursor") ? false : this.playOrPause()),
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      ArrowUp: () => this.stepLevel(1),
      ArrowDown: () => this.stepLevel(-1),
      "+": () => this.view.zoom(1.6),
      "=": () => this.view.zoom(1.6),
      "-": () => this.view.zoom(1 / 1.6),
      0: () => this.view.show(this.view.start, this.view.end),
      "/": () => (this.search.hidden ? this.stored : this.search).focus(),
      r: () => edit("rename"),
      m: () => edit("merge"),
      s: () => {
        const split = this.about.querySelector("[data-key=split]");
        if (split && !split.disabled) split.click();
      },
      w: () => {
        const span = this.chosenSpan();
        if (span && !this.get("still")) this.do("edit", { operation: "mark", level: span.level, start_s: span.start_s, end_s: span.end_s, wrong: !span.wrong });
      },
      u: () => this.undo.disabled || this.do("undo"),
      U: () => this.redo.disabled || this.do("redo"),
    };
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key.toLowerCase() === "z" && !this.get("still")) {
      event.preventDefault();
      (event.shiftKey ? actions.U : actions.u)();
    } else if (plain && actions[event.key] && !target.matches("input[type=radio]")) {
      if (actions[event.key]() !== false) event.preventDefault();
    }
  }
}

// What was sent and is not answered yet: a calm line says what is at work, and whether anyone hears. `App` extends it.

const SAY_MS = 300; // after which one says what is at work
const COUNT_MS = 3000; // after which one says for how long
const ANSWER_MS = 6000; // without an answer for so long, one is told; where the model itself tells, never
const PATIENCE = 10; // times as long, for what may take long

/** What may take longer than a moment; a text, or what was given -> a text. */
const SLOW = {
  ...{ open: "opening the video", divide: "dividing the level anew", follow: "dividing the rest anew", search: "searching" },
  ...{ beside: ({ name }) => (name ? `dividing by ${name}` : "taking it away"), align: "aligning the two videos", jump: "opening the answer" },
  ...{ like: "opening the span", collection: "laying out the collection", "open point": "opening the span", view: ({ name }) => `drawing: ${name}` },
  ...{ plotly: "loading what draws figures", pictures: "making thumbnails", video: "loading the video", export: "writing the page" },
};

class Working extends Choosing {
  buildWork() {
    this.sent = this.heard = this.get("heard") || 0; // numbers go on where an explorer is shown again
    this.works = [];
    this.seconds = make("span", { "aria-hidden": "true" });
    this.at = make("span");
    this.work = make("div", { className: "hx-work hx-muted", role: "status", hidden: true }, make("span", { className: "hx-turns", "aria-hidden": "true" }), this.at, this.seconds);
  }

  do(name, given = {}) {
    this.askChosen();
    const id = ++this.sent;
    try {
      this.model.send({ do: name, id, ...given });
    } catch (error) {
      this.gone();
      return;
    }
    if (this.get("still") || name === "prepare") return; // nobody waits for that
    const text = SLOW[name] || (name === "edit" || name === "undo" || name === "redo" ? "correcting" : "at work");
    this.works.push({ id, since: performance.now(), patience: ANSWER_MS * (name in SLOW ? PATIENCE : 1), text: typeof text === "string" ? text : text(given) });
    this.root.classList.add("hx-waits");
    if (!this.ticking) this.ticking = setInterval(() => this.showWork(), 100);
  }

  /** The oldest that is not answered: the others wait for it. */
  showWork() {
    const [oldest] = this.works;
    const waited = oldest ? performance.now() - Math.max(oldest.since, this.answered || 0) : 0;
    this.work.hidden = waited < SAY_MS;
    if (this.work.hidden) return;
    const text = `${oldest.text}…`;
    if (this.at.textContent !== text) this.at.textContent = text;
    const seconds = waited < COUNT_MS ? "" : ` ${Math.floor(waited / 1000)} s`;
    if (this.seconds.textContent !== seconds) this.seconds.textContent = seconds;
    if (!this.model.tells && waited > oldest.patience) this.gone();
  }

  rest() {
    clearInterval(this.ticking);
    [this.ticking, this.works] = [null, []];
    this.work.hidden = true;
    this.at.textContent = "";
    this.root.classList.remove("hx-waits");
  }

  gone() {
    this.rest();
    this.say("No answer: the kernel is busy, or it is gone. After a restart, run this cell again.", "error");
  }

  hear(id) {
    this.heard = Math.max(this.heard, id);
    this.sent = Math.max(this.sent, id); // of another view of the same explorer
    this.answered = performance.now();
    this.works = this.works.filter((work) => work.id > this.heard);
    if (this.works.length) return;
    this.rest();
    for (const picker of [this.picker, this.aligned.picker]) picker.answered();
    if (this.status.textContent.startsWith("No answer")) this.say("");
  }
}

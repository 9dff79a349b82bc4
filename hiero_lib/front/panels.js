// The panels beside the tracks: the menu of videos, answers, what belongs to a span, corrections.
// Every text of the data is put in by textContent (see `make`), never as markup.

/**
 * A menu with a filter: the kernel sends the first matches, so that 8,000 videos are as quick as three.
 * shown(): what stands in it while it is closed; act(uid): a video is chosen; but(): uid of one that cannot be.
 */
class Picker {
  constructor(app, { label, placeholder = "", shown, act, but = () => null }) {
    Object.assign(this, { app, shown, act, but, at: -1 });
    this.input = make("input", {
      ...{ type: "text", className: "hx-picker-input", role: "combobox", autocomplete: "off", spellcheck: false },
      ...{ "aria-label": label, placeholder, "aria-expanded": "false", "aria-autocomplete": "list" },
    });
    this.list = make("div", { className: "hx-options", role: "listbox", hidden: true, "aria-label": "videos" });
    this.list.id = `hx-${label.replace(/\W+/g, "-")}-${app.number}`;
    this.input.setAttribute("aria-controls", this.list.id);
    this.node = make("div", { className: "hx-picker" }, this.input, this.list);
    this.input.addEventListener("focus", () => {
      this.input.select();
      this.ask("");
    });
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(this.input.value), 120);
    });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  listed() {
    const { matches, total } = this.app.get("videos");
    const found = matches.filter(({ uid }) => uid !== this.but());
    return { matches: found, total: total - matches.length + found.length };
  }

  ask(filter) {
    this.opened = true;
    this.app.do("videos", { filter });
  }

  /** Where the answer is what was there before, nothing has changed: it is shown all the same. */
  answered() {
    if (this.opened && this.list.hidden) this.show();
  }

  close() {
    this.opened = false;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.show();
  }

  show() {
    if (!this.opened) {
      this.input.value = this.input.title = this.shown();
      return;
    }
    const { matches, total } = this.listed();
    this.at = -1;
    this.list.replaceChildren(
      ...matches.map((video, number) => {
        const option = make(
          "div",
          { className: "hx-option", role: "option", title: video.uid, id: `${this.list.id}-${number}`, "aria-selected": "false" },
          make("span", { className: "hx-option-name" }, video.name),
          make("span", { className: "hx-option-what" }, video.what),
          make("span", { className: "hx-muted" }, video.about),
        );
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          this.choose(video);
        });
        return option;
      }),
      make("div", { className: "hx-muted hx-option-end" }, total > matches.length ? `and ${total - matches.length} more: type to find one` : total ? "" : "no such video"),
    );
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  key(event) {
    const { matches } = this.listed();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.at = Math.min(Math.max(this.at + (event.key === "ArrowDown" ? 1 : -1), 0), matches.length - 1);
      [...this.list.querySelectorAll(".hx-option")].forEach((option, number) => {
        option.setAttribute("aria-selected", String(number === this.at));
        if (number === this.at) {
          this.input.setAttribute("aria-activedescendant", option.id);
          option.scrollIntoView({ block: "nearest" });
        }
      });
    } else if (event.key === "Enter" && this.opened && matches.length) {
      event.preventDefault();
      this.choose(matches[Math.max(this.at, 0)]);
    } else if (event.key === "Escape") {
      this.input.blur();
    }
  }

  choose(video) {
    this.opened = false;
    this.close();
    this.input.blur();
    this.act(video.uid);
  }
}

const heading = (text) => make("h3", { className: "hx-heading" }, text);

const chip = (app, thread, level) => {
  const node = make("span", { className: "hx-chip" }, app.threadName(thread));
  const { color, ink } = app.thread(thread);
  node.style.cssText = `background:${color};color:${ink}`;
  if (level !== undefined) node.title = `level ${level}`;
  return node;
};

/** A list of places to jump to: each [text, what is muted, action, is chosen]. */
const places = (items) =>
  make(
    "ol",
    { className: "hx-places" },
    ...items.map(([text, muted, action, chosen, lead]) => {
      const button = make("button", { type: "button", className: "hx-place", onclick: action }, lead || null, make("span", {}, text), make("span", { className: "hx-muted" }, muted));
      if (chosen) button.setAttribute("aria-current", "true");
      return make("li", {}, button);
    }),
  );

const FIRST_ANSWERS = 3; // that stand below the search box, beside the chosen one, before one asks for all

/** What the search found, best first, below the search box; one that is chosen is framed exactly as it says. */
const answersPanel = (app) => {
  const answers = app.get("answers");
  if (!answers || !answers.text) return [];
  const { length } = answers.items;
  const told = make("span", { className: `hx-verdict hx-${answers.verdict}` }, answers.note);
  const items = answers.items.map((answer, number) => {
    const chosen = app.isChosen(answer) && answer.uid === app.get("scene").uid;
    const lead = make("span", { className: "hx-rank" }, String(number + 1));
    const where = answer.here ? "" : `${answer.name}  `;
    const about = `level ${answer.level}, ${answer.title || "no name"} (${answer.score.toFixed(2)})`;
    return [`${where}${between(answer.start_s, answer.end_s)}`, about, () => app.do("jump", { number }), chosen, lead];
  });
  const all = app.allAnswers === answers.text || length <= FIRST_ANSWERS;
  const more = make("button", { type: "button", className: "hx-button hx-more", "aria-expanded": String(all), hidden: length <= FIRST_ANSWERS }, all ? "the best alone" : `all ${length} answers`);
  more.addEventListener("click", () => {
    app.allAnswers = all ? null : answers.text;
    app.showSide();
  });
  const list = places(items);
  [...list.children].forEach((line, number) => {
    line.hidden = !all && number >= FIRST_ANSWERS && !line.querySelector("[aria-current]");
  });
  const close = make("button", { type: "button", className: "hx-button", title: "end the search", onclick: () => app.endSearch() }, "close");
  return [make("div", { className: "hx-found-head" }, heading(`“${answers.text}”: ${length} answer${length === 1 ? "" : "s"}`), told, make("span", { className: "hx-row" }, more, close)), list];
};

const narrationsOf = (scene, start, end) => scene.narrations.filter(([time]) => time >= start && time < end);

const MOST_NARRATIONS = 12;
const MOST_FRAMES = 8;

/** The chosen span: its thread, frames, what is narrated, what is most like it, and what can be corrected. */
const spanPanel = (app) => {
  const span = app.chosenSpan();
  const scene = app.get("scene");
  if (!span) return [make("p", { className: "hx-muted" }, "Choose a span to see what belongs to it: click, or Tab and arrows.")];
  const row = app.spansOf(span.level);
  const number = rowAt(row, span.start_s + 1e-6);
  const place = row.length ? `${number + 1} of ${row.length}` : "";
  const parts = [
    make("p", { className: "hx-span-title" }, chip(app, span.label, span.level), make("span", { className: "hx-muted" }, `level ${span.level}, ${place}`)),
    make("p", { className: "hx-span-time" }, `${between(span.start_s, span.end_s)}`, make("span", { className: "hx-muted" }, ` ${(span.end_s - span.start_s).toFixed(1)} s${span.wrong ? ", marked as wrong" : ""}`)),
  ];
  const frames = app.framesOf(span.level, span.label, MOST_FRAMES);
  if (frames.length) {
    const sheet = make("div", { className: "hx-sheet", role: "group", "aria-label": "frames of the thread" });
    for (const time of frames) {
      const button = make("button", { type: "button", className: "hx-sheet-frame", title: clock(time, 1), "aria-label": `go to ${clock(time, 1)}` });
      button.append(frameOf(app.pictures, time, 44) || clock(time));
      button.addEventListener("click", () => app.seek(time));
      sheet.append(button);
    }
    parts.push(sheet);
  }
  if (!app.get("still")) parts.push(correctionsForm(app, span));
  const told = narrationsOf(scene, span.start_s, span.end_s);
  const shown = told.slice(0, MOST_NARRATIONS).map(([time, text]) => [text, clock(time, 1), () => app.seek(time), false]);
  parts.push(heading("Narrated"), told.length ? places(shown) : make("p", { className: "hx-muted" }, "Nothing is narrated during it."));
  if (told.length > shown.length) parts.push(make("p", { className: "hx-muted" }, `and ${told.length - shown.length} more`));
  const details = app.get("details");
  if (details && details.level === span.level && Math.abs(details.start_s - span.start_s) < 1e-3) {
    const jump = (like) => () => app.do("like", like);
    const line = (like) => [`${like.here ? "" : `${like.name}  `}${between(like.start_s, like.end_s)}`, `${like.title} (${like.score.toFixed(2)})`, jump(like), false];
    const [here, elsewhere] = [details.like.filter((like) => like.here), details.like.filter((like) => !like.here)];
    if (here.length) parts.push(heading("Most like it in this video"), places(here.map(line)));
    if (elsewhere.length) parts.push(heading("Most like it in other videos"), places(elsewhere.map(line)));
  }
  return parts;
};

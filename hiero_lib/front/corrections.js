// What can be corrected of the chosen span, and what was.

/** Rename, give to another thread, merge, split, move a border, mark as wrong. */
const correctionsForm = (app, span) => {
  const edit = (operation, given) => app.do("edit", { operation, ...given });
  const name = make("input", { type: "text", className: "hx-input", value: app.thread(span.label).name || "", maxLength: 200, "aria-label": "name of the thread", placeholder: "name of the thread" });
  name.dataset.key = "rename";
  name.addEventListener("keydown", (event) => {
    if (event.key === "Enter") edit("rename", { thread: span.label, name: name.value });
  });
  const threads = app.threadsOf(span.level).filter((thread) => thread !== span.label);
  const choice = (label, short, options, action) => {
    const select = make("select", { className: "hx-input", "aria-label": label }, make("option", { value: "" }, short), ...options.map(([value, text]) => make("option", { value }, text)));
    select.addEventListener("change", () => select.value !== "" && action(select.value));
    return select;
  };
  const named = threads.map((thread) => [thread, app.threadName(thread)]);
  const place = { level: span.level, start_s: span.start_s, end_s: span.end_s };
  const give = choice("this span belongs to…", "belongs to…", [["new", "a thread of its own"], ...named], (value) => edit("assign", { ...place, thread: value === "new" ? null : Number(value) }));
  const merge = choice("merge the thread into…", "merge into…", named, (value) => edit("merge", { level: span.level, thread: span.label, into: Number(value) }));
  merge.dataset.key = "merge";
  const inside = app.view.playhead > span.start_s && app.view.playhead < span.end_s;
  const split = make("button", { type: "button", className: "hx-button", disabled: !inside, title: "at the playhead; what follows is a new thread" }, inside ? `split at ${clock(app.view.playhead, 1)}` : "split at the playhead");
  split.addEventListener("click", () => edit("split", { level: span.level, thread: span.label, at_s: app.view.playhead }));
  split.dataset.key = "split";
  const wrong = make("button", { type: "button", className: "hx-button", "aria-pressed": String(Boolean(span.wrong)) }, "wrong");
  wrong.addEventListener("click", () => edit("mark", { ...place, wrong: !span.wrong }));
  const spans = app.spansOf(span.level);
  const border = (label, seconds, fixed) => {
    const input = make("input", { type: "text", className: "hx-input hx-clock", value: clock(seconds, 1), disabled: fixed, "aria-label": label });
    input.addEventListener("change", () => {
      const to = secondsOf(input.value);
      if (to === null) app.say(`${input.value}: not a time (mm:ss or h:mm:ss)`, "error");
      else edit("border", { level: span.level, at_s: seconds, to_s: to });
    });
    return input;
  };
  const first = spans.length > 0 && Math.abs(spans[0][0] - span.start_s) < 1e-3;
  const last = spans.length > 0 && Math.abs(spans[spans.length - 1][1] - span.end_s) < 1e-3;
  return make(
    "fieldset",
    { className: "hx-form" },
    make("legend", {}, "correct"),
    name,
    make("div", { className: "hx-row" }, border("start of the span", span.start_s, first), make("span", {}, "to"), border("end of the span", span.end_s, last)),
    make("div", { className: "hx-row" }, give, merge),
    make("div", { className: "hx-row" }, split, wrong),
  );
};

/** What was corrected so far, where it is kept, and how far the model agrees with it. */
const editsPanel = (app) => {
  const edits = app.get("edits");
  if (!edits || app.get("still")) return [];
  if (edits.refused) return [heading("Corrections"), make("p", { className: "hx-verdict hx-none" }, edits.refused)];
  if (!edits.lines.length) return [];
  const agreement = edits.agreement.map(({ level, ari }) => `level ${level}: ${ari === null ? "all marked" : ari.toFixed(3)}`).join(", ");
  const shown = edits.lines.slice(-8);
  const list = make("ol", { className: "hx-edits", start: edits.lines.length - shown.length + 1 }, ...shown.map((line) => make("li", {}, line)));
  const level = app.get("level");
  const follows = edits.followed.includes(level);
  const why = follows ? "what no correction speaks of is divided again, so that it follows them: look whether it helps, undo takes it back" : `no correction says whose anything of level ${level} is`;
  const rest = make("button", { type: "button", className: "hx-button", disabled: !follows, title: why }, `divide the rest of level ${level} anew`);
  rest.addEventListener("click", () => app.do("follow", { level }));
  return [
    heading(`${edits.lines.length} correction${edits.lines.length > 1 ? "s" : ""}`),
    list,
    make("div", { className: "hx-row" }, rest),
    make("p", { className: "hx-muted" }, `Model and corrections agree (adjusted Rand index): ${agreement}.`),
    make("p", { className: "hx-muted hx-path" }, edits.saved ? `Kept in ${edits.saved}` : "Not kept: the explorer was given no run."),
  ];
};

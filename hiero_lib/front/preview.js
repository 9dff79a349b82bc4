// A small preview of a video that a browser plays badly: offered, followed while it is made, stopped.

const LOOK_MS = 1000; // between two looks at how far it is

/** What stands below the video: nothing where it plays well as it is. */
const previewPanel = (app) => {
  const preview = app.get("preview");
  if (!preview || app.get("still")) return [];
  const button = (text, ask) => make("button", { type: "button", className: "hx-button", onclick: () => app.do("preview", { ask }) }, text);
  const told = (text) => make("p", { className: "hx-muted" }, text);
  switch (preview.state) {
    case "making":
      return [make("div", { className: "hx-row" }, make("progress", { max: 1, value: preview.share, "aria-label": "the preview" }), make("span", { className: "hx-muted" }, `preview, ${Math.round(100 * preview.share)} %`), button("stop", "stop"))];
    case "ready":
      return [told(`A small preview plays, without sound.${preview.note ? ` Of the file: ${preview.note}.` : ""}`)];
    case "failed":
      return [told(preview.note), button("make the preview again", "make")];
    default:
      return [make("div", { className: "hx-row" }, button("make a small preview", "make"), make("span", { className: "hx-muted" }, `${preview.why}; made once, kept in the run`))];
  }
};

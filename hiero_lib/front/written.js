// A page that was written: a link that opens it where there can be one, and its path to copy.

/** The address under which JupyterLab serves a file below its root; null elsewhere, or for another file. */
const addressInLab = ({ path, home }) => {
  const config = document.getElementById("jupyter-config-data");
  if (!config) return null;
  const { baseUrl, serverRoot } = JSON.parse(config.textContent);
  const root = serverRoot && serverRoot.replace(/\/+$/, "");
  const found = root && [path, home].find((one) => one && one.startsWith(`${root}/`));
  if (!found) return null;
  return `${baseUrl}files/${found.slice(root.length + 1).split("/").map(encodeURIComponent).join("/")}`;
};

const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    return false; // not allowed here
  }
};

const writtenLinks = (app, written) => {
  const address = written.url || addressInLab(written);
  const copy = make("button", { type: "button", className: "hx-button" }, "copy its path");
  copy.addEventListener("click", async () => {
    if (await copied(written.path)) {
      copy.textContent = "copied";
      return;
    }
    const field = make("input", { type: "text", className: "hx-input", readOnly: true, value: written.path, "aria-label": "path of the page" });
    copy.replaceWith(field);
    field.select();
  });
  if (!address) return [copy];
  return [make("a", { className: "hx-button hx-link", href: address, target: "_blank", rel: "noopener" }, "open it"), copy];
};

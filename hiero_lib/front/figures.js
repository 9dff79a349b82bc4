// What stands below the timeline: the lanes of threads, the collection, and the figures that plotly draws, whose
// plotly.js is fetched from the kernel when the first is asked for.

const RANGED = ["query", "levels", "similarity, in time"]; // figures whose axis is time

class Figures {
  constructor(app) {
    this.app = app;
    this.tab = "threads";
    this.tabs = make("div", { className: "hx-tabs", role: "group", "aria-label": "below the timeline" });
    this.plot = make("div", { className: "hx-figure", hidden: true });
  }

  showTabs() {
    const { views = [] } = this.app.get("options") || {};
    const names = ["threads", ...views, ...(this.app.get("still") ? [] : ["collection"])];
    this.tabs.hidden = names.length < 2;
    anew(this.tabs, names, () => names.map((name) => make("button", { type: "button", className: "hx-tab", onclick: () => this.choose(name) }, name)));
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.textContent === this.tab));
  }

  choose(name) {
    this.tab = name;
    this.showTabs();
    this.show();
    this.ask();
  }

  ask() {
    if (this.tab === "collection") this.app.collection.ask();
    else if (this.tab !== "threads") this.app.do("view", { name: this.tab, theme: this.app.root.dataset.theme });
  }

  /** What is not plotly's is drawn by the page itself. */
  followTheme() {
    if (this.tab !== "threads" && this.tab !== "collection") this.ask();
  }

  async show() {
    const lanes = this.tab === "threads";
    this.app.lanes.node.hidden = !lanes;
    if (!lanes) this.app.more.hidden = true;
    const collection = this.tab === "collection";
    this.app.collection.node.hidden = !collection;
    this.plot.hidden = lanes || collection;
    if (collection) this.app.collection.show();
    if (this.plot.hidden) return;
    const below = this.app.get("below");
    if (!below || below.view !== this.tab) return;
    const Plotly = await this.plotly();
    const { data, layout } = JSON.parse(below.figure);
    await Plotly.react(this.plot, data, layout, { responsive: true, displaylogo: false });
    this.drawn = below.view;
    this.follow();
    if (this.plot.dataset.listens) return;
    this.plot.dataset.listens = "true";
    this.plot.on("plotly_relayout", (event) => {
      if (!RANGED.includes(this.drawn)) return;
      const key = Object.keys(event).find((name) => /^xaxis\d*\.range\[0\]$/.test(name));
      if (key) this.app.view.show(Number(event[key]), Number(event[key.replace("[0]", "[1]")]));
    });
    this.plot.on("plotly_click", (event) => {
      const x = Number(event.points[0].x);
      if (RANGED.includes(this.drawn) && Number.isFinite(x)) this.app.seek(x);
    });
  }

  /** The timeline's range for a figure whose axis is time. */
  follow() {
    if (!RANGED.includes(this.drawn) || this.plot.hidden || !this.plot.layout) return;
    clearTimeout(this.following);
    this.following = setTimeout(() => {
      const axes = Object.keys(this.plot.layout).filter((name) => /^xaxis\d*$/.test(name));
      const { range } = this.app.view;
      const now = this.plot.layout[axes[0]].range.map(Number);
      const change = Object.fromEntries(axes.map((name) => [`${name}.range`, [...range]]));
      if (now.some((edge, i) => Math.abs(edge - range[i]) > 1e-3)) window.Plotly.relayout(this.plot, change);
    }, 60);
  }

  plotly() {
    if (window.Plotly) return Promise.resolve(window.Plotly);
    if (this.loading) return this.loading;
    const { plotly } = this.app.get("options") || {};
    const script = document.createElement("script");
    this.loading = new Promise((done, failed) => {
      if (plotly) {
        script.onload = () => done(window.Plotly);
        script.onerror = () => failed(new Error("plotly.js cannot be loaded"));
        script.src = plotly;
        document.head.append(script);
        return;
      }
      this.receive = (source) => {
        // require.js, where a page has it, would keep it to itself
        script.textContent =
          "(function () { const define = undefined, module = undefined, exports = undefined;\n" +
          `${source}\nif (!window.Plotly && this.Plotly) window.Plotly = this.Plotly; }).call(window);`;
        document.head.append(script);
        done(window.Plotly);
      };
      this.app.do("plotly");
    });
    return this.loading;
  }
}

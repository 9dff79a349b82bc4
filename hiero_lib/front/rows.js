// The video as rows: levels, what lies beside them, the truth, similarity, and the lanes of threads. `App` extends it.

const MOST_LANES = 40; // of the threads with the most seconds, before one asks for all

class Rows extends Keyed {
  thread(label) {
    const scene = this.get("scene");
    return scene.threads[label] || { name: null, color: "#8C8C8C", ink: "#000000" };
  }
  threadName(label) {
    const { name } = this.thread(label);
    if (label < 0) return "no thread";
    return name ? `${label} ${name}` : `thread ${label}`;
  }
  spansOf(level) {
    const found = this.get("scene").levels.find((one) => one.level === level);
    return found ? found.spans : [];
  }
  threadsOf(level) {
    return [...new Set(this.spansOf(level).map(([, , label]) => label))].sort((a, b) => a - b);
  }

  rowOf(scene, level, { beside = false, name = `level ${level.level}` } = {}) {
    return {
      ...{ id: `${beside ? "beside" : "level"}-${level.level}`, name, kind: "spans", height: beside ? 22 : 36 },
      ...{ spans: level.spans, level: level.level, beside, movable: !beside && !this.get("still") },
      color: (label) => this.thread(label).color,
      ink: (label) => this.thread(label).ink,
      text: (label) => [this.thread(label).name || (label < 0 ? "" : String(label)), label < 0 ? "" : String(label)],
      describe: (n) => {
        const [start, end, label, wrong] = level.spans[n];
        return `${this.threadName(label)}, ${between(start, end)}${wrong ? ", marked as wrong" : ""}`;
      },
    };
  }

  showRows() {
    const scene = this.get("scene");
    const level = this.get("level");
    const ranked = new Set(this.timeline.marks.map((mark) => mark.level));
    const rows = scene.levels.map((one) => ({ ...this.rowOf(scene, one), head: ranked.has(one.level) ? 2 * RANK + 3 : 0 }));
    const { truth, beside } = scene;
    if (beside) {
      rows.push(...beside.levels.map((one) => this.rowOf(scene, one, { beside: true, name: `${beside.name}, ${one.level}` })));
      const differs = beside.differs.find((one) => one.level === level);
      if (differs) {
        const [color, ink, text, describe] = [() => "#D55E00", () => "#000000", () => ["", ""], () => "the two differ here"];
        const about = { id: "differs", name: `differ in ${Math.round(100 * differs.share)} %`, kind: "spans", height: 12 };
        rows.push({ ...about, spans: differs.spans, color, ink, text, describe });
      }
    }
    if (truth) {
      rows.push({
        ...{ id: "truth", name: truth.name, kind: "spans", height: 30, spans: truth.spans, hatched: true },
        color: (label) => (truth.labels[label] || { color: "#8C8C8C" }).color,
        ink: (label) => (truth.labels[label] || { ink: "#000" }).ink,
        text: (label) => [truth.labels[label] ? truth.labels[label].name : "", ""],
        describe: (n) => `${truth.labels[truth.spans[n][2]] ? truth.labels[truth.spans[n][2]].name : "none"}, ${between(truth.spans[n][0], truth.spans[n][1])}`,
      });
    }
    const answers = this.get("answers");
    if (answers && answers.curves) {
      const curve = answers.curves.find((one) => one.level === level) || answers.curves[0];
      const [low, high] = [Math.min(...curve.values), Math.max(...curve.values)];
      rows.push({ id: "curve", name: "similarity", kind: "curve", height: 44, times: curve.times, values: curve.values, low, high, threshold: answers.threshold });
    }
    if (scene.narrations.length) rows.push({ id: "narrations", name: "narrations", kind: "ticks", height: 18, times: scene.narrations.map(([time]) => time) });
    if (this.pictures) rows.push({ id: "frames", name: "frames", kind: "frames", height: 44 });
    this.timeline.set(rows);
    this.overview.set(scene.levels[0].spans, (label) => this.thread(label).color);
    this.showLanes();
    this.showTools();
    this.aligned.show();
    this.collection.show();
    this.showChoice();
  }

  showLanes() {
    this.main.classList.toggle("hx-pictured", Boolean(this.pictures)); // names have less room then
    const scene = this.get("scene");
    const level = this.get("level");
    const of = scene.levels.find((one) => one.level === level);
    const seconds = new Map();
    for (const [start, end, label] of of.spans) seconds.set(label, (seconds.get(label) || 0) + end - start);
    const most = this.allLanes ? Infinity : MOST_LANES;
    const longest = [...seconds.keys()].sort((a, b) => seconds.get(b) - seconds.get(a)).slice(0, most);
    const lanes = longest.sort((a, b) => a - b).map((label) => {
      const row = this.rowOf(scene, { level, spans: of.spans.filter((span) => span[2] === label) });
      const span = row.spans.reduce((best, one) => (one[1] - one[0] > best[1] - best[0] ? one : best));
      return {
        ...row,
        ...{ id: `lane-${label}`, name: this.threadName(label), note: clock(seconds.get(label)), label, movable: false },
        ...{ height: this.pictures ? 36 : 24, swatch: this.thread(label).color, text: () => ["", ""] },
        ...{ picture: (span[0] + span[1]) / 2, pointsAway: true },
      };
    });
    this.lanes.set(lanes);
    this.more.hidden = seconds.size <= MOST_LANES || this.allLanes || this.figures.tab !== "threads";
    this.more.textContent = `all ${seconds.size} threads`;
  }
}

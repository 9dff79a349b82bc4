// The video beside the tracks, or frames of it, and the playhead that they share with the tracks. `App` extends it.

const CANNOT_PLAY = "The browser cannot play this video; its frames are shown.";

class Stage {
  seek(time) {
    this.view.seek(time);
    this.seekVideo(time);
    const [from, to] = this.view.range;
    if (time < from || time > to) this.view.show(time - (to - from) / 2, time + (to - from) / 2);
  }

  seekVideo(time) {
    if (this.video && Math.abs(this.video.currentTime - time) > 0.05) this.video.currentTime = time;
  }

  loadPictures() {
    const given = this.get("pictures");
    this.pictures = null;
    if (!given || !given.url) return;
    const image = new Image();
    image.onload = () => {
      this.pictures = this.timeline.pictures = this.lanes.pictures = { ...given, image };
      this.showRows();
      this.showFrame();
    };
    image.src = given.url;
    this.timeline.pictures = this.lanes.pictures = null;
  }

  /** Where nothing plays, the frame at the playhead. */
  showFrame() {
    if (this.video || !this.pictures) return;
    const number = pictureAt(this.pictures, this.view.playhead);
    if (this.stage.dataset.frame === String(number)) return;
    const frame = frameOf(this.pictures, this.view.playhead, 180);
    this.stage.dataset.frame = String(number);
    const media = this.get("media") || {};
    const load = media.ask ? make("button", { type: "button", className: "hx-button hx-load", onclick: () => this.do("video") }, `load the video (${media.ask})`) : null;
    this.stage.replaceChildren(frame, ...(load ? [load] : []), make("div", { className: "hx-muted" }, `frame at ${clock(this.pictures.times[number], 1)}`));
  }

  showMedia() {
    const media = this.get("media") || {};
    if (this.pictured !== media.key) {
      if (media.pictures && !this.get("pictures")) this.do("pictures");
      if (!this.get("still")) this.do("prepare");
    }
    this.pictured = media.key;
    if (this.video && this.video.dataset.of === media.key) return;
    this.video = null;
    delete this.stage.dataset.frame;
    this.stage.replaceChildren();
    if (media.url) this.play(media.url, media.key);
    else if (media.note) this.stage.append(make("p", { className: "hx-muted" }, media.note));
    else if (media.ask && !this.pictures) this.stage.append(make("button", { type: "button", className: "hx-button", onclick: () => this.do("video") }, `load the video (${media.ask})`));
    this.showFrame();
  }

  showPreview() {
    this.redrawPanel(this.previewed, previewPanel(this));
    const making = (this.get("preview") || {}).state === "making";
    if (!making) clearInterval(this.looking);
    if (!making) this.looking = null;
    else if (!this.looking) this.looking = setInterval(() => this.heard >= this.sent && this.do("preview", { ask: "look" }), LOOK_MS);
  }

  play(url, key) {
    const video = make("video", { src: url, controls: true, muted: true, preload: "metadata", "aria-label": "the video" });
    video.dataset.of = key;
    video.playsInline = true;
    const follow = () => {
      this.view.seek(video.currentTime);
      const [from, to] = this.view.range;
      if (video.currentTime > to || video.currentTime < from) this.view.show(video.currentTime, video.currentTime + to - from);
      if (!video.paused) requestAnimationFrame(follow);
    };
    video.addEventListener("play", follow);
    video.addEventListener("seeked", () => video.paused && this.view.seek(video.currentTime));
    video.addEventListener("loadedmetadata", () => {
      if (this.status.textContent === CANNOT_PLAY) this.say("");
      if (this.view.playhead > 0) video.currentTime = this.view.playhead;
    });
    video.addEventListener("error", () => {
      this.video = null;
      this.say(CANNOT_PLAY, "error");
      this.stage.replaceChildren();
      this.showFrame();
    });
    this.video = video;
    this.stage.replaceChildren(video);
  }

  hover(row, number, time, event) {
    if (!row) {
      this.tip.hidden = true;
      return;
    }
    const scene = this.get("scene");
    const lines = [];
    if (number >= 0) lines.push(make("b", {}, row.describe(number)));
    else lines.push(make("b", {}, clock(time, 1)));
    const near = scene.narrations.length ? scene.narrations[Math.max(0, rowAt(scene.narrations, time))] : null;
    const [from, to] = this.view.range;
    if (near && (number >= 0 || Math.abs(near[0] - time) < (to - from) / 50)) lines.push(make("div", { className: "hx-muted" }, `${clock(near[0], 1)} “${near[1]}”`));
    const frame = frameOf(this.pictures, time, 90);
    this.showTip([...(frame ? [frame] : []), make("div", {}, ...lines)], event);
  }

  showTip(parts, event) {
    this.tip.replaceChildren(...parts);
    this.tip.hidden = false;
    const box = this.root.getBoundingClientRect();
    const room = this.tip.offsetWidth;
    const x = Math.min(event.clientX - box.left + 14, box.width - room - 8);
    this.tip.style.transform = `translate(${Math.max(x, 4)}px, ${event.clientY - box.top + 18}px)`;
  }

  /** Seconds at which a thread can be looked at: the middles of its longest spans, in time order. */
  framesOf(level, label, most) {
    if (!this.pictures) return [];
    const spans = this.spansOf(level).filter((span) => span[2] === label);
    const longest = [...spans].sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, most);
    return longest.map(([start, end]) => (start + end) / 2).sort((a, b) => a - b);
  }

  playOrPause() {
    const media = this.get("media") || {};
    if (this.video) this.video[this.video.paused ? "play" : "pause"]();
    else if (media.ask) this.do("video");
    else this.run();
  }

  /** Without a video the playhead runs all the same, ten times as fast. */
  run() {
    this.running = !this.running;
    let before = performance.now();
    const go = (now) => {
      if (!this.running || this.view.playhead >= this.view.end) {
        this.running = false;
        return;
      }
      this.seek(this.view.playhead + (10 * (now - before)) / 1000);
      before = now;
      requestAnimationFrame(go);
    };
    if (this.running) requestAnimationFrame(go);
  }
}

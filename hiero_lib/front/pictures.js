// Pictures: one image of many frames, side by side in lines: {url, image, times, width, height, columns}.

const pictureAt = (pictures, time) => {
  const times = pictures.times;
  let best = 0;
  for (let low = 0, high = times.length - 1; low <= high; ) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) [best, low] = [middle, middle + 1];
    else high = middle - 1;
  }
  return best + 1 < times.length && times[best + 1] - time < time - times[best] ? best + 1 : best;
};

const drawPicture = (pen, pictures, number, x, y, width, height) => {
  const left = (number % pictures.columns) * pictures.width;
  const top = Math.floor(number / pictures.columns) * pictures.height;
  pen.drawImage(pictures.image, left, top, pictures.width, pictures.height, x, y, width, height);
};

/** A small canvas with the frame nearest to a time, `height` pixels high; null before the image is there. */
const frameOf = (pictures, time, height) => {
  if (!pictures || !pictures.image) return null;
  const width = Math.round((height * pictures.width) / pictures.height);
  const number = pictureAt(pictures, time);
  const name = `frame at ${clock(pictures.times[number], 1)}`;
  const frame = make("canvas", { className: "hx-frame", width: 2 * width, height: 2 * height, role: "img", "aria-label": name });
  frame.style.cssText = `width:${width}px;height:${height}px`;
  drawPicture(frame.getContext("2d"), pictures, number, 0, 0, 2 * width, 2 * height);
  return frame;
};

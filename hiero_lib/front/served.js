// The explorer's model where `hiero serve` answers: values are fetched once, then each action brings what has changed.
import explorer from "./explorer.js";

const values = await (await fetch("state")).json();
const listeners = new Map();
const told = (name, ...given) => {
  for (const listener of listeners.get(name) || []) listener(...given);
};

let before = Promise.resolve(); // one after the other, as they were done
const send = (message) => {
  before = before.then(async () => {
    try {
      const answer = await fetch("do", { method: "POST", body: JSON.stringify(message) });
      if (!answer.ok) throw new Error(await answer.text());
      const changed = await answer.json();
      Object.assign(values, { heard: message.id }, changed);
      for (const name of Object.keys(changed)) told(`change:${name}`);
      if (!("heard" in changed)) told("change:heard"); // another page's number was the same
    } catch (error) {
      values.note = { text: "No answer: hiero serve has ended, or cannot be reached.", kind: "error" };
      values.heard = message.id;
      told("change:heard");
      told("change:note");
    }
  });
};

const model = {
  get: (name) => values[name],
  set: (name, value) => {
    values[name] = value;
  },
  save_changes: () => {},
  send,
  tells: true, // by itself, where nobody answers
  on: (name, listener) => listeners.set(name, [...(listeners.get(name) || []), listener]),
  off: (name, listener) => listeners.set(name, (listeners.get(name) || []).filter((one) => one !== listener)),
};

history.replaceState(null, "", "/"); // the token is in a cookie now, and need not be in the address
const place = document.getElementById("explorer");
explorer.render({ model, el: place });
place.firstElementChild.focus({ preventScroll: true }); // so that keys work at once

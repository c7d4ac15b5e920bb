// The buttons by which people say what is seen and heard of this site, and whether its screen is on.
/** @import { Snapshot } from "./snapshot.js" */

/**
 * @typedef {object} Switch
 * @property {string} path of the API
 * @property {(snapshot: Snapshot) => boolean} isOffered
 * @property {(snapshot: Snapshot) => boolean} isPressed
 * @property {(snapshot: Snapshot) => string} label
 * @property {(snapshot: Snapshot) => object} wish what a press asks for
 */

/** @type {Record<string, Switch>} */
const SWITCHES = {
  pause: {
    path: "/api/v1/camera",
    isOffered: () => true,
    isPressed: ({ paused }) => paused,
    label: ({ paused }) => (paused ? "Show me again" : "Pause my camera"),
    wish: ({ paused }) => ({ paused: !paused }),
  },
  mute: {
    path: "/api/v1/microphone",
    isOffered: ({ microphone }) => microphone !== "off",
    isPressed: ({ muted }) => muted,
    label: ({ muted }) => (muted ? "Let me be heard" : "Mute my microphone"),
    wish: ({ muted }) => ({ muted: !muted }),
  },
  display: {
    path: "/api/v1/display",
    isOffered: ({ screen, display_on }) => screen.seen_at > 0 || !display_on,
    isPressed: ({ display_on }) => !display_on,
    label: ({ display_on }) => (display_on ? "Switch the screen off" : "Switch the screen on"),
    wish: ({ display_on }) => ({ on: !display_on }),
  },
};

/** Those of the page: none on a page that may only look.
 * @returns {[HTMLButtonElement, Switch][]} */
function found() {
  /** @type {[HTMLButtonElement, Switch][]} */
  const buttons = [];
  for (const [id, one] of Object.entries(SWITCHES)) {
    const button = document.getElementById(id);
    if (button instanceof HTMLButtonElement) buttons.push([button, one]);
  }
  return buttons;
}

/** @param {Snapshot} snapshot */
export function renderSwitches(snapshot) {
  for (const [button, one] of found()) {
    button.hidden = !one.isOffered(snapshot);
    button.setAttribute("aria-pressed", String(one.isPressed(snapshot)));
    if (button.textContent !== one.label(snapshot)) button.textContent = one.label(snapshot);
  }
}

/** @param {() => Snapshot} current @param {(message: string) => void} refuse "" takes it away */
export function offerSwitches(current, refuse) {
  for (const [button, one] of found()) {
    button.addEventListener("click", async () => {
      if (button.ariaBusy === "true") return;
      button.ariaBusy = "true"; // not disabled, which would take the focus away
      refuse("");
      try {
        const answer = await fetch(one.path, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(one.wish(current())),
          signal: AbortSignal.timeout(5_000),
        });
        if (!answer.ok) throw new Error((await answer.json()).error);
      } catch (error) {
        refuse(`That did not work: ${error instanceof Error ? error.message : error}`);
      } finally {
        button.ariaBusy = "false";
      }
    });
  }
}

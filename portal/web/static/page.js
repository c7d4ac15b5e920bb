// The first page: follows /events and shows the snapshot in words; on the box itself also the
// pictures and the buttons. Text of peers and cameras only ever goes into textContent.
/** @import { Card, Setup, Snapshot } from "./snapshot.js" */
import { LinkEvents } from "/kiosk/link-events.js";
import { offerSwitches, renderSwitches } from "./switches.js";
import { describe } from "./words.js";

/** @template {Element} T @param {ParentNode} root @param {string} selector @param {new () => T} kind */
function one(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}

/** @param {Element} element @param {string} text */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text; // no needless word to screen readers
}

/** @type {Setup} */
const setup = JSON.parse(one(document, "#setup", HTMLScriptElement).textContent ?? "");
const own = one(document, "#own", HTMLElement);
const other = one(document, "#other", HTMLElement);
let snapshot = setup.snapshot;
/** @type {{own: import("./picture.js").Picture, other: import("./picture.js").Picture} | null} */
let pictures = null;

/** @param {HTMLElement} figure @param {string} caption @param {URL | null} player */
function renderFigure(figure, caption, player) {
  say(one(figure, ".caption", HTMLElement), caption);
  const link = one(figure, ".player", HTMLAnchorElement);
  link.hidden = player === null;
  if (player) link.href = player.href;
}

/** MediaMTX's own page. @param {string} host @param {number} port */
function playerAt(host, port) {
  try {
    const isIPv6 = host.includes(":") && !host.startsWith("[");
    return new URL(`http://${isIPv6 ? `[${host}]` : host}:${port}/cam/`);
  } catch {
    return null; // a peer may call its address anything
  }
}

/** @param {Card[]} cards */
function renderCards(cards) {
  const section = one(document, "#status", HTMLElement);
  const blank = one(document, "#card", HTMLTemplateElement);
  for (const card of cards) {
    let element = section.querySelector(`[data-key="${card.key}"]`);
    if (!element) {
      const copy = /** @type {DocumentFragment} */ (blank.content.cloneNode(true));
      element = one(copy, "article", HTMLElement);
      element.setAttribute("data-key", card.key);
      section.append(element);
    }
    element.setAttribute("data-tone", card.tone);
    say(one(element, "h2", HTMLElement), card.name);
    say(one(element, ".state", HTMLElement), card.state);
    say(one(element, ".text", HTMLElement), card.text);
    const list = one(element, "ul", HTMLElement);
    if (JSON.stringify(card.list) !== list.dataset.shown) {
      list.dataset.shown = JSON.stringify(card.list);
      list.replaceChildren(...card.list.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
    }
  }
}

/** @param {Snapshot["faults"]} faults */
function renderFaults(faults) {
  const section = one(document, "#faults", HTMLElement);
  if (section.dataset.shown === JSON.stringify(faults)) return;
  section.dataset.shown = JSON.stringify(faults);
  section.hidden = faults.length === 0;
  const blank = one(document, "#fault", HTMLTemplateElement);
  section.replaceChildren(...faults.map((fault) => {
    const copy = /** @type {DocumentFragment} */ (blank.content.cloneNode(true));
    say(one(copy, "strong", HTMLElement), fault.message);
    say(one(copy, "span", HTMLElement), fault.remedy);
    return copy;
  }));
}

function render() {
  const view = describe(snapshot, Date.now() / 1000);
  document.title = `${snapshot.site.title} · Portal`;
  say(one(document, "#headline", HTMLElement), view.headline);
  const peer = snapshot.link.peer;
  renderFigure(own, view.own.caption, playerAt(setup.playerHost || location.hostname, setup.playerPort));
  renderFigure(other, view.other.caption, peer?.address ? playerAt(peer.address, peer.whep_port) : null);
  pictures?.own.show(view.own.wanted, view.own.veil, "self");
  pictures?.other.show(view.other.wanted, view.other.veil, peer ? `${peer.address}:${peer.whep_port}` : "");
  renderFaults(snapshot.faults);
  renderCards(view.cards);
  renderSwitches(snapshot);
}

function follow() {
  const offline = one(document, "#offline", HTMLElement);
  const events = new LinkEvents("/events");
  events.addEventListener("lost", () => { offline.hidden = false; });
  events.addEventListener("snapshot", (event) => {
    if (!(event instanceof CustomEvent)) return;
    offline.hidden = true;
    snapshot = event.detail;
    // The box was updated: this page belongs to its old version.
    if (snapshot.site.version !== setup.snapshot.site.version) location.reload();
    render();
  });
  events.open();
}

/** @param {string} message */
function refuse(message) {
  const refusal = one(own, ".refusal", HTMLElement);
  refusal.hidden = !message;
  say(refusal, message);
}

render();
follow();
setInterval(render, 10_000); // "for 3 minutes" goes on without news
offerSwitches(() => snapshot, refuse);
if (setup.local) {
  const { Picture } = await import("./picture.js");
  pictures = {
    own: new Picture(one(own, ".frame", HTMLElement), "/whep/self"),
    other: new Picture(one(other, ".frame", HTMLElement), "/whep/peer"),
  };
  render();
}

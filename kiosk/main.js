// @ts-check
/** Wires the screen together, while peer-picture.js already awaits its answer. */
import { watchBusy } from './busy.js';
import { Labels } from './labels.js';
import { LastPicture } from './last-picture.js';
import { LatencyChooser } from './latency.js';
import { LinkEvents } from './link-events.js';
import { feed, picture } from './peer-picture.js';
import { PictureAge } from './picture-age.js';
import { SelfView } from './self-view.js';
import { SoundLabels } from './sound-labels.js';
import { SoundFeed } from './sound.js';
import { Splash } from './splash.js';
import { StatsOverlay, rowsOf } from './stats-overlay.js';
import { deriveStatus } from './status.js';
import { STILL_AFTER_S, Truth } from './truth.js';
import { View, mark } from './view.js';
import { keepAwake } from './wake-lock.js';

/** @typedef {import('./model.js').Snapshot} Snapshot */

const $ = (/** @type {string} */ id) => document.getElementById(id);
const selfView = new SelfView(/** @type {HTMLVideoElement} */ ($('self')));
const labels = new Labels(/** @type {HTMLElement} */ ($('label')));
const splash = new Splash(/** @type {HTMLElement} */ ($('splash')));

const sound = new SoundFeed('/whep/sound', /** @type {HTMLAudioElement} */ ($('sound')));
const soundLabels = new SoundLabels(
  /** @type {HTMLElement} */ ($('sound-there')),
  /** @type {HTMLElement} */ ($('sound-here')),
);
sound.addEventListener('change', () => render());

const latency = new LatencyChooser();
const age = new PictureAge();

feed.addEventListener('session', () => {
  latency.restart();
  age.reset();
  applyLatency();
});
feed.addEventListener('frame', (event) => {
  const metadata = /** @type {CustomEvent<VideoFrameCallbackMetadata>} */ (event).detail;
  age.onFrame(metadata);
  if (metadata.receiveTime === undefined || metadata.rtpTimestamp === undefined) return;
  latency.onFrame(metadata.receiveTime, metadata.rtpTimestamp);
  applyLatency();
});
watchBusy(() => latency.disregard());

function applyLatency() {
  mark('latency', latency.mode);
  const receiver = feed.reader?.receiver;
  if (receiver && receiver.jitterBufferTarget !== latency.targetMs) {
    receiver.jitterBufferTarget = latency.targetMs;
  }
  sound.targetMs = latency.targetMs;
}

const lastPicture = new LastPicture(/** @type {HTMLCanvasElement} */ ($('last-picture')));
feed.addEventListener('stopping', () => lastPicture.take(picture));

const view = new View();
/** @type {Snapshot | null} */
let snapshot = null;
/** @type {number | null} */
let daemonLostAt = null;
let isLeaving = false;

/** @type {import('./status.js').Status | null} */
let status = null;

const truth = new Truth(feed, picture, () => ({
  state: status?.state ?? 'opening',
  reason: status?.state === 'live' ? '' : feed.fault?.message || status?.headline || '',
  isDue: !feed.held && snapshot?.link.state === 'up' && snapshot.link.remote?.camera === 'live',
  ageMs: (rtt) => age.estimate(rtt),
}));

function render() {
  const now = performance.now();
  const { moving, lastFrameAt, fault } = feed;
  const refusal = fault?.status ? fault.message : '';
  const isStill = truth.stillS >= STILL_AFTER_S;
  const isOffline = !navigator.onLine;
  const seen = { snapshot, daemonLostAt, moving, isStill, isOffline, lastFrameAt, refusal };
  status = deriveStatus(seen, now);
  view.render(status, now);
  labels.render(snapshot);
  splash.wanted = status.isUnmet;
  soundLabels.render(snapshot, sound.blocked);
}
feed.addEventListener('change', () => {
  pursue();
  render();
});
setInterval(render, 250); // counters and grace times

const events = new LinkEvents('/events');
events.addEventListener('snapshot', (event) => {
  const before = snapshot;
  snapshot = /** @type {CustomEvent<Snapshot>} */ (event).detail;
  daemonLostAt = null;
  // The page of another version may speak of things that this one does not know.
  if (before && before.site.version !== snapshot.site.version) location.reload();
  latency.setPolicy(snapshot.site.latency ?? 'auto');
  applyLatency();
  selfView.policy = snapshot.site.self_view ?? 'never';
  follow(before, snapshot);
  listen(before, snapshot);
  render();
});
events.addEventListener('lost', () => {
  daemonLostAt ??= performance.now();
  pursue(); // what held the picture back may change unheard
  render();
});
events.open();

/** Ask for the picture unless the link says that there is none.
 * @returns {boolean} whether it is asked for */
function pursue() {
  if (isLeaving) return false;
  const link = snapshot?.link;
  const camera = link?.state === 'up' ? link.remote?.camera : undefined;
  const isNone = camera === 'absent' || camera === 'paused';
  // A box that nobody hears of any more may still send: its picture decides.
  const isNobody = link?.state === 'searching' && !feed.moving;
  const isTold = daemonLostAt === null;
  if (isTold && (isNone || isNobody)) feed.hold();
  else feed.start();
  return !feed.held;
}

/** What the link has just told may be worth an attempt at once.
 * @param {Snapshot | null} before @param {Snapshot} now */
function follow(before, now) {
  if (!pursue() || before === null) return;
  const [old, link] = [before.link, now.link];
  if (old.peer && link.peer && addressOf(old.peer) !== addressOf(link.peer)) {
    feed.replace();
    return;
  }
  const cameUp = link.state === 'up' && old.state !== 'up';
  const cameLive = link.remote?.camera === 'live' && old.remote?.camera !== 'live';
  // Another publisher: the session with the one before ended without a word.
  const isNew = (link.remote?.publication ?? 0) !== (old.remote?.publication ?? 0);
  if (cameUp || cameLive || isNew) feed.hurry();
}

/** The other site is heard where both want it. While nobody says otherwise, sound goes on as it is.
 * @param {Snapshot | null} before @param {Snapshot} now */
function listen(before, { site, link }) {
  const [old, peer] = [before?.link.peer, link.peer];
  if (old && peer && addressOf(old) !== addressOf(peer)) sound.hold();
  if (!site.sound) sound.hold();
  else if (link.state !== 'up' || !link.remote) return;
  else if (link.remote.microphone === 'on' && link.remote.camera !== 'paused') sound.start();
  else sound.hold();
}

/** @param {import('./model.js').Peer} peer */
function addressOf(peer) {
  return `${peer.name}@${peer.address}`;
}

const overlay = new StatsOverlay(/** @type {HTMLElement} */ ($('stats')));
/** @type {import('./stats.js').Figures | null} */
let figures = null;

function renderStats() {
  if (!overlay.visible) return;
  const target = latency.targetMs;
  const chosen = target === null ? 'lowest' : `smooth, ${target.toFixed(0)} ms`;
  overlay.render(rowsOf(figures, age.estimate(figures?.rtt ?? null), chosen));
}
truth.addEventListener('figures', (event) => {
  ({ detail: figures } = /** @type {CustomEvent<typeof figures>} */ (event));
  renderStats();
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.toLowerCase();
  if (key === 's') {
    overlay.toggle();
    renderStats();
  } else if (key === 'v') {
    selfView.toggle();
  }
});
document.addEventListener('contextmenu', (event) => event.preventDefault());
window.addEventListener('pagehide', () => {
  isLeaving = true; // a session that begins now would have nobody to end it
  sound.hold();
  feed.hold();
  selfView.close();
  truth.close();
});
// A page out of the browser's cache wakes with dead connections.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});
// For the watchdog of `portal kiosk`, which looks from outside.
Object.assign(window, { portal: { report: () => truth.report() } });
keepAwake();

// @ts-check
/** What the screen says, from what is known: a pure function. Pixels that move win over words. */

/** @typedef {import('./model.js').Snapshot} Snapshot */

/**
 * @typedef {'searching' | 'connecting' | 'live' | 'unplugged' | 'starting' | 'paused' | 'lost'
 *   | 'remote-fault' | 'fault'} StateName
 *
 * @typedef {object} Status
 * @property {StateName} state
 * @property {string} headline large, on the card
 * @property {string} detail below it
 * @property {number | null} since where the counter starts (performance.now()), null: no counter
 * @property {string} notice a fault worth a line although the screen shows something else
 * @property {string} here this site's title
 * @property {string} there the other site's title, "" where it is not to be shown
 * @property {boolean} keepsLastPicture shown blurred behind the card
 * @property {boolean} isUnmet no other site was ever seen: people look for this box's own page
 *
 * @typedef {object} Seen
 * @property {Snapshot | null} snapshot the newest, null before the first
 * @property {number | null} daemonLostAt since when the daemon is gone, null while it is there
 * @property {boolean} moving
 * @property {boolean} [isStill] frames come, all alike
 * @property {boolean} [isOffline] this box has no network at all
 * @property {number} lastFrameAt 0 when there was none
 * @property {string} refusal what the last attempt to connect was told, "" for nothing
 */

// A restart of the daemon takes less: nobody need hear of it.
const DAEMON_GRACE_MS = 4000;
// A new session after a stall takes about one: until then the last picture says enough.
const STALL_GRACE_MS = 3000;
/** Where the splash's addresses fit below. @type {Set<StateName>} */
const UNMET = new Set(['searching', 'connecting', 'fault']);
const NO_NETWORK = 'This box has no network. Look at its cable or its Wi-Fi.';
const RESTARTING = 'This box is restarting its portal';

/** @param {Seen} seen @param {number} now performance.now() @returns {Status} */
export function deriveStatus(seen, now) {
  const { snapshot, moving, lastFrameAt } = seen;
  const link = snapshot?.link;
  const there = link?.remote?.title || link?.peer?.title || link?.peer?.name || '';
  const other = there.replaceAll(' ', '\u00a0') || 'the other site'; // a name stays on one line
  const fault = ownFault(seen, now);
  const hadPicture = lastFrameAt > 0;

  /** @param {StateName} state @param {string} headline @param {string} [detail]
   * @param {Partial<Status>} [more] @returns {Status} */
  const say = (state, headline, detail = '', more = {}) => ({
    state,
    headline,
    detail,
    since: null,
    notice: state === 'fault' ? '' : (fault?.notice ?? ''),
    isUnmet: snapshot !== null && !snapshot.met && UNMET.has(state),
    here: snapshot?.site.title || snapshot?.site.name || '',
    there: snapshot?.site.show_title === false ? '' : there,
    keepsLastPicture: false,
    ...more,
  });
  // What the link says counts only while it is up and we hear of it.
  const isTold = link?.state === 'up' && seen.daemonLostAt === null;
  const camera = isTold ? link.remote?.camera : undefined;
  if (camera === 'paused') {
    return say('paused', `${sentence(other)} is paused`, 'The picture returns when they do.');
  }
  if (camera === 'absent') {
    return say(
      'unplugged',
      `The camera in ${other} is unplugged`,
      'The picture returns as soon as it is plugged in.',
    );
  }
  if (moving && seen.isStill) {
    return say('live', there, '', { notice: `The picture from ${other} stands still.` });
  }
  if (moving) return say('live', there);
  if (fault?.headline === RESTARTING) return say('fault', fault.headline, fault.detail);

  const lost = (/** @type {string} */ detail) =>
    say('lost', `Lost the connection to ${other}`, seen.isOffline ? NO_NETWORK : detail, {
      since: lastFrameAt,
      keepsLastPicture: true,
    });
  if (link?.state === 'lost' && hadPicture) return lost('Trying to reach it again.');
  if (camera === 'fault') {
    return say(
      'remote-fault',
      `The camera in ${other} has a problem`,
      sentences(link?.remote?.detail || 'Somebody there needs to look at it'),
    );
  }
  if (camera === 'starting') {
    return say('starting', `The camera in ${other} is starting`, 'Just a moment.', {
      keepsLastPicture: true,
    });
  }
  const stalled = hadPicture && link?.state !== 'searching';
  if (stalled && now - lastFrameAt > STALL_GRACE_MS) {
    return lost(seen.refusal ? sentences(seen.refusal) : 'Trying to reach it again.');
  }
  if (fault) return say('fault', fault.headline, fault.detail);
  if (link?.state === 'searching') {
    return say(
      'searching',
      'Looking for the other site',
      seen.isOffline ? NO_NETWORK : 'Switch the other box on and connect both to the network.',
    );
  }
  const why = seen.isOffline ? NO_NETWORK : sentences(seen.refusal);
  const refused = stalled ? '' : why;
  return say('connecting', `Connecting to ${other}`, refused, { keepsLastPicture: true });
}

/** This box's own fault that matters most: on the card, or as a line over something else.
 * @param {Seen} seen @param {number} now
 * @returns {{headline: string, detail: string, notice: string} | null} */
function ownFault({ snapshot, daemonLostAt }, now) {
  if (daemonLostAt !== null && now - daemonLostAt > DAEMON_GRACE_MS) {
    const remedy = 'If this stays for more than a minute, switch the box off and on.';
    return { headline: RESTARTING, detail: remedy, notice: `${RESTARTING}.` };
  }
  // A label of its own says that this site is not heard.
  const fault = snapshot?.faults.find(({ key }) => key !== 'microphone');
  const detail = fault ? sentences(fault.message, fault.remedy ?? '') : '';
  if (snapshot?.media_server.state === 'down') {
    const headline = 'This box cannot send its own picture';
    const said = detail || sentences(snapshot.media_server.detail ?? '');
    return { headline, detail: said, notice: `${headline}.` };
  }
  if (!fault) return null;
  return { headline: 'This box needs a hand', detail, notice: sentences(fault.message) };
}

/** @param {string} text */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Messages as the daemon writes them, without capital and full stop, as prose.
 * @param {string[]} messages */
function sentences(...messages) {
  return messages
    .filter(Boolean)
    .map((message) => `${sentence(message).replace(/[.\s]+$/, '')}.`)
    .join(' ');
}

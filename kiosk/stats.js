// @ts-check
/** What a session's statistics come to, second by second. */

/**
 * Milliseconds where not said otherwise; null where the browser does not say.
 * @typedef {object} Figures
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} fps
 * @property {number | null} kbps
 * @property {number | null} rtt
 * @property {number | null} jitter
 * @property {number | null} buffer
 * @property {number | null} decode
 * @property {'' | 'udp' | 'tcp'} transport
 * @property {number} dropped frames since the session began
 * @property {Totals} totals
 *
 * Since the session began.
 * @typedef {object} Totals
 * @property {number} frames decoded
 * @property {number} lost packets
 * @property {number} received packets
 * @property {number} freezes
 * @property {number} frozen seconds in them
 */

/** One per session: differences need the reading before. */
export class StatsReader {
  #peer;
  /** @type {Record<string, number>} */
  #before = {};

  /** @param {RTCPeerConnection} peer */
  constructor(peer) {
    this.#peer = peer;
  }

  /** @returns {Promise<Figures | null>} */
  async read() {
    const report = await this.#peer.getStats();
    /** @type {Record<string, any>} */
    const found = {};
    for (const entry of report.values()) {
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') found['rtp'] = entry;
      if (entry.type === 'transport') found['transport'] = entry;
    }
    const rtp = found['rtp'];
    if (!rtp) return null;
    const pair = report.get(found['transport']?.selectedCandidatePairId ?? '');
    const local = report.get(pair?.localCandidateId ?? '');
    const grown = (/** @type {string} */ key) => (rtp[key] ?? 0) - (this.#before[key] ?? 0);
    const seconds = grown('timestamp') / 1000;
    const mean = (/** @type {string} */ total, /** @type {string} */ count) =>
      grown(count) > 0 ? (grown(total) / grown(count)) * 1000 : null;
    const first = this.#before['timestamp'] === undefined || seconds <= 0;
    /** @type {Figures} */
    const figures = {
      width: rtp['frameWidth'] ?? null,
      height: rtp['frameHeight'] ?? null,
      fps: first ? (rtp['framesPerSecond'] ?? null) : grown('framesDecoded') / seconds,
      kbps: first ? null : (grown('bytesReceived') * 8) / 1000 / seconds,
      rtt: inMs(pair?.['currentRoundTripTime']),
      jitter: inMs(rtp['jitter']),
      buffer: mean('jitterBufferDelay', 'jitterBufferEmittedCount'),
      decode: mean('totalDecodeTime', 'framesDecoded'),
      transport: local?.protocol === 'tcp' ? 'tcp' : local ? 'udp' : '',
      dropped: rtp['framesDropped'] ?? 0,
      totals: {
        frames: rtp['framesDecoded'] ?? 0,
        lost: Math.max(0, rtp['packetsLost'] ?? 0),
        received: rtp['packetsReceived'] ?? 0,
        freezes: rtp['freezeCount'] ?? 0,
        frozen: rtp['totalFreezesDuration'] ?? 0,
      },
    };
    this.#before = rtp;
    return figures;
  }
}

/** @param {number | undefined} seconds */
function inMs(seconds) {
  return seconds === undefined ? null : seconds * 1000;
}

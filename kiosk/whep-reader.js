// @ts-check
/** One WHEP session: from the offer to the DELETE. Knows no DOM and never retries. */

// A peer that takes an offer without answering is as bad as one that refuses it.
const ANSWER_TIMEOUT_MS = 8000;

/**
 * Why a session ended, for people. `status` is the HTTP status, 0 when there was none.
 * @typedef {{status: number, message: string, remedy: string}} WhepFault
 */

class Refused extends Error {
  /** @param {WhepFault} fault */
  constructor(fault) {
    super(fault.message);
    this.fault = fault;
  }
}

/**
 * Events: `track` (detail: the RTCTrackEvent), `connected`, and once at most `failed`
 * (detail: WhepFault). After `close()` there are none.
 */
export class WhepReader extends EventTarget {
  #url;
  #attempt = new AbortController();
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {string | null} */
  #session = null;
  #etag = '';
  /** @type {RTCIceCandidate[]} */
  #candidates = [];
  #credentials = '';
  #media = '';
  #kind;
  #transport;
  #answered = false;

  /** @param {string} url the WHEP endpoint @param {'video' | 'audio'} [kind] what to ask for
   * @param {'any' | 'tcp'} [transport] `tcp`: by no other way, where UDP seems to work and does not */
  constructor(url, kind = 'video', transport = 'any') {
    super();
    this.#url = url;
    this.#kind = kind;
    this.#transport = transport;
  }

  get transport() {
    return this.#transport;
  }

  /** Whether the other side accepted the offer: what fails later is the media's way. */
  get answered() {
    return this.#answered;
  }

  /** For statistics and the jitter buffer. */
  get receiver() {
    return this.#peer?.getReceivers()[0] ?? null;
  }

  get peer() {
    return this.#peer;
  }

  async open() {
    try {
      await this.#open();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #open() {
    const { signal } = this.#attempt;
    const peer = new RTCPeerConnection();
    this.#peer = peer;
    peer.addTransceiver(this.#kind, { direction: 'recvonly' });
    const on = { signal };
    peer.addEventListener('track', (event) => this.#tell('track', event), on);
    peer.addEventListener('icecandidate', (event) => this.#onCandidate(event), on);
    peer.addEventListener('connectionstatechange', () => this.#onState(peer), on);
    const offer = await peer.createOffer();
    this.#describe(offer.sdp ?? '');
    // The offer leaves while the browser still prepares for it: trickled candidates follow.
    const [answer] = await Promise.all([
      this.#post(offer.sdp ?? ''),
      peer.setLocalDescription(offer),
    ]);
    if (signal.aborted) return;
    this.#answered = true;
    await peer.setRemoteDescription({ type: 'answer', sdp: this.#allowed(answer) });
    this.#sendCandidates();
  }

  /** @param {string} sdp */
  async #post(sdp) {
    // Not stopped by close(): a session that the server has opened must be known to be deleted.
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: sdp,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    if (response.status !== 201) throw new Refused(await faultOf(response));
    const location = response.headers.get('Location');
    if (location) this.#session = new URL(location, response.url).href;
    this.#etag = response.headers.get('ETag') ?? '';
    if (this.#attempt.signal.aborted) this.#delete();
    return response.text();
  }

  /** What each candidate's fragment repeats of the offer.
   * @param {string} sdp */
  #describe(sdp) {
    const lines = sdp.split('\r\n');
    const first = (/** @type {string} */ start) => lines.find((line) => line.startsWith(start));
    this.#credentials = [first('a=ice-ufrag:'), first('a=ice-pwd:')].join('\r\n');
    this.#media = [first('m='), first('a=mid:')].join('\r\n');
  }

  /** The answer without the candidates that are not to be used. @param {string} sdp */
  #allowed(sdp) {
    if (this.#transport === 'any') return sdp;
    return sdp
      .split('\r\n')
      .filter((line) => !line.startsWith('a=candidate:') || / tcp /i.test(line))
      .join('\r\n');
  }

  /** @param {RTCPeerConnectionIceEvent} event */
  #onCandidate(event) {
    if (!event.candidate?.candidate) return;
    // A UDP candidate that the server hears of would be checked, and found, from its side.
    if (this.#transport === 'tcp' && event.candidate.protocol !== 'tcp') return;
    this.#candidates.push(event.candidate);
    this.#sendCandidates();
  }

  #sendCandidates() {
    if (!this.#session || this.#candidates.length === 0) return;
    const lines = this.#candidates.splice(0).map((candidate) => `a=${candidate.candidate}`);
    const fragment = [this.#credentials, this.#media, ...lines, ''].join('\r\n');
    fetch(this.#session, {
      method: 'PATCH',
      headers: {
        'Content-Type': 'application/trickle-ice-sdpfrag',
        ...(this.#etag && { 'If-Match': this.#etag }),
      },
      body: fragment,
      signal: this.#attempt.signal,
    }).catch(() => {
      // The server reaches us by the address that our own checks come from.
    });
  }

  /** @param {RTCPeerConnection} peer */
  #onState(peer) {
    if (peer.connectionState === 'connected') this.#tell('connected');
    // "disconnected" often heals by itself: whoever watches the picture decides about that one.
    if (peer.connectionState === 'failed' || peer.connectionState === 'closed') {
      this.#fail(
        new Refused({ status: 0, message: 'the other site ended the session', remedy: '' }),
      );
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#attempt.signal.aborted) return;
    const fault =
      error instanceof Refused
        ? error.fault
        : { status: 0, message: 'the signalling got no answer', remedy: '' };
    this.close();
    this.dispatchEvent(new CustomEvent('failed', { detail: fault }));
  }

  /** @param {string} name @param {unknown} [detail] */
  #tell(name, detail) {
    if (!this.#attempt.signal.aborted) this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** End the session here and there. Also right while the page goes away; idempotent. */
  close() {
    this.#attempt.abort();
    this.#peer?.close();
    this.#delete();
  }

  #delete() {
    if (!this.#session) return;
    const session = this.#session;
    this.#session = null;
    // keepalive: the request outlives the page.
    fetch(session, { method: 'DELETE', keepalive: true }).catch(() => {
      // Nobody there: the server forgets the session by itself.
    });
  }
}

/** @param {Response} response @returns {Promise<WhepFault>} */
async function faultOf(response) {
  const said = await response.json().catch(() => ({}));
  return {
    status: response.status,
    message: typeof said?.error === 'string' ? said.error : `status ${response.status}`,
    remedy: typeof said?.remedy === 'string' ? said.remedy : '',
  };
}

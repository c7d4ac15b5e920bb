// @ts-check
/**
 * The shapes of `portal/model.py`, as far as the screen needs them. Types only: never loaded.
 *
 * @typedef {'absent' | 'starting' | 'live' | 'fault' | 'paused'} CameraState
 * @typedef {'searching' | 'connecting' | 'up' | 'lost'} LinkState
 * @typedef {'auto' | 'lowest' | 'smooth'} LatencyPolicy
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} title
 * @property {string} [address]
 *
 * @typedef {object} RemoteSite
 * @property {string} name
 * @property {string} title
 * @property {CameraState} camera
 * @property {string} [camera_name]
 * @property {string} [detail]
 * @property {'off' | 'muted' | 'on'} [microphone]
 * @property {string} [time_zone]
 * @property {number} [publication]
 *
 * @typedef {object} Link
 * @property {LinkState} state
 * @property {Peer | null} [peer]
 * @property {RemoteSite | null} [remote]
 * @property {number | null} [rtt_s]
 * @property {number | null} [clock_offset_s]
 * @property {string} [detail]
 *
 * @typedef {object} Fault
 * @property {string} key
 * @property {string} message
 * @property {string} [remedy]
 *
 * @typedef {object} Snapshot
 * @property {{name: string, title: string, version?: string, latency?: LatencyPolicy,
 *   self_view?: 'never' | 'start' | 'always', show_title?: boolean, show_clock?: boolean,
 *   sound?: boolean, time_zone?: string}} site
 * @property {{state: CameraState}} camera
 * @property {boolean} [met]
 * @property {boolean} [paused]
 * @property {boolean} [muted]
 * @property {'off' | 'muted' | 'on'} [microphone]
 * @property {boolean} [display_on]
 * @property {{state: 'starting' | 'ready' | 'down', detail?: string}} media_server
 * @property {Link} link
 * @property {Fault[]} faults
 */
export {};

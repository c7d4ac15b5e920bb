// The snapshot in words for people. Pure: no DOM, no clock of its own.
/** @import { Camera, Card, HealStep, Snapshot, Tone, View } from "./snapshot.js" */

/** @param {Snapshot} snapshot @param {number} now Unix time @returns {View} */
export function describe(snapshot, now) {
  const there = otherTitle(snapshot);
  return {
    headline: `${ownSentence(snapshot)} ${relation(snapshot, there)}`,
    own: ownPicture(snapshot),
    other: otherPicture(snapshot, there),
    cards: [
      cameraCard(snapshot, now),
      otherCard(snapshot, there, now),
      screenCard(snapshot, there, now),
      serverCard(snapshot, now),
      healingCard(snapshot, there, now),
      boxCard(snapshot, now),
    ],
  };
}

/** @param {Snapshot} snapshot */
function otherTitle({ link }) {
  return link.remote?.title || link.peer?.title || link.peer?.name || "the other site";
}

/** @param {Camera | null} camera */
function nameOf(camera) {
  return camera ? `The camera ${camera.name}` : "The camera";
}

/** @param {Snapshot} snapshot */
function ownSentence({ camera }) {
  switch (camera.state) {
    case "live": return `${nameOf(camera.camera)} is on.`;
    case "starting": return `${nameOf(camera.camera)} is starting.`;
    case "fault": return `${nameOf(camera.camera)} cannot be used.`;
    case "paused": return `${nameOf(camera.camera)} is paused.`;
    default: return "No camera is plugged in here.";
  }
}

/** @param {Snapshot} snapshot @param {string} there */
function relation({ camera, link }, there) {
  if (link.state === "searching") return "Looking for the other site.";
  if (link.state === "connecting") return `Connecting to ${there}.`;
  if (link.state === "lost") return `${there} does not answer.`;
  const seen = camera.state === "live";
  switch (link.remote?.camera) {
    case "live": return seen ? `${there} sees you, and you see ${there}.` : `You see ${there}.`;
    case "starting": return seen ? `${there} sees you; its own camera is starting.` : `The camera in ${there} is starting.`;
    case "paused": return seen ? `${there} sees you, but has paused its own camera.` : `${there} has paused its camera.`;
    case "fault": return seen ? `${there} sees you, but its own camera has a fault.` : `The camera in ${there} has a fault.`;
    case "absent": return seen ? `${there} sees you, but has no camera plugged in.` : `${there} has no camera plugged in.`;
    default: return seen ? `${there} sees you.` : `${there} is connected.`;
  }
}

/** @param {Snapshot} snapshot */
function ownPicture({ camera, paused, quiet_until, site }) {
  const veils = {
    live: "",
    starting: "The camera is starting",
    fault: "The camera cannot be used",
    paused: `Paused: nobody sees this site${quietWords(quiet_until)}`,
    absent: "No camera is plugged in",
  };
  return {
    caption: `${site.title}${camera.camera ? ` · ${camera.camera.name}` : ""}`,
    veil: paused ? veils.paused : veils[camera.state],
    wanted: (camera.state === "live" || camera.state === "starting") && !paused,
  };
}

/** @param {Snapshot} snapshot @param {string} there */
function otherPicture({ link }, there) {
  const remote = link.remote;
  const veils = {
    live: "",
    starting: `The camera in ${there} is starting`,
    fault: `The camera in ${there} has a fault`,
    paused: `${there} has paused its camera`,
    absent: `No camera is plugged in at ${there}`,
  };
  /** @type {Record<typeof link.state, string>} */
  const links = {
    searching: "Looking for the other site",
    connecting: `Connecting to ${there}`,
    lost: `${there} does not answer`,
    up: remote ? veils[remote.camera] : "",
  };
  const name = remote?.camera_name;
  return {
    caption: link.peer ? `${there}${name ? ` · ${name}` : ""}` : "No other site yet",
    veil: links[link.state],
    // Judged by its frames: a picture may flow while the link is being made anew.
    wanted: link.peer !== null && (!remote || remote.camera === "live" || remote.camera === "starting"),
  };
}

/** @param {Snapshot} snapshot @param {number} now @returns {Card} */
function cameraCard({ camera, cameras, picture, quiet_until }, now) {
  const own = camera.camera;
  /** @type {Record<typeof camera.state, [Tone, string]>} */
  const states = {
    live: ["good", "On"],
    starting: ["wait", "Starting"],
    fault: ["bad", "Cannot be used"],
    paused: ["rest", "Paused"],
    absent: ["rest", "Not plugged in"],
  };
  const [tone, state] = states[camera.state];
  const list = [];
  if (own) list.push(`${own.name}, ${sourceWords(own)}`);
  if (camera.since && camera.state !== "absent") list.push(`${state} for ${duration(now - camera.since)}`);
  if (picture.checked_at) list.push(pictureWords(picture, now));
  if (camera.delivers) list.push(`${camera.delivers}, ${encoderWords(camera.encoder)}`);
  if (camera.note) list.push(camera.note);
  const spare = cameras.filter((other) => other.id !== own?.id).map((other) => other.name);
  if (spare.length) list.push(`Also plugged in: ${spare.join(", ")}`);
  const help = {
    absent: "Plug in a USB camera: it is used at once.",
    paused: quiet_until
      ? `Quiet hours: it is shown again at ${clock(quiet_until)}.`
      : "Nobody sees this site until it is shown again.",
  };
  const text = camera.detail || (camera.state === "absent" || camera.state === "paused" ? help[camera.state] : "");
  return { key: "camera", name: "Camera", tone, state, text, list };
}

/** @param {Camera} camera */
function sourceWords({ source, device }) {
  if (source === "usb") return device ? `USB, ${device}` : "USB";
  return source === "pattern" ? "a test picture" : "an ffmpeg input";
}

/** @param {string} encoder */
function encoderWords(encoder) {
  return encoder === "copy" ? "sent as the camera encodes it" : `encoded by ${encoder}`;
}

/** @param {Snapshot["picture"]} picture @param {number} now */
function pictureWords(picture, now) {
  const ago = `looked at ${duration(now - picture.checked_at)} ago`;
  switch (picture.state) {
    case "live": return `The picture moves: ${picture.width}\u00a0×\u00a0${picture.height}, ${Math.round(picture.fps)} a second (${ago})`;
    case "stalled": return `The picture stands still${picture.detail ? `: ${picture.detail}` : ""} (${ago})`;
    default: return `No picture (${ago})`;
  }
}

/** @param {Snapshot} snapshot @param {string} there @param {number} now @returns {Card} */
function otherCard({ link, site }, there, now) {
  /** @type {Record<typeof link.state, [Tone, string]>} */
  const states = {
    searching: ["wait", "Looking for it"],
    connecting: ["wait", `Connecting to ${there}`],
    up: ["good", `Connected to ${there}`],
    lost: ["bad", `${there} does not answer`],
  };
  const [tone, state] = states[link.state];
  const list = [];
  if (link.peer) {
    const how = link.peer.origin === "zeroconf" ? "found on the network" : "configured here";
    list.push(`${link.peer.name}, at ${link.peer.address || "an unknown address"}, ${how}`);
  }
  if (link.state === "up" || link.state === "lost") {
    if (link.since) list.push(`${link.state === "up" ? "Connected" : "Lost"} for ${duration(now - link.since)}`);
  }
  if (link.state === "up" && link.rtt_s !== null) list.push(`${milliseconds(link.rtt_s)} there and back`);
  const offset = link.clock_offset_s;
  if (offset !== null && Math.abs(offset) >= 0.5) {
    list.push(`Its clock is ${Math.abs(offset).toFixed(1)} s ${offset > 0 ? "ahead" : "behind"}`);
  }
  const version = link.remote?.version;
  if (version) list.push(version === site.version ? `Version ${version}, as here` : `Version ${version}, but ${site.version} here`);
  if (link.others.length) list.push(`Also seen: ${link.others.map((peer) => peer.title || peer.name).join(", ")}`);
  const text = link.detail || (link.state === "up" && link.remote?.detail) || (link.state === "searching" ? "Switch the other box on, in this network, or give this one its address." : "");
  return { key: "other", name: "Other site", tone, state, text, list };
}

/** @param {Snapshot} snapshot @param {string} there @param {number} now @returns {Card} */
function screenCard({ screen }, there, now) {
  const { report } = screen;
  /** @type {Record<typeof screen.state, [Tone, string]>} */
  const states = {
    absent: screen.seen_at ? ["bad", "Its page is gone"] : ["rest", "Not in use"],
    waiting: ["wait", "No picture"],
    connected: ["wait", "Connected, but not live"],
    live: ["good", `Shows ${there}`],
  };
  const [tone, state] = states[screen.state];
  const list = [];
  if (screen.since) list.push(`So for ${duration(now - screen.since)}`);
  if (report?.fps) {
    list.push(`${report.width}\u00a0×\u00a0${report.height}, ${Math.round(report.fps)} a second, by ${report.transport.toUpperCase()}`);
  }
  if (report?.age_s != null) list.push(`About ${milliseconds(report.age_s)} behind, without the camera's own delay`);
  if (report && report.moved_s !== null && report.moved_s >= 2) list.push(`Nothing has moved for ${duration(report.moved_s)}`);
  if (report?.packets_lost) {
    const share = (100 * report.packets_lost) / (report.packets_lost + report.packets_received);
    list.push(`${share < 0.1 ? "Under 0.1" : share.toFixed(1)} % of its packets were lost`);
  }
  if (report?.freezes) list.push(`${report.freezes} ${report.freezes === 1 ? "freeze" : "freezes"} since the page was loaded`);
  const text = screen.state === "absent" && !screen.seen_at ? "No screen shows the other site's picture here." : report?.reason ?? "";
  return { key: "screen", name: "Screen", tone, state, text, list };
}

/** @param {Snapshot} snapshot @param {number} now @returns {Card} */
function serverCard({ media_server: server }, now) {
  /** @type {Record<typeof server.state, [Tone, string]>} */
  const states = { ready: ["good", "Running"], starting: ["wait", "Starting"], down: ["bad", "Not running"] };
  const [tone, state] = states[server.state];
  const list = [];
  if (server.version) list.push(`MediaMTX ${server.version}`);
  if (server.state === "ready" && server.since) list.push(`Running for ${duration(now - server.since)}, process ${server.pid}`);
  if (server.generation > 1) list.push(`Started anew ${server.generation - 1} ${server.generation === 2 ? "time" : "times"}`);
  return { key: "server", name: "Media server", tone, state, text: server.detail, list };
}

/** @param {Snapshot} snapshot @param {string} there @param {number} now @returns {Card} */
function healingCard({ heals }, there, now) {
  /** @type {Record<HealStep, string>} */
  const steps = {
    session: "The page asked for the picture anew",
    transport: "The page took another way through the network",
    reload: "The page was loaded again",
    browser: "The browser was started again",
    compositor: "The screen's compositor was started again",
    "peer-publisher": `${there} was asked to start its camera again`,
    "peer-media-server": `${there} was asked to start its media server again`,
    reboot: "This box was rebooted",
  };
  const latest = [...heals].sort((a, b) => b.at - a.at);
  const list = latest.map(({ step, count, at, reason }) => {
    const often = count > 1 ? `, ${count} times, last` : "";
    return `${steps[step]}${often} ${duration(now - at)} ago: ${reason}`;
  });
  const isFresh = latest.some(({ at }) => now - at < 60);
  const times = heals.reduce((sum, { count }) => sum + count, 0);
  return {
    key: "healing",
    name: "Healing",
    tone: isFresh ? "wait" : "good",
    state: times ? `Helped ${times} ${times === 1 ? "time" : "times"}` : "Nothing had to be done",
    text: "",
    list,
  };
}

/** @param {number} until Unix time, 0 for none */
function quietWords(until) {
  return until ? `, in quiet hours until ${clock(until)}` : "";
}

/** @param {number} time Unix time */
function clock(time) {
  return new Date(time * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** @param {Snapshot} snapshot @param {number} now @returns {Card} */
function boxCard({ site, faults }, now) {
  const count = faults.length;
  return {
    key: "box",
    name: "This box",
    tone: count ? "bad" : "good",
    state: count ? `${count} ${count === 1 ? "thing needs" : "things need"} attention` : "Well",
    text: "",
    list: [`Portal ${site.version}`, `Running for ${duration(now - site.started_at)}`],
  };
}

/** @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 10) return "a few seconds";
  if (s < 90) return `${Math.floor(s / 10) * 10} seconds`;
  if (s < 5400) return `${Math.round(s / 60)} minutes`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} hours`;
  return `${Math.round(s / 86400)} days`;
}

/** @param {number} seconds */
function milliseconds(seconds) {
  const ms = seconds * 1000;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

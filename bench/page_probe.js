// Runs in every page before its own scripts: notes what the <video> presents, and how old it is.
(() => {
  const COLUMNS = 16, ROWS = 4, CELL = 20;
  const bench = { frames: [], marks: {} };
  window.__bench = bench;

  const mark = (name) => { bench.marks[name] ??= performance.now(); };

  const crc16 = (bytes) => {
    let crc = 0xffff;
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let i = 0; i < 8; i++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
    return crc;
  };

  const canvas = new OffscreenCanvas(COLUMNS, ROWS);
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  context.imageSmoothingEnabled = false; // one sample from the middle of each cell

  /** Microseconds in the picture's stamp, modulo 2^48; -1 where it cannot be read. */
  const readStamp = (video) => {
    context.drawImage(video, 0, 0, COLUMNS * CELL, ROWS * CELL, 0, 0, COLUMNS, ROWS);
    const pixels = context.getImageData(0, 0, COLUMNS, ROWS).data;
    const bytes = new Uint8Array(8);
    for (let i = 0; i < 64; i++) if (pixels[i * 4 + 1] > 127) bytes[i >> 3] |= 0x80 >> (i & 7);
    if (crc16(bytes.subarray(0, 6)) !== bytes[6] * 256 + bytes[7]) return -1;
    return bytes.subarray(0, 6).reduce((value, byte) => value * 256 + byte, 0);
  };

  const watch = (video) => {
    if (video.__benchWatched) return;
    video.__benchWatched = true;
    mark('video');
    const onFrame = (_, metadata) => {
      const at = performance.now();
      const stamp = readStamp(video);
      bench.frames.push([at, stamp, metadata.presentedFrames, metadata.receiveTime ?? 0]);
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  };

  const look = () => document.querySelectorAll('video').forEach(watch);
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  document.addEventListener('DOMContentLoaded', () => { mark('dom'); look(); });

  // Where the first picture's time goes.
  const NativePeer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends NativePeer {
    constructor(...args) {
      super(...args);
      mark('peer');
      this.addEventListener('iceconnectionstatechange', () => mark(`ice ${this.iceConnectionState}`));
      this.addEventListener('connectionstatechange', () => mark(`dtls ${this.connectionState}`));
      bench.peer = this;
    }
    setLocalDescription(...args) { mark('offer'); return super.setLocalDescription(...args); }
    setRemoteDescription(...args) { mark('answer'); return super.setRemoteDescription(...args); }
  };
})();

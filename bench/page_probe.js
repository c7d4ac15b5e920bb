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

  // The corner with the stamp, its luma first (I420 or NV12). Drawn on a canvas instead, the frames
  // would stay in the memory of the page that is measured.
  const corner = {rect: {x: 0, y: 0, width: COLUMNS * CELL, height: ROWS * CELL}};
  const copy = new Uint8Array(corner.rect.width * corner.rect.height * 4);

  /** Microseconds in the picture's stamp, modulo 2^48; -1 where it cannot be read. */
  const readStamp = async (video) => {
    const bytes = new Uint8Array(8);
    let frame;
    try {
      frame = new VideoFrame(video);
      const [{ offset, stride }] = await frame.copyTo(copy, corner);
      for (let i = 0; i < 64; i++) {
        const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
        const middle = offset + (row + 0.5) * CELL * stride + (column + 0.5) * CELL;
        if (copy[middle] > 127) bytes[i >> 3] |= 0x80 >> (i & 7);
      }
    } catch {
      return -1; // no frame any more, or a smaller one
    } finally {
      frame?.close();
    }
    if (crc16(bytes.subarray(0, 6)) !== bytes[6] * 256 + bytes[7]) return -1;
    return bytes.subarray(0, 6).reduce((value, byte) => value * 256 + byte, 0);
  };

  const watch = (video) => {
    if (video.__benchWatched) return;
    video.__benchWatched = true;
    mark('video');
    const onFrame = async (_, metadata) => {
      const at = performance.now();
      video.requestVideoFrameCallback(onFrame);
      const stamp = await readStamp(video);
      bench.frames.push([at, stamp, metadata.presentedFrames, metadata.receiveTime ?? 0]);
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
